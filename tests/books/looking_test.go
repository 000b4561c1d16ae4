package books_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// wantBalances is what the model says of an affiliate, as the engine shows it: the
// project's currency first, then the others in which there is something.
func (m *model) wantBalances(affiliate, stampedBefore, at int64) []refgrow.Balance {
	found := m.balances(affiliate, stampedBefore, at)
	if found[own] == nil {
		found[own] = newBalance()
	}
	var list []refgrow.Balance
	for _, currency := range slices.SortedFunc(maps.Keys(found), func(a, b money.Currency) int {
		return cmp.Or(cmp.Compare(b2i(a != own), b2i(b != own)), cmp.Compare(a, b))
	}) {
		b := found[currency]
		if currency != own && b.empty() {
			continue
		}
		shown := refgrow.Balance{
			Currency: currency, Total: amountOf(b.total, currency), Paid: amountOf(b.paid, currency),
			Unpaid:   amountOf(new(big.Rat).Add(b.eligible, b.held), currency),
			Eligible: amountOf(b.eligible, currency), Held: amountOf(b.held, currency),
			Reserved: amountOf(b.reserved, currency), Payable: amountOf(b.payable, currency),
		}
		if b.next != 0 {
			shown.NextRelease = new(time.UnixMilli(b.next).UTC())
		}
		list = append(list, shown)
	}
	return list
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sameBalances also checks each answer against the identity of the books.
func sameBalances(what string, got, want []refgrow.Balance) error {
	for _, b := range got {
		if b.Total.Minor() != b.Eligible.Minor()+b.Held.Minor()+b.Paid.Minor() ||
			b.Unpaid.Minor() != b.Eligible.Minor()+b.Held.Minor() {
			return fmt.Errorf("%s: the parts do not add up: %s", what, showBalance(b))
		}
	}
	same := func(a, b refgrow.Balance) bool {
		if (a.NextRelease == nil) != (b.NextRelease == nil) || a.NextRelease != nil && *a.NextRelease != *b.NextRelease {
			return false
		}
		a.NextRelease, b.NextRelease, a.ClosedUntil, b.ClosedUntil = nil, nil, time.Time{}, time.Time{}
		return a == b
	}
	if !slices.EqualFunc(got, want, same) {
		return fmt.Errorf("%s is\n\t%s\nbut should be\n\t%s", what, showBalances(got), showBalances(want))
	}
	return nil
}

func showBalances(list []refgrow.Balance) string {
	texts := make([]string, len(list))
	for i, b := range list {
		texts[i] = showBalance(b)
	}
	return strings.Join(texts, "\n\t")
}

func showBalance(b refgrow.Balance) string {
	text := fmt.Sprintf("total %v paid %v unpaid %v eligible %v held %v reserved %v payable %v",
		b.Total, b.Paid, b.Unpaid, b.Eligible, b.Held, b.Reserved, b.Payable)
	if b.NextRelease != nil {
		text += " next " + b.NextRelease.Format(time.RFC3339Nano)
	}
	return text
}

// affiliate looks at what is shown of one now.
func (on *side) affiliate(id int64) error {
	m := on.model
	got, err := on.project.GetAffiliate(on.ctx, id)
	a := m.affiliates[id]
	if a == nil {
		if !errors.Is(err, refgrow.ErrNotFound) {
			return fmt.Errorf("affiliate %d does not exist, but asking for it returned: %w", id, err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if err := on.shown(got); err != nil {
		return err
	}
	earned, err := on.project.Earnings(on.ctx, id)
	if err != nil {
		return err
	}
	if err := m.promises(id, earned); err != nil {
		return err
	}
	return sameBalances(fmt.Sprintf("the earnings of %s", a.email), earned, m.wantBalances(id, all, m.now))
}

// shown compares an affiliate with what lists and GetAffiliate show.
func (on *side) shown(got *refgrow.Affiliate) error {
	a := on.model.affiliates[got.ID]
	if a == nil {
		return fmt.Errorf("there should be no affiliate %d", got.ID)
	}
	signups, purchases := on.model.credited(a.id)
	want := fmt.Sprintf("%s %s %s: %d clicks, %d signups, %d purchases",
		a.email, a.code, affiliateStatus(a), len(a.clicks), signups, purchases)
	s := fmt.Sprintf("%s %s %s: %d clicks, %d signups, %d purchases",
		got.Email, got.ReferralCode, got.Status, got.Clicks, got.Signups, got.Purchases)
	if s != want {
		return fmt.Errorf("affiliate %d is %q, but should be %q", a.id, s, want)
	}
	if err := a.samePayee(got); err != nil {
		return err
	}
	return sameBalances("what is shown of "+a.email, got.Earnings, on.model.wantBalances(a.id, all, on.model.now))
}

func affiliateStatus(a *modelAffiliate) refgrow.AffiliateStatus {
	if a.inactive {
		return refgrow.AffiliateInactive
	}
	return refgrow.AffiliateActive
}

func (m *model) credited(affiliate int64) (signups, purchases int64) {
	for _, c := range m.conversions {
		switch {
		case c.affiliate != affiliate:
		case c.kind == refgrow.Signup:
			signups++
		default:
			purchases++
		}
	}
	return signups, purchases
}

// asOf asks for the earnings at an instant of the past. No later entry can be
// stamped before it, whatever the clock does.
func (on *side) asOf(id int64, at time.Time) ([]refgrow.Balance, error) {
	got, err := on.project.Earnings(on.ctx, id, refgrow.AsOf(at))
	if err != nil {
		return nil, err
	}
	on.model.asked = max(on.model.asked, at.UnixMilli())
	for _, b := range got {
		if !b.ClosedUntil.Equal(at) {
			return nil, fmt.Errorf("an answer as of %v is closed until %v", at, b.ClosedUntil)
		}
	}
	what := fmt.Sprintf("the earnings of affiliate %d as of %s", id, at.UTC().Format(time.RFC3339Nano))
	return got, sameBalances(what, got, on.model.wantBalances(id, at.UnixMilli(), at.UnixMilli()))
}

// newEntries compares the entries of an affiliate that have not been looked at yet, and
// notes their stamps: they never go back, and are neither before the conversion nor in
// the future.
func (on *side) newEntries(id int64) error {
	m := on.model
	n := m.unstamped[id]
	if n == 0 {
		return nil
	}
	page, err := on.project.ListLedger(on.ctx, id, refgrow.ListLedgerParams{Limit: n})
	if err != nil {
		return err
	}
	fresh := m.entries[id][len(m.entries[id])-n:]
	got := page.Items
	slices.Reverse(got) // oldest first
	if want, ok := m.arranged(fresh, got); ok {
		copy(fresh, want)
	} else {
		return fmt.Errorf("the new entries of affiliate %d are\n\t%s\nbut should be\n\t%s", id,
			strings.Join(entryLines(got), "\n\t"), strings.Join(m.wantLines(fresh), "\n\t"))
	}
	earliest := max(m.now, m.stamped, m.asked)
	for i, e := range got {
		stamp := e.CreatedAt.UnixMilli()
		from := earliest
		if happened := fresh[i].created; !m.isReopened(happened) {
			from = max(from, happened)
		}
		if stamp < from || stamp > max(earliest, m.written) ||
			stamp != got[0].CreatedAt.UnixMilli() {
			return fmt.Errorf("entry %d is stamped %d: not from %d to %d, or not as the others of its operation",
				e.ID, stamp, from, m.written)
		}
		fresh[i].id, fresh[i].stamp = e.ID, stamp
	}
	m.unstamped[id] = 0
	return nil
}

func entryLine(kind refgrow.EntryKind, amount money.Amount, conversion, payout, available int64, note string) string {
	return fmt.Sprintf("%s of %v for conversion %d, payout %d, available %s %q",
		kind, amount, conversion, payout, time.UnixMilli(available).UTC().Format(time.RFC3339Nano), note)
}

func entryLines(entries []refgrow.LedgerEntry) []string {
	lines := make([]string, len(entries))
	for i, e := range entries {
		lines[i] = entryLine(e.Kind, e.Amount, e.ConversionID, e.PayoutID, e.AvailableAt.UnixMilli(), e.Note)
	}
	return lines
}

func (m *model) wantLines(entries []*modelEntry) []string {
	lines := make([]string, len(entries))
	for i, e := range entries {
		lines[i] = entryLine(e.kind, amountOf(e.amount, e.currency), e.conversion, e.payout, e.available, m.noteOf(e))
	}
	return lines
}

// arranged puts entries into the order of the engine's: the order in which one
// operation writes them is its own business.
func (m *model) arranged(entries []*modelEntry, like []refgrow.LedgerEntry) ([]*modelEntry, bool) {
	left, lines := slices.Clone(entries), m.wantLines(entries)
	var list []*modelEntry
	for _, line := range entryLines(like) {
		at := slices.Index(lines, line)
		if at < 0 {
			return nil, false
		}
		list = append(list, left[at])
		left, lines = slices.Delete(left, at, at+1), slices.Delete(lines, at, at+1)
	}
	return list, len(left) == 0
}

// conversion looks at one that was changed, deleted or left alone.
func (on *side) conversion(id int64) error {
	got, err := on.project.GetConversion(on.ctx, id)
	if on.model.conversions[id] == nil {
		if !errors.Is(err, refgrow.ErrNotFound) {
			return fmt.Errorf("conversion %d does not exist, but asking for it returned: %w", id, err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if err := on.sameConversion(got); err != nil {
		return err
	}
	if err := on.model.crossed(id); err != nil {
		return err
	}
	return on.explained(id)
}

func (on *side) sameConversion(got *refgrow.Conversion) error {
	c := on.model.conversions[got.ID]
	if c == nil {
		return fmt.Errorf("there should be no conversion %d", got.ID)
	}
	if err := on.model.promised(got); err != nil {
		return err
	}
	want := refgrow.Conversion{
		ID: c.id, Type: c.kind, AffiliateID: c.affiliate, ReferredUserID: c.customer,
		Value: amountOf(c.value, c.currency), Refunded: amountOf(c.refunded, c.currency),
		Paid: c.paid, Status: refgrow.ConversionEligible, Reference: c.reference, Product: c.product,
		CreatedAt: time.UnixMilli(c.created).UTC(), AvailableAt: time.UnixMilli(c.available).UTC(),
	}
	if c.base != nil {
		want.BaseValue = amountOf(c.base, c.currency)
	}
	switch {
	case c.affiliate == 0:
		want.Status = refgrow.ConversionUnattributed
	case c.gone():
		want.Status = refgrow.ConversionRefunded
	case c.paid:
		want.Status = refgrow.ConversionPaid
	case c.available > on.model.now:
		want.Status = refgrow.ConversionHeld
	}
	decision, err := got.Decision()
	if err != nil {
		return err
	}
	if s, wanted := showConversion(got, decision.CommissionReason), showConversion(&want, c.reason); s != wanted {
		return fmt.Errorf("conversion %d is\n\t%s\nbut should be\n\t%s", c.id, s, wanted)
	}
	return nil
}

// showConversion has everything that the model knows.
func showConversion(c *refgrow.Conversion, priced refgrow.CommissionReason) string {
	return fmt.Sprintf("%d %s affiliate %d customer %d value %v by %s base %v refunded %v paid %v %s %q %q %s %s",
		c.ID, c.Type, c.AffiliateID, c.ReferredUserID, c.Value, priced, c.BaseValue, c.Refunded, c.Paid, c.Status,
		c.Reference, c.Product, c.CreatedAt.Format(time.RFC3339Nano), c.AvailableAt.Format(time.RFC3339Nano))
}
