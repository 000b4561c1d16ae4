package population

import (
	"iter"
	"math/rand/v2"
	"time"
)

// An Event of a shop's history is a purchase or, later, its refund.
type Event struct {
	At time.Time
	// Purchase is the number of the purchase, counted from 0.
	Number int
	Purchase
	// Refunded is the part of the base value that is refunded; 0 in a purchase.
	Refunded int64
}

// History returns what happened in the year, in order. Of a hundred purchases three are
// refunded within about a month, every other one of those in full.
func (w *World) History() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		shopper := w.Shopper(0, 0)
		r := rand.New(rand.NewPCG(w.Seed, 3))
		due := make(map[int][]Event)
		// The first week belongs to the customers, the last hour to nobody.
		begin, length := Start.Add(8*24*time.Hour), End.Add(-time.Hour).Sub(Start.Add(8*24*time.Hour))
		step := length / time.Duration(max(w.Conversions, 1))
		for n := range w.Conversions {
			at := begin.Add(step * time.Duration(n))
			for _, refund := range due[n] {
				refund.At = at
				if !yield(refund) {
					return
				}
			}
			delete(due, n)
			purchase := Event{At: at, Number: n, Purchase: shopper.Draw()}
			if !yield(purchase) {
				return
			}
			if r.IntN(100) < 3 {
				purchase.Refunded = purchase.Base
				if r.IntN(2) == 0 {
					purchase.Refunded = 1 + r.Int64N(purchase.Base)
				}
				when := n + 1 + r.IntN(w.Conversions/12+1)
				due[when] = append(due[when], purchase)
			}
		}
	}
}
