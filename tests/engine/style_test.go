package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// Comments are read as prose, at 88 columns; the linter holds code to 120.
func TestCommentsWrap(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			columns := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
			if strings.HasPrefix(strings.TrimSpace(line), "//") && columns > 88 && !strings.Contains(line, "//nolint") {
				t.Errorf("%s:%d: the comment has %d columns", filepath.Base(file), i+1, columns)
			}
		}
	}
}
