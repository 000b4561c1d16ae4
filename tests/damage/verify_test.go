package damage_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// damageable makes a program with one of everything, and returns its file.
func damageable(t *testing.T) (path string) {
	t.Helper()
	p := &program{shoptest.InOwnFile(t, refgrow.Settings{
		HoldDays: 30, Commission: refgrow.Percent("20"), SignupCommission: refgrow.Fixed(money.MustParse("1.00 USD")),
	})}
	jane, err := p.Shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "former", PartnerSlug: "shoes",
	})
	p.OK(err)
	jane, err = p.Shop.UpdateAffiliate(t.Context(), jane.ID, refgrow.UpdateAffiliateParams{ReferralCode: new("JANE")})
	p.OK(err)
	joe := p.Affiliate("joe")
	other, err := p.Engine.CreateProject(t.Context(), "other", refgrow.Settings{})
	p.OK(err)
	// The other project's is affiliate 3.
	_, err = other.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{Email: "stranger@example.com"})
	p.OK(err)
	_, err = p.Shop.UpdateAffiliate(t.Context(), p.Affiliate("idle").ID, refgrow.UpdateAffiliateParams{
		Status: new(refgrow.AffiliateInactive),
	})
	p.OK(err)
	p.Coupon(refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "Save"})
	p.Coupon(refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "OFF", Status: refgrow.CouponInactive})
	_, _, err = p.Engine.CreateKey(t.Context(), p.Shop, refgrow.CreateKeyParams{})
	p.OK(err)

	sale := func(reference string) refgrow.RecordConversionParams {
		p.Clock.Advance(time.Hour)
		return refgrow.RecordConversionParams{
			Type: refgrow.Purchase, ReferralCode: "jane", BaseValue: money.MustParse("100.00 USD"), Reference: reference,
		}
	}
	first := sale("eligible")
	first.Customer = refgrow.Customer{Email: "carl@example.com", ExternalID: "carl"}
	p.Record(first)
	_, err = p.Shop.CreateReferral(t.Context(), refgrow.CreateReferralParams{
		Email: "dora@example.com", Status: refgrow.ReferralPending,
	})
	p.OK(err)
	p.Clock.Advance(31 * 24 * time.Hour)
	p.Record(sale("held"))
	edited := p.Record(sale("edited"))
	for _, change := range []refgrow.UpdateConversionParams{
		{Value: new(money.MustParse("10.00 USD"))}, {Value: new(money.MustParse("30.00 USD"))}, {Paid: new(true)},
	} {
		p.Clock.Advance(time.Hour)
		p.Update(edited, change)
	}
	nobodys := sale("nobody")
	nobodys.ReferralCode = ""
	p.Record(nobodys)
	p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: joe.ID, Reference: "signup"})
	p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: jane.ID})
	_, err = p.Shop.UpdateSettings(t.Context(), refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("30"))})
	p.OK(err)
	p.Record(sale("last"))
	p.payOut(joe)
	for _, settings := range []refgrow.UpdateSettingsParams{
		{SignupCommission: new(refgrow.Fixed(money.MustParse("1.00 USD")))}, {Currency: new(money.EUR)},
	} {
		_, err = other.UpdateSettings(t.Context(), settings)
		p.OK(err)
	}
	p.visit()
	p.listen(other)
	p.merge()
	p.leap(jane.ID)
	p.Verify()

	path = filepath.Join(t.TempDir(), "backup.db")
	p.OK(p.Engine.Backup(t.Context(), path))
	return path
}

// visit gives the program clicks, of which the first two are pruned, and a claim.
func (p *program) visit() {
	p.Helper()
	click := func(code, address string) {
		_, err := p.Shop.RecordClicks(p.Context(), []refgrow.Click{
			{ReferralCode: code, URL: "https://example.com/?ref=" + code, Address: netip.MustParseAddr(address)},
		})
		p.OK(err)
	}
	click("jane", "192.0.2.1")
	click("jane", "192.0.2.2")
	_, err := p.Shop.UpdateSettings(p.Context(), refgrow.UpdateSettingsParams{ClickDays: new(1)})
	p.OK(err)
	p.Clock.Advance(2 * 24 * time.Hour)
	_, err = p.Engine.PruneClicks(p.Context())
	p.OK(err)
	click("joe", "192.0.2.1")
	p.Clock.Advance(24 * time.Hour)
	click("shoes", "192.0.2.1")
	p.OK(p.Shop.ClaimSignup(p.Context(), "eve@example.com", "JANE"))
}

