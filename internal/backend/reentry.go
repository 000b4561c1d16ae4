package backend

import (
	"bytes"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// ErrReentrant refuses an operation that was called from inside another one through a
// handle that is not bound to it: it would wait for itself.
var ErrReentrant = errors.New("an operation cannot call the engine again while it runs: " +
	"use the handle that it was given")

// Reentry knows which goroutines are inside an operation that runs foreign code,
// so that a call from there to the backend itself, which would wait for its own
// transaction, can be refused. While no such operation runs, asking costs one
// atomic load. A call made by another goroutine that the operation waits for
// is not recognised.
type Reentry struct {
	running atomic.Int32
	mu      sync.Mutex
	ids     map[uint64]int
}

// Enter notes the calling goroutine; the result forgets it.
func (r *Reentry) Enter() (leave func()) {
	id := goroutineID()
	r.mu.Lock()
	if r.ids == nil {
		r.ids = make(map[uint64]int, 1)
	}
	r.ids[id]++
	r.mu.Unlock()
	r.running.Add(1)
	return func() {
		r.running.Add(-1)
		r.mu.Lock()
		if r.ids[id]--; r.ids[id] == 0 {
			delete(r.ids, id)
		}
		r.mu.Unlock()
	}
}

// Inside reports whether the calling goroutine is between Enter and leave.
func (r *Reentry) Inside() bool {
	if r.running.Load() == 0 {
		return false
	}
	id := goroutineID()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[id] > 0
}

// Refuse returns ErrReentrant to a goroutine that is inside.
func (r *Reentry) Refuse() error {
	if r.Inside() {
		return ErrReentrant
	}
	return nil
}

// goroutineID reads the number from the first line of the stack's text,
// "goroutine 18 [running]:", for which the runtime offers nothing else.
func goroutineID() uint64 {
	var buf [64]byte
	line := buf[:runtime.Stack(buf[:], false)]
	fields := bytes.Fields(line)
	if len(fields) < 2 {
		return 0
	}
	id, _ := strconv.ParseUint(string(fields[1]), 10, 64)
	return id
}
