package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// Another process holds the lock: a deadline is kept by the leader and by those queued
// after it, and everything works again once the lock is free.
func TestLockedByAnother(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{LockWait: time.Hour})
	unlock := locked(t, d)
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			var err error
			if i == 4 {
				err = d.Tx(ctx, func(*sql.Tx) error { return nil })
			} else {
				err = d.Backend().Atomic(ctx, d.inserting(fmt.Sprint("late", i)))
			}
			if !errors.Is(err, backend.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("answered after %v", took)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		if err := d.Backend().Atomic(ctx, d.inserting("cancelled")); err != context.Canceled {
			t.Error(err)
		}
	})
	patient := make(chan error, 1)
	go func() { patient <- d.atomic(d.inserting("patient")) }()
	eventually(t, "all wait", func() bool { return d.writer.Waiting() == 7 })
	if got := names(t, d); got != "" { // reads go on
		t.Error(got)
	}
	cancel()
	wg.Wait()
	unlock()
	if err := <-patient; err != nil {
		t.Error(err)
	}
	if got := names(t, d); got != "patient" {
		t.Error(got)
	}
}

// holder is not a test: it is the other process of TestLockedByProcess, which holds the
// lock until its input ends.
const holder = "REFGROW_TEST_HOLDS_LOCK_OF"

