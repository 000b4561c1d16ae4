package refgrow_test

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
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// damageable makes a program with one of everything, and gives its file.
func damageable(t *testing.T) (path string) {
	t.Helper()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30, Commission: refgrow.Percent("20"), SignupCommission: refgrow.Fixed(money.MustParse("1.00 USD"))})
	jane, err := p.shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "former", PartnerSlug: "shoes"})
	p.ok(err)
	jane, err = p.shop.UpdateAffiliate(t.Context(), jane.ID, refgrow.UpdateAffiliateParams{ReferralCode: new("JANE")})
	p.ok(err)
	joe := p.affiliate("joe")
	other, err := p.engine.CreateProject(t.Context(), "other", refgrow.Settings{})
	p.ok(err)
	_, err = other.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{Email: "stranger@example.com"}) // affiliate 3
	p.ok(err)
	_, err = p.shop.UpdateAffiliate(t.Context(), p.affiliate("idle").ID, refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)})
	p.ok(err)
	p.coupon(refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "Save"})
	p.coupon(refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "OFF", Status: refgrow.CouponInactive})
	_, _, err = p.engine.CreateKey(t.Context(), p.shop, refgrow.CreateKeyParams{})
	p.ok(err)

	sale := func(reference string) refgrow.RecordConversionParams {
		p.clock.Advance(time.Hour)
		return refgrow.RecordConversionParams{Type: refgrow.Purchase, ReferralCode: "jane", BaseValue: money.MustParse("100.00 USD"), Reference: reference}
	}
	first := sale("eligible")
	first.Customer = refgrow.Customer{Email: "carl@example.com", ExternalID: "carl"}
	p.record(first)
	_, err = p.shop.CreateReferral(t.Context(), refgrow.CreateReferralParams{Email: "dora@example.com", Status: refgrow.ReferralPending})
	p.ok(err)
	p.clock.Advance(31 * 24 * time.Hour)
	p.record(sale("held"))
	edited := p.record(sale("edited"))
	for _, change := range []refgrow.UpdateConversionParams{
		{Value: new(money.MustParse("10.00 USD"))}, {Value: new(money.MustParse("30.00 USD"))}, {Paid: new(true)},
	} {
		p.clock.Advance(time.Hour)
		p.update(edited, change)
	}
	nobodys := sale("nobody")
	nobodys.ReferralCode = ""
	p.record(nobodys)
	p.record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: joe.ID, Reference: "signup"})
	p.record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: jane.ID})
	_, err = p.shop.UpdateSettings(t.Context(), refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("30"))})
	p.ok(err)
	p.record(sale("last"))
	p.payOut(joe)
	for _, settings := range []refgrow.UpdateSettingsParams{
		{SignupCommission: new(refgrow.Fixed(money.MustParse("1.00 USD")))}, {Currency: new(money.EUR)},
	} {
		_, err = other.UpdateSettings(t.Context(), settings)
		p.ok(err)
	}
	p.visit()
	p.listen(other)
	p.verify()

	path = filepath.Join(t.TempDir(), "backup.db")
	p.ok(p.engine.Backup(t.Context(), path))
	return path
}

// visit gives the program clicks, of which the first two are pruned, and a claim.
func (p *program) visit() {
	p.Helper()
	click := func(code, address string) {
		_, err := p.shop.RecordClicks(p.Context(), []refgrow.Click{{ReferralCode: code, URL: "https://example.com/?ref=" + code, Address: netip.MustParseAddr(address)}})
		p.ok(err)
	}
	click("jane", "192.0.2.1")
	click("jane", "192.0.2.2")
	_, err := p.shop.UpdateSettings(p.Context(), refgrow.UpdateSettingsParams{ClickDays: new(1)})
	p.ok(err)
	p.clock.Advance(2 * 24 * time.Hour)
	_, err = p.engine.PruneClicks(p.Context())
	p.ok(err)
	click("joe", "192.0.2.1")
	p.clock.Advance(24 * time.Hour)
	click("shoes", "192.0.2.1")
	p.ok(p.shop.ClaimSignup(p.Context(), "eve@example.com", "JANE"))
}

