package ledger

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

const released, now = 1_000, 500

func newBook() *Book {
	return BookOf(nil, &db.Conversion{ID: 1, AffiliateID: new(int64(7)), Currency: "USD", AvailableAt: released})
}

// balances are what the entries of a book come to at an instant.
func (b *Book) balances(at int64) (eligible, held int64) {
	for _, e := range b.entries {
		if e.Available <= at {
			eligible += e.Amount
		} else {
			held += e.Amount
		}
	}
	return eligible, held
}

// A life is a book and the time that passes for it.
type life struct {
	*Book
	now     int64
	payouts [][]Entry // pending ones, each with what it reserves
	taken   map[int]bool
}

// step does something to the conversion. by are the kinds of things that may happen.
func (l *life) step(t *rapid.T, by int) {
	l.now += rapid.Int64Range(0, 300).Draw(t, "time")
	earned, settled := l.Earned(), l.Settled()
	switch rapid.IntRange(0, by).Draw(t, "what") {
	case 0, 1:
		target := rapid.Int64Range(0, 5_000).Draw(t, "target")
		l.MoveTo(target, Correction, l.now)
		if l.Earned() != target || l.Settled() != settled {
			t.Fatalf("moved to %d: earned %d, settled %d, want %d", target, l.Earned(), l.Settled(), settled)
		}
	case 2:
		l.Settle()
		if want := max(earned, settled); l.Earned() != earned || l.Settled() != want {
			t.Fatalf("settled %d of %d, want %d", l.Settled(), l.Earned(), want)
		}
		if earned > settled {
			for _, part := range l.parts() {
				if part.Amount != 0 {
					t.Fatalf("%d is left at %d", part.Amount, part.Available)
				}
			}
		}
	case 3:
		byHand := l.byHand()
		l.Unsettle()
		if l.Earned() != earned || l.byHand() != 0 || l.Settled() != settled-byHand {
			t.Fatalf("unsettled: earned %d, want %d, settled %d, want %d", l.Earned(), earned, l.Settled(), settled-byHand)
		}
	case 4:
		l.reserve()
	case 5:
		if len(l.payouts) > 0 {
			l.pay(rapid.IntRange(0, len(l.payouts)-1).Draw(t, "payout"))
		}
	}
}

// reserve makes a payout of all that is available and in none.
func (l *life) reserve() {
	var reserved []Entry
	for i, e := range l.entries {
		if !l.taken[i] && e.Payout == 0 && e.Available <= l.now {
			l.taken[i] = true
			reserved = append(reserved, e)
		}
	}
	l.payouts = append(l.payouts, reserved)
}

// pay settles what a payout reserves.
func (l *life) pay(n int) {
	for _, e := range l.payouts[n] {
		l.entries = append(l.entries, Entry{Kind: Settlement, Amount: -e.Amount, Available: e.Available, Payout: 1})
	}
	l.payouts = slices.Delete(l.payouts, n, n+1)
}

// crossed reports whether there is a debt beside something unsettled.
func (b *Book) crossed() bool {
	parts := b.parts()
	return slices.ContainsFunc(parts, func(e Entry) bool { return e.Amount < 0 }) &&
		slices.ContainsFunc(parts, func(e Entry) bool { return e.Amount > 0 })
}

// Whatever happens to a conversion by hand, its book says what was last written, and
// there is no debt beside something unsettled.
func TestBookKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := &life{Book: newBook(), now: now}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			l.step(t, 3)
			if l.crossed() {
				t.Fatalf("there is a debt beside something unsettled: %+v", l.parts())
			}
		}
		for _, e := range l.entries {
			if e.Amount == 0 {
				t.Fatalf("an entry with the amount 0: %+v", e)
			}
			if e.Available != released && e.Available > l.now {
				t.Fatalf("an entry available at another time: %+v", e)
			}
		}
	})
}

// What is taken back and given again leaves held and eligible as they were. Where a
// payout has settled a debt of a commission that is still held, a part of it is
// available before the rest, and what is given back is not; and payouts that crossed leave
// a debt beside something unsettled, which the next change nets: both are left out.
func TestTakenBackAndGivenAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := &life{Book: newBook(), now: now, taken: make(map[int]bool)}
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			l.step(t, 5)
		}
		if l.crossed() || released > l.now && slices.ContainsFunc(l.parts(), func(e Entry) bool {
			return e.Amount > 0 && e.Available <= l.now
		}) {
			return
		}
		earned, byHand := l.Earned(), l.byHand()
		eligible, held := l.balances(l.now)
		what := rapid.SampledFrom([]string{"refund", "move", "paid"}).Draw(t, "round")
		switch what {
		case "refund":
			l.MoveTo(rapid.Int64Range(0, earned).Draw(t, "left"), Reversal, l.now)
			l.MoveTo(earned, Correction, l.now)
		case "move":
			l.MoveTo(0, Reversal, l.now)
			l.MoveTo(earned, Commission, l.now)
		case "paid":
			if byHand != 0 { // all of it would be taken back
				return
			}
			l.Settle()
			l.Unsettle()
		}
		if e, h := l.balances(l.now); e != eligible || h != held {
			t.Fatalf("after the %s and back %d is eligible and %d held, before it was %d and %d", what, e, h, eligible, held)
		}
	})
}