// leap asks a question while the clock is wrong, and takes that back.
func (p *program) leap(affiliate int64) {
	p.Helper()
	p.Clock.Advance(time.Hour)
	right := p.Clock.Now()
	p.Clock.Advance(90 * 24 * time.Hour)
	_, err := p.Shop.Earnings(p.Context(), affiliate, refgrow.AsOf(p.Clock.Now()))
	p.OK(err)
	p.Clock.Set(right)
	_, err = p.Engine.ResetStamp(p.Context(), p.Shop)
	p.OK(err)
}

// merge gives the customer carl two further external ids.
func (p *program) merge() {
	p.Helper()
	carl, err := p.Shop.ReferralByExternalID(p.Context(), "carl")
	p.OK(err)
	for _, id := range []string{"karl", "charles"} {
		same, err := p.Shop.CreateReferral(p.Context(), refgrow.CreateReferralParams{ExternalID: id})
		p.OK(err)
		_, err = p.Shop.MergeReferrals(p.Context(), carl.ID, same.ID)
		p.OK(err)
	}
}

// payOut gives the program overrides, refunds, adjustments and payouts, all of them in
// EUR. Payout 1 is pending; 2 is paid; 3 is canceled, and 5 now has its entries; 4 is
// pending, beside what is still held.
func (p *program) payOut(joe *refgrow.Affiliate) {
	p.Helper()
	paula, pete, gone := p.Affiliate("paula"), p.Affiliate("pete"), p.Affiliate("gone")
	for _, rule := range []refgrow.CreateRuleParams{
		{AffiliateID: paula.ID, Product: "pro", Commission: refgrow.Percent("50"), Duration: refgrow.Months(12)},
		{Product: "pro", Commission: refgrow.Percent("40"), Duration: refgrow.Payments(2)},
		{Product: "pro", Commission: refgrow.Percent("45"), Duration: refgrow.Payments(2)},
		{AffiliateID: pete.ID, Commission: refgrow.Percent("25"), Duration: refgrow.FirstPurchase},
		{AffiliateID: gone.ID, Commission: refgrow.Percent("60")},
	} {
		p.Clock.Advance(time.Hour)
		_, err := p.Shop.CreateRule(p.Context(), rule)
		p.OK(err)
	}
	p.OK(p.Shop.DeleteAffiliate(p.Context(), gone.ID))
	_, err := p.Shop.CreateRule(p.Context(), refgrow.CreateRuleParams{
		Product: "gift", Commission: refgrow.Fixed(money.MustParse("2.00 USD")),
	})
	p.OK(err)

	sale := func(to *refgrow.Affiliate, reference, product, customer string) *refgrow.Conversion {
		p.Clock.Advance(time.Hour)
		return p.Record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: to.ID, BaseValue: money.MustParse("100.00 EUR"),
			Reference: reference, Product: product, Customer: refgrow.Customer{ExternalID: customer},
		})
	}
	refund := func(c *refgrow.Conversion, amount string) {
		p.Clock.Advance(time.Hour)
		_, err := p.Shop.RefundConversion(p.Context(), c.ID, refgrow.RefundConversionParams{
			Amount: money.MustParse(amount), Reason: "too small",
		})
		p.OK(err)
	}
	adjust := func(amount, note string) {
		p.Clock.Advance(time.Hour)
		_, err := p.Shop.CreateAdjustment(p.Context(), refgrow.CreateAdjustmentParams{
			AffiliateID: paula.ID, Amount: money.MustParse(amount), Note: note,
		})
		p.OK(err)
	}
	run := func() []refgrow.Payout {
		p.Clock.Advance(time.Hour)
		payouts, err := p.Shop.RunPayouts(p.Context(), refgrow.PayoutRunParams{Currency: money.EUR})
		p.OK(err)
		p.Clock.Advance(time.Hour)
		return payouts
	}

	refund(sale(paula, "refunded", "pro", "ada"), "20.00 EUR")
	plain := sale(paula, "plain", "pro", "ada")
	undone := sale(paula, "undone", "pro", "")
	p.Clock.Advance(time.Hour)
	_, err = p.Shop.RefundConversion(p.Context(), undone.ID, refgrow.RefundConversionParams{
		Amount: money.MustParse("30.00 EUR"), RefundReference: "re_1", Reason: "too small",
	})
	p.OK(err)
	_, err = p.Shop.UndoRefund(p.Context(), undone.ID, refgrow.RefundConversionParams{
		Amount: money.MustParse("10.00 EUR"),
	})
	p.OK(err)
	_, err = p.Shop.RefundConversion(p.Context(), undone.ID, refgrow.RefundConversionParams{
		Total: money.MustParse("20.00 EUR"), ToldAt: p.Clock.Now(),
	})
	p.OK(err)
	adjust("5.00 EUR", "bonus")
	for _, reference := range []string{"payment 1", "payment 2", "payment 3"} {
		sale(joe, reference, "pro", "bob")
	}
	sale(pete, "first", "pro", "eve") // the affiliate's rule comes before the product's
	sale(pete, "second", "", "eve")
	p.Clock.Advance(30 * 24 * time.Hour)
	made := run()
	_, err = p.Shop.PayPayout(p.Context(), made[1].ID, refgrow.PayPayoutParams{ExternalReference: "bank 1"})
	p.OK(err)
	_, err = p.Shop.CancelPayout(p.Context(), made[2].ID)
	p.OK(err)

	refund(plain, "40.00 EUR")
	adjust("-1.00 EUR", "fee")
	sale(paula, "later", "", "")
	p.Clock.Advance(30 * 24 * time.Hour)
	refund(sale(paula, "owed", "", ""), "10.00 EUR")
	run()
	p.Update(sale(pete, "moved", "", ""), refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
}

