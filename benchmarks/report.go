package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A report is the tables of a run.
type report struct {
	command string
	begun   time.Time
	bench   *bench
	scale   scale
	results []result
}

// verdict returns the result for a goal, and whether it was met.
func (r result) verdict(g goal) (found spread, met bool) {
	values := column(r.samples[0], g.measure)
	if r.theirs.start != nil {
		values = ratios(r.samples[0], r.samples[1], g.measure)
	}
	found = spreadOf(values)
	if g.least {
		return found, found.median >= g.bound
	}
	return found, found.median <= g.bound
}

// failed counts the goals that were missed.
func (rep *report) failed() (missed, all int) {
	for _, r := range rep.results {
		for _, g := range r.goals {
			all++
			if _, met := r.verdict(g); !met {
				missed++
			}
		}
	}
	return missed, all
}

func (rep *report) markdown() []byte {
	var b bytes.Buffer
	missed, all := rep.failed()
	fmt.Fprintf(&b, "# Results\n\nWritten by `%s`, %s.\n\n", rep.command,
		rep.begun.UTC().Format("2 January 2006, 15:04 UTC"))
	fmt.Fprintf(&b, "- %s, %d processors (%s), %s/%s, %s\n", runtime.Version(), runtime.NumCPU(), processor(),
		runtime.GOOS, runtime.GOARCH, kernel())
	fmt.Fprintf(&b, "- %s\n", rep.bench.versions())
	fmt.Fprintf(&b, "- %d pairs of rounds of %v after a warm-up of %v, alternating: ours, theirs, theirs, ours, ...\n",
		rep.bench.rounds, rep.bench.length, warmUp(rep.bench.length))
	fmt.Fprintf(&b,
		"- shops of %d affiliates and %d customers; \"few\" is %d conversions, \"many\" and \"large\" %d; seed %d\n",
		rep.scale.large.Affiliates, rep.scale.large.Customers, rep.scale.small.Conversions,
		rep.scale.large.Conversions, rep.bench.depot.seed)
	fmt.Fprintf(&b, "- %d of %d goals met\n\n", all-missed, all)

	b.WriteString("A ratio is ours divided by theirs, the median of the pairs, " +
		"with the least and the greatest in parentheses.\n\n")
	b.WriteString("| row | what | measure | goal | found | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rep.results {
		rep.goalsOf(&b, r)
	}
	b.WriteString("\nThe medians of each side, with the least and the greatest rate in parentheses. " +
		"CPU and memory are the server's alone; what the clients of this command took is next to it.\n\n")
	b.WriteString("| row | side | clients | operations/s | p50 ms | p99 ms | CPU us | clients' CPU us | RSS MiB |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rep.results {
		for i, s := range r.sides() {
			var m [measures]spread
			for k := range m {
				m[k] = spreadOf(column(r.samples[i], measure(k)))
			}
			fmt.Fprintf(&b, "| %s | %s | %d | %.0f (%.0f to %.0f) | %.3f | %.3f | %.1f | %.1f | %.1f |\n",
				r.name, s.label, r.clients, m[rate].median, m[rate].least, m[rate].most,
				m[p50].median, m[p99].median, m[cpu].median, m[clients].median, m[rss].median)
		}
	}
	return b.Bytes()
}

func (rep *report) goalsOf(b *bytes.Buffer, r result) {
	what := r.what
	if r.note != "" {
		what += "; " + r.note
	}
	goals := r.goals
	if len(goals) == 0 { // shown without a goal
		goals = []goal{{measure: rate}}
	}
	for _, g := range goals {
		found, met := r.verdict(g)
		verdict := map[bool]string{true: "met", false: "**missed**"}[met]
		bound := map[bool]string{true: "at least ", false: "at most "}[g.least] + fmt.Sprint(g.bound)
		if g.bound == 0 {
			bound, verdict = "", ""
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %.3g (%.3g to %.3g) | %s |\n", r.name, what, g.measure, bound,
			found.median, found.least, found.most, verdict)
	}
}

// versions names what the two sides are made of.
func (b *bench) versions() string {
	built, err := buildinfo.ReadFile(filepath.Join(b.depot.folder, "pocketbase"))
	if err != nil {
		return "PocketBase was not run"
	}
	names := map[string]string{
		"github.com/pocketbase/pocketbase": "PocketBase", "modernc.org/sqlite": "modernc.org/sqlite on both sides",
	}
	var parts []string
	for _, dep := range built.Deps {
		if names[dep.Path] != "" {
			parts = append(parts, names[dep.Path]+" "+dep.Version)
		}
	}
	return strings.Join(parts, ", ")
}

func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "kernel unknown"
	}
	return "kernel " + strings.TrimSpace(string(release))
}