// Only a payout can leave a debt beside something unsettled, and only one that was
// pending while something was entered.
func TestOnlyPayoutsCross(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := &life{Book: newBook(), now: now, taken: make(map[int]bool)}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			before, written, pending := l.crossed(), len(l.entries), len(l.payouts)
			l.step(t, 4)
			if l.crossed() && !before {
				t.Fatalf("a debt beside something unsettled came with %+v", l.entries[written:])
			}
			if len(l.payouts) == pending {
				continue
			}
			l.pay(pending) // at once
			if l.crossed() && !before {
				t.Fatal("a payout that is paid at once leaves a debt beside something unsettled")
			}
		}
	})
}

// What was read from the ledger is not written again.
func TestPostingIsWhatIsNew(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &db.Conversion{ID: 1, AffiliateID: new(int64(7)), Currency: "USD", AvailableAt: released}
		var rows []db.LedgerEntry
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			rows = append(rows, db.LedgerEntry{
				AffiliateID: rapid.SampledFrom([]int64{7, 8}).Draw(t, "affiliate"),
				Currency:    rapid.SampledFrom([]string{"USD", "EUR"}).Draw(t, "currency"),
				Kind:        string(Correction), Amount: rapid.Int64Range(-100, 100).Draw(t, "amount"), AvailableAt: released,
			})
		}
		var sum int64
		for _, r := range rows {
			if r.AffiliateID == 7 && r.Currency == "USD" {
				sum += r.Amount
			}
		}
		b := BookOf(rows, c)
		if b.Earned() != sum || len(b.Posting().Entries) != 0 {
			t.Fatalf("read %d with %d to post, want %d with none", b.Earned(), len(b.Posting().Entries), sum)
		}
		target := rapid.Int64Range(-200, 200).Draw(t, "target")
		b.MoveTo(target, Correction, now)
		var posted int64
		for _, e := range b.Posting().Entries {
			posted += e.Amount
		}
		if posted != target-sum {
			t.Fatalf("%d is posted to get from %d to %d", posted, sum, target)
		}
	})
}

func TestAppendSplitsWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(-4*money.MaxMinor, 4*money.MaxMinor).Draw(t, "amount")
		var sum int64
		for _, e := range Append(nil, Entry{Kind: Settlement, Amount: amount, Available: released}) {
			if e.Amount == 0 || e.Amount > money.MaxMinor || e.Amount < -money.MaxMinor ||
				e.Kind != Settlement || e.Available != released {
				t.Fatalf("%d has the part %+v", amount, e)
			}
			sum += e.Amount
		}
		if sum != amount {
			t.Fatalf("the parts of %d add up to %d", amount, sum)
		}
	})
}

// What is taken back is taken from what is available last, and what is given again
// cancels the oldest debt first.
func TestTheLatestIsTakenAndTheOldestGiven(t *testing.T) {
	t.Parallel()
	placed := func(b *Book) map[int64]int64 {
		sums := make(map[int64]int64)
		for _, part := range b.parts() {
			sums[part.Available] = part.Amount
		}
		return sums
	}
	earned := newBook()
	earned.write(Commission, 60, now-1)
	earned.write(Correction, 40, now)
	earned.write(Correction, 20, now+1)
	earned.MoveTo(75, Reversal, now)
	if got, want := placed(earned), map[int64]int64{now - 1: 60, now: 15, now + 1: 0}; !maps.Equal(got, want) {
		t.Errorf("after a refund of 45 there is %v, want %v", got, want)
	}
	owed := newBook()
	owed.write(Reversal, -60, now+1)
	owed.write(Reversal, -40, now)
	owed.write(Reversal, -20, now-1)
	owed.MoveTo(-75, Correction, now)
	if got, want := placed(owed), map[int64]int64{now - 1: 0, now: -15, now + 1: -60}; !maps.Equal(got, want) {
		t.Errorf("after 45 was given again there is %v, want %v", got, want)
	}
}