func TestHolder(t *testing.T) {
	path := os.Getenv(holder)
	if path == "" {
		t.Skip("runs in a process of its own")
	}
	d, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = d.Tx(context.Background(), func(*sql.Tx) error {
		fmt.Println("locked")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLockedByProcess(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	other := exec.Command(os.Args[0], "-test.run=^TestHolder$")
	other.Env = append(os.Environ(), holder+"="+d.Path())
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "locked\n" {
		t.Fatal(line, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := d.Backend().Atomic(ctx, d.inserting("late")); !errors.Is(err, backend.ErrBusy) {
		t.Error(err)
	}
	patient := make(chan error, 1)
	go func() { patient <- d.atomic(d.inserting("patient")) }()
	eventually(t, "it waits", func() bool { return d.writer.Waiting() == 1 })
	stdin.Close()
	if err := <-patient; err != nil {
		t.Error(err)
	}
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
}

// Without a deadline, each waits as long as the options say.
func TestLockWait(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{LockWait: 150 * time.Millisecond})
	unlock := locked(t, d)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if err := d.atomic(d.inserting(fmt.Sprint(i))); !errors.Is(err, backend.ErrBusy) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took < 150*time.Millisecond || took > time.Minute {
		t.Errorf("waited %v", took)
	}
	unlock()
	if err := d.atomic(d.inserting("a")); err != nil {
		t.Error(err)
	}
}

// A batch that has to be run again finds the lock taken: its operations cannot leave,
// but their wait is bounded.
func TestLockedBetweenRuns(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{LockWait: 100 * time.Millisecond})
	var unlock func()
	grab := make(chan struct{})
	errs := d.together(t, d.inserting("a"),
		backend.Work{Foreign: true, Run: func(ctx context.Context, tx *backend.Tx) error {
			if unlock != nil {
				return nil
			}
			if err := d.insert(ctx, "bomb"); err == nil {
				t.Error("no error")
			}
			// The lock is free now, and another process is quicker.
			unlock = locked(t, d)
			close(grab)
			return nil
		}}, d.inserting("b"))
	<-grab
	for _, err := range errs {
		if !errors.Is(err, backend.ErrBusy) {
			t.Error(err)
		}
	}
	unlock()
	if err := d.atomic(d.inserting("c")); err != nil {
		t.Error(err)
	}
	if got := names(t, d); got != "c" {
		t.Error(got)
	}
}

// A deadline is also kept when the lock is lost to somebody else between two runs.
func TestDeadlineBetweenRuns(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{LockWait: time.Hour})
	unlock := func() {}
	defer func() { unlock() }()
	ran := 0
	loses := func(kind backend.Work) backend.Work {
		kind.Run = func(ctx context.Context, tx *backend.Tx) error {
			if ran++; ran > 1 {
				return nil
			}
			if err := d.insert(ctx, "bomb"); err == nil {
				t.Error("no error")
			}
			unlock = locked(t, d)
			return errBoom
		}
		return kind
	}
	for _, kind := range []backend.Work{{Foreign: true}, {WritesLast: true}} {
		ran = 0
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		start := time.Now()
		err := d.Backend().Atomic(ctx, loses(kind))
		cancel()
		if !errors.Is(err, backend.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("answered after %v", took)
		}
		unlock()
	}
	conn := d.writer.session.conn
	if err := d.atomic(d.inserting("a")); err != nil || names(t, d) != "a" {
		t.Error(err, names(t, d))
	}
	if d.writer.session.conn != conn || conn == nil {
		t.Error("a healthy connection was given up")
	}
}

// The same for one that leads others, which stay.
func TestLeaderLeavesBetweenRuns(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	unlock, ran := func() {}, 0
	works := []backend.Work{
		d.inserting("leader"),
		{Foreign: true, Run: d.inserting("foreign").Run}, // has had its turn when it goes back into the queue
		{Foreign: true, Run: func(ctx context.Context, tx *backend.Tx) error {
			if ran++; ran > 1 {
				return d.insert(ctx, "stays")
			}
			if err := d.insert(ctx, "bomb"); err == nil {
				t.Error("no error")
			}
			unlock = locked(t, d)
			time.AfterFunc(50*time.Millisecond, cancel)
			return errBoom
		}},
	}
	errs := make([]chan error, len(works))
	if err := d.Tx(context.Background(), func(*sql.Tx) error {
		for i, work := range works {
			own := context.Background()
			if i == 0 {
				own = ctx
			}
			errs[i] = make(chan error, 1)
			go func() { errs[i] <- d.Backend().Atomic(own, work) }()
			eventually(t, "it waits", func() bool { return d.writer.Waiting() == i+1 })
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-errs[0]:
		if err != context.Canceled {
			t.Error(err)
		}
	case <-time.After(2 * time.Second):
		t.Error("the leader does not leave")
	}
	unlock()
	if err := errors.Join(<-errs[1], <-errs[2]); err != nil {
		t.Error(err)
	}
	if got := names(t, d); got != "foreign stays" || entries(t, d) != 1 {
		t.Error(got, entries(t, d))
	}
}

// An operation that waits for somebody's slow foreign work leaves when its context
// ends, even if both were there when the batch began.
func TestLeaveBehindForeign(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	left, goOn := make(chan error, 1), make(chan struct{})
	slow := backend.Work{Foreign: true, Run: func(ctx context.Context, tx *backend.Tx) error {
		cancel()
		<-goOn
		return d.insert(ctx, "slow")
	}}
	go func() {
		defer close(goOn)
		select {
		case err := <-left:
			if err != context.Canceled {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Error("it does not leave")
		}
	}()
	waits := func(work backend.Work) (ended chan error) {
		ended, before := make(chan error, 1), d.writer.Waiting()
		go func() { ended <- d.atomic(work) }()
		eventually(t, "it waits", func() bool { return d.writer.Waiting() == before+1 })
		return ended
	}
	var others [2]chan error
	if err := d.Tx(context.Background(), func(*sql.Tx) error {
		others[0] = waits(slow)
		go func() { left <- d.Backend().Atomic(ctx, d.inserting("left")) }()
		eventually(t, "it waits", func() bool { return d.writer.Waiting() == 2 })
		others[1] = waits(d.inserting("stays"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-others[0], <-others[1]); err != nil {
		t.Error(err)
	}
	if got := names(t, d); got != "slow stays" {
		t.Error(got)
	}
}

// Another process writes all the time, and releases the lock only for a moment between
// two of its transactions: the writer gets it in one of the next such moments.
func TestNotStarved(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{Durability: Normal})
	conn, err := otherProcess(t, d).Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	const inserts, most = 20, 150 // moments
	moments, holding := 0, make(chan struct{}, 1)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		defer conn.Close()
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if _, err := conn.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
				continue // it is the other's turn
			}
			select {
			case holding <- struct{}{}:
			default:
			}
			<-time.After(20 * time.Millisecond)
			if _, err := conn.ExecContext(context.Background(), "COMMIT"); err != nil {
				t.Error(err)
			}
			moments++
		}
	}()
	for i := range inserts {
		select {
		case <-holding: // it did so some time ago
		default:
		}
		<-holding
		if err := d.atomic(d.inserting(fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
	t.Logf("%d inserts took %d moments", inserts, moments)
	if moments > most {
		t.Errorf("%d inserts took %d moments, and should take at most %d", inserts, moments, most)
	}
}