// payOut gives the program overrides, refunds, adjustments and payouts, all of
// them in EUR. Payout 1 is pending; 2 is paid; 3 is canceled, and 5 has its entries
// now; 4 is pending and reserves a debt that is taken from what is still held.
func (p *program) payOut(joe *refgrow.Affiliate) {
	p.Helper()
	paula, pete, gone := p.affiliate("paula"), p.affiliate("pete"), p.affiliate("gone")
	for _, rule := range []refgrow.CreateRuleParams{
		{AffiliateID: paula.ID, Product: "pro", Commission: refgrow.Percent("50"), Duration: refgrow.Months(12)},
		{Product: "pro", Commission: refgrow.Percent("40"), Duration: refgrow.Payments(2)},
		{Product: "pro", Commission: refgrow.Percent("45"), Duration: refgrow.Payments(2)},
		{AffiliateID: pete.ID, Commission: refgrow.Percent("25"), Duration: refgrow.FirstPurchase},
		{AffiliateID: gone.ID, Commission: refgrow.Percent("60")},
	} {
		p.clock.Advance(time.Hour)
		_, err := p.shop.CreateRule(p.Context(), rule)
		p.ok(err)
	}
	p.ok(p.shop.DeleteAffiliate(p.Context(), gone.ID))
	_, err := p.shop.CreateRule(p.Context(), refgrow.CreateRuleParams{Product: "gift", Commission: refgrow.Fixed(money.MustParse("2.00 USD"))})
	p.ok(err)

	sale := func(to *refgrow.Affiliate, reference, product, customer string) *refgrow.Conversion {
		p.clock.Advance(time.Hour)
		return p.record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: to.ID, BaseValue: money.MustParse("100.00 EUR"), Reference: reference, Product: product,
			Customer: refgrow.Customer{ExternalID: customer},
		})
	}
	refund := func(c *refgrow.Conversion, amount string) {
		p.clock.Advance(time.Hour)
		_, err := p.shop.RefundConversion(p.Context(), c.ID, refgrow.RefundConversionParams{Amount: money.MustParse(amount), Reason: "too small"})
		p.ok(err)
	}
	adjust := func(amount, note string) {
		p.clock.Advance(time.Hour)
		_, err := p.shop.CreateAdjustment(p.Context(), refgrow.CreateAdjustmentParams{AffiliateID: paula.ID, Amount: money.MustParse(amount), Note: note})
		p.ok(err)
	}
	run := func() []refgrow.Payout {
		p.clock.Advance(time.Hour)
		payouts, err := p.shop.RunPayouts(p.Context(), refgrow.PayoutRunParams{Currency: money.EUR})
		p.ok(err)
		p.clock.Advance(time.Hour)
		return payouts
	}

	refund(sale(paula, "refunded", "pro", "ada"), "20.00 EUR")
	plain := sale(paula, "plain", "pro", "ada")
	undone := sale(paula, "undone", "pro", "")
	refund(undone, "30.00 EUR")
	_, err = p.shop.UndoRefund(p.Context(), undone.ID, refgrow.RefundConversionParams{Amount: money.MustParse("10.00 EUR")})
	p.ok(err)
	adjust("5.00 EUR", "bonus")
	for _, reference := range []string{"payment 1", "payment 2", "payment 3"} {
		sale(joe, reference, "pro", "bob")
	}
	sale(pete, "first", "pro", "eve") // the affiliate's rule comes before the product's
	sale(pete, "second", "", "eve")
	p.clock.Advance(30 * 24 * time.Hour)
	made := run()
	_, err = p.shop.PayPayout(p.Context(), made[1].ID, refgrow.PayPayoutParams{ExternalReference: "bank 1"})
	p.ok(err)
	_, err = p.shop.CancelPayout(p.Context(), made[2].ID)
	p.ok(err)

	refund(plain, "40.00 EUR")
	adjust("-1.00 EUR", "fee")
	sale(paula, "later", "", "")
	p.clock.Advance(30 * 24 * time.Hour)
	refund(sale(paula, "owed", "", ""), "10.00 EUR")
	run()
	p.update(sale(pete, "moved", "", ""), refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
}

