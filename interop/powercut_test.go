//go:build linux

package interop

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/sqlite"
)

// cuts chooses how often the power is cut.
func cuts(usual, long int) int {
	if os.Getenv(powerCutVariable) != "" {
		return long
	}
	return usual
}

// cutUnderLoad loads the server until the power is cut, and then restores the power.
//
// What is answered after the beginning of the cut does not count: with a real one there
// would no longer be anybody who could answer. The simulated one lets processes live on
// for a moment, and sometimes tells them that an fsync that was under way has succeeded
// when it has not.
func (r *rush) cutUnderLoad(d *disk) (waiting []*order) {
	r.t.Helper()
	waiting = r.load(func() {
		r.answers(8) // a busy machine must have something to lose
		r.anInstant(50*time.Millisecond, 300*time.Millisecond)
		r.promises.end(true)
		d.cut()
		r.server.kill()
	})
	r.promises.end(false)
	d.restore()
	return waiting
}

// The power is cut at a random instant while eight writers give orders to the server.
// Nothing that was acknowledged is lost.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	random, binary := newRandom(t), build(t)
	file := filepath.Join(d.dir, "refgrow.db")
	r := newRush(t, file, random, servingWith(binary, file))
	rounds := cuts(3, 30)
	unanswered, done := 0, 0
	for round := range rounds {
		waiting := r.cutUnderLoad(d)
		r.restart()
		found := r.look(waiting)
		found.expectNothing(t)
		unanswered += len(waiting)
		done += found.done
		r.makeGood(waiting)
		if r.lookAgain().expectNothing(t); t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	verifyWith(t, binary, file)
	t.Logf("%d power cuts: %d conversions and %d payouts, none lost; "+
		"%d orders had no answer, %d of which had been carried out",
		rounds, len(r.promises.sales), len(r.promises.transfers), unanswered, done)
}

// The same loses a lot if commits do not wait for the disk, so the test above would
// notice it. What remains is whole all the same.
func TestPowerCutWithoutWaitingForTheDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	random := newRandom(t)
	rounds := cuts(2, 30)
	lost, made := 0, 0
	// The disk is fast, and the cuts are few: where none has hit, there are more.
	for round := 0; round < rounds || lost == 0 && round < 20; round++ {
		file := filepath.Join(d.dir, strconv.Itoa(round)+".db")
		r := newRush(t, file, random, func(ctx context.Context) *exec.Cmd {
			cmd := ourselves(ctx, serving, file)
			cmd.Env = append(cmd.Env, durabilityVariable+"="+string(sqlite.Normal))
			return cmd
		})
		waiting := r.cutUnderLoad(d)
		r.server.boot()
		found := r.look(waiting)
		if len(found.wrong) > 0 {
			t.Fatalf("round %d: %q", round, found.wrong)
		}
		lost += len(found.lost)
		made += len(r.promises.sales) + len(r.promises.transfers)
		r.server.kill()
	}
	t.Logf("power cuts: of %d conversions and payouts %d are lost or older than they were", made, lost)
	if lost == 0 {
		t.Error("nothing is lost, so power cuts prove nothing here")
	}
}

// The first key of a new database is shown only once. So it opens the server even if
// the power is cut right after it was shown. The same holds for a backup: when the
// command says that it is done, it is on the disk.
func TestPowerCutAfterTheFirstKey(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	binary := build(t)
	for round := range cuts(2, 30) {
		file := filepath.Join(d.dir, strconv.Itoa(round)+".db")
		ready, end := readyOn(t, binary, file)
		if ready.Key == nil {
			t.Fatal("no key was shown")
		}
		d.cut()
		end()
		d.restore()
		again, end := readyOn(t, binary, file)
		opens(t, again.URL, *ready.Key)

		backup := file + ".backup"
		if err := command(binary, "backup", "--db", file, "--to", backup); err != nil {
			t.Fatal(err)
		}
		d.cut()
		end()
		d.restore()
		restored, end := readyOn(t, binary, backup)
		opens(t, restored.URL, *ready.Key)
		end()
		verifyWith(t, binary, backup)
	}
}
