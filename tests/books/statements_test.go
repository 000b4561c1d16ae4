package books_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// The statement of a month that is over never changes.
type statement struct {
	affiliate int64
	from, to  time.Time
	text      string
}

// lookAtStatement asks, every now and then, for the last month's statement of an
// affiliate, and for an earlier statement again.
func (w *world) lookAtStatement(look uint32) error {
	w.statements = slices.DeleteFunc(w.statements, func(s statement) bool {
		return w.model.affiliates[s.affiliate] == nil
	})
	if ids := slices.Sorted(maps.Keys(w.model.affiliates)); look%16 == 0 && len(ids) > 0 {
		now := w.clock.Now().UTC()
		to := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
		s := statement{affiliate: ids[int(look/16)%len(ids)], from: to.AddDate(0, -1, 0), to: to}
		var err error
		if s.text, err = w.statementOf(s); err != nil {
			return err
		}
		w.statements = append(w.statements, s)
	}
	if len(w.statements) == 0 || look%8 != 1 {
		return nil
	}
	return w.stated(w.statements[int(look/8)%len(w.statements)])
}

// statementOf asks for a statement and checks it against the entries of the month, the
// balances at both ends, and the payouts that were paid in it.
func (w *world) statementOf(s statement) (string, error) {
	got, err := w.project.Statement(w.ctx, s.affiliate, s.from.Year(), s.from.Month())
	if err != nil {
		return "", err
	}
	from, to := s.from.UnixMilli(), s.to.UnixMilli()
	w.model.asked = max(w.model.asked, to)
	failed := func(what string, found, want any) error {
		return fmt.Errorf("in the statement of affiliate %d for %s, closed %t, %s is %v, but should be %v",
			s.affiliate, s.from.Format("2006-01"), got.Closed, what, found, want)
	}
	var ids, want []int64
	settled := make(map[int64]*big.Rat) // by the payout lines
	below := make(map[int64]*big.Rat)   // by the settlements below them
	changes := make(map[money.Currency]*[4]*big.Rat)
	for line, err := range w.project.AllStatementLines(w.ctx, got) {
		if err != nil {
			return "", err
		}
		if line.ID != 0 {
			ids = append(ids, line.ID)
		}
		if line.Kind == refgrow.EntrySettlement && line.PayoutID != 0 {
			to := settled
			if line.OfPayout {
				to = below
			}
			addTo(to, line.PayoutID, line.Amount)
		}
		c := line.Change
		sums := changes[c.Currency]
		if sums == nil {
			sums = &[4]*big.Rat{new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)}
			changes[c.Currency] = sums
		}
		for i, part := range []money.Amount{c.Total, c.Paid, c.Held, c.Eligible} {
			sums[i].Add(sums[i], big.NewRat(part.Minor(), 1))
		}
	}
	for _, e := range w.model.entries[s.affiliate] {
		if e.stamp >= from && e.stamp < to {
			want = append(want, e.id)
		}
	}
	last := int64(0)
	if len(want) > 0 {
		last = want[len(want)-1]
	}
	if !got.ClosedUntil.Equal(s.to) {
		return "", failed("the instant until which it is closed", got.ClosedUntil, s.to)
	}
	if !got.Closed || got.LastEntryID != last || !slices.Equal(ids, want) {
		return "", failed("the list of entries", ids, want)
	}
	paid := make(map[int64]*big.Rat)
	for _, p := range w.model.payouts {
		was := p.status == refgrow.PayoutPaid || p.status == refgrow.PayoutReturned
		if p.affiliate == s.affiliate && was && p.ended >= from && p.ended < to {
			paid[p.id] = new(big.Rat).Neg(p.amount)
		}
		if p.affiliate == s.affiliate && p.status == refgrow.PayoutReturned && p.back >= from && p.back < to {
			if paid[p.id] == nil {
				paid[p.id] = new(big.Rat)
			}
			paid[p.id].Add(paid[p.id], p.amount)
		}
	}
	for _, found := range []map[int64]*big.Rat{settled, below} {
		if !maps.EqualFunc(found, paid, func(a, b *big.Rat) bool { return a.Cmp(b) == 0 }) {
			return "", failed("the sum of each payout", found, paid)
		}
	}
	if err := w.statedBalances(got, s, changes, failed); err != nil {
		return "", err
	}
	var text bytes.Buffer
	err = w.project.WriteStatementCSV(w.ctx, &text, got)
	return text.String(), err
}

