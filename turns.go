package refgrow

import (
	"context"
	"sync"
)

// turns lets one caller at a time through for each key.
type turns struct {
	mu   sync.Mutex
	held map[string]*turn
}

type turn struct {
	taken chan struct{} // holds a value while somebody has the turn
	users int           // who has it, and who waits for it
}

// take waits for the turn of a key. The caller gives it back with what it returns.
// Errors: that of ctx.
func (t *turns) take(ctx context.Context, key string) (back func(), err error) {
	t.mu.Lock()
	if t.held == nil {
		t.held = make(map[string]*turn)
	}
	own := t.held[key]
	if own == nil {
		own = &turn{taken: make(chan struct{}, 1)}
		t.held[key] = own
	}
	own.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(t.held, key)
		}
	}
	select {
	case own.taken <- struct{}{}:
		return func() { <-own.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
