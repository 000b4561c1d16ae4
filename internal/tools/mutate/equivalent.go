package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Equivalents are the mutants that are known to do the same as the code, by their names,
// with the argument for each.
type equivalents map[string]string

// readEquivalents reads a file of names, each on a line of its own. An indented line
// after one or several of them says why they do the same. Empty lines and lines that
// begin with # are left out.
func readEquivalents(file string) (equivalents, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	known, waiting := equivalents{}, []string(nil)
	for i, line := range strings.Split(string(content), "\n") {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || strings.HasPrefix(line, "#"):
		case text == line:
			waiting = append(waiting, text)
		case waiting == nil:
			return nil, fmt.Errorf("%s:%d: a reason without a mutant", file, i+1)
		default:
			for _, name := range waiting {
				if known[name] != "" {
					return nil, fmt.Errorf("%s: twice: %s", file, name)
				}
				known[name] = text
			}
			waiting = nil
		}
	}
	if waiting != nil {
		return nil, fmt.Errorf("%s: no reason for %s", file, waiting[0])
	}
	return known, nil
}

// missing reports the names of which there is no mutant, in files that were loaded.
func (known equivalents) missing(mutants []*mutant, c *code) error {
	there := map[string]bool{}
	for _, m := range mutants {
		there[m.name()] = true
	}
	var missing []string
	for name := range known {
		file, _, _ := strings.Cut(name, " ")
		if c.chosen[file] != nil && !there[name] {
			missing = append(missing, name)
		}
	}
	if missing == nil {
		return nil
	}
	slices.Sort(missing)
	return errors.New("known as equivalent, but not there any more:\n\t" + strings.Join(missing, "\n\t"))
}

// without leaves the known ones out.
func (known equivalents) without(mutants []*mutant) []*mutant {
	return slices.DeleteFunc(slices.Clone(mutants), func(m *mutant) bool { return known[m.name()] != "" })
}
