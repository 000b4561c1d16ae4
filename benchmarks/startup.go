package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/benchmarks/population"
)

// startingUp is the command refgrow as people run it: an operation is one start, from
// its exec to the first answer of /healthz.
func startingUp(label string, shop population.Size) subject {
	return subject{label, func(ctx context.Context, d *depot, at place, _ int) (running, error) {
		program, err := d.program(ctx, "refgrow", ".", "github.com/refgrow-go/refgrow/cmd/refgrow")
		if err != nil {
			return nil, err
		}
		template, err := d.ours(ctx, shop)
		if err != nil {
			return nil, err
		}
		s := &starting{
			ctx: ctx, program: program, file: filepath.Join(at.folder, "refgrow.db"),
			rows: map[string]int64{"refgrow_conversions": int64(shop.Conversions)},
		}
		return s, copyState(template, s.file)
	}}
}

type starting struct {
	ctx           context.Context
	program, file string
	rows          map[string]int64
	last          usage
}

func (s *starting) load(length time.Duration) (outcome, error) {
	var done outcome
	var all []time.Duration
	for begun := time.Now(); done.Taken < length || len(all) < 3; done.Taken = time.Since(begun) {
		taken, err := s.once()
		if err != nil {
			return done, err
		}
		all = append(all, taken)
	}
	slices.Sort(all)
	done.Operations, done.P50, done.P99 = len(all), all[len(all)/2], all[len(all)-1]
	return done, nil
}

func (s *starting) once() (taken time.Duration, err error) {
	cmd := exec.CommandContext(s.ctx, s.program, "serve", "--db", s.file, "--addr", "127.0.0.1:0", "--json")
	var log strings.Builder
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		err = errors.Join(err, cmd.Process.Signal(os.Interrupt))
		_, _ = io.Copy(io.Discard, stdout) // it has to be read to its end before Wait
		if ended := cmd.Wait(); ended != nil {
			err = errors.Join(err, fmt.Errorf("%w: %s", ended, log.String()))
		}
		if state := cmd.ProcessState; state != nil {
			s.last.cpu += state.UserTime() + state.SystemTime()
		}
	}()
	var at struct {
		URL string `json:"url"`
	}
	if err := json.NewDecoder(stdout).Decode(&at); err != nil {
		return 0, err
	}
	if _, err := get(s.ctx, strings.TrimPrefix(at.URL, "http://"), "", "/healthz"); err != nil {
		return 0, err
	}
	taken = time.Since(begun)
	used, err := usageOf(cmd.Process.Pid)
	s.last.rss = used.rss
	return taken, err
}

func (s *starting) usage() (usage, error) { return s.last, nil }

func (s *starting) stop(ctx context.Context, added int64) error {
	return checkRows(ctx, s.file, s.rows, added)
}
