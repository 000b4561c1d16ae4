// Command benchmarks measures the engine against PocketBase and against simpler forms
// of itself, in pairs of rounds on one machine in one run, so that the ratios mean
// something where absolute numbers drift.
//
//	go run . -list
//	go run . -quick
//	go run . -full -write RESULTS.md
//	go run . -rows create64,floor -rounds 5 -length 3s
//	go run . -rows create64 -rounds 1 -length 10s -profiles /tmp
//	go run . generate -conversions 1000000 -seed 1 -to shop.db
//
// # How it measures
//
// Each side is a server in a process of its own, which this command starts: itself in
// one of the roles of serve.go, or PocketBase (folder pocketbase, which it builds).
// Processor time and resident memory are that process's. The clients are goroutines of
// this process, each with one keep-alive connection on loopback and one request at a
// time, the same for all sides. Both share the processors, as they would on a small
// machine.
//
// A round that writes begins with a fresh copy of a prepared database, on both sides;
// rounds that only read continue with the same server. Every answer's status is checked
// while it is measured, and after each stop the rows in the file are counted and
// compared with the answers that acknowledged them. The databases are made the first
// time they are needed, which takes minutes for a million conversions, and kept in the
// user's cache.
//
// # The work
//
// A shop has 10,000 affiliates and 200,000 customers (package population). A purchase
// has a reference of its own, a base value from 5 to 25 in one of three currencies, a
// customer (95 %: a known one, drawn by Zipf's law; 5 %: a new one) and in nine of ten
// cases an affiliate's code, also drawn by Zipf's law. Our engine finds the customer or
// adds it, decides who is credited, prices, and writes conversion, ledger entry,
// account and an event for the webhook that every shop has; nobody delivers the events
// meanwhile. Our commits are durable (synchronous=FULL) where a role does not say
// NORMAL.
//
// PocketBase runs with the settings of its own binary, which commits with
// synchronous=NORMAL; request logs and rate limits are off, and it is not in
// development mode. Requests have the token of a superuser, for whom it evaluates no
// rules. "plain" creates a record that itself says who is credited and with what,
// "equal" has hooks (pocketbase/hooks.go). Its lists are pages of the same length with
// its totals, which are its default. For the list of affiliates, its strongest form
// (balances that hooks maintain, with expand) and its common one (a view collection
// that adds up) each have a row.
//
// The bare floor (floor.go) is net/http, the engine's own statements for a purchase,
// prepared, and one transaction per batch: no keys, rules, decisions or validation. One
// transaction per request (single.go) is our engine with everything but the group
// commit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/benchmarks/population"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := dispatch(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		stop()
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string) error {
	switch {
	case len(args) > 0 && args[0] == "serve":
		// A terminal's interrupt reaches the driver and its servers alike; a server
		// ends with its input.
		return serve(context.WithoutCancel(ctx), args[1:])
	case len(args) > 0 && args[0] == "generate":
		return generateCommand(ctx, args[1:])
	}
	return benchCommand(ctx, args)
}

func logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// generateCommand makes a shop and checks its books.
func generateCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	var size sizeFlags
	size.define(flags)
	seed := flags.Uint64("seed", 1, "seed of the shop")
	to := flags.String("to", "", "the `FILE` to create")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *to == "" {
		return errors.New("generate needs -to FILE")
	}
	if _, err := os.Stat(*to); err == nil {
		return fmt.Errorf("%s already exists", *to)
	}
	if err := generate(ctx, population.New(*seed, size.size()), *to, logf); err != nil {
		return err
	}
	begun := time.Now()
	if err := verify(ctx, *to); err != nil {
		return err
	}
	logf("%-12s %8.1f s", "verifying", time.Since(begun).Seconds())
	return nil
}

// benchCommand runs rows and prints their report.
func benchCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	names := flags.String("rows", "", "run only these rows, comma-separated `NAMES`")
	rounds := flags.Int("rounds", 5, "pairs of rounds")
	length := flags.Duration("length", 3*time.Second, "length of a round")
	clients := flags.Int("clients", 0, "clients, instead of each row's own number")
	quick := flags.Bool("quick", false, "in minutes: 3 rounds of 1 s, and 100,000 conversions instead of a million")
	full := flags.Bool("full", false, "5 rounds of 5 s, at a million conversions")
	write := flags.String("write", "", "also write the report to this `FILE`")
	list := flags.Bool("list", false, "print the names of the rows and what they compare")
	cache := flags.String("cache", "", "`FOLDER` of generated databases; default: refgrow-benchmarks in the user's cache")
	profiles := flags.String("profiles", "",
		"write profiles of our servers into this `FOLDER`; they cost some of the rate")
	seed := flags.Uint64("seed", 1, "seed of the shops")
	affiliates := flags.Int("affiliates", 10_000, "affiliates of a shop")
	customers := flags.Int("customers", 200_000, "customers of a shop")
	small := flags.Int("few", 10_000, "conversions of a small shop")
	large := flags.Int("many", 1_000_000, "conversions of a large shop")
	mixed := flags.Duration("mixed", time.Minute, "length of the load before memory is read")
	if err := flags.Parse(args); err != nil {
		return err
	}
	presets := map[string]string{}
	if *quick {
		presets = map[string]string{"rounds": "3", "length": "1s", "many": "100000", "mixed": "10s"}
	} else if *full {
		presets = map[string]string{"rounds": "5", "length": "5s"}
	}
	flags.Visit(func(f *flag.Flag) { delete(presets, f.Name) }) // an explicit flag wins
	for name, value := range presets {
		if err := flags.Set(name, value); err != nil {
			return err
		}
	}
	s := scaleOf(*affiliates, *customers, *small, *large, *mixed)
	chosen, err := choose(rows(s), *names)
	if err != nil {
		return err
	}
	if *list {
		for _, r := range chosen {
			fmt.Printf("%-20s %s\n", r.name, r.what)
		}
		return nil
	}
	depot, err := newDepot(*cache, *seed, logf)
	if err != nil {
		return err
	}
	rep := &report{
		command: strings.Join(append([]string{"go run ."}, args...), " "), begun: time.Now(), scale: s,
		bench: &bench{depot: depot, rounds: *rounds, length: *length, profiles: *profiles, log: logf},
	}
	for _, r := range chosen {
		if *clients > 0 {
			r.clients = *clients
		}
		logf("%s: %s", r.name, r.what)
		result, err := rep.bench.run(ctx, r)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			return err
		}
		rep.results = append(rep.results, result)
	}
	text := rep.markdown()
	if _, err := os.Stdout.Write(text); err != nil {
		return err
	}
	logf("in %v", time.Since(rep.begun).Round(time.Second))
	if *write != "" {
		return os.WriteFile(*write, text, 0o644)
	}
	return nil
}

// choose returns the rows with those names, or all of them.
func choose(all []row, names string) ([]row, error) {
	if names == "" {
		return all, nil
	}
	var chosen []row
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(r row) bool { return r.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no row %q; -list prints all of them", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
