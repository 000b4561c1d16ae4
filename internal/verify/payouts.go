package verify

import (
	"context"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// payouts checks each payout, some at a time, and then their entries. SQLite computes
// the sums, because one payout can have very many entries.
func (v *verification) payouts(ctx context.Context) error {
	var stamp int64
	for after := int64(0); ; {
		rows, err := v.Querier.VerifyPayouts(ctx, db.VerifyPayoutsParams(v.step(after)))
		if err != nil {
			return err
		}
		for i := range rows {
			p := &rows[i].Payout
			if p.CreatedAt < stamp {
				v.differs(payoutName(p.ID), "stamp", p.CreatedAt, "not before that of the previous payout")
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
		if after, err = stored.Onward(after, rows[len(rows)-1].Payout.ID); err != nil {
			return err
		}
	}
	if err := v.payoutEntries(ctx); err != nil {
		return err
	}
	return v.payoutRuns(ctx)
}

func payoutName(id int64) string { return fmt.Sprintf("payout %d", id) }

// payout checks the row of a payout: its currency, and that its status and its
// times fit together.
func (v *verification) payout(p *db.Payout) {
	where := payoutName(p.ID)
	if _, err := stored.Currency(p.Currency); err != nil {
		v.differs(where, "currency", p.Currency, "one of ISO 4217")
	}
	if p.Cutoff > p.CreatedAt {
		v.differs(where, "cutoff", p.Cutoff, fmt.Sprintf("not after its stamp, %d", p.CreatedAt))
	}
	status := p.Status
	paid := status == ledger.PayoutPaid || status == ledger.PayoutReturned
	for _, end := range []struct {
		what string
		at   *int64
		is   bool
	}{
		{"paid_at", p.PaidAt, paid}, {"canceled_at", p.CanceledAt, status == ledger.PayoutCanceled},
		{"returned_at", p.ReturnedAt, status == ledger.PayoutReturned},
	} {
		switch {
		case end.at == nil && end.is:
			v.differs(where, end.what, "not set", fmt.Sprintf("set, because it is %s", status))
		case end.at != nil && !end.is:
			v.differs(where, end.what, *end.at, fmt.Sprintf("not set, because it is %s", status))
		case end.at != nil && *end.at < p.CreatedAt:
			v.differs(where, end.what, *end.at, fmt.Sprintf("not before its stamp, %d", p.CreatedAt))
		}
	}
	if p.ExternalReference != nil && !paid {
		v.differs(where, "external reference", *p.ExternalReference, fmt.Sprintf("none, because it is %s", status))
	}
	if p.PaidOn != nil && !paid {
		v.differs(where, "paid_on", *p.PaidOn, fmt.Sprintf("not set, because it is %s", status))
	}
	if (p.ReturnNote != nil) != (status == ledger.PayoutReturned) {
		v.differs(where, "note of its return", stored.OrZero(p.ReturnNote), fmt.Sprintf("what fits its status, %s", status))
	}
}

// payoutRuns checks what runs have counted of their payouts, and that these could be
// theirs.
func (v *verification) payoutRuns(ctx context.Context) error {
	for after := int64(0); ; {
		rows, err := v.Querier.VerifyPayoutRuns(ctx, db.VerifyPayoutRunsParams(v.step(after)))
		if err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i].PayoutRun
			where := fmt.Sprintf("payout run %d", r.ID)
			v.compare(where, "payouts", r.Payouts, rows[i].Made)
			v.compare(where, "total", r.Total, rows[i].Amount)
			if _, err := stored.Currency(r.Currency); err != nil {
				v.differs(where, "currency", r.Currency, "one of ISO 4217")
			}
			if r.Cutoff > r.CreatedAt {
				v.differs(where, "cutoff", r.Cutoff, fmt.Sprintf("not after its stamp, %d", r.CreatedAt))
			}
		}
		if len(rows) < verifyStep {
			break
		}
		if after, err = stored.Onward(after, rows[len(rows)-1].PayoutRun.ID); err != nil {
			return err
		}
	}
	odd, err := v.Querier.VerifyPayoutsOfRuns(ctx, v.project.ID)
	for _, p := range odd {
		run := stored.OrZero(p.RunID)
		if p.FoundID == 0 {
			v.differs(payoutName(p.PayoutID), "run", run, "there")
			continue
		}
		v.differs(payoutName(p.PayoutID), "run", run, "one that could have made it")
	}
	return err
}

// payoutEntries reports what is wrong with the entries of payouts.
func (v *verification) payoutEntries(ctx context.Context) error {
	odd, err := v.Querier.VerifyPayoutEntries(ctx, v.project.ID)
	for _, e := range odd {
		where := fmt.Sprintf("entry %d of payout %d", e.EntryID, e.PayoutID)
		v.compare(where, "reserved", e.Reserved, stored.Flag(e.Payout.Status != ledger.PayoutCanceled))
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
			v.differs(where, "payout", e.SettledBy, "none, because settlements are not paid out")
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
// exactly what they reserved, for each conversion and availability, and that the others
// have settled nothing.
func (v *verification) settlements(ctx context.Context, of db.VerifySettlementsParams) error {
	odd, err := v.Querier.VerifySettlements(ctx, of)
	for _, s := range odd {
		what := "settled of adjustments"
		if s.ConversionID != 0 {
			what = fmt.Sprintf("settled of conversion %d", s.ConversionID)
		}
		reserved := fmt.Sprintf("%d, available at %d", s.Reserved, s.AvailableAt)
		v.differs(payoutName(s.PayoutID), what, s.Settled, reserved)
	}
	if err != nil {
		return err
	}
	returns, err := v.Querier.VerifyReturns(ctx, db.VerifyReturnsParams(of))
	for _, r := range returns {
		what := fmt.Sprintf("returned of conversion %d", r.ConversionID)
		v.differs(payoutName(r.PayoutID), what, r.CameBack, r.Settled)
	}
	return err
}
