package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shop is a module whose tests notice some mutants of it and miss others.
func shop() map[string]string {
	return map[string]string{
		"go.mod": "module example.test/shop\n\ngo 1.26\n",
		"books/books.go": `package books

type Kind string

const (
	Commission Kind = "commission"
	Settlement Kind = "settlement"
)

type Entry struct {
	Kind      Kind
	Amount    int64
	Available int64
}

type Book struct {
	Available int64
	entries   []Entry
}

func (b *Book) Settle(now int64) {
	for _, e := range b.entries {
		if e.Kind == Settlement && !early(e, now) {
			b.write(Settlement, -e.Amount, e.Available)
		}
	}
}

func (b *Book) write(kind Kind, amount, available int64) {
	if amount != 0 {
		b.entries = append(b.entries, Entry{kind, amount, available})
	}
}

func early(e Entry, now int64) bool { return e.Available > now }

func Fee(amount int64) (int64, error) {
	if err := check(amount); err != nil {
		return 1, err
	}
	switch {
	case amount < 100:
		return 7, nil
	}
	return max(amount, 5), nil
}

func check(int64) error { return nil }
`,
		"db/books.sql.go": "package db\n\nconst payable = `-- name: Payable :one\n" + `SELECT 1, -SUM(e.amount) FROM entries e
WHERE e.available_at <= ?1 AND e.kind <> 'settlement' AND e.id BETWEEN 3 AND ?2 AND e.payout_id IS NULL
` + "`\n\nconst end = `-- name: End :exec\n" + `UPDATE entries SET kind = ?1, amount = amount + ?2 WHERE id = ?3
` + "`\n",
	}
}

// fast is a package whose mutants are tried; its tests are run for each.
func fast() map[string]string {
	return map[string]string{
		"go.mod": "module example.test/fast\n\ngo 1.26\n",
		"fast.go": `package fast

func Sum(n int64) (sum int64) {
	for n > 0 {
		sum += n
		n--
	}
	return sum
}
`,
		"fast_test.go": `package fast

import "testing"

func TestSum(t *testing.T) {
	if Sum(2) != 3 {
		t.Fatal(Sum(2))
	}
}
`,
	}
}