// listen gives the program endpoints: 1 hears everything, and has had another
// secret; 2 is inactive; 3 is of another project. Of event 1, a sale, delivery 1 has
// succeeded, and 2 is due; event 4 is about the same sale, and delivery 5 waits for
// 2. Of events 2 and 3, about a referred user, delivery 3 is to be tried again, and
// 4 waits for it. Of event 5, a signup of nobody, delivery 6 is leased, and 7 and 8
// wait for it. Event 6 is a test, and 7, the end of the signup, is still in the
// outbox.
func (p *program) listen(other *refgrow.Project) {
	p.Helper()
	ctx := p.Context()
	lisa := p.affiliate("lisa")
	hook := p.endpoint(refgrow.CreateWebhookParams{})
	_, err := p.shop.RotateWebhook(ctx, hook.ID)
	p.ok(err)
	p.endpoint(refgrow.CreateWebhookParams{Status: refgrow.WebhookInactive})
	_, err = other.CreateWebhook(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
	p.ok(err)

	sold := p.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: lisa.ID, BaseValue: money.MustParse("10.00 USD"), Customer: refgrow.Customer{Email: "lena@example.com"},
	})
	lola, err := p.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "lola@example.com", AffiliateID: lisa.ID})
	p.ok(err)
	_, err = p.shop.UpdateReferral(ctx, lola.ID, refgrow.UpdateReferralParams{Status: new(refgrow.ReferralConverted)})
	p.ok(err)
	p.update(sold, refgrow.UpdateConversionParams{Reference: refgrow.Set("told")})
	nobodys := p.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	p.spread()
	due := p.claim(hook)
	p.finish(due[0], refgrow.AttemptSucceeded)
	p.finish(due[1], refgrow.AttemptRetry)
	_, err = p.shop.TestWebhook(ctx, hook.ID, refgrow.EventReferralConverted)
	p.ok(err)
	p.ok(p.shop.DeleteConversion(ctx, nobodys.ID))
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
	p := &program{T: t, app: openApp(t, to, 1)}
	p.engine, p.clock = refgrowtest.On(t, refgrow.SQLite(p.app))
	p.shop, err = p.engine.Project(t.Context(), "shop")
	p.ok(err)
	return p
}

// names checks that Verify reports a difference with a text in it.
func (p *program) names(text string) {
	p.Helper()
	report, err := p.engine.Verify(p.Context())
	p.ok(err)
	if !slices.ContainsFunc(report.Differences, func(d refgrow.Difference) bool { return strings.Contains(d.String(), text) }) {
		p.Errorf("Verify names no %q: %v", text, report.Differences)
	}
	for _, d := range report.Differences {
		if d.Where == "" || d.What == "" || d.Stored == d.Computed {
			p.Errorf("a difference is %+v", d)
		}
	}
}

