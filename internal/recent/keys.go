package recent

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// A Digest is the hash of a whole token, under which its key is remembered.
type Digest = [sha256.Size]byte

// A Key is an API key that works, as its row was when it was read.
type Key struct {
	ID, ProjectID     int64
	ProjectName, Name string
	ReadOnly          bool
	CreatedAt         time.Time
	// Hash is bcrypt's hash of the secret. As long as the row has the same one, the
	// secret need not be checked again.
	Hash string
}

// Keys remembers keys that were verified. It holds valid keys only, so that nobody can
// fill it with guesses. It is safe for concurrent use.
type Keys struct {
	mu          sync.Mutex
	known       map[Digest]dated[Key]
	checks      map[Digest]*check
	revocations int // in this process
}

// A check of a secret is under way until done is closed.
type check struct {
	done chan struct{}
	err  error
}

// NewKeys returns an empty memory of keys.
func NewKeys() *Keys {
	return &Keys{known: make(map[Digest]dated[Key]), checks: make(map[Digest]*check)}
}

// Find returns what is known about a key, whether that can be trusted without reading
// its row again, and the number of revocations so far, for Keep.
func (k *Keys) Find(digest Digest, now time.Time) (key Key, recent bool, revocations int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	known, ok := k.known[digest]
	return known.value, ok && known.recent(now), k.revocations
}

// Once runs the check of a secret. Calls for the same key that arrive in the meantime
// wait for its result instead of running their own.
func (k *Keys) Once(digest Digest, run func() error) error {
	k.mu.Lock()
	running, ok := k.checks[digest]
	if ok {
		k.mu.Unlock()
		<-running.done
		return running.err
	}
	running = &check{done: make(chan struct{})}
	k.checks[digest] = running
	k.mu.Unlock()

	running.err = errors.New("the check did not return")
	defer func() {
		close(running.done)
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.checks, digest)
	}()
	running.err = run()
	return running.err
}

// Keep remembers a key that was verified, unless any was revoked since Find: it may
// have been this one.
func (k *Keys) Keep(digest Digest, key Key, readAt time.Time, revocations int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if revocations != k.revocations {
		return
	}
	if _, known := k.known[digest]; !known && len(k.known) >= maxKnown {
		for some := range k.known {
			delete(k.known, some)
			break
		}
	}
	k.known[digest] = dated[Key]{key, readAt}
}

// Forget drops a key that was revoked.
func (k *Keys) Forget(id int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.revocations++
	for digest, known := range k.known {
		if known.value.ID == id {
			delete(k.known, digest)
		}
	}
}