// listen gives the program endpoints: 1 hears everything, and has had another
// secret; 2 is inactive; 3 is of another project. Of event 1, a sale, delivery 1 has
// succeeded, and 2 is due; event 4 is about the same sale, and delivery 5 waits for
// 2. Of events 2 and 3, about a referred user, delivery 3 is to be tried again, and
// 4 waits for it. Of event 5, a signup of nobody, delivery 6 is leased, and 7 and 8
// wait for it. Event 6 is a test, and 7, the end of the signup, is still in the
// outbox, together with 8 and 9, a new affiliate and a payout to it, for the endpoint 4.
func (p *program) listen(other *refgrow.Project) {
	p.Helper()
	ctx := p.Context()
	lisa := p.Affiliate("lisa")
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	_, err := p.Shop.Webhooks().Rotate(ctx, hook.ID, refgrow.RotateWebhookParams{})
	p.OK(err)
	p.Endpoint(refgrow.CreateWebhookParams{Status: refgrow.WebhookInactive})
	_, err = other.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
	p.OK(err)

	sold := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: lisa.ID, BaseValue: money.MustParse("10.00 USD"),
		Customer: refgrow.Customer{Email: "lena@example.com"},
	})
	lola, err := p.Shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "lola@example.com", AffiliateID: lisa.ID})
	p.OK(err)
	_, err = p.Shop.UpdateReferral(ctx, lola.ID, refgrow.UpdateReferralParams{Status: new(refgrow.ReferralConverted)})
	p.OK(err)
	p.Update(sold, refgrow.UpdateConversionParams{Reference: refgrow.Set("told")})
	nobodys := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	p.Spread()
	due := p.Claim(hook)
	p.Finish(due[0], refgrow.AttemptSucceeded)
	p.Finish(due[1], refgrow.AttemptRetry)
	_, err = p.Shop.Webhooks().Test(ctx, hook.ID, refgrow.EventReferralConverted)
	p.OK(err)
	p.OK(p.Shop.DeleteConversion(ctx, nobodys.ID))
	p.Endpoint(refgrow.CreateWebhookParams{
		Events: []refgrow.Event{refgrow.EventPayoutUpdated, refgrow.EventAffiliateUpdated},
	})
	liv := p.Affiliate("liv")
	_, err = p.Shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
		AffiliateID: liv.ID, Amount: money.MustParse("5.00 USD"), Note: "welcome",
	})
	p.OK(err)
	_, err = p.Shop.RunPayouts(ctx, refgrow.PayoutRunParams{Currency: money.USD, AffiliateIDs: []int64{liv.ID}})
	p.OK(err)
}

