package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// run makes the payouts that it was shown before.
func (w *world) run(params refgrow.PayoutRunParams) []refgrow.Payout {
	w.Helper()
	ctx := w.Context()
	count := must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{}))
	preview, err := w.shop.PreviewPayouts(ctx, params)
	w.ok(err)
	equal(w, "the payouts after a preview", must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{})), count)
	made, err := w.shop.RunPayouts(ctx, params)
	w.ok(err)
	shown := slices.Clone(made)
	for i := range shown {
		if shown[i].ID == 0 || shown[i].CreatedAt.IsZero() {
			w.Errorf("a payout that was made is %+v", shown[i])
		}
		shown[i].ID, shown[i].CreatedAt, shown[i].RunID = 0, time.Time{}, 0
	}
	if !slices.Equal(preview, shown) {
		w.Errorf("the preview was %+v, and the run made %+v", preview, made)
	}
	equal(w, "the payouts after the run",
		must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{})), count+int64(len(made)))
	return made
}

// payNow runs payouts and pays them, and returns what was paid as text.
func (w *world) payNow(params refgrow.PayoutRunParams) string {
	w.Helper()
	made := w.run(params)
	for i := range made {
		made[i] = *w.pay(made[i])
	}
	return summary(made)
}

func (w *world) pay(payout refgrow.Payout) *refgrow.Payout {
	w.Helper()
	paid, err := w.shop.PayPayout(w.Context(), payout.ID, refgrow.PayPayoutParams{
		ExternalReference: fmt.Sprint("wire-", payout.ID),
	})
	w.ok(err)
	return paid
}

func (w *world) cancel(payout refgrow.Payout) *refgrow.Payout {
	w.Helper()
	canceled, err := w.shop.CancelPayout(w.Context(), payout.ID)
	w.ok(err)
	return canceled
}

// adjust grants a bonus, or makes a deduction.
func (w *world) adjust(affiliate int64, amount string) *refgrow.LedgerEntry {
	w.Helper()
	entry, err := w.shop.CreateAdjustment(w.Context(), refgrow.CreateAdjustmentParams{
		AffiliateID: affiliate, Amount: money.MustParse(amount), Note: "agreed by mail",
	})
	w.ok(err)
	return entry
}

// summary is what payouts come to, as text.
func summary(payouts []refgrow.Payout) string {
	parts := make([]string, len(payouts))
	for i, p := range payouts {
		parts[i] = fmt.Sprintf("%s %s", p.Amount, p.Status)
	}
	return strings.Join(parts, ", ")
}

// account is all of an affiliate's first balance, as text.
func (w *world) account(affiliate int64, options ...refgrow.EarningsOption) string {
	w.Helper()
	earned, err := w.shop.Earnings(w.Context(), affiliate, options...)
	w.ok(err)
	b := earned[0]
	return fmt.Sprintf("total %s paid %s eligible %s held %s reserved %s payable %s",
		b.Total.Decimal(), b.Paid.Decimal(), b.Eligible.Decimal(), b.Held.Decimal(),
		b.Reserved.Decimal(), b.Payable.Decimal())
}

// checkPayouts compares all payouts of the shop with their entries, and the balances of
// affiliates with their payouts.
func (w *world) checkPayouts() {
	w.Helper()
	ctx := w.Context()
	type account struct {
		affiliate int64
		currency  money.Currency
	}
	reserved, paid := make(map[account]int64), make(map[account]int64)
	livePayout := make(map[int64]int64) // by the entry
	for _, p := range collect(w, w.shop.AllPayouts(ctx, refgrow.ListPayoutsParams{Limit: 3})) {
		var sum, count int64
		for _, e := range collect(w, w.shop.AllPayoutEntries(ctx, p.ID, refgrow.ListPayoutEntriesParams{Limit: 7})) {
			sum, count = sum+e.Amount.Minor(), count+1
			if e.AffiliateID != p.AffiliateID || e.Amount.Currency() != p.Amount.Currency() {
				w.Errorf("payout %d of affiliate %d in %s has the entry %+v", p.ID, p.AffiliateID, p.Amount.Currency(), e)
			}
			if p.Status == refgrow.PayoutCanceled {
				continue
			}
			if other := livePayout[e.ID]; other != 0 {
				w.Errorf("entry %d is in the payouts %d and %d", e.ID, other, p.ID)
			}
			livePayout[e.ID] = p.ID
		}
		equal(w, fmt.Sprint("the amount of payout ", p.ID), p.Amount.Minor(), sum)
		equal(w, fmt.Sprint("the count of entries of payout ", p.ID), p.EntryCount, count)
		switch of := (account{p.AffiliateID, p.Amount.Currency()}); p.Status {
		case refgrow.PayoutPending:
			reserved[of] += sum
		case refgrow.PayoutPaid:
			paid[of] += sum
		case refgrow.PayoutCanceled, refgrow.PayoutReturned:
		}
	}
	for _, a := range collect(w, w.shop.AllAffiliates(ctx, refgrow.ListAffiliatesParams{})) {
		settled := make(map[account]int64)
		for _, e := range collect(w, w.shop.AllLedger(ctx, a.ID, refgrow.ListLedgerParams{})) {
			if e.PayoutID != 0 {
				settled[account{a.ID, e.Amount.Currency()}] -= e.Amount.Minor()
			}
		}
		for _, b := range must(w.shop.Earnings(ctx, a.ID)) {
			of := account{a.ID, b.Currency}
			name := fmt.Sprintf("the %s of affiliate %d", b.Currency, a.ID)
			equal(w, name+" that is reserved", b.Reserved.Minor(), reserved[of])
			equal(w, name+" that payouts have paid", settled[of], paid[of])
			payable := int64(0)
			for _, p := range must(w.shop.PreviewPayouts(ctx, refgrow.PayoutRunParams{
				Currency: b.Currency, Minimum: money.New(0, b.Currency),
			})) {
				if p.AffiliateID == a.ID {
					payable = p.Amount.Minor()
				}
			}
			equal(w, name+" that is payable", max(0, b.Payable.Minor()), payable)
		}
		w.checkLedger("with payouts", a.ID)
	}
}