// Payouts are looked at some at a time, and none is passed over.
func TestVerifyNamesEachOfManyPayouts(t *testing.T) {
	single(t)
	t.Parallel()
	p := copyOf(t, damageable(t))
	p.exec(`INSERT INTO refgrow_payouts
		WITH RECURSIVE n (id) AS (VALUES (1001) UNION ALL SELECT id + 1 FROM n WHERE id < 1600)
		SELECT n.id, project_id, affiliate_id, currency, amount, entry_count, cutoff, 'canceled', NULL, created_at, NULL, created_at
		FROM n, refgrow_payouts WHERE refgrow_payouts.id = 5`)
	p.exec("INSERT INTO refgrow_payout_entries SELECT 19, id, 0 FROM refgrow_payouts WHERE id > 1000")
	p.exec("UPDATE refgrow_project_totals SET payouts_canceled = payouts_canceled + 600 WHERE project_id = 1")
	p.verify()
	p.exec("UPDATE refgrow_payouts SET amount = amount + 1 WHERE id > 1000")
	report, err := p.engine.Verify(t.Context())
	p.ok(err)
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

// What payouts do to conversions they pay in parts is no difference: one takes a
// debt from what is held, and a later one pays the rest.
func TestVerifyOfPartsInPayouts(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane, joe := p.affiliate("jane"), p.affiliate("joe")
	usd := money.MustParse
	pay := func(days int, amount string) {
		p.Helper()
		p.clock.Advance(time.Duration(days) * 24 * time.Hour)
		made, err := p.shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})
		p.ok(err)
		if len(made) != 1 || made[0].Amount != usd(amount) {
			t.Fatalf("the payouts are %+v, but should be one of %s", made, amount)
		}
		p.verify()
		_, err = p.shop.PayPayout(t.Context(), made[0].ID, refgrow.PayPayoutParams{})
		p.ok(err)
		p.verify()
	}
	p.record(earning(jane, usd("50.00 USD")))
	p.clock.Advance(20 * 24 * time.Hour)
	refunded, moved, deleted := p.record(earning(jane, usd("10.00 USD"))), p.record(earning(jane, usd("7.00 USD"))), p.record(earning(jane, usd("3.00 USD")))
	_, err := p.shop.RefundConversion(t.Context(), refunded.ID, refgrow.RefundConversionParams{Amount: usd("4.00 USD")})
	p.ok(err)
	p.update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID), Value: new(usd("0.00 USD"))})
	p.ok(p.shop.DeleteConversion(t.Context(), deleted.ID))

	pay(10, "36.00 USD") // 50 - 4 - 7 - 3
	pay(20, "20.00 USD") // 10 + 7 + 3
	if c, err := p.shop.GetConversion(t.Context(), refunded.ID); err != nil || !c.Paid {
		t.Errorf("the refunded conversion is %+v (%v)", c, err)
	}
	if b := p.earnings(jane)[0]; !b.Unpaid.IsZero() || b.Paid != usd("56.00 USD") {
		t.Errorf("the balance is %+v", b)
	}
}

// An affiliate that is still being deleted, with some of the entries of its
// payouts gone, is no difference either.
func TestVerifyOfADeletionWithPayouts(t *testing.T) {
	single(t)
	t.Parallel()
	p, store := stepped(t)
	jane := p.affiliate("jane")
	p.careerOf(jane, 600)
	for _, value := range []string{"5.00 USD", "6.00 USD"} { // the last entries of the ledger
		p.record(earning(jane, money.MustParse(value)))
	}
	p.clock.Advance(10 * 24 * time.Hour)
	made, err := p.shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})
	p.ok(err)
	_, err = p.shop.PayPayout(t.Context(), made[0].ID, refgrow.PayPayoutParams{})
	p.ok(err)
	p.verify()

	steps := 0
	store.on(func(write int) {
		steps = write
		p.verify()
	})
	p.ok(p.shop.DeleteAffiliate(t.Context(), jane.ID))
	store.on(nil)
	if steps < 4 {
		t.Errorf("the deletion took %d steps", steps)
	}
	p.verify()
	if n := p.count("SELECT COUNT(*) FROM refgrow_payouts") + p.count("SELECT COUNT(*) FROM refgrow_payout_entries"); n != 0 {
		t.Errorf("%d rows of payouts are left", n)
	}
}

