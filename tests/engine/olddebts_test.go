package engine_test

import (
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
)

// Books from before payouts went by groups have debts that are not available yet, and
// payouts that took some of them. As of any instant each counts once: as what a pending
// payout has taken, or as what nobody has taken; what a paid payout took is over, and a
// canceled one has taken nothing.
func TestOldDebtsAsOf(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p := inAppsFile(t, 2, refgrow.Settings{})
	jane := p.Affiliate("jane")
	payout := func(amount string) int64 {
		t.Helper()
		_, err := p.Shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
			AffiliateID: jane.ID, Amount: money.MustParse(amount), Note: "x",
		})
		p.OK(err)
		p.Clock.Advance(time.Minute)
		made, err := p.Shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})
		p.OK(err)
		return made[0].ID
	}
	paid, canceled := payout("60.00 USD"), payout("50.00 USD")
	_, err := p.Shop.PayPayout(t.Context(), paid, refgrow.PayPayoutParams{})
	p.OK(err)
	_, err = p.Shop.CancelPayout(t.Context(), canceled)
	p.OK(err)
	pending := payout("70.00 USD") // and the 50.00 again
	for i, debt := range []struct {
		minor    int64
		of       int64 // the payout that took it, 0 for none
		reserved int
	}{{-100, pending, 1}, {-200, 0, 0}, {-400, paid, 1}, {-800, canceled, 0}} {
		result, err := p.App.ExecContext(t.Context(), `INSERT INTO refgrow_ledger_entries
			(project_id, affiliate_id, currency, kind, amount, available_at, created_at, conversion_id)
			VALUES (1, ?, 'USD', 'reversal', ?, ?, ?, ?)`, jane.ID, debt.minor,
			p.Clock.Now().Add(24*time.Hour).UnixMilli(), p.Clock.Now().UnixMilli(), 1000+i)
		p.OK(err)
		entry, err := result.LastInsertId()
		p.OK(err)
		if debt.of != 0 {
			_, err = p.App.ExecContext(t.Context(),
				"INSERT INTO refgrow_payout_entries (entry_id, payout_id, reserved) VALUES (?, ?, ?)",
				entry, debt.of, debt.reserved)
			p.OK(err)
		}
	}
	p.Clock.Advance(time.Minute)
	earned, err := p.Shop.Earnings(t.Context(), jane.ID, refgrow.AsOf(p.Clock.Now()))
	p.OK(err)
	if b := earned[0]; b.Eligible != money.MustParse("120.00 USD") || b.Reserved != money.MustParse("120.00 USD") ||
		b.Payable != money.MustParse("-11.00 USD") { // 1.00 taken, 2.00 and 8.00 not
		t.Errorf("the balance is %+v", b)
	}
	// What such a payout has taken before its time is settled then, and not before.
	_, err = p.Shop.PayPayout(t.Context(), pending, refgrow.PayPayoutParams{})
	p.OK(err)
	if b := p.Earnings(jane)[0]; !b.Eligible.IsZero() || !b.Reserved.IsZero() {
		t.Errorf("the balance after the payment is %+v", b)
	}
}
