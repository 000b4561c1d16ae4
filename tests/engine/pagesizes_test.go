package engine_test

import (
	"fmt"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A page has 50 rows, or 20 people, unless the caller says otherwise, and says that there
// are more.
func TestDefaultPageSizes(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	ctx, shop := t.Context(), p.Shop
	const rows = 51
	first := p.Affiliate("first")
	for i := range rows {
		a := p.Affiliate(fmt.Sprint("aff", i))
		p.Record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: first.ID, BaseValue: money.MustParse("10.00 USD"),
			Customer: refgrow.Customer{Email: fmt.Sprintf("c%d@example.com", i)},
		})
		p.Coupon(refgrow.CreateCouponParams{AffiliateID: first.ID, Code: fmt.Sprint("SAVE-", i)})
		p.adjust(a, "5.00 USD")
		p.run(refgrow.PayoutRunParams{AffiliateIDs: []int64{a.ID}})
	}
	large := p.run(refgrow.PayoutRunParams{})[0]
	sized := func(what string, n int, next refgrow.Cursor, err error) {
		t.Helper()
		want := 50
		if what == "affiliates" || what == "referrals" { // as the API reference has it
			want = 20
		}
		if p.OK(err); n != want || next == "" {
			t.Errorf("a page of %s has %d rows, and the next one begins at %q", what, n, next)
		}
	}
	affiliates, err := shop.ListAffiliates(ctx, refgrow.ListAffiliatesParams{})
	sized("affiliates", len(affiliates.Items), affiliates.Next, err)
	conversions, err := shop.ListConversions(ctx, refgrow.ListConversionsParams{})
	sized("conversions", len(conversions.Items), conversions.Next, err)
	referrals, err := shop.ListReferrals(ctx, refgrow.ListReferralsParams{})
	sized("referrals", len(referrals.Items), referrals.Next, err)
	coupons, err := shop.ListCoupons(ctx, refgrow.ListCouponsParams{})
	sized("coupons", len(coupons.Items), coupons.Next, err)
	payouts, err := shop.ListPayouts(ctx, refgrow.ListPayoutsParams{})
	sized("payouts", len(payouts.Items), payouts.Next, err)
	runs, err := shop.PayoutRuns().List(ctx, refgrow.ListPayoutRunsParams{})
	sized("runs", len(runs.Items), runs.Next, err)
	entries, err := shop.ListPayoutEntries(ctx, large.ID, refgrow.ListPayoutEntriesParams{})
	sized("a payout's entries", len(entries.Items), entries.Next, err)
	ledger, err := shop.ListLedger(ctx, first.ID, refgrow.ListLedgerParams{})
	sized("ledger entries", len(ledger.Items), ledger.Next, err)
}
