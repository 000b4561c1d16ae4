package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A row is one comparison: our side, and usually another one.
type row struct {
	name, what   string
	ours, theirs subject // theirs without a start: there is nothing to compare with
	clients      int
	// kept sides live through all rounds, because nothing that they do changes
	// anything. Others begin each round with a fresh copy of their state.
	kept   bool
	length time.Duration // 0: that of the run
	goals  []goal
	note   string
}

// A goal is a bound on one measure: on ours divided by theirs, or on ours where there
// is no other side.
type goal struct {
	measure measure
	least   bool // the bound is a minimum, not a maximum
	bound   float64
}

// A result is the samples of a row, those of one round at the same index.
type result struct {
	row
	samples [2][]sample
}

func (r row) sides() []subject {
	if r.theirs.start == nil {
		return []subject{r.ours}
	}
	return []subject{r.ours, r.theirs}
}

// A bench runs rows.
type bench struct {
	depot  *depot
	rounds int
	length time.Duration
	// profiles is the folder for profiles of our servers, "" for none. Those of a later
	// round replace the earlier ones.
	profiles string
	log      func(format string, args ...any)
}

// run measures a row in pairs of rounds, the order of ours and theirs changing from pair to pair.
func (b *bench) run(ctx context.Context, r row) (result, error) {
	length := b.length
	if r.length != 0 {
		length = r.length
	}
	sides := r.sides()
	stays := make([]*stay, len(sides))
	for i, s := range sides {
		stays[i] = &stay{bench: b, subject: s, clients: r.clients}
		if b.profiles != "" {
			stays[i].at.profile = filepath.Join(b.profiles, r.name+[]string{"-ours", "-theirs"}[i])
		}
	}
	res := result{row: r}
	for round := range b.rounds {
		for turn := range sides {
			side := turn
			if round%2 == 1 {
				side = len(sides) - 1 - turn
			}
			measured, err := stays[side].round(ctx, length, r.kept && round < b.rounds-1)
			if err != nil {
				for _, s := range stays {
					err = errors.Join(err, s.end(ctx))
				}
				return res, fmt.Errorf("%s, %s: %w", r.name, sides[side].label, err)
			}
			res.samples[side] = append(res.samples[side], measured)
		}
	}
	return res, nil
}

// A stay is a side of a row, from its start to its stop.
type stay struct {
	bench   *bench
	subject subject
	clients int
	at      place
	running running
	added   int64
}

func (s *stay) round(ctx context.Context, length time.Duration, keep bool) (sample, error) {
	if s.running == nil {
		var err error
		if s.at.folder, err = os.MkdirTemp(s.bench.depot.folder, "round-"); err != nil {
			return sample{}, err
		}
		if s.running, err = s.subject.start(ctx, s.bench.depot, s.at, s.clients); err != nil {
			return sample{}, err
		}
	}
	warm, err := s.running.load(warmUp(length))
	if err != nil {
		return sample{}, err
	}
	var server, driver [2]usage
	if server[0], driver[0], err = s.usages(); err != nil {
		return sample{}, err
	}
	done, err := s.running.load(length)
	if err != nil {
		return sample{}, err
	}
	if server[1], driver[1], err = s.usages(); err != nil {
		return sample{}, err
	}
	s.added += warm.Writes + done.Writes
	measured := sampleOf(done, server, driver)
	s.bench.log("  %-36s %9.0f/s  p50 %8.3f ms  p99 %8.3f ms  CPU %8.1f us (clients %5.1f us)  RSS %6.1f MiB",
		s.subject.label, measured[rate], measured[p50], measured[p99], measured[cpu], measured[clients], measured[rss])
	if keep {
		return measured, nil
	}
	return measured, s.end(ctx)
}

func (s *stay) usages() (server, driver usage, err error) {
	if server, err = s.running.usage(); err != nil {
		return server, driver, err
	}
	driver, err = usageOf(os.Getpid())
	return server, driver, err
}

// end stops the side, with its check, and removes its files.
func (s *stay) end(ctx context.Context) error {
	var err error
	if s.running != nil {
		err = s.running.stop(ctx, s.added)
	}
	if s.at.folder != "" {
		err = errors.Join(err, os.RemoveAll(s.at.folder))
	}
	s.running, s.at.folder, s.added = nil, "", 0
	return err
}
