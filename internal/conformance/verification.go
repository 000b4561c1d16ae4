package conformance

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func verificationTests() []test {
	return []test{
		{"a healthy database", verifyHealthy},
		{"damaged rows", verifyDamage},
		{"damaged entries", verifyEntries},
		{"copies of a row's own values", verifyCopies},
		{"damaged payouts", verifyPayouts},
	}
}

// program fills the shop with one of everything: an eligible, a paid and a held
// commission of jane's in USD, a held one in EUR, and nobody's.
type program struct {
	jane, joe, stranger           *refgrow.Affiliate
	eligible, paid, held, nobodys *refgrow.Conversion
	coupon                        *refgrow.Coupon
	carl                          *refgrow.Referral
}

func (w *world) program() (p program) {
	w.Helper()
	ctx := w.Context()
	w.set(refgrow.UpdateSettingsParams{
		HoldDays: new(10), SignupCommission: new(refgrow.Fixed(money.MustParse("1.00 USD"))),
	})
	p.jane = must(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE", PartnerSlug: "shoes",
	}))
	p.joe = w.affiliate("joe")
	idle := w.affiliate("idle")
	must(w.shop.UpdateAffiliate(ctx, idle.ID, refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)}))
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	p.stranger = must(other.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "stranger@example.com"}))
	p.coupon = must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: p.jane.ID, Code: "SAVE"}))
	must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{
		AffiliateID: p.jane.ID, Code: "OFF", Status: refgrow.CouponInactive,
	}))
	for _, status := range []refgrow.ReferralStatus{
		"", refgrow.ReferralPending, refgrow.ReferralDirect, refgrow.ReferralConverted,
	} {
		must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: "u_" + string(status), Status: status}))
	}
	p.eligible = w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: p.jane.ID, BaseValue: money.MustParse("100.00 USD"),
		Customer: refgrow.Customer{Email: "carl@example.com"},
	})
	p.carl = must(w.shop.ReferralByEmail(ctx, "carl@example.com"))
	w.clock.Advance(10 * 24 * time.Hour)
	p.paid = w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: p.jane.ID, BaseValue: money.MustParse("50.00 USD"), Paid: true,
	})
	p.held = w.purchase(p.jane.ID, "30.00 USD")
	w.purchase(p.jane.ID, "30.00 EUR")
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: p.jane.ID})
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Paid: true})
	p.nobodys = w.purchase(0, "70.00 USD")
	return p
}

func verifyHealthy(w *world) {
	p := w.program()
	report := w.verify()
	equal(w, "what was checked", [3]int64{report.Projects, report.Affiliates, report.Conversions}, [3]int64{2, 4, 7})
	w.ok(w.shop.DeleteAffiliate(w.Context(), p.jane.ID))
	report = w.verify()
	equal(w, "what was checked after a deletion",
		[3]int64{report.Projects, report.Affiliates, report.Conversions}, [3]int64{2, 3, 2})
}

// damage is a value that is changed behind the engine's back, and what the report then
// names.
type damage struct {
	table, column string
	where         string // one row
	to            string // an expression
	names         string
}

// found does the damage, looks for it in the report, and repairs it.
func (w *world) found(d damage) {
	w.Helper()
	place := fmt.Sprintf("%s.%s = %s where %s", d.table, d.column, d.to, d.where)
	// The whole table is kept, because the damage may be to the columns that find the
	// row.
	w.ok(w.inTx(func(tx *sql.Tx) error {
		if w.Postgres { // whose references would refuse some of it
			w.ok(errOf(tx.ExecContext(w.Context(), "SET LOCAL session_replication_role = replica")))
		}
		for _, query := range []string{
			"CREATE TABLE kept AS SELECT * FROM refgrow_" + d.table,
			"UPDATE refgrow_" + d.table + " SET " + d.column + " = " + d.to + " WHERE " + d.where,
		} {
			if err := errOf(tx.ExecContext(w.Context(), w.sql(query))); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}
		}
		var changed int
		query := "SELECT COUNT(*) FROM (SELECT * FROM kept EXCEPT SELECT * FROM refgrow_" + d.table + ") AS x"
		if err := tx.QueryRowContext(w.Context(), query).Scan(&changed); err != nil || changed != 1 {
			w.Errorf("%s: %d rows were changed: %v", place, changed, err)
		}
		return nil
	}))
	report := must(w.engine.Verify(w.Context()))
	named := false
	for _, difference := range report.Differences {
		named = named || strings.Contains(difference.String(), d.names)
		if difference.Where == "" || difference.What == "" || difference.Stored == difference.Computed {
			w.Errorf("%s: a difference is %+v", place, difference)
		}
	}
	if !named {
		w.Errorf("%s: Verify names no %q: %v", place, d.names, report.Differences)
	}
	w.ok(w.inTx(func(tx *sql.Tx) error {
		for _, query := range []string{
			"PRAGMA defer_foreign_keys = 1",
			"DELETE FROM refgrow_" + d.table,
			"INSERT INTO refgrow_" + d.table + " SELECT * FROM kept",
			"DROP TABLE kept",
		} {
			if err := errOf(tx.ExecContext(w.Context(), w.sql(query))); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}
		}
		return nil
	}))
}

