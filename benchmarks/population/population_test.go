package population

import (
	"slices"
	"testing"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	size := Size{Affiliates: 500, Customers: 2000, Conversions: 20_000}
	var events []Event
	currencies := map[string]int{}
	var refunds, hottest, uncredited int
	for e := range New(7, size).History() {
		if n := len(events); n > 0 && e.At.Before(events[n-1].At) {
			t.Fatalf("event %d is before the one before it", n)
		}
		events = append(events, e)
		if e.Refunded > 0 {
			refunds++
			if e.Refunded > e.Base {
				t.Errorf("%d of %d are refunded", e.Refunded, e.Base)
			}
			continue
		}
		currencies[e.Currency]++
		switch e.Credited() {
		case 0:
			hottest++
		case Nobody:
			uncredited++
		}
	}
	if purchases := len(events) - refunds; purchases != size.Conversions {
		t.Errorf("%d purchases", purchases)
	}
	if refunds < 400 || refunds > 800 || len(currencies) != 3 || hottest < 300 || uncredited == 0 {
		t.Errorf("%d refunds, %v, %d of the hottest, %d of nobody", refunds, currencies, hottest, uncredited)
	}
	if again := slices.Collect(New(7, size).History()); !slices.Equal(events, again) {
		t.Error("the same seed makes another history")
	}
	if other := slices.Collect(New(8, size).History()); slices.Equal(events, other) {
		t.Error("another seed makes the same history")
	}
}

func TestRecordID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, kind := range []byte{'a', 'c'} {
		for n := range 10_000 {
			id := RecordID(kind, n)
			if len(id) != 15 || seen[id] {
				t.Fatalf("%d of %c is %q", n, kind, id)
			}
			seen[id] = true
		}
	}
}