func addTo(sums map[int64]*big.Rat, id int64, amount money.Amount) {
	if sums[id] == nil {
		sums[id] = new(big.Rat)
	}
	sums[id].Add(sums[id], big.NewRat(amount.Minor(), 1))
}

// statedBalances checks that both balances are those of the model, and that the lines
// lead from the one to the other.
func (w *world) statedBalances(
	got *refgrow.Statement, s statement, changes map[money.Currency]*[4]*big.Rat,
	failed func(what string, found, want any) error,
) error {
	of := func(at time.Time) map[money.Currency]*balance {
		return w.model.balances(s.affiliate, at.UnixMilli(), at.UnixMilli())
	}
	show := func(total, paid, held, eligible *big.Rat) string {
		return fmt.Sprintf("total %s paid %s held %s eligible %s",
			total.RatString(), paid.RatString(), held.RatString(), eligible.RatString())
	}
	for i, opening := range got.Opening {
		closing := got.Closing[i]
		if opening.Currency != closing.Currency {
			return failed("a currency", opening.Currency, closing.Currency)
		}
		parts := [4]*big.Rat{}
		change := changes[opening.Currency]
		for i, part := range []money.Amount{opening.Total, opening.Paid, opening.Held, opening.Eligible} {
			parts[i] = big.NewRat(part.Minor(), 1)
		}
		for _, end := range []struct {
			what string
			of   map[money.Currency]*balance
		}{{"the opening balance", of(s.from)}, {"the closing balance", of(s.to)}} {
			if end.what == "the closing balance" && change != nil {
				for i := range parts {
					parts[i] = new(big.Rat).Add(parts[i], change[i])
				}
			}
			b := end.of[opening.Currency]
			if b == nil {
				b = newBalance()
			}
			found, want := show(parts[0], parts[1], parts[2], parts[3]), show(b.total, b.paid, b.held, b.eligible)
			if found != want {
				return failed(end.what+" in "+string(opening.Currency), found, want)
			}
		}
		shown := show(big.NewRat(closing.Total.Minor(), 1), big.NewRat(closing.Paid.Minor(), 1),
			big.NewRat(closing.Held.Minor(), 1), big.NewRat(closing.Eligible.Minor(), 1))
		if sum := show(parts[0], parts[1], parts[2], parts[3]); shown != sum {
			return failed("the closing balance that is shown", shown, sum)
		}
		delete(changes, opening.Currency)
	}
	if len(changes) > 0 {
		return failed("a currency without balances", changes, nil)
	}
	return nil
}

// stated asks once more: the answer must be the same, but for notes that are gone.
func (w *world) stated(s statement) error {
	if s.to.After(w.clock.Now()) { // the clock went back: the month is not over now
		return nil
	}
	text, err := w.statementOf(s)
	if err == nil && !sameButNotes(text, s.text) {
		return fmt.Errorf("the statement of affiliate %d for %s was\n%s\nand is now\n%s",
			s.affiliate, s.from.Format("2006-01"), s.text, text)
	}
	return err
}

// sameButNotes reports whether a statement is one of before without some of its notes,
// which are the last column.
func sameButNotes(now, before string) bool {
	lines, were := strings.Split(now, "\n"), strings.Split(before, "\n")
	return len(lines) == len(were) && !slices.ContainsFunc(lines, func(line string) bool {
		was := were[0]
		were = were[1:]
		return line != was && line != was[:strings.LastIndexByte(was, ',')+1]
	})
}

func (w *world) auditStatements() error {
	for _, s := range turns(w.statements, w.audits, 30) {
		if err := w.stated(s); err != nil {
			return err
		}
	}
	return nil
}