func setup(t *testing.T, files map[string]string) string {
	t.Helper()
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "")
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestMutants(t *testing.T) {
	root := setup(t, shop())
	c, err := load(t.Context(), root, []string{"books/*.go", "db/*.sql.go"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range c.mutants() {
		is := m.is
		if is == "" {
			is = "(removed)"
		}
		broken := ""
		if c.check(m) != nil {
			broken = ", broken"
		}
		got = append(got, fmt.Sprintf("%s:%d: %s => %s [%s%s]", m.where, m.line, m.was, is, m.kind, broken))
	}
	content, err := os.ReadFile(filepath.Join("testdata", "mutants.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(content)), "\n")
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("there is no mutant %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("there is a mutant %s", line)
		}
	}
}

// A mutant keeps its name and its place in what a seed draws when lines are moved, and
// others are added.
func TestNamesStay(t *testing.T) {
	files := shop()
	names := func() (all []string) {
		root := setup(t, files)
		c, err := load(t.Context(), root, []string{"books/*.go"})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range drawn(c.mutants(), "7") {
			all = append(all, m.id()+" "+m.name())
		}
		return all
	}
	before := names()
	files["books/books.go"] = strings.Replace(files["books/books.go"], "type Entry",
		"// Twice is new.\nfunc Twice(n int64) int64 { return 2 * n }\n\ntype Entry", 1)
	after := names()
	if len(after) <= len(before) {
		t.Fatalf("%d mutants, and %d of more code", len(before), len(after))
	}
	after = slices.DeleteFunc(after, func(name string) bool { return strings.Contains(name, " Twice: ") })
	if !slices.Equal(before, after) {
		t.Errorf("before\n%s\nafter\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

func TestRun(t *testing.T) {
	root := setup(t, fast())
	known := filepath.Join(root, "equivalent.txt")
	if err := os.WriteFile(known, []byte(
		"# Known.\nfast.go Sum: n > 0 => n >= 0\nfast.go Sum: n > 0 => n > -1\n\tIt adds 0.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mutate := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), &out, append([]string{
			"-root", root, "-files", "*.go", "-equivalent", known, "-tests", ".", "-limit", "2s", "-j", "2",
		}, args...))
		return out.String(), err
	}
	output, err := mutate("-least", "100")
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	for _, want := range []string{
		"fast.go:4 Sum: n > 0 => !(n > 0): found by example.test/fast TestSum (",
		"fast.go:4 Sum: n > 0 => n > 1: found by example.test/fast TestSum (",
		"fast.go:5 Sum: sum += n => sum -= n: found by example.test/fast TestSum (",
		"fast.go:5 Sum: sum += n => (removed): found by example.test/fast TestSum (",
		"fast.go:6 Sum: n-- => (removed): found by example.test/fast, whose time was over (",
		"of 7 found (100.0%), 0 survived\n",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("%q is not in\n%s", want, output)
		}
	}
	if strings.Contains(output, "n >= 0") {
		t.Errorf("a known mutant was tried:\n%s", output)
	}

	output, err = mutate("-list")
	if err != nil || !strings.Contains(output, "fast.go:4 Sum: n > 0 => n >= 0 [bound] (does the same: It adds 0.)\n") {
		t.Errorf("%v\n%s", err, output)
	}
	before, _, _ := strings.Cut(output, " fast.go:4 Sum: n > 0 => n >= 0 ")
	output, err = mutate("-run", before[len(before)-8:], "-least", "100")
	if !errors.Is(err, errTooFew) || !strings.Contains(output, "SURVIVED") ||
		!strings.Contains(output, "\t+\tfor n >= 0 {\n") {
		t.Errorf("%v\n%s", err, output)
	}
	if output, err = mutate("-run", "12345678"); err == nil || errors.Is(err, errTooFew) {
		t.Errorf("%v\n%s", err, output)
	}
	content, err := os.ReadFile(filepath.Join(root, "fast.go"))
	if err != nil || string(content) != fast()["fast.go"] {
		t.Errorf("%v: the file is now\n%s", err, content)
	}

	if err := os.WriteFile(known, []byte("fast.go Sum: n < 0 => n <= 0\n\tIt was so.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mutate("-list"); err == nil || !strings.Contains(err.Error(), "n < 0 => n <= 0") {
		t.Errorf("an equivalent that is not there: %v", err)
	}
	if err := os.WriteFile(known, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "other_test.go"), []byte(
		"package fast\n\nimport \"testing\"\n\nfunc TestOther(t *testing.T) { t.Fatal() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mutate(); err == nil || !strings.Contains(err.Error(), "fails without a mutant") {
		t.Errorf("tests that fail already: %v", err)
	}
}

func TestReadEquivalents(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                              "",
		"a.go A: 1 => 2\n":              "no reason for a.go A: 1 => 2",
		"\tbecause\n":                   ":1: a reason without a mutant",
		"a\n\tsame\nb\n\tsame\n":        "",
		"a\n\tsame\n\n# new\na\n\tsa\n": "twice: a",
	} {
		file := filepath.Join(t.TempDir(), "equivalent.txt")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readEquivalents(file)
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"--- FAIL: TestA (0.1s)\n    --- FAIL: TestA/b\n" +
			"FAIL\nFAIL\tx.test/refgrow/books\t1.2s\n": "books TestA",
		"panic: test timed out after 1s\nFAIL\tx.test/other\t1.0s\n": "x.test/other, whose time was over",
		"panic: nil\nFAIL\texample.test/other\t1.0s\n":               "example.test/other",
		"FAIL\texample.test/other [build failed]\n":                  "broken",
		"x_test.go:3: SQL logic error: near \"OR\"\nFAIL\ta\t1s\n":   "broken",
	} {
		got, broken := judge([]byte(output))
		if broken {
			got = "broken"
		}
		if got != want {
			t.Errorf("%q is found by %q, want %q", output, got, want)
		}
	}
}