// Each value that is stored twice is compared, and named if it is wrong.
func verifyDamage(w *world) {
	p := w.program()
	usd := fmt.Sprintf("affiliate %d in USD: ", p.jane.ID)
	account := fmt.Sprintf("affiliate_id = %d AND currency = 'USD'", p.jane.ID)
	conversion := func(c *refgrow.Conversion) (where, names string) {
		return fmt.Sprint("id = ", c.ID), fmt.Sprintf("conversion %d: ", c.ID)
	}
	eligible, theEligible := conversion(p.eligible)
	paid, thePaid := conversion(p.paid)
	nobodys, theNobodys := conversion(p.nobodys)
	totals := fmt.Sprint("project_id = ", w.shop.ID())
	jane := fmt.Sprint("id = ", p.jane.ID)
	joe := fmt.Sprint(p.joe.ID)
	damages := []damage{
		{"accounts", "cleared_to", account, "cleared_to + 1000", usd + "cleared_to"},
		{"accounts", "total", account, "total + 1", usd + "total"},
		{"accounts", "paid", account, "paid - 1", usd + "paid"},
		{"accounts", "eligible", account, "eligible + 1", usd + "eligible"},
		{"accounts", "signups", account, "signups + 1", usd + "signups"},
		{"accounts", "purchases", account, "purchases - 1", usd + "purchases"},
		{"accounts", "next_release_at", account, "NULL", usd + "next release"},
		{"accounts", "next_release_at", account, "next_release_at + 1", usd + "next release"},
		// after the next release
		{"accounts", "rolled_to", account, fmt.Sprint(p.held.AvailableAt.UnixMilli()), usd + "eligible"},
		{"accounts", "rolled_to", account, fmt.Sprint(p.eligible.CreatedAt.UnixMilli()), usd + "eligible"},
		{"accounts", "rolled_to", account, "rolled_to + 1", usd + "rolled_to"}, // after all that was written
		{"accounts", "currency", account, "'GBP'", usd + "total"},
		{"accounts", "affiliate_id", account, joe, usd + "total"},
		{"accounts", "project_id", account, "project_id + 1", usd + "total"},

		{"conversions", "value", eligible, "value + 1", theEligible + "sum of its entries"},
		{"conversions", "value", eligible, "value - 1", theEligible + "value"},
		{"conversions", "value", nobodys, "1", theNobodys + "value"},
		{"conversions", "paid", paid, "0", thePaid + "paid"},
		{"conversions", "paid", eligible, "1", "project totals: paid purchases"},
		{"conversions", "affiliate_id", eligible, joe, theEligible + "sum of its entries"},
		{"conversions", "affiliate_id", eligible, "NULL", theEligible + "sum of its entries with affiliate"},
		{"conversions", "affiliate_id", nobodys, fmt.Sprint(p.stranger.ID), theNobodys + "affiliate"},
		{"conversions", "currency", eligible, "'EUR'", theEligible + "sum of its entries"},
		{"conversions", "type", eligible, "'signup'", usd + "signups"},
		{"conversions", "priced_value", eligible, "priced_value + 1", theEligible + "commission"},
		{"conversions", "priced_base_value", eligible, "priced_base_value + 1000", theEligible + "commission"},
		{"conversions", "rule_id", eligible, "999", theEligible + "commission rule"},
		{"conversions", "rule_version", eligible, "rule_version + 1", theEligible + "version of its rule"},
		{"commission_rules", "rate", fmt.Sprintf("project_id = %d AND conversion_type = 'purchase'", w.shop.ID()),
			"rate + 10000", theEligible + "commission"},

		{"codes", "affiliate_id", "code = 'jane'", joe, fmt.Sprintf("affiliate %d: owner of its referral code", p.jane.ID)},
		{"codes", "code", "code = 'jane'", "'june'", fmt.Sprintf("affiliate %d: owner of its referral code", p.jane.ID)},
		{"codes", "affiliate_id", "code = 'shoes'", joe, fmt.Sprintf("affiliate %d: owner of its partner slug", p.jane.ID)},
		{"codes", "project_id", "code = 'joe'", "project_id + 1",
			fmt.Sprintf("affiliate %d: owner of its referral code", p.joe.ID)},
		{"affiliates", "referral_code", jane, "'JUNE'", fmt.Sprintf("affiliate %d: owner of its referral code", p.jane.ID)},
		{"affiliates", "partner_slug", jane, "'boots'", fmt.Sprintf("affiliate %d: owner of its partner slug", p.jane.ID)},
		{"affiliates", "status", jane, "'inactive'", "project totals: active affiliates"},
		{"coupons", "status", fmt.Sprint("id = ", p.coupon.ID), "'inactive'", "project totals: inactive coupons"},
		{"coupons", "affiliate_id", fmt.Sprint("id = ", p.coupon.ID), fmt.Sprint(p.stranger.ID),
			fmt.Sprintf("coupon %d: affiliate", p.coupon.ID)},
		{"referrals", "status", fmt.Sprint("id = ", p.carl.ID), "'pending'",
			fmt.Sprintf("referred user %d: conversion date", p.carl.ID)},
		{"referrals", "conversion_date", fmt.Sprint("id = ", p.carl.ID), "NULL",
			fmt.Sprintf("referred user %d: conversion date", p.carl.ID)},
		{"referrals", "affiliate_id", fmt.Sprint("id = ", p.carl.ID), fmt.Sprint(p.stranger.ID),
			fmt.Sprintf("referred user %d: affiliate", p.carl.ID)},
		{"project_totals", "last_stamp", totals, "last_stamp - 1", "project totals: last stamp"},
	}
	for column, names := range map[string]string{
		"ledger_entries":    "ledger entries",
		"affiliates_active": "active affiliates", "affiliates_inactive": "inactive affiliates",
		"coupons_active": "active coupons", "coupons_inactive": "inactive coupons",
		"referrals_pending": "pending referrals", "referrals_converted": "converted referrals",
		"referrals_direct": "direct referrals", "referrals_direct_signup": "direct signups",
		"payouts_pending": "pending payouts", "payouts_paid": "paid payouts", "payouts_canceled": "canceled payouts",
		"signups_unpaid": "unpaid signups", "signups_paid": "paid signups",
		"purchases_unpaid": "unpaid purchases", "purchases_paid": "paid purchases",
	} {
		for _, off := range []string{" + 1", " - 1"} {
			damages = append(damages, damage{"project_totals", column, totals, column + off, "project totals: " + names})
		}
	}
	for _, d := range damages {
		w.found(d)
	}
	w.verify()
}

