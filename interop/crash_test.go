package interop

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// crashVariable set to anything makes the tests of crashes long.
const crashVariable = "REFGROW_CRASH"

// crashes chooses how often something is done.
func crashes(short, usual, long int) int {
	switch {
	case os.Getenv(crashVariable) != "":
		return long
	case testing.Short():
		return short
	}
	return usual
}

// A tally is what happened in some rounds.
type tally struct {
	mu sync.Mutex

	kills, twice        int // twice: also in the middle of the recovery
	orders, conversions int
	repeated            int             // answers that were given again
	unanswered, done    int             // orders without an answer, and how many of them had been carried out
	first               []time.Duration // how long the first answers took
}

// The server is killed at a random instant while eight writers give it orders, and
// started again on the same file. Nothing that was acknowledged is lost, nothing is
// there twice or without an order, and the books are right. Orders without an answer
// are repeated, and are then carried out exactly once.
func TestCrash(t *testing.T) {
	t.Parallel()
	binary := build(t)
	// A file is checked as a whole in each round, so it is kept small.
	const roundsOnAFile = 10
	var all tally
	t.Cleanup(func() { all.judge(t) })
	for file := range crashes(200, 200, 1000) / roundsOnAFile {
		t.Run(strconv.Itoa(file), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "refgrow.db")
			r := newRush(t, path, newRandom(t), servingWith(binary, path))
			for round := range roundsOnAFile {
				if r.crash(&all); t.Failed() {
					t.Fatalf("in round %d", round)
				}
			}
			verifyWith(t, binary, path)
			all.add(r)
		})
	}
}

// judge reports what happened in all rounds.
func (a *tally) judge(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return
	}
	slices.Sort(a.first)
	half, slowest := a.first[len(a.first)/2], a.first[len(a.first)-1]
	t.Logf("%d kills, %d of them twice; %d orders, %d conversions, none lost or twice; %d answers given again; "+
		"%d orders without an answer, %d of which had been carried out; "+
		"half of the first answers within %v, 99 of 100 within %v, the slowest after %v",
		a.kills, a.twice, a.orders, a.conversions, a.repeated, a.unanswered,
		a.done, half, a.first[len(a.first)*99/100], slowest)
	// A machine with nothing else to do gives all of them within a second.
	if half > time.Second || slowest > 10*time.Second {
		t.Error("the first answers come too late")
	}
	if a.kills >= 200 && (a.done == 0 || a.done == a.unanswered) {
		t.Error("the kills are not at random instants")
	}
}

func (a *tally) add(r *rush) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range r.writers {
		a.orders += w.made
	}
	a.conversions += len(r.promises.sales)
	a.repeated += r.promises.repeated
}

// crash is one round.
func (r *rush) crash(all *tally) {
	r.t.Helper()
	waiting := r.load(func() {
		r.anInstant(50*time.Millisecond, 100*time.Millisecond)
		r.server.kill()
	})
	twice := 0
	if r.random.IntN(8) == 0 {
		twice = 1
		r.killEarly()
	}
	first := r.restart()
	found := r.look(waiting)
	found.expectNothing(r.t)
	r.makeGood(waiting)
	r.lookAgain().expectNothing(r.t)

	all.mu.Lock()
	defer all.mu.Unlock()
	all.kills++
	all.twice += twice
	all.unanswered += len(waiting)
	all.done += found.done
	all.first = append(all.first, first)
}

// killEarly kills the server while it is starting.
func (r *rush) killEarly() {
	r.t.Helper()
	cmd := r.server.start(r.t.Context())
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.moment(0, 20*time.Millisecond)
	if err := cmd.Process.Kill(); err != nil {
		r.t.Error(err)
	}
	_ = cmd.Wait() // it was killed
}

// A server that is told to stop while eight writers give it orders ends with exit
// code 0. What it acknowledged is in the file, and everything that it did was
// acknowledged: a writer without that got a refusal, and nothing was done.
func TestStoppedUnderLoad(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM on Windows")
	}
	file := filepath.Join(t.TempDir(), "refgrow.db")
	binary := build(t)
	r := newRush(t, file, newRandom(t), servingWith(binary, file))
	var slowest time.Duration
	refusals := make(map[string]int)
	rounds := crashes(3, 10, 100)
	for round := range rounds {
		waiting := r.load(func() {
			r.moment(50*time.Millisecond, 100*time.Millisecond)
			began := time.Now()
			r.stop()
			slowest = max(slowest, time.Since(began))
		})
		for _, w := range r.writers {
			if w.waiting != nil {
				refusals[refusal(t, w.refusal)]++
			}
		}
		found := r.look(waiting)
		found.expectNothing(t)
		if found.done > 0 {
			t.Errorf("%d of %d orders without an answer were carried out", found.done, len(waiting))
		}
		r.restart()
		r.makeGood(waiting)
		if r.lookAgain().expectNothing(t); t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("stopped %d times, at most for %v, with %d conversions; refusals: %v",
		rounds, slowest, len(r.promises.sales), refusals)
}

// stop tells the server to stop and waits until it has.
func (r *rush) stop() {
	if err := r.server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Error(err)
	}
	if err := r.server.cmd.Wait(); err != nil {
		r.t.Errorf("the server did not end well: %v\n%s", err, r.server.log)
	}
}

// refusal names a refusal, which has to be a clear one.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var answered *unavailable
	switch {
	case errors.As(err, &answered) && answered.status == 503:
		return "503"
	case strings.Contains(err.Error(), "server closed idle connection"): // net/http exports no such error
		return "closed"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		return "closed"
	}
	t.Errorf("this is not a clear refusal: %v", err)
	return "unclear"
}
