package backend

import (
	"errors"
	"sync"
	"testing"
)

func TestFailedRow(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	var n int
	row := FailedRow(boom)
	if row.Err() != boom {
		t.Error(row.Err())
	}
	if err := row.Scan(&n); err != boom {
		t.Error(err)
	}
}

func TestReentry(t *testing.T) {
	t.Parallel()
	var r Reentry
	if r.Inside() {
		t.Error("nobody entered")
	}
	leave := r.Enter()
	again := r.Enter()
	var wg sync.WaitGroup
	wg.Go(func() {
		if r.Inside() {
			t.Error("another goroutine counts as inside")
		}
	})
	wg.Wait()
	again()
	if !r.Inside() {
		t.Error("not inside between Enter and leave")
	}
	leave()
	if r.Inside() || len(r.ids) != 0 {
		t.Error("still inside")
	}
}