// Entries that were changed despite the triggers are found as well.
func verifyEntries(w *world) {
	p := w.program()
	usd := fmt.Sprintf("affiliate %d in USD: ", p.jane.ID)
	the := fmt.Sprintf("conversion %d: sum of its entries", p.eligible.ID)
	entry := fmt.Sprint("conversion_id = ", p.eligible.ID)
	for _, trigger := range []string{"update", "delete"} {
		w.ok(w.exec("DROP TRIGGER refgrow_ledger_no_" + trigger))
	}
	for _, d := range []damage{
		{"ledger_entries", "amount", entry, "amount + 1", the},
		{"ledger_entries", "amount", entry, "amount + 1", usd + "total"},
		{"ledger_entries", "kind", entry, "'settlement'", usd + "paid"},
		{"ledger_entries", "currency", entry, "'GBP'", usd + "total"},
		{"ledger_entries", "affiliate_id", entry, fmt.Sprint(p.joe.ID), usd + "total"},
		{"ledger_entries", "affiliate_id", entry, fmt.Sprint(p.stranger.ID), "ledger entry 1: affiliate"},
		{"ledger_entries", "conversion_id", entry, fmt.Sprint(p.paid.ID), the},
		{"ledger_entries", "available_at", entry, fmt.Sprint(p.held.AvailableAt.UnixMilli()), usd + "eligible"},
		{"ledger_entries", "created_at", entry, fmt.Sprint(p.held.AvailableAt.UnixMilli()), "stamp"},
		{"ledger_entries", "project_id", entry, "project_id + 1", the},
	} {
		w.found(d)
	}
	w.ok(w.exec("DELETE FROM refgrow_ledger_entries WHERE " + entry))
	if len(must(w.engine.Verify(w.Context())).Differences) == 0 {
		w.Error("Verify does not miss an entry")
	}
}

