// Command make writes the archives of a release into dist/. It is run in the root of the
// repository, by make release.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/release"
)

func main() {
	version := flag.String("version", "", "`VERSION`, such as 0.1.0; without it that of the tag of this commit")
	dir := flag.String("dir", "dist", "`DIRECTORY` for the archives")
	only := flag.String("only", "", "build for one `OS/ARCH` alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *version, *dir, *only)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, version, dir, only string) error {
	o := release.Options{Source: ".", Dir: dir, Version: version, Targets: release.Targets()}
	if only != "" {
		o.Targets = slices.DeleteFunc(o.Targets, func(t release.Target) bool { return t.String() != only })
		if len(o.Targets) == 0 {
			return fmt.Errorf("there is no target %q; there are %v", only, release.Targets())
		}
	}
	if o.Version == "" {
		tag, err := tagged(ctx)
		if err != nil {
			return err
		}
		o.Version = tag
	}
	var err error
	if o.Time, err = committed(ctx); err != nil {
		return err
	}
	names, err := release.Make(ctx, o)
	for _, name := range names {
		fmt.Println(filepath.Join(dir, name))
	}
	return err
}

// tagged is the version that this very commit is.
func tagged(ctx context.Context) (string, error) {
	tag, err := git(ctx, "describe", "--tags", "--exact-match", "--match", "v*")
	if err != nil {
		return "", errors.New("this commit has no tag such as v0.1.0; VERSION=0.1.0 says which version it is")
	}
	changes, err := git(ctx, "status", "--porcelain")
	if err != nil || changes != "" {
		return "", fmt.Errorf("%s is not what is here: something was changed since", tag)
	}
	return tag, nil
}

// committed is when the sources were: by SOURCE_DATE_EPOCH, or else by the commit. The
// archives of sources without either have the earliest time that both kinds can have.
func committed(ctx context.Context) (time.Time, error) {
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		if commit, err := git(ctx, "log", "-1", "--format=%ct"); err == nil {
			seconds = commit
		}
	}
	if seconds == "" {
		return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), nil
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH must be seconds since 1970, not %q", seconds)
	}
	return time.Unix(n, 0).UTC(), nil
}

func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	return strings.TrimSpace(string(out)), err
}
