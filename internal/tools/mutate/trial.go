package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A lab runs the tests on mutants.
type lab struct {
	root   string
	folder string   // for what the mutants are built from
	tests  []string // arguments of go test
	limit  time.Duration
}

// A result is what became of a mutant.
type result struct {
	mutant *mutant
	// by is the test that found it, "" for none.
	by string
	// broken is set for one that is no program or no SQL, which is not counted.
	broken bool
	took   time.Duration
	err    error // that says nothing about the mutant
}

func (r result) outcome() string {
	switch {
	case r.broken:
		return "does not compile"
	case r.by == "":
		return "SURVIVED"
	}
	return "found by " + r.by
}

// sound reports an error unless the tests pass on the code as it is.
func (l lab) sound(ctx context.Context) error {
	for _, arguments := range l.tests {
		if output, err := l.goTest(ctx, arguments); err != nil {
			return fmt.Errorf("go test %s fails without a mutant: %w\n%s", arguments, err, output)
		}
	}
	return nil
}

// all tries mutants, some at once, and yields the results as they come.
func (l lab) all(
	ctx context.Context, parallel int, mutants iter.Seq[*mutant], changed func(*mutant) []byte,
) iter.Seq[result] {
	return func(yield func(result) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		waiting, done := make(chan *mutant), make(chan result)
		var workers sync.WaitGroup
		for range parallel {
			workers.Go(func() {
				for m := range waiting {
					began := time.Now()
					r := l.try(ctx, m, changed(m))
					r.took = time.Since(began)
					done <- r
				}
			})
		}
		go func() {
			defer close(done)
			defer workers.Wait()
			defer close(waiting)
			for m := range mutants {
				select {
				case waiting <- m:
				case <-ctx.Done():
					return
				}
			}
		}()
		stopped := false
		for r := range done {
			if !stopped && ctx.Err() == nil && !yield(r) {
				stopped = true
				cancel()
			}
		}
	}
}

// try builds a mutant and runs the tests until one fails.
func (l lab) try(ctx context.Context, m *mutant, content []byte) result {
	overlay, err := l.overlay(m, content)
	if err != nil {
		return result{mutant: m, err: err}
	}
	build := l.command(ctx, "build", "-overlay", overlay, "./"+path.Dir(m.file))
	if err := build.Run(); err != nil {
		return result{mutant: m, broken: true, err: ctx.Err()}
	}
	for _, arguments := range l.tests {
		output, err := l.goTest(ctx, arguments, "-overlay", overlay)
		if _, failed := errors.AsType[*exec.ExitError](err); failed && ctx.Err() == nil {
			by, broken := judge(output)
			return result{mutant: m, by: by, broken: broken}
		} else if err != nil {
			return result{mutant: m, err: err}
		}
	}
	return result{mutant: m}
}

// overlay writes a mutant's file, and the one that tells the go command of it.
func (l lab) overlay(m *mutant, content []byte) (string, error) {
	changed, overlay := filepath.Join(l.folder, m.id()+".go"), filepath.Join(l.folder, m.id()+".json")
	data, err := json.Marshal(map[string]any{
		"Replace": map[string]string{filepath.Join(l.root, filepath.FromSlash(m.file)): changed},
	})
	if err != nil {
		return "", err
	}
	return overlay, errors.Join(os.WriteFile(changed, content, 0o600), os.WriteFile(overlay, data, 0o600))
}

func (l lab) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = l.root
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// goTest runs tests, without what vet would say about the code.
func (l lab) goTest(ctx context.Context, arguments string, flags ...string) ([]byte, error) {
	args := append([]string{"test", "-vet=off", "-failfast", "-timeout", l.limit.String()}, flags...)
	cmd := l.command(ctx, append(args, strings.Fields(arguments)...)...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	return output.Bytes(), err
}

// judge reads from the output of tests that failed which one noticed, and whether it was
// only that the mutant is no SQL.
func judge(output []byte) (by string, broken bool) {
	text := string(output)
	switch {
	case strings.Contains(text, "[build failed]"), strings.Contains(text, "[setup failed]"),
		strings.Contains(text, "SQL logic error"):
		return "", true
	}
	by = "tests"
	if found := regexp.MustCompile(`(?m)^FAIL\t(\S+)`).FindStringSubmatch(text); found != nil {
		by = found[1]
		if _, below, ok := strings.Cut(by, "/refgrow/"); ok {
			by = below
		}
	}
	if strings.Contains(text, "panic: test timed out after") {
		return by + ", whose time was over", false
	}
	if found := regexp.MustCompile(`(?m)^--- FAIL: (\S+)`).FindStringSubmatch(text); found != nil {
		by += " " + found[1]
	}
	return by, false
}

// A summary counts results.
type summary struct {
	by                         map[string]int // by package
	foundThem, survived, broke int
}

func (s *summary) add(r result) {
	switch {
	case r.broken:
		s.broke++
	case r.by == "":
		s.survived++
	default:
		s.foundThem++
		if s.by == nil {
			s.by = map[string]int{}
		}
		by, _, _ := strings.Cut(r.by, " ")
		s.by[strings.TrimSuffix(by, ",")]++
	}
}

func (s summary) found() int { return s.foundThem }

func (s summary) counted() int { return s.foundThem + s.survived }

// share is such as "190 of 200 found (95.0%)".
func (s summary) share() string {
	tenths := 1000
	if s.counted() > 0 {
		tenths = 1000 * s.found() / s.counted()
	}
	return fmt.Sprintf("%d of %d found (%d.%d%%)", s.found(), s.counted(), tenths/10, tenths%10)
}

func (s summary) String() string {
	text := fmt.Sprintf("%s, %d survived", s.share(), s.survived)
	if s.broke > 0 {
		text += fmt.Sprintf(", %d did not compile and do not count", s.broke)
	}
	for _, by := range slices.Sorted(maps.Keys(s.by)) {
		text += fmt.Sprintf("\n\t%4d by %s", s.by[by], by)
	}
	return text + "\n"
}