// What a row copies from another value, to find it or to pay it in time, is compared as
// well.
func verifyCopies(w *world) {
	p := w.program()
	w.found(damage{"coupons", "code_key", fmt.Sprint("id = ", p.coupon.ID), "'other'",
		fmt.Sprintf("coupon %d", p.coupon.ID)})
	w.found(damage{"conversions", "available_at", fmt.Sprint("id = ", p.held.ID), "available_at + 1",
		fmt.Sprintf("conversion %d", p.held.ID)})
	w.verify()
}

// A payout, its entries and what it has settled are compared with each other.
func verifyPayouts(w *world) {
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	sale := w.purchase(jane.ID, "100.00 USD")
	canceled := *w.cancel(w.run(refgrow.PayoutRunParams{})[0])
	paid := *w.pay(w.run(refgrow.PayoutRunParams{})[0])
	w.clock.Advance(time.Hour)
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	held := w.purchase(jane.ID, "100.00 USD")
	w.refund(held, "5.00 USD")
	w.adjust(jane.ID, "7.00 USD")
	pending := w.run(refgrow.PayoutRunParams{})[0]
	w.refund(held, "5.00 USD")
	last := w.adjust(jane.ID, "9.00 USD")
	w.verify()

	usd := fmt.Sprintf("affiliate %d in USD: ", jane.ID)
	account := fmt.Sprintf("affiliate_id = %d AND currency = 'USD'", jane.ID)
	row := func(p refgrow.Payout) (where, names string) {
		return fmt.Sprint("id = ", p.ID), fmt.Sprintf("payout %d: ", p.ID)
	}
	thePending, ofPending := row(pending)
	thePaid, ofPaid := row(paid)
	theCanceled, ofCanceled := row(canceled)
	entry := func(p refgrow.Payout, limit string) string {
		return fmt.Sprintf("payout_id = %d AND entry_id = "+
			"(SELECT %s(entry_id) FROM refgrow_payout_entries WHERE payout_id = %d)", p.ID, limit, p.ID)
	}
	for _, d := range []damage{
		{"accounts", "reserved", account, "reserved + 1", usd + "reserved"},
		{"accounts", "debts", account, "debts - 1", usd + "debts"},
		{"payouts", "amount", thePending, "amount + 1", ofPending + "amount"},
		{"payouts", "amount", theCanceled, "amount + 1", ofCanceled + "amount"},
		{"payouts", "entry_count", thePaid, "entry_count + 1", ofPaid + "count of its entries"},
		{"payouts", "status", thePending, "'paid'", ofPending + "paid_at"},
		{"payouts", "status", thePaid, "'pending'", ofPaid + "paid_at"},
		{"payouts", "status", theCanceled, "'pending'", ofCanceled + "canceled_at"},
		{"payouts", "currency", thePending, "'EUR'", "currency"},
		{"payouts", "affiliate_id", thePending, fmt.Sprint(joe.ID), "affiliate"},
		{"payouts", "cutoff", thePending, "cutoff + 1", ofPending + "cutoff"},
		{"payouts", "paid_at", thePaid, "created_at - 1", ofPaid + "paid_at"},
		{"payouts", "external_reference", thePending, "'wire-9'", ofPending + "external reference"},
		{"payout_entries", "reserved", entry(pending, "MAX"), "0", "reserved"},
		{"payout_entries", "entry_id", entry(pending, "MAX"), fmt.Sprint(last.ID), ofPending + "amount"},
		{"conversions", "paid", fmt.Sprint("id = ", sale.ID), "0", fmt.Sprintf("conversion %d: paid", sale.ID)},
	} {
		w.found(d)
	}
	w.verify()
	equal(w, "the payouts", must(w.shop.CountPayouts(w.Context(), refgrow.ListPayoutsParams{})), 3)
}