// copyOf is a program on a copy of a file.
func copyOf(t *testing.T, path string) *program {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &program{&shoptest.Program{T: t, App: shoptest.OpenApp(t, to, 1)}}
	p.Engine, p.Clock = refgrowtest.On(t, refgrow.SQLite(p.App))
	p.Shop, err = p.Engine.Project(t.Context(), "shop")
	p.OK(err)
	return p
}

// names checks that Verify reports a difference with a text in it.
func (p *program) names(text string) {
	p.Helper()
	report, err := p.Engine.Verify(p.Context())
	p.OK(err)
	named := func(d refgrow.Difference) bool { return strings.Contains(d.String(), text) }
	if !slices.ContainsFunc(report.Differences, named) {
		p.Errorf("Verify names no %q: %v", text, report.Differences)
	}
	for _, d := range report.Differences {
		if d.Where == "" || d.What == "" || d.Stored == d.Computed {
			p.Errorf("a difference is %+v", d)
		}
	}
}

// Payouts are looked at a few at a time, and none is skipped.
func TestVerifyNamesEachOfManyPayouts(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	p := copyOf(t, damageable(t))
	p.Exec(`INSERT INTO refgrow_payouts
		WITH RECURSIVE n (id) AS (VALUES (1001) UNION ALL SELECT id + 1 FROM n WHERE id < 1600)
		SELECT n.id, p.project_id, p.affiliate_id, p.currency, p.amount, p.entry_count, p.cutoff, 'canceled', NULL,
			newest.created_at, NULL, newest.created_at, NULL, NULL, NULL, NULL
		FROM n, refgrow_payouts p, refgrow_payouts newest WHERE p.id = 5 AND newest.id = 6`)
	p.Exec("INSERT INTO refgrow_payout_entries SELECT 19, id, 0 FROM refgrow_payouts WHERE id > 1000")
	p.Exec("UPDATE refgrow_project_totals SET payouts_canceled = payouts_canceled + 600 WHERE project_id = 1")
	p.Exec(`UPDATE refgrow_accounts SET rolled_to = (SELECT created_at FROM refgrow_payouts WHERE id = 6)
		WHERE currency = 'EUR' AND affiliate_id = (SELECT affiliate_id FROM refgrow_payouts WHERE id = 5)`)
	p.Verify()
	p.Exec("UPDATE refgrow_payouts SET amount = amount + 1 WHERE id > 1000")
	report, err := p.Engine.Verify(t.Context())
	p.OK(err)
	next := 1001
	for _, d := range report.Differences {
		if d.What == "amount" && d.Where == fmt.Sprint("payout ", next) {
			next++
		}
	}
	if next != 1601 {
		t.Errorf("payout %d is not named: %d differences", next, len(report.Differences))
	}
}

// What payouts do to conversions of which a part was taken back is not a difference:
// that it was held changes nothing of the payout before.
func TestVerifyOfPartsInPayouts(t *testing.T) {
	t.Parallel()
	p := shoptest.InOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	usd := money.MustParse
	pay := func(days int, amount string) {
		p.Helper()
		p.Clock.Advance(time.Duration(days) * 24 * time.Hour)
		made, err := p.Shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})
		p.OK(err)
		if len(made) != 1 || made[0].Amount != usd(amount) {
			t.Fatalf("the payouts are %+v, but should be one of %s", made, amount)
		}
		p.Verify()
		_, err = p.Shop.PayPayout(t.Context(), made[0].ID, refgrow.PayPayoutParams{})
		p.OK(err)
		p.Verify()
	}
	p.Record(shoptest.Earning(jane, usd("50.00 USD")))
	p.Clock.Advance(20 * 24 * time.Hour)
	refunded := p.Record(shoptest.Earning(jane, usd("10.00 USD")))
	moved := p.Record(shoptest.Earning(jane, usd("7.00 USD")))
	deleted := p.Record(shoptest.Earning(jane, usd("3.00 USD")))
	_, err := p.Shop.RefundConversion(t.Context(), refunded.ID, refgrow.RefundConversionParams{Amount: usd("4.00 USD")})
	p.OK(err)
	p.Update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID), Value: new(usd("0.00 USD"))})
	p.OK(p.Shop.DeleteConversion(t.Context(), deleted.ID))

	pay(10, "50.00 USD")
	pay(20, "6.00 USD")
	if c, err := p.Shop.GetConversion(t.Context(), refunded.ID); err != nil || !c.Paid {
		t.Errorf("the refunded conversion is %+v (%v)", c, err)
	}
	if b := p.Earnings(jane)[0]; !b.Unpaid.IsZero() || b.Paid != usd("56.00 USD") {
		t.Errorf("the balance is %+v", b)
	}
}