// Whatever is stored twice, one damaged value is named.
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
				"TRIGGER refgrow_ledger_no_update", "INDEX refgrow_commission_rules_in_force", "INDEX refgrow_commission_rules_versions",
				"INDEX refgrow_payout_entries_reserved",
			} {
				p.exec("DROP " + guard)
			}
			p.exec("CREATE TEMP TABLE kept AS SELECT * FROM refgrow_" + d.table)
			p.exec("UPDATE refgrow_" + d.table + " SET " + d.column + " = " + d.to + " WHERE " + d.where)
			if n := p.count("SELECT COUNT(*) FROM (SELECT * FROM kept EXCEPT SELECT * FROM refgrow_" + d.table + ")"); n != 1 {
				t.Fatalf("%d rows were changed", n)
			}
			p.names(d.names)
		})
	}
}

// A column that is added is added to the damages too, or is a fact.
func TestVerifyKnowsEveryColumn(t *testing.T) {
	t.Parallel()
	p := inAppsFile(t, 1, refgrow.Settings{})
	rows, err := p.app.QueryContext(t.Context(), `SELECT substr(t.name, 9), c.name FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name GLOB 'refgrow_*'`)
	p.ok(err)
	defer rows.Close()
	known := make(map[string]bool)
	for rows.Next() {
		var table, column string
		p.ok(rows.Scan(&table, &column))
		known[table+"."+column] = true
		isFact := slices.Contains(strings.Fields(facts[table]), column)
		isDamaged := slices.ContainsFunc(damages, func(d damage) bool { return d.table == table && d.column == column })
		if isFact == isDamaged {
			t.Errorf("%s.%s is a fact: %v; it is damaged: %v", table, column, isFact, isDamaged)
		}
	}
	p.ok(rows.Err())
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
		"DELETE FROM refgrow_project_totals":                                                                                            "project shop: project totals: row is missing",
		"DELETE FROM refgrow_commission_rules WHERE " + theThirty:                                                                       "project: rule in force for a purchase is missing",
		"DELETE FROM refgrow_commission_rules WHERE id = 1":                                                                             "conversion 2: commission rule is 1",
		"DELETE FROM refgrow_codes WHERE code = 'jane'":                                                                                 "affiliate 1: owner of its referral code is 0",
		"DELETE FROM refgrow_affiliates WHERE id = 1":                                                                                   "ledger entry 2: affiliate is 1",
		"DELETE FROM refgrow_accounts WHERE " + inUSD:                                                                                   "affiliate 1 in USD: total is 0",
		"DELETE FROM refgrow_conversions WHERE " + theHeld:                                                                              "conversion 2: sum of its entries with affiliate 1 in USD",
		"DELETE FROM refgrow_ledger_entries WHERE " + aCommission:                                                                       "conversion 2: sum of its entries is 0",
		"DELETE FROM refgrow_coupons WHERE id = 1":                                                                                      "project totals: active coupons",
		"DELETE FROM refgrow_referrals WHERE id = 1":                                                                                    "conversion 1: referred user is 1",
		"DELETE FROM refgrow_projects WHERE name = 'shop'":                                                                              "file: integrity",
		"INSERT INTO refgrow_codes VALUES (1, 'stolen', 3)":                                                                             "code of affiliate 3: affiliate is stolen",
		"DELETE FROM refgrow_commission_rules WHERE id = 7":                                                                             "commission rule 8: version is 2, but should be 1",
		"DELETE FROM refgrow_commission_rules WHERE id = 6":                                                                             "conversion 8: commission rule is 6, but should be one of the project",
		"DELETE FROM refgrow_payouts WHERE " + thePending:                                                                               "ledger entry 25: payout it is of is 4",
		"DELETE FROM refgrow_payouts WHERE  id = 4":                                                                                     "affiliate 5 in EUR: reserved is 600, but should be 0",
		"DELETE FROM refgrow_payouts WHERE " + thePaid:                                                                                  "ledger entry 20: payout is 2, but should be one",
		"DELETE FROM refgrow_payouts WHERE " + theCanceled:                                                                              "ledger entry 19: payout it is of is 3",
		"DELETE FROM refgrow_payout_entries WHERE payout_id = 4 AND entry_id = 25":                                                      "payout 4: count of its entries is 4, but should be 3",
		"DELETE FROM refgrow_payout_entries WHERE payout_id = 4":                                                                        "payout 4: amount is 600, but should be 0",
		"DELETE FROM refgrow_payout_entries WHERE payout_id = 2 AND entry_id = 10":                                                      "payout 2: settled of conversion 8 is",
		"DELETE FROM refgrow_payout_entries WHERE payout_id = 3":                                                                        "payout 3: count of its entries is 1, but should be 0",
		"DELETE FROM refgrow_ledger_entries WHERE id = 20":                                                                              "payout 2: settled of conversion 8 is",
		"DELETE FROM refgrow_ledger_entries WHERE id = 23":                                                                              "payout 2: settled of adjustments is",
		"DELETE FROM refgrow_ledger_entries WHERE payout_id = 2":                                                                        "payout 2: settled of conversion 10 is 0, but should be 4000",
		"DELETE FROM refgrow_ledger_entries WHERE note = 'bonus'":                                                                       "entry 16 of payout 2: ledger entry is missing",
		"DELETE FROM refgrow_ledger_entries WHERE note = 'fee'":                                                                         "affiliate 5 in EUR: total",
		"DELETE FROM refgrow_ledger_entries WHERE id = 28":                                                                              "conversion 17: sum of its entries is 3000, but should be 2700",
		"INSERT INTO refgrow_payout_entries VALUES (27, 4, 1)":                                                                          "entry 27 of payout 4: available_at",
		"INSERT INTO refgrow_payout_entries VALUES (10, 4, 0)":                                                                          "entry 10 of payout 4: reserved is 0, but should be 1",
		"INSERT INTO refgrow_payouts SELECT 9, 1, 5, 'EUR', 7, 1, 0, 'pending', NULL, MAX(created_at), NULL, NULL FROM refgrow_payouts": "payout 9: amount is 7, but should be 0",
		"DELETE FROM refgrow_outbox":                                                                                                    "outbox: row is missing",
		"DELETE FROM refgrow_events WHERE id = 3":                                                                                       "delivery 4: event is 3, but should be one that there is",
		"DELETE FROM refgrow_webhooks WHERE id = 1":                                                                                     "file: integrity",
		"DELETE FROM refgrow_deliveries WHERE id = 2":                                                                                   "delivery 5: next_attempt_at is not set, but should be set for one pending one",
		"DELETE FROM refgrow_projects WHERE name = 'other'":                                                                             "file: integrity",
		"INSERT INTO refgrow_accounts VALUES (2, 'GBP', 1, 5, 5, 0, 5, 0, NULL, 0, 0, 0, 0)":                                            "affiliate 2 in GBP: total is 5",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			p := copyOf(t, path)
			p.exec("DROP TRIGGER refgrow_ledger_no_delete")
			p.exec(statement)
			p.names(names)
		})
	}
}

