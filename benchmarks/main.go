// Command benchmarks measures how many conversions a second are recorded,
// durably, in process and over HTTP, each beside the plainest thing that could
// be called durable: one prepared insert in a transaction of its own. All four
// take turns on the same machine in the same run, so that the ratios mean
// something where absolute numbers drift.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A subject is one thing that is measured, on a fresh database each round.
type subject struct {
	name  string
	start func(ctx context.Context, folder string) (running, error)
}

// A running subject does one operation a call; n is different in every call.
type running struct {
	do   func(ctx context.Context, client int, n int64) error
	stop func() error
}

// A result is what one round measured.
type result struct {
	rate     float64 // operations a second
	p50, p99 time.Duration
}

func main() {
	clients := flag.Int("clients", 64, "concurrent clients")
	rounds := flag.Int("rounds", 5, "interleaved rounds")
	length := flag.Duration("length", 3*time.Second, "length of a round")
	flag.Parse()
	if err := run(context.Background(), *clients, *rounds, *length); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, clients, rounds int, length time.Duration) error {
	subjects := []subject{
		{"plain insert, in process", plainInsert},
		{"RecordConversion, in process", recordInProcess},
		{"plain insert, over HTTP", plainInsertHTTP},
		{"POST /conversions, over HTTP", recordHTTP},
	}
	fmt.Printf("%d clients, %d rounds of %v, %s, %d CPUs, synchronous=FULL\n\n", clients, rounds, length, runtime.Version(), runtime.NumCPU())
	results := make([][]result, len(subjects))
	for range rounds {
		for i, s := range subjects {
			r, err := round(ctx, s, clients, length)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			results[i] = append(results[i], r)
		}
	}
	report(subjects, results)
	return nil
}

// round measures a subject for a while, after a short warm-up.
func round(ctx context.Context, s subject, clients int, length time.Duration) (measured result, err error) {
	folder, err := os.MkdirTemp("", "refgrow-bench")
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	r, err := s.start(ctx, folder)
	if err != nil {
		return result{}, err
	}
	var sequence atomic.Int64
	if _, err := load(ctx, r, clients, length/6, &sequence); err != nil {
		return result{}, err
	}
	begun := time.Now()
	latencies, err := load(ctx, r, clients, length, &sequence)
	if err != nil {
		return result{}, err
	}
	taken := time.Since(begun)
	if err := r.stop(); err != nil {
		return result{}, err
	}
	slices.Sort(latencies)
	return result{
		rate: float64(len(latencies)) / taken.Seconds(),
		p50:  latencies[len(latencies)/2],
		p99:  latencies[len(latencies)*99/100],
	}, nil
}

// load runs the clients for a while and gives the time of every operation.
func load(ctx context.Context, r running, clients int, length time.Duration, sequence *atomic.Int64) ([]time.Duration, error) {
	end := time.Now().Add(length)
	latencies := make([][]time.Duration, clients)
	failures := make([]error, clients)
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for time.Now().Before(end) {
				begun := time.Now()
				if err := r.do(ctx, client, sequence.Add(1)); err != nil {
					failures[client] = err
					return
				}
				latencies[client] = append(latencies[client], time.Since(begun))
			}
		})
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(latencies...), nil
}

// report prints the medians, and each subject against the plain one before it.
func report(subjects []subject, results [][]result) {
	fmt.Printf("| %-30s | %22s | %8s | %8s | %14s |\n", "median of the rounds", "operations/s (min-max)", "p50", "p99", "against plain")
	fmt.Println("| ------------------------------ | ---------------------- | -------- | -------- | -------------- |")
	for i, s := range subjects {
		rates := column(results[i], func(r result) float64 { return r.rate })
		p50 := column(results[i], func(r result) float64 { return r.p50.Seconds() * 1e3 })
		p99 := column(results[i], func(r result) float64 { return r.p99.Seconds() * 1e3 })
		against := ""
		if i%2 == 1 {
			ratios := make([]float64, len(results[i]))
			for j := range ratios {
				ratios[j] = results[i][j].rate / results[i-1][j].rate
			}
			slices.Sort(ratios)
			against = fmt.Sprintf("%.2f times", median(ratios))
		}
		fmt.Printf("| %-30s | %22s | %5.1f ms | %5.1f ms | %14s |\n", s.name,
			fmt.Sprintf("%.0f (%.0f-%.0f)", median(rates), rates[0], rates[len(rates)-1]), median(p50), median(p99), against)
	}
}

func column(results []result, of func(result) float64) []float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values
}

func median(sorted []float64) float64 { return sorted[len(sorted)/2] }