// Whatever is stored twice, a single damaged value is named.
func TestVerifyNamesDamage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("hundreds of copies of a file, each for one goroutine")
	}
	path := damageable(t)
	for _, d := range damages {
		t.Run(fmt.Sprintf("%s.%s = %s where %s", d.table, d.column, d.to, d.where), func(t *testing.T) {
			t.Parallel()
			p := copyOf(t, path)
			for _, guard := range []string{
				"TRIGGER refgrow_ledger_no_update", "INDEX refgrow_commission_rules_in_force",
				"INDEX refgrow_commission_rules_versions", "INDEX refgrow_payout_entries_reserved",
			} {
				p.Exec("DROP " + guard)
			}
			p.Exec("CREATE TEMP TABLE kept AS SELECT * FROM refgrow_" + d.table)
			p.Exec("UPDATE refgrow_" + d.table + " SET " + d.column + " = " + d.to + " WHERE " + d.where)
			if n := p.Count("SELECT COUNT(*) FROM (SELECT * FROM kept EXCEPT SELECT * FROM refgrow_" + d.table + ")"); n != 1 {
				t.Fatalf("%d rows were changed", n)
			}
			p.names(d.names)
		})
	}
}

// A column that is added is added to the damages too, or is a fact.
func TestVerifyKnowsEveryColumn(t *testing.T) {
	t.Parallel()
	p := shoptest.InAppsFile(t, 1, refgrow.Settings{})
	rows, err := p.App.QueryContext(t.Context(), `
		SELECT substr(t.name, 9), c.name FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name GLOB 'refgrow_*'`)
	p.OK(err)
	defer rows.Close()
	known := make(map[string]bool)
	for rows.Next() {
		var table, column string
		p.OK(rows.Scan(&table, &column))
		known[table+"."+column] = true
		isFact := slices.Contains(strings.Fields(facts[table]), column)
		isDamaged := slices.ContainsFunc(damages, func(d damage) bool { return d.table == table && d.column == column })
		if isFact == isDamaged {
			t.Errorf("%s.%s is a fact: %v; it is damaged: %v", table, column, isFact, isDamaged)
		}
	}
	p.OK(rows.Err())
	for table, columns := range facts {
		for column := range strings.FieldsSeq(columns) {
			if !known[table+"."+column] {
				t.Errorf("there is no %s.%s", table, column)
			}
		}
	}
}

