package supply

import (
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/release"
)

const (
	mit  = "MIT"
	bsd3 = "BSD-3-Clause"
)

// The licence of each module that is linked into the binary, on any system, is known,
// and it lets everybody pass the binary on. A new module fails here until somebody has
// looked at its licence.
func TestLicences(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"github.com/dustin/go-humanize":    mit,
		"github.com/google/uuid":           bsd3,
		"github.com/mattn/go-isatty":       mit,
		"github.com/ncruces/go-strftime":   mit,
		"github.com/remyoudompheng/bigfft": bsd3,
		"golang.org/x/crypto":              bsd3,
		"golang.org/x/net":                 bsd3,
		"golang.org/x/sys":                 bsd3,
		"golang.org/x/text":                bsd3,
		"golang.org/x/time":                bsd3,
		"modernc.org/libc":                 bsd3, // with parts of musl and others: MIT, BSD
		"modernc.org/mathutil":             bsd3,
		"modernc.org/memory":               bsd3,
		"modernc.org/sqlite":               bsd3, // SQLite itself is in the public domain
		release.Standard:                   bsd3,
	}
	modules, err := release.Linked(t.Context(), root, unversioned)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, module := range modules {
		got[module.Path] = licence(t, module.Dir)
	}
	if !maps.Equal(got, want) {
		t.Errorf("the licences are\n%v\nand not\n%v", got, want)
	}
	if own := licence(t, root); own != mit {
		t.Errorf("our own licence is %s", own)
	}
}

// licence names the licence of a module by what only its text says.
func licence(t *testing.T, dir string) string {
	t.Helper()
	text := regexp.MustCompile(`\s+`).ReplaceAllString(string(read(t, filepath.Join(dir, "LICENSE"))), " ")
	switch {
	case strings.Contains(text, "Permission is hereby granted, free of charge, to any person obtaining a copy"):
		return mit
	case strings.Contains(text,
		"Redistribution and use in source and binary forms, with or without modification, are permitted") &&
		regexp.MustCompile("Neither the names? of").MatchString(text):
		return bsd3
	}
	return "unknown"
}
