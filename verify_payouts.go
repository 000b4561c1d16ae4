package refgrow

import (
	"context"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/db"
)

// payouts checks each payout, some at a time, and then the entries they have: the
// sums are SQLite's, because one payout can have a great many.
func (v *verification) payouts(ctx context.Context) error {
	var stamp int64
	for after := int64(0); ; {
		rows, err := v.q.VerifyPayouts(ctx, db.VerifyPayoutsParams{ProjectID: v.project.ID, AfterID: after, AtMost: verifyStep})
		if err != nil {
			return err
		}
		for i := range rows {
			p := &rows[i].Payout
			if p.CreatedAt < stamp {
				v.differs(payoutName(p.ID), "stamp", p.CreatedAt, "not before that of the payout before it")
			}
			stamp = p.CreatedAt
			if !v.hidden[p.AffiliateID] {
				v.compare(payoutName(p.ID), "amount", p.Amount, rows[i].Amount)
				v.compare(payoutName(p.ID), "count of its entries", p.EntryCount, rows[i].Entries)
				v.payout(p)
			}
		}
		if len(rows) < verifyStep {
			break
		}
		if after, err = onward(after, rows[len(rows)-1].Payout.ID); err != nil {
			return err
		}
	}
	if err := v.payoutEntries(ctx); err != nil {
		return err
	}
	unpaid, err := v.q.VerifyPaid(ctx, v.project.ID)
	for _, u := range unpaid {
		v.differs(fmt.Sprintf("conversion %d", u.ConversionID), "paid", 0, fmt.Sprintf("1, because payout %d pays it", u.PayoutID))
	}
	return err
}

func payoutName(id int64) string { return fmt.Sprintf("payout %d", id) }

// payout checks the row of a payout: its currency, and that its status and its
// times fit together.
func (v *verification) payout(p *db.Payout) {
	where := payoutName(p.ID)
	if _, err := storedCurrency(p.Currency); err != nil {
		v.differs(where, "currency", p.Currency, "one of ISO 4217")
	}
	if p.Cutoff > p.CreatedAt {
		v.differs(where, "cutoff", p.Cutoff, fmt.Sprintf("not after its stamp, %d", p.CreatedAt))
	}
	status := PayoutStatus(p.Status)
	for _, end := range []struct {
		what   string
		at     *int64
		status PayoutStatus
	}{{"paid_at", p.PaidAt, PayoutPaid}, {"canceled_at", p.CanceledAt, PayoutCanceled}} {
		switch {
		case end.at == nil && status == end.status:
			v.differs(where, end.what, "not set", fmt.Sprintf("set, because it is %s", status))
		case end.at != nil && status != end.status:
			v.differs(where, end.what, *end.at, fmt.Sprintf("not set, because it is %s", status))
		case end.at != nil && *end.at < p.CreatedAt:
			v.differs(where, end.what, *end.at, fmt.Sprintf("not before its stamp, %d", p.CreatedAt))
		}
	}
	if p.ExternalReference != nil && status != PayoutPaid {
		v.differs(where, "external reference", *p.ExternalReference, fmt.Sprintf("none, because it is %s", status))
	}
}

// payoutEntries names what is wrong with the entries of payouts.
func (v *verification) payoutEntries(ctx context.Context) error {
	odd, err := v.q.VerifyPayoutEntries(ctx, v.project.ID)
	for _, e := range odd {
		where := fmt.Sprintf("entry %d of payout %d", e.EntryID, e.PayoutID)
		v.compare(where, "reserved", e.Reserved, flag(PayoutStatus(e.Payout.Status) != PayoutCanceled))
		if e.FoundID == 0 {
			v.differs(where, "ledger entry", "missing", "there")
			continue
		}
		v.compare(where, "project", e.ProjectID, e.Payout.ProjectID)
		v.compare(where, "affiliate", e.AffiliateID, e.Payout.AffiliateID)
		if e.Currency != e.Payout.Currency {
			v.differs(where, "currency", e.Currency, e.Payout.Currency)
		}
		if e.SettledBy != 0 {
			v.differs(where, "payout", e.SettledBy, "none, because a settlement is not paid out again")
		}
		if e.CreatedAt > e.Payout.CreatedAt {
			v.differs(where, "stamp", e.CreatedAt, fmt.Sprintf("not after that of the payout, %d", e.Payout.CreatedAt))
		}
		if e.AvailableAt > e.Payout.Cutoff && e.Takes == 0 {
			v.differs(where, "available_at", e.AvailableAt, fmt.Sprintf("not after the cut-off, %d", e.Payout.Cutoff))
		}
	}
	return err
}

// settlements checks that the paid payouts of a range of affiliates have settled
// exactly what they reserved, of each conversion and availability, and that the
// others have settled nothing.
func (v *verification) settlements(ctx context.Context, first, last int64) error {
	odd, err := v.q.VerifySettlements(ctx, db.VerifySettlementsParams{ProjectID: v.project.ID, FirstID: first, LastID: last})
	for _, s := range odd {
		of := "adjustments"
		if s.ConversionID != 0 {
			of = fmt.Sprintf("conversion %d", s.ConversionID)
		}
		v.differs(payoutName(s.PayoutID), "settled of "+of, s.Settled, fmt.Sprintf("%d, available at %d", s.Reserved, s.AvailableAt))
	}
	return err
}
