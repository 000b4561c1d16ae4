package recent

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func start() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) }

func digest(n int) (d Digest) {
	copy(d[:], strconv.Itoa(n))
	return d
}

// A key is trusted for a second by the caller's clock. What is known about it is
// returned after that as well, because its secret need not be checked again.
func TestKeysAreBelievedForASecond(t *testing.T) {
	t.Parallel()
	keys := NewKeys()
	if key, recent, _ := keys.Find(digest(1), start()); recent || key != (Key{}) {
		t.Errorf("an unknown key is %+v", key)
	}
	kept := Key{ID: 1, ProjectID: 2, ProjectName: "shop", Name: "ci", ReadOnly: true, CreatedAt: start(), Hash: "hash"}
	keys.Keep(digest(1), kept, start(), 0)
	for after, want := range map[time.Duration]bool{
		0: true, time.Second - 1: true, time.Second: false, -1: false, time.Hour: false,
	} {
		if key, recent, _ := keys.Find(digest(1), start().Add(after)); recent != want || key != kept {
			t.Errorf("after %v the key is %+v, recent: %t", after, key, recent)
		}
	}
	if _, recent, _ := keys.Find(digest(2), start()); recent {
		t.Error("another key is known")
	}
}

func TestRevokedKeysAreForgotten(t *testing.T) {
	t.Parallel()
	keys := NewKeys()
	for n := range 3 {
		keys.Keep(digest(n), Key{ID: int64(n % 2)}, start(), 0)
	}
	_, _, before := keys.Find(digest(3), start())
	keys.Forget(0)
	for n, want := range []bool{false, true, false} {
		if _, recent, _ := keys.Find(digest(n), start()); recent != want {
			t.Errorf("key %d is known: %t", n, recent)
		}
	}
	keys.Keep(digest(3), Key{ID: 0}, start(), before)
	if _, recent, _ := keys.Find(digest(3), start()); recent {
		t.Error("a key whose row was read before a revocation is known")
	}
	_, _, after := keys.Find(digest(3), start())
	keys.Keep(digest(3), Key{ID: 3}, start(), after)
	if _, recent, _ := keys.Find(digest(3), start()); !recent {
		t.Error("a key whose row was read after a revocation is not known")
	}
}

func TestKnownKeysAreBounded(t *testing.T) {
	t.Parallel()
	keys := NewKeys()
	for n := range maxKnown + 10 {
		keys.Keep(digest(n), Key{}, start(), 0)
		if _, recent, _ := keys.Find(digest(n), start()); !recent {
			t.Fatalf("key %d, the newest, is not known", n)
		}
	}
	if len(keys.known) != maxKnown {
		t.Errorf("%d keys are known", len(keys.known))
	}
}

func TestOnceRunsOneCheckAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys, wrong := NewKeys(), errors.New("wrong")
		var runs atomic.Int64
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				err := keys.Once(digest(1), func() error {
					runs.Add(1)
					time.Sleep(time.Second) // until all others wait
					return wrong
				})
				if !errors.Is(err, wrong) {
					t.Errorf("the check returned %v", err)
				}
			})
		}
		all.Wait()
		if runs.Load() != 1 {
			t.Errorf("there were %d checks", runs.Load())
		}
		if err := keys.Once(digest(1), func() error { return nil }); err != nil {
			t.Errorf("a later check returned %v", err)
		}
	})
}

// A check that panics lets in nobody who waits for it, and does not stop later checks.
func TestOnceSurvivesAPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys := NewKeys()
		go func() {
			defer func() { _ = recover() }()
			_ = keys.Once(digest(1), func() error {
				time.Sleep(time.Second)
				panic("check")
			})
		}()
		synctest.Wait()
		if err := keys.Once(digest(1), func() error { return nil }); err == nil {
			t.Error("whoever waited for a check that did not return was let in")
		}
		synctest.Wait()
		if err := keys.Once(digest(1), func() error { return nil }); err != nil {
			t.Errorf("a later check returned %v", err)
		}
	})
}