// Rows that are missing, or too many, are named as well.
func TestVerifyNamesMissingRows(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("hundreds of copies of a file, each for one goroutine")
	}
	path := damageable(t)
	for statement, names := range map[string]string{
		"DELETE FROM refgrow_project_totals":                                       "project shop: project totals: row is missing",
		"DELETE FROM refgrow_commission_rules WHERE " + theThirty:                  "project: rule in force for a purchase is missing",
		"DELETE FROM refgrow_commission_rules WHERE id = 1":                        "conversion 2: commission rule is 1",
		"DELETE FROM refgrow_codes WHERE code = 'jane'":                            "affiliate 1: owner of its referral code is 0",
		"DELETE FROM refgrow_affiliates WHERE id = 1":                              "ledger entry 2: affiliate is 1",
		"DELETE FROM refgrow_accounts WHERE " + inUSD:                              "affiliate 1 in USD: total is 0",
		"DELETE FROM refgrow_conversions WHERE " + theHeld:                         "conversion 2: sum of its entries with affiliate 1 in USD",
		"DELETE FROM refgrow_ledger_entries WHERE " + aCommission:                  "conversion 2: sum of its entries is 0",
		"DELETE FROM refgrow_coupons WHERE id = 1":                                 "project totals: active coupons",
		"DELETE FROM refgrow_referrals WHERE id = 1":                               "conversion 1: referred user is 1",
		"DELETE FROM refgrow_projects WHERE name = 'shop'":                         "file: integrity",
		"INSERT INTO refgrow_codes VALUES (1, 'stolen', 3)":                        "code of affiliate 3: affiliate is stolen",
		"DELETE FROM refgrow_commission_rules WHERE id = 7":                        "commission rule 8: version is 2, but should be 1",
		"DELETE FROM refgrow_commission_rules WHERE id = 6":                        "conversion 8: commission rule is 6, but should be one of the project",
		"DELETE FROM refgrow_payouts WHERE " + thePending:                          "ledger entry 25: payout it is of is 4",
		"DELETE FROM refgrow_payouts WHERE  id = 4":                                "affiliate 5 in EUR: reserved is 900, but should be 0",
		"DELETE FROM refgrow_payouts WHERE " + thePaid:                             "ledger entry 20: payout is 2, but should be one",
		"DELETE FROM refgrow_payouts WHERE " + theCanceled:                         "ledger entry 19: payout it is of is 3",
		"DELETE FROM refgrow_payout_entries WHERE payout_id = 4 AND entry_id = 25": "payout 4: count of its entries is 3, but should be 2",
		"DELETE FROM refgrow_payout_entries WHERE payout_id = 4":                   "payout 4: amount is 900, but should be 0",
		"DELETE FROM refgrow_payout_entries WHERE payout_id = 2 AND entry_id = 10": "payout 2: settled of conversion 8 is",
		"DELETE FROM refgrow_payout_entries WHERE payout_id = 3":                   "payout 3: count of its entries is 1, but should be 0",
		"DELETE FROM refgrow_ledger_entries WHERE id = 20":                         "payout 2: settled of conversion 8 is",
		"DELETE FROM refgrow_ledger_entries WHERE id = 23":                         "payout 2: settled of adjustments is",
		"DELETE FROM refgrow_ledger_entries WHERE payout_id = 2":                   "payout 2: settled of conversion 10 is 0, but should be 4000",
		"DELETE FROM refgrow_ledger_entries WHERE note = 'bonus'":                  "entry 16 of payout 2: ledger entry is missing",
		"DELETE FROM refgrow_ledger_entries WHERE note = 'fee'":                    "affiliate 5 in EUR: total",
		"DELETE FROM refgrow_ledger_entries WHERE id = 28":                         "conversion 17: sum of its entries is 3000, but should be 2700",
		"INSERT INTO refgrow_payout_entries VALUES (27, 4, 1)":                     "entry 27 of payout 4: available_at",
		"INSERT INTO refgrow_payout_entries VALUES (10, 4, 0)":                     "entry 10 of payout 4: reserved is 0, but should be 1",
		"INSERT INTO refgrow_payouts SELECT 9, 1, 5, 'EUR', 7, 1, 0, 'pending', NULL, MAX(created_at), NULL, NULL, NULL, NULL, NULL, NULL FROM refgrow_payouts": "payout 9: amount is 7, but should be 0",
		"DELETE FROM refgrow_outbox_positions":                                               "outbox: row is missing",
		"DELETE FROM refgrow_events WHERE id = 3":                                            "delivery 4: event is 3, but should be one that there is",
		"DELETE FROM refgrow_webhooks WHERE id = 1":                                          "file: integrity",
		"DELETE FROM refgrow_deliveries WHERE id = 2":                                        "delivery 5: next_attempt_at is not set, but should be set for one pending one",
		"DELETE FROM refgrow_projects WHERE name = 'other'":                                  "file: integrity",
		"INSERT INTO refgrow_accounts VALUES (2, 'GBP', 1, 5, 0, 5, 0, NULL, 0, 0, 0, 0, 0)": "affiliate 2 in GBP: total is 5",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			p := copyOf(t, path)
			p.Exec("DROP TRIGGER refgrow_ledger_no_delete")
			p.Exec(statement)
			p.names(names)
		})
	}
}

