package main

import (
	"context"
	"flag"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is set by the linker where a release is built. Without it Go knows the version
// of a module that it has installed, or of a tag in version control.
var version string

func versionCommand() command {
	return command{
		name: "version", summary: "show the version of this binary",
		example: "refgrow version",
		text: "Shows the version of this binary and what it was built from.\n\n" +
			`JSON: {"version", "revision", "time", "modified", "go", "os", "arch"}; revision and time, which are those` +
			"\n" + `of the commit, are "" for a build outside version control.`,
		prepare: func(*flag.FlagSet) work { return showVersion },
	}
}

func showVersion(_ context.Context, c *call) error {
	v := buildOf()
	if c.json {
		return c.stdout.json(v)
	}
	return c.stdout.printf("refgrow %s (%s)\n", v.Version, strings.Join(v.details(), ", "))
}

// buildOf is what this binary was built from.
func buildOf() versionJSON {
	v := versionJSON{Version: "unknown", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if build, ok := debug.ReadBuildInfo(); ok {
		v.Version = build.Main.Version
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.time":
				v.Time = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	if version != "" {
		v.Version = version
	}
	return v
}

type versionJSON struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Time     string `json:"time"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// details are what is known beside the version.
func (v versionJSON) details() []string {
	var all []string
	if v.Revision != "" {
		commit := "commit " + v.Revision[:min(len(v.Revision), 12)]
		if v.Modified {
			commit += " with changes"
		}
		all = append(all, commit)
	}
	if v.Time != "" {
		all = append(all, v.Time)
	}
	return append(all, v.Go, v.OS+"/"+v.Arch)
}
