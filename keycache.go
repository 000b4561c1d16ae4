package refgrow

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

type keyDigest = [sha256.Size]byte

// maxKnownKeys bounds the cache; beyond it, some keys are verified anew.
const maxKnownKeys = 10_000

// A keyCache remembers keys that were verified. It holds right keys only, so
// that nobody without one can fill it.
type keyCache struct {
	mu          sync.Mutex
	known       map[keyDigest]verifiedKey
	verifying   map[keyDigest]*bcryptRun
	revocations int // in this process
}

// A verifiedKey is right as of checkedAt, when its row was read.
type verifiedKey struct {
	Key
	hash      string // bcrypt's, of the row
	checkedAt time.Time
}

// A bcryptRun is one that others wait for.
type bcryptRun struct {
	done chan struct{}
	err  error
}

func newKeyCache() *keyCache {
	return &keyCache{known: make(map[keyDigest]verifiedKey), verifying: make(map[keyDigest]*bcryptRun)}
}

func (k verifiedKey) opens(e *Engine) (*Key, *Project, error) {
	key := k.Key
	return &key, &Project{engine: e, backend: e.backend, id: key.ProjectID, name: key.ProjectName}, nil
}

// find gives what is known of a key, whether its row was read recently enough
// to be believed, and the number of revocations so far, for keep.
func (c *keyCache) find(digest keyDigest, now time.Time) (k verifiedKey, fresh bool, revocations int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.known[digest]
	age := now.Sub(k.checkedAt)
	return k, ok && 0 <= age && age < recheckAfter, c.revocations
}

// once runs the check of a key; calls that come with the same key meanwhile
// wait for its result.
func (c *keyCache) once(digest keyDigest, check func() error) error {
	c.mu.Lock()
	running, ok := c.verifying[digest]
	if ok {
		c.mu.Unlock()
		<-running.done
		return running.err
	}
	running = &bcryptRun{done: make(chan struct{})}
	c.verifying[digest] = running
	c.mu.Unlock()

	running.err = errors.New("the check did not return")
	defer func() {
		close(running.done)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.verifying, digest)
	}()
	running.err = check()
	return running.err
}

// keep remembers a verified key, unless any was revoked since its row was read:
// it may have been this one.
func (c *keyCache) keep(digest keyDigest, k verifiedKey, revocations int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if revocations != c.revocations {
		return
	}
	if _, known := c.known[digest]; !known && len(c.known) >= maxKnownKeys {
		for some := range c.known {
			delete(c.known, some)
			break
		}
	}
	c.known[digest] = k
}

// forget drops what is remembered of a key that was revoked.
func (c *keyCache) forget(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revocations++
	for digest, k := range c.known {
		if k.ID == id {
			delete(c.known, digest)
		}
	}
}