// A schema that is not the one that was made is named, whatever the host has added to
// it, and so are ids that would be used again.
func TestVerifyNamesSchema(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	path := damageable(t)
	altered := func(name, from, to string) string {
		return fmt.Sprintf("PRAGMA writable_schema = ON; "+
			"UPDATE sqlite_schema SET sql = replace(sql, '%s', '%s') WHERE name = '%s'; "+
			"PRAGMA writable_schema = RESET", from, to, name)
	}
	for statement, names := range map[string]string{
		"DROP TRIGGER refgrow_ledger_no_update":                                             "file: integrity is there is no trigger refgrow_ledger_no_update",
		"DROP INDEX refgrow_clicks_by_time":                                                 "there is no index refgrow_clicks_by_time",
		"ALTER TABLE refgrow_clicks RENAME TO refgrow_visits":                               "there is no table refgrow_clicks",
		"ALTER TABLE refgrow_clicks RENAME COLUMN url TO address_of_page":                   "the table refgrow_clicks is not as it was made",
		"ALTER TABLE refgrow_coupons ADD COLUMN mine TEXT":                                  "the table refgrow_coupons is not as it was made",
		altered("refgrow_accounts", "(total BETWEEN", "(paid BETWEEN"):                      "the table refgrow_accounts is not as it was made",
		altered("refgrow_ledger_no_delete", "WHEN NOT EXISTS", "WHEN  EXISTS"):              "the trigger refgrow_ledger_no_delete is not as it was made",
		altered("refgrow_ledger_entries", "amount <> 0 AND", "amount <> 9 AND"):             "the table refgrow_ledger_entries is not as it was made",
		"UPDATE sqlite_sequence SET name = 'rfgrow_payouts' WHERE name = 'refgrow_payouts'": "the ids of refgrow_payouts are counted up to 0, but there is 6",
		"UPDATE sqlite_sequence SET seq = 7 WHERE name = 'refgrow_ledger_entries'":          "the ids of refgrow_ledger_entries are counted up to 7, but there is",
		"DROP TABLE refgrow_clicks":                                                         "reading is the file is damaged or no database: SQL logic error: no such table: refgrow_clicks",
		"ALTER TABLE refgrow_conversions RENAME COLUMN rule_id TO rule_identification":      "project shop: conversions: reading is",
		"ALTER TABLE refgrow_projects RENAME COLUMN touch TO tap":                           "projects: reading is",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			p := copyOf(t, path)
			p.Exec(statement)
			p.names(names)
		})
	}
	p := copyOf(t, path)
	p.Exec("CREATE INDEX refgrow_clicks_of_mine ON refgrow_clicks (url)")
	p.Exec("CREATE TRIGGER watch AFTER INSERT ON refgrow_clicks BEGIN SELECT 1; END")
	p.Exec("UPDATE sqlite_sequence SET seq = seq + 1000")
	p.Verify()
}

// What is damaged in one place does not hide what is wrong in others.
func TestVerifyGoesOn(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	p := copyOf(t, damageable(t))
	p.Exec("ALTER TABLE refgrow_conversions RENAME COLUMN rule_id TO rule_identification")
	p.Exec("UPDATE refgrow_project_totals SET ledger_entries = ledger_entries + 1")
	p.Exec("UPDATE refgrow_outbox_positions SET position = 0")
	for _, names := range []string{
		"project shop: conversions: reading is", "project shop: project totals: ledger entries", "project other: project totals: ledger entries", "outbox: position is 0",
	} {
		p.names(names)
	}
}

// A currency that does not exist is an error where it is needed, and never a panic.
func TestDamagedCurrency(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	path := damageable(t)
	for _, damaged := range []string{
		"UPDATE refgrow_projects SET currency = 'HRK'",
		"UPDATE refgrow_commission_rules SET currency = 'HRK' WHERE kind = 'fixed'",
	} {
		t.Run(damaged, func(t *testing.T) {
			t.Parallel()
			p := copyOf(t, path)
			p.Exec(damaged)
			p.names("currency is HRK")
			if s, err := p.Shop.Settings(t.Context()); err == nil || !strings.Contains(err.Error(), "HRK") {
				t.Errorf("the settings are %+v (%v)", s, err)
			}
			signup := refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: 1}
			if c, err := p.Shop.RecordConversion(t.Context(), signup); err == nil {
				t.Errorf("a signup was recorded: %+v", c)
			}
		})
	}
}

// What the app does with its own tables is not among the differences.
func TestVerifyLeavesTheAppsTables(t *testing.T) {
	t.Parallel()
	p := shoptest.InAppsFile(t, 1, refgrow.Settings{})
	for _, statement := range []string{
		"CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)",
		"CREATE TABLE dangling (parent REFERENCES parent (id))",
		"INSERT INTO dangling VALUES (7)",
		"CREATE TABLE mismatched (parent REFERENCES parent (name))", // which is not unique
		"INSERT INTO mismatched VALUES ('none')",
		"CREATE TABLE orphan (parent REFERENCES nowhere (id))",
		"INSERT INTO orphan VALUES (1)",
	} {
		p.Exec(statement)
	}
	p.Verify()
}
