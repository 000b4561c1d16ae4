package main

import (
	"slices"
	"time"
)

// A measure is one of the figures of a round.
type measure int

// What is measured in each round: operations per second, the median and the 99th
// percentile of their times, the processor time of each in the server, the memory of
// the server at the end, and the processor time of each in the clients, which shows how
// much of the machine the server did not have.
const (
	rate measure = iota
	p50
	p99
	cpu
	rss
	clients
	measures
)

func (m measure) String() string {
	return [measures]string{"rate", "p50", "p99", "CPU per operation", "resident memory", "CPU of the clients"}[m]
}

// A sample is what one round measured: operations per second, two times in
// milliseconds, microseconds, MiB, microseconds.
type sample [measures]float64

func sampleOf(done outcome, server, driver [2]usage) sample {
	each := func(u [2]usage) float64 {
		return float64((u[1].cpu - u[0].cpu).Microseconds()) / float64(done.Operations)
	}
	return sample{
		rate:    float64(done.Operations) / done.Taken.Seconds(),
		p50:     done.P50.Seconds() * 1e3,
		p99:     done.P99.Seconds() * 1e3,
		cpu:     each(server),
		rss:     float64(server[1].rss) / (1 << 20),
		clients: each(driver),
	}
}

// A spread is the median of some figures, with the least and the greatest.
type spread struct{ median, least, most float64 }

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}

func column(samples []sample, m measure) []float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = s[m]
	}
	return values
}

// ratios divides each round's figure by that of its pair.
func ratios(ours, theirs []sample, m measure) []float64 {
	values := make([]float64, len(ours))
	for i := range ours {
		values[i] = ours[i][m] / max(theirs[i][m], 1e-9)
	}
	return values
}

// warmUp is the part of a round that is not counted.
func warmUp(length time.Duration) time.Duration { return min(length/4, 2*time.Second) }