// A schema that is not the one that was made is named, whatever the host has added to
// it, and so are ids that would be given again.
func TestVerifyNamesSchema(t *testing.T) {
	single(t)
	t.Parallel()
	path := damageable(t)
	altered := func(name, from, to string) string {
		return fmt.Sprintf("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '%s', '%s') WHERE name = '%s'; PRAGMA writable_schema = RESET", from, to, name)
	}
	for statement, names := range map[string]string{
		"DROP TRIGGER refgrow_ledger_no_update":                                        "file: integrity is there is no trigger refgrow_ledger_no_update",
		"DROP INDEX refgrow_clicks_by_time":                                            "there is no index refgrow_clicks_by_time",
		"ALTER TABLE refgrow_clicks RENAME TO refgrow_visits":                          "there is no table refgrow_clicks",
		"ALTER TABLE refgrow_clicks RENAME COLUMN url TO address_of_page":              "the table refgrow_clicks is not as it was made",
		"ALTER TABLE refgrow_coupons ADD COLUMN mine TEXT":                             "the table refgrow_coupons is not as it was made",
		altered("refgrow_accounts", "gross BETWEEN 0", "gross BETWEEN 1"):              "the table refgrow_accounts is not as it was made",
		altered("refgrow_ledger_no_delete", "WHEN NOT EXISTS", "WHEN  EXISTS"):         "the trigger refgrow_ledger_no_delete is not as it was made",
		altered("refgrow_ledger_entries", "amount <> 0 AND", "amount <> 9 AND"):        "the table refgrow_ledger_entries is not as it was made",
		"UPDATE sqlite_sequence SET name = 'rfgrow_payouts' WHERE seq = 5":             "the ids of refgrow_payouts are counted up to 0, but there is 5",
		"UPDATE sqlite_sequence SET seq = 7 WHERE name = 'refgrow_ledger_entries'":     "the ids of refgrow_ledger_entries are counted up to 7, but there is",
		"DROP TABLE refgrow_clicks":                                                    "reading is the file is damaged or no database: SQL logic error: no such table: refgrow_clicks",
		"ALTER TABLE refgrow_conversions RENAME COLUMN rule_id TO rule_identification": "project shop: conversions: reading is",
		"ALTER TABLE refgrow_projects RENAME COLUMN touch TO tap":                      "projects: reading is",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			p := copyOf(t, path)
			p.exec(statement)
			p.names(names)
		})
	}
	p := copyOf(t, path)
	p.exec("CREATE INDEX refgrow_clicks_of_mine ON refgrow_clicks (url)")
	p.exec("CREATE TRIGGER watch AFTER INSERT ON refgrow_clicks BEGIN SELECT 1; END")
	p.exec("UPDATE sqlite_sequence SET seq = seq + 1000")
	p.verify()
}

