package release

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Standard names what is linked of Go itself.
const Standard = "Go and its standard library"

// A Module is one whose code is linked into the command, on any system.
type Module struct {
	Path, Version string
	Dir           string
}

// Linked are the modules that are linked into the command of the module at source, and Go.
func Linked(ctx context.Context, source string, environment ...string) ([]Module, error) {
	var modules []Module
	for _, system := range []string{"linux", "darwin", "windows"} {
		listed, err := Go(ctx, source, slices.Concat(environment, []string{"GOOS=" + system}), "list", "-deps",
			"-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/refgrow")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(listed) {
			fields := strings.Split(strings.TrimSpace(line), "\t")
			if len(fields) == 3 {
				modules = append(modules, Module{fields[0], fields[1], fields[2]})
			}
		}
	}
	slices.SortFunc(modules, func(a, b Module) int { return cmp.Compare(a.Path, b.Path) })
	modules = slices.Compact(modules)
	at, err := Go(ctx, source, environment, "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	dir, version, _ := strings.Cut(at, "\n")
	return append([]Module{{Standard, strings.TrimSpace(version), strings.TrimSpace(dir)}}, modules...), nil
}

// Licences are the texts that have to go with the command.
func Licences(modules []Module) ([]byte, error) {
	var all bytes.Buffer
	all.WriteString("The licences of what is linked into refgrow, beside its own in LICENSE.\n")
	text := regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents)`)
	for _, module := range modules {
		entries, err := os.ReadDir(module.Dir)
		if err != nil {
			return nil, err
		}
		found := false
		for _, entry := range entries {
			if entry.IsDir() || !text.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
				continue
			}
			content, err := os.ReadFile(filepath.Join(module.Dir, entry.Name()))
			if err != nil {
				return nil, err
			}
			found = true
			title := fmt.Sprintf("%s %s: %s", module.Path, module.Version, entry.Name())
			fmt.Fprintf(&all, "\n%s\n%s\n\n%s\n", title, strings.Repeat("=", len(title)), bytes.TrimSpace(content))
		}
		if !found {
			return nil, fmt.Errorf("%s has no licence in %s", module.Path, module.Dir)
		}
	}
	return bytes.ReplaceAll(all.Bytes(), []byte("\r\n"), []byte("\n")), nil
}
