package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// An edit replaces the bytes of a file between two offsets.
type edit struct {
	from, to int
	text     string
}

// apply makes edits that do not overlap.
func apply(source []byte, edits []edit) []byte {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		out.Write(source[at:e.from])
		out.WriteString(e.text)
		at = e.to
	}
	out.Write(source[at:])
	return out.Bytes()
}

// A mutant is the code with one change.
type mutant struct {
	file  string // with slashes, from the root of the module
	line  int
	where string // the function or the query
	kind  string // of change
	was   string
	is    string // "" for something that was removed
	nth   int    // among those of the same name, from 1
	edits []edit
}

// name says which change it is, and stays the same when lines move.
func (m *mutant) name() string {
	is := m.is
	if is == "" {
		is = "(removed)"
	}
	name := fmt.Sprintf("%s %s: %s => %s", m.file, m.where, m.was, is)
	if m.nth > 1 {
		name += fmt.Sprintf(" (%d)", m.nth)
	}
	return name
}

// id is a short form of the name.
func (m *mutant) id() string {
	sum := sha256.Sum256([]byte(m.name()))
	return hex.EncodeToString(sum[:4])
}

// String is the name with the line.
func (m *mutant) String() string {
	return fmt.Sprintf("%s:%d%s", m.file, m.line, strings.TrimPrefix(m.name(), m.file))
}

// number counts mutants of the same name, and drops those that change nothing.
func number(mutants []*mutant) []*mutant {
	seen := map[string]int{}
	mutants = slices.DeleteFunc(mutants, func(m *mutant) bool { return m.was == m.is })
	for _, m := range mutants {
		m.nth = 0
		name := m.name()
		seen[name]++
		m.nth = seen[name]
	}
	return mutants
}

// drawn puts mutants into the order of a seed.
func drawn(mutants []*mutant, seed string) []*mutant {
	place := make(map[*mutant][sha256.Size]byte, len(mutants))
	for _, m := range mutants {
		place[m] = sha256.Sum256([]byte(seed + " " + m.name()))
	}
	mutants = slices.Clone(mutants)
	slices.SortFunc(mutants, func(a, b *mutant) int {
		x, y := place[a], place[b]
		return bytes.Compare(x[:], y[:])
	})
	return mutants
}

// named picks mutants by their ids.
func named(mutants []*mutant, ids []string) ([]*mutant, error) {
	var chosen []*mutant
	for _, id := range ids {
		i := slices.IndexFunc(mutants, func(m *mutant) bool { return m.id() == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no mutant %q; -list shows them", id)
		}
		chosen = append(chosen, mutants[i])
	}
	return chosen, nil
}

// longest is how much of a piece of code a name shows.
const longest = 100

// short is a piece of code on one line, or the beginning of it.
func short(code []byte) string {
	text := strings.Join(strings.Fields(string(code)), " ")
	if utf8.RuneCountInString(text) <= longest {
		return text
	}
	return string([]rune(text)[:longest]) + "..."
}
