package books_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// samePayouts compares payouts that were made just now, or that would be.
func samePayouts(what string, got []refgrow.Payout, want []*modelPayout) error {
	show := func(affiliate int64, amount money.Amount, entries int64, status refgrow.PayoutStatus, cutoff int64) string {
		return fmt.Sprintf("%v in %d entries to affiliate %d by %d, %s", amount, entries, affiliate, cutoff, status)
	}
	var shown, wanted []string
	for _, p := range got {
		shown = append(shown, show(p.AffiliateID, p.Amount, p.EntryCount, p.Status, p.Cutoff.UnixMilli()))
	}
	for _, p := range want {
		wanted = append(wanted, show(p.affiliate, amountOf(p.amount, p.currency), int64(len(p.entries)), p.status, p.cutoff))
	}
	if !slices.Equal(shown, wanted) {
		return fmt.Errorf("%s is\n\t%s\nbut should be\n\t%s", what, strings.Join(shown, "\n\t"), strings.Join(wanted, "\n\t"))
	}
	return nil
}

// payout looks at one that was made, paid or canceled, and notes its stamps. They
// follow the rules for those of entries.
func (on *side) payout(id int64) error {
	m := on.model
	got, err := on.project.GetPayout(on.ctx, id)
	p := m.payouts[id]
	if p == nil {
		if !errors.Is(err, refgrow.ErrNotFound) {
			return fmt.Errorf("payout %d does not exist, but asking for it returned: %w", id, err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	earliest := max(m.now, m.stamped, m.asked)
	note := func(stamp *int64, shown *time.Time) error {
		if shown == nil || *stamp != 0 {
			return nil
		}
		*stamp = shown.UnixMilli()
		if *stamp < earliest || *stamp > max(earliest, m.written) {
			return fmt.Errorf("payout %d is stamped %d: not from %d to %d", id, *stamp, earliest, m.written)
		}
		return nil
	}
	if err := errors.Join(
		note(&p.created, &got.CreatedAt), note(&p.ended, got.PaidAt), note(&p.ended, got.CanceledAt),
		note(&p.back, got.ReturnedAt),
	); err != nil {
		return err
	}
	for _, e := range m.entries[p.affiliate] {
		when := p.ended
		if e.returned {
			when = p.back
		}
		if e.payout == id && e.stamp != when {
			return fmt.Errorf("payout %d was paid at %d, but entry %d of it is stamped %d", id, p.ended, e.id, e.stamp)
		}
	}
	return on.samePayout(got)
}

func (on *side) samePayout(got *refgrow.Payout) error {
	p := on.model.payouts[got.ID]
	if p == nil {
		return fmt.Errorf("there should be no payout %d", got.ID)
	}
	want := refgrow.Payout{
		ID: p.id, AffiliateID: p.affiliate, Status: p.status,
		Amount: amountOf(p.amount, p.currency), EntryCount: int64(len(p.entries)),
		Cutoff: time.UnixMilli(p.cutoff), ExternalReference: p.reference, CreatedAt: time.UnixMilli(p.created), RunID: p.run,
	}
	switch p.status {
	case refgrow.PayoutPaid:
		want.PaidAt = new(time.UnixMilli(p.ended))
	case refgrow.PayoutCanceled:
		want.CanceledAt = new(time.UnixMilli(p.ended))
	case refgrow.PayoutReturned:
		want.PaidAt, want.ReturnedAt = new(time.UnixMilli(p.ended)), new(time.UnixMilli(p.back))
		want.ReturnNote = cmp.Or(p.note, "unclaimed")
	case refgrow.PayoutPending:
	}
	if s, wanted := showPayout(got), showPayout(&want); s != wanted {
		return fmt.Errorf("payout %d is\n\t%s\nbut should be\n\t%s", p.id, s, wanted)
	}
	var ids []int64
	for e, err := range on.project.AllPayoutEntries(on.ctx, p.id, refgrow.ListPayoutEntriesParams{Limit: 500}) {
		if err != nil {
			return err
		}
		ids = append(ids, e.ID)
	}
	wanted := make([]int64, len(p.entries))
	for i, e := range p.entries {
		wanted[i] = e.id
	}
	slices.Sort(wanted)
	slices.Reverse(wanted) // the newest first
	if !slices.Equal(ids, wanted) {
		return fmt.Errorf("payout %d has the entries %v, but should have %v", p.id, ids, wanted)
	}
	return nil
}

func showPayout(p *refgrow.Payout) string {
	text := fmt.Sprintf("%v in %d entries to affiliate %d by %s, %s %q in run %d since %s",
		p.Amount, p.EntryCount, p.AffiliateID, p.Cutoff.UTC().Format(time.RFC3339Nano), p.Status, p.ExternalReference,
		p.RunID, p.CreatedAt.UTC().Format(time.RFC3339Nano))
	if p.PaidAt != nil {
		text += " paid " + p.PaidAt.UTC().Format(time.RFC3339Nano)
	}
	if p.CanceledAt != nil {
		text += " canceled " + p.CanceledAt.UTC().Format(time.RFC3339Nano)
	}
	if p.ReturnedAt != nil {
		text += " returned " + p.ReturnedAt.UTC().Format(time.RFC3339Nano) + " " + p.ReturnNote
	}
	return text
}

func (w *world) auditPayouts() error {
	filters := []refgrow.ListPayoutsParams{
		{}, {Status: refgrow.PayoutPending}, {Status: refgrow.PayoutPaid}, {Status: refgrow.PayoutCanceled},
		{Status: refgrow.PayoutReturned},
	}
	for id := range w.model.affiliates {
		filters = append(filters, refgrow.ListPayoutsParams{AffiliateID: id},
			refgrow.ListPayoutsParams{AffiliateID: id, Status: refgrow.PayoutPending})
	}
	for _, params := range filters {
		want := countOf(w.model.payouts, func(p *modelPayout) bool {
			return (params.Status == "" || params.Status == p.status) &&
				(params.AffiliateID == 0 || params.AffiliateID == p.affiliate)
		})
		what := fmt.Sprintf("payouts to affiliate %d, status %q", params.AffiliateID, params.Status)
		if err := walk(what, w.project.AllPayouts(w.ctx, params), func() (int64, error) {
			return w.project.CountPayouts(w.ctx, params)
		}, want, w.samePayout); err != nil {
			return err
		}
	}
	return nil
}