// What is damaged in one place does not hide what is wrong in others.
func TestVerifyGoesOn(t *testing.T) {
	single(t)
	t.Parallel()
	p := copyOf(t, damageable(t))
	p.exec("ALTER TABLE refgrow_conversions RENAME COLUMN rule_id TO rule_identification")
	p.exec("UPDATE refgrow_project_totals SET ledger_entries = ledger_entries + 1")
	p.exec("UPDATE refgrow_outbox SET position = 0")
	for _, names := range []string{
		"project shop: conversions: reading is", "project shop: project totals: ledger entries", "project other: project totals: ledger entries", "outbox: position is 0",
	} {
		p.names(names)
	}
}

// A currency that is none is an error of what needs it, and no panic.
func TestDamagedCurrency(t *testing.T) {
	single(t)
	t.Parallel()
	path := damageable(t)
	for _, damaged := range []string{
		"UPDATE refgrow_projects SET currency = 'HRK'",
		"UPDATE refgrow_commission_rules SET currency = 'HRK' WHERE kind = 'fixed'",
	} {
		t.Run(damaged, func(t *testing.T) {
			t.Parallel()
			p := copyOf(t, path)
			p.exec(damaged)
			p.names("currency is HRK")
			if s, err := p.shop.Settings(t.Context()); err == nil || !strings.Contains(err.Error(), "HRK") {
				t.Errorf("the settings are %+v (%v)", s, err)
			}
			if c, err := p.shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: 1}); err == nil {
				t.Errorf("a signup was recorded: %+v", c)
			}
		})
	}
}

// What the app does with its own tables is none of our differences.
func TestVerifyLeavesTheAppsTables(t *testing.T) {
	t.Parallel()
	p := inAppsFile(t, 1, refgrow.Settings{})
	for _, statement := range []string{
		"CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)",
		"CREATE TABLE dangling (parent REFERENCES parent (id))",
		"INSERT INTO dangling VALUES (7)",
		"CREATE TABLE mismatched (parent REFERENCES parent (name))", // which is not unique
		"INSERT INTO mismatched VALUES ('none')",
		"CREATE TABLE orphan (parent REFERENCES nowhere (id))",
		"INSERT INTO orphan VALUES (1)",
	} {
		p.exec(statement)
	}
	p.verify()
}
