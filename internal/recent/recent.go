// Package recent answers from memory what the database answered less than a second ago:
// API keys in keys.go, and what every visit asks for in visits.go. It is the only place
// that decides how long such an answer is trusted, and so how long a change made by
// another process can go unnoticed. It reads neither a clock nor a database: its
// callers say what time it is, and what they have read.
package recent

import "time"

// lifetime is how long an answer is trusted.
const lifetime = time.Second

// maxKnown bounds the keys and the codes in memory; beyond it, some are dropped and
// read again.
const maxKnown = 10_000

// A dated value was read from the database at some time.
type dated[T any] struct {
	value  T
	readAt time.Time
}

// recent reports whether the value can be trusted now. One from the future was read
// before the clock was set back.
func (d dated[T]) recent(now time.Time) bool {
	age := now.Sub(d.readAt)
	return 0 <= age && age < lifetime
}
