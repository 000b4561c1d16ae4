package ledger

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
)

// before and after are availabilities around now: what is at before is available.
const before, after = now - 1, now + 1

// writtenAfter are the entries that a book has beyond some number of them, as text, each with
// where it stands.
func (b *Book) writtenAfter(n int) string {
	where := map[int64]string{before: "before", now: "now", after: "after", released: "released"}
	var lines []string
	for _, e := range b.entries[n:] {
		line := fmt.Sprintf("%s %d %s", e.Kind, e.Amount, where[e.Available])
		if e.Payout != 0 {
			line += fmt.Sprintf(" of %d", e.Payout)
		}
		if e.Returned {
			line += " returned"
		}
		if e.Conversion != b.Conversion || e.Note != b.Note {
			line += fmt.Sprintf(" for %d %q", e.Conversion, e.Note)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

// Where each thing that may happen to a conversion stands, down to the smallest amount.
func TestWhereEntriesStand(t *testing.T) {
	t.Parallel()
	earn := func(amount, available int64) Entry {
		return Entry{Kind: Commission, Amount: amount, Available: available}
	}
	settle := func(amount, available, payout int64) Entry {
		return Entry{Kind: Settlement, Amount: amount, Available: available, Payout: payout}
	}
	moveTo := func(target int64) func(*Book) {
		return func(b *Book) { b.MoveTo(target, Correction, now) }
	}
	for _, c := range []struct {
		name string
		has  []Entry
		do   func(*Book)
		want string
	}{
		{"the first of it", nil, moveTo(1), "correction 1 released"},
		{"nothing more", []Entry{earn(5, after)}, moveTo(5), ""},
		{"one more", []Entry{earn(5, before)}, moveTo(6), "correction 1 released"},
		{"one less", []Entry{earn(5, before), earn(7, after)}, moveTo(11), "correction -1 after"},
		{"less, in any order", []Entry{earn(7, after), earn(5, before)}, moveTo(4),
			"correction -7 after, correction -1 before"},
		{"one less of what is settled", []Entry{earn(5, after), settle(-5, after, 0)}, moveTo(4), "correction -1 now"},
		{"less of what is settled in part", []Entry{earn(5, after), settle(-3, after, 0)}, moveTo(1),
			"correction -2 after, correction -2 now"},
		{"less of what is owed", []Entry{earn(5, after), settle(-7, after, 0)}, moveTo(3), "correction -2 now"},
		{"more of what is owed", []Entry{earn(5, after), settle(-7, after, 0), earn(-1, before)}, moveTo(6),
			"correction 1 before, correction 1 after"},
		{"more than what is owed", []Entry{settle(-2, after, 0), settle(-1, before, 0)}, moveTo(9),
			"correction 1 before, correction 2 after, correction 6 released"},
		{"more beside what is unsettled", []Entry{earn(5, before), settle(-5, now, 0)}, moveTo(7), "correction 2 now"},

		{"settling one", []Entry{earn(1, after)}, (*Book).Settle, "settlement -1 after"},
		{"settling all", []Entry{earn(4, released), earn(2, before), earn(1, after)}, (*Book).Settle,
			"settlement -2 before, settlement -1 after, settlement -4 released"},
		{"settling one beside a debt", []Entry{earn(3, before), settle(-2, after, 7)}, (*Book).Settle,
			"settlement -3 before, settlement 2 after"},
		{"settling nothing beside a debt", []Entry{earn(3, before), settle(-3, after, 7)}, (*Book).Settle, ""},
		{"settling a debt", []Entry{earn(3, before), settle(-4, after, 7)}, (*Book).Settle, ""},
		{"taking back nothing", []Entry{earn(3, after), settle(-3, after, 7)}, (*Book).Unsettle, ""},
		{"taking back one", []Entry{earn(4, after), settle(-3, after, 7), settle(-1, after, 0)}, (*Book).Unsettle,
			"settlement 1 released"},
		{"taking back what is owed", []Entry{settle(-3, after, 0)}, (*Book).Unsettle, "settlement 3 after"},

		{"a return", []Entry{earn(4, before), settle(-4, before, 1)}, func(b *Book) { b.Return(1, now) },
			"settlement 4 now of 1 returned"},
		{"a return of one", []Entry{earn(1, before), settle(-1, before, 1)}, func(b *Book) { b.Return(1, now) },
			"settlement 1 now of 1 returned"},
		{"a return after a refund", []Entry{earn(4, before), settle(-4, before, 2), earn(-3, after)},
			func(b *Book) { b.Return(2, now) }, "settlement 3 after of 2 returned, settlement 1 now of 2 returned"},
		{"a return of a debt", []Entry{earn(-4, before), settle(4, before, 2)}, func(b *Book) { b.Return(2, now) },
			"settlement -4 now of 2 returned"},
		{"a return of a debt of one", []Entry{earn(6, after), earn(-1, before), settle(1, before, 2)},
			func(b *Book) { b.Return(2, now) }, "settlement -1 after of 2 returned"},
		{"a return of one of several", []Entry{
			earn(9, before), settle(-4, before, 2), settle(-2, before, 3), settle(-3, before, 0),
		}, func(b *Book) { b.Return(3, now) }, "settlement 2 now of 3 returned"},
		{"a return of what came back", []Entry{
			earn(2, before), settle(-2, before, 2), {Kind: Settlement, Amount: 2, Available: now, Payout: 2, Returned: true},
		}, func(b *Book) { b.Return(2, now) }, "settlement 2 now of 2 returned"},
		{"something after a return", []Entry{earn(4, before), settle(-4, before, 2)}, func(b *Book) {
			b.Return(2, now)
			b.MoveTo(7, Correction, now)
			b.Settle()
		}, "settlement 4 now of 2 returned, correction 3 released, settlement -4 now, settlement -3 released"},
	} {
		b := newBook()
		b.Note, b.entries = "a note", slices.Clone(c.has)
		c.do(b)
		if got := b.writtenAfter(len(c.has)); got != c.want {
			t.Errorf("%s: written is\n%q, want\n%q", c.name, got, c.want)
		}
	}
}

// What a row of the ledger says is what a book knows of it.
func TestBookOfRows(t *testing.T) {
	t.Parallel()
	c := &db.Conversion{ID: 9, AffiliateID: new(int64(7)), Currency: "USD", AvailableAt: released}
	b := BookOf([]db.LedgerEntry{
		{AffiliateID: 7, Currency: "USD", Kind: string(Settlement), Amount: 30, AvailableAt: after, PayoutID: new(int64(4)),
			Returned: 1},
		{AffiliateID: 8, Currency: "USD", Kind: string(Commission), Amount: 1, AvailableAt: after},
		{AffiliateID: 7, Currency: "EUR", Kind: string(Commission), Amount: 1, AvailableAt: after},
		{AffiliateID: 7, Currency: "USD", Kind: string(Settlement), Amount: -20, AvailableAt: before,
			PayoutID: new(int64(4))},
		{AffiliateID: 7, Currency: "USD", Kind: string(Commission), Amount: 55, AvailableAt: now},
	}, c)
	want := []Entry{
		{Kind: Settlement, Amount: 30, Available: after, Payout: 4, Returned: true},
		{Kind: Settlement, Amount: -20, Available: before, Payout: 4},
		{Kind: Commission, Amount: 55, Available: now},
	}
	if !slices.Equal(b.entries, want) || b.Conversion != 9 || b.Available != released {
		t.Errorf("the book is %+v", b)
	}
	if b.CameBack() != 30 || b.Earned() != 55 || b.ByPayouts() != -10 || b.Settled() != -10 || b.Unsettled() != 65 {
		t.Errorf("%d came back, earned are %d, settled %d, by payouts %d, unsettled %d",
			b.CameBack(), b.Earned(), b.Settled(), b.ByPayouts(), b.Unsettled())
	}
}

// What is open is what is left of each availability: what is available since the earliest
// of it, and what is held until the latest.
func TestOpen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Entry {
			return Entry{
				Kind: Commission, Amount: rapid.Int64Range(-2, 3).Draw(t, "amount"),
				Available: rapid.Int64Range(before-1, after+1).Draw(t, "available"),
			}
		}), 0, 6).Draw(t, "entries")
		reserved := entries[:rapid.IntRange(0, len(entries)).Draw(t, "reserved")]
		sums := make(map[int64]int64)
		for _, e := range entries[len(reserved):] {
			sums[e.Available] += e.Amount
		}
		var available, held Entry
		for _, at := range slices.Sorted(maps.Keys(sums)) {
			of := &available
			if at > now {
				of = &held
			}
			of.Amount += sums[at]
			if sums[at] > 0 && (of.Available == 0 || at > now) {
				of.Available = at
			}
		}
		b := newBook()
		b.entries = slices.Clone(entries)
		gotAvailable, gotHeld := b.Open(now, reserved)
		if gotAvailable != available || gotHeld != held {
			t.Fatalf("open are %+v and %+v, want %+v and %+v", gotAvailable, gotHeld, available, held)
		}
		if !slices.Equal(b.entries, entries) {
			t.Fatalf("the book has become %+v", b.entries)
		}
	})
}
