package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/benchmarks/population"
)

// A subject is something that is measured, in a process of its own.
type subject struct {
	label string
	start func(ctx context.Context, d *depot, at place, clients int) (running, error)
}

// A place is where a subject lives for a round or more.
type place struct {
	folder  string // its own, empty at first
	profile string // what the names of profiles begin with, "" for none
}

// running is a subject that was started.
type running interface {
	load(length time.Duration) (outcome, error)
	usage() (usage, error)
	// stop ends it and checks that its database has what it reported: added purchases
	// more than at first.
	stop(ctx context.Context, added int64) error
}

// ours is our server in one of its roles, under a workload, with the clock set to idle
// after the end of the shop's history.
func ours(label, role string, shop population.Size, idle time.Duration, work workload) subject {
	return subject{label, func(ctx context.Context, d *depot, at place, clients int) (running, error) {
		s, err := d.startRole(ctx, role, at, shop, idle, clients)
		if err != nil {
			return nil, err
		}
		return s.under(ctx, work, d.world(shop), clients)
	}}
}

// inProcess is our engine, or the plain table, without HTTP.
func inProcess(label, role string, shop population.Size) subject {
	return subject{label, func(ctx context.Context, d *depot, at place, clients int) (running, error) {
		s, err := d.startRole(ctx, role, at, shop, 0, clients)
		if err != nil {
			return nil, err
		}
		return &inside{s}, nil
	}}
}

// startRole starts this command in one of its roles, on a copy of our database of a
// shop; the plain table begins empty.
func (d *depot) startRole(ctx context.Context, role string, at place, shop population.Size, idle time.Duration,
	clients int) (*started, error) {
	s := &started{file: filepath.Join(at.folder, "refgrow.db")}
	if strings.HasSuffix(role, "plain") {
		s.rows = map[string]int64{"conversions": 0}
	} else {
		s.rows = map[string]int64{"refgrow_conversions": int64(shop.Conversions), "refgrow_events": 0}
		template, err := d.ours(ctx, shop)
		if err != nil {
			return nil, err
		}
		if err := copyState(template, s.file); err != nil {
			return nil, err
		}
	}
	clock := population.End.Add(time.Minute + idle).UnixMilli()
	args := append([]string{
		"serve", role, "-db", s.file, "-at", strconv.FormatInt(clock, 10), "-clients", strconv.Itoa(clients),
	}, arguments(d.seed, shop)...)
	if at.profile != "" {
		args = append(args, "-profile", at.profile)
	}
	var err error
	s.process, err = startProcess(ctx, d.self, args...)
	return s, err
}

// pocketBase is the peer, with or without the hooks.
func pocketBase(label, role string, shop population.Size, work workload) subject {
	return subject{label, func(ctx context.Context, d *depot, at place, clients int) (running, error) {
		template, err := d.pocketBase(ctx, shop)
		if err != nil {
			return nil, err
		}
		dir := filepath.Join(at.folder, "pb_data")
		if err := copyState(template, dir); err != nil {
			return nil, err
		}
		s := &started{file: filepath.Join(dir, "data.db"), rows: map[string]int64{"conversions": int64(shop.Conversions)}}
		if role == "equal" {
			s.rows["outbox"] = 0
		}
		if s.process, err = startProcess(ctx, filepath.Join(d.folder, "pocketbase"), "serve", role, "-dir", dir); err != nil {
			return nil, err
		}
		return s.under(ctx, work, d.world(shop), clients)
	}}
}

// started is a process and its database.
type started struct {
	*process
	file string
	rows map[string]int64 // at first, of the tables that get one per purchase
}

// under puts a server under a load of clients.
func (s *started) under(ctx context.Context, work workload, world *population.World, clients int) (running, error) {
	sources, err := work(ctx, addressee{ready: s.ready, world: world}, clients)
	if err != nil {
		return nil, errors.Join(err, s.process.stop())
	}
	f, err := newFleet(ctx, s.ready.Addr, sources)
	if err != nil {
		return nil, errors.Join(err, s.process.stop())
	}
	return &server{s, f}, nil
}

func (s *started) stop(ctx context.Context, added int64) error {
	if err := s.process.stop(); err != nil {
		return err
	}
	return checkRows(ctx, s.file, s.rows, added)
}

// A server has its clients in this process.
type server struct {
	*started
	fleet *fleet
}

func (s *server) load(length time.Duration) (outcome, error) { return s.fleet.load(length) }

func (s *server) stop(ctx context.Context, added int64) error {
	return errors.Join(s.fleet.close(), s.started.stop(ctx, added))
}

// inside has its clients in the process that is measured.
type inside struct{ *started }

func (s *inside) load(length time.Duration) (done outcome, err error) {
	if _, err := fmt.Fprintln(s.in, length); err != nil {
		return done, err
	}
	return done, s.answer(&done)
}

// checkRows expects added rows more in each table than there were before.
func checkRows(ctx context.Context, file string, before map[string]int64, added int64) error {
	for table, had := range before {
		n, err := count(ctx, file, table)
		if err == nil && n != had+added {
			err = fmt.Errorf("%s has %d rows in %s, but %d were acknowledged", file, n, table, had+added)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
