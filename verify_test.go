package refgrow_test

import (
	"fmt"
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

// A damage is one value that was changed past the engine, and what Verify has to
// name then.
type damage struct {
	table, column, to string // to is an SQL expression
	where             string
	names             string // in one of the differences
}

// The rows of the program that is damaged, as SQL conditions.
const (
	theShop     = "id = (SELECT id FROM refgrow_projects WHERE name = 'shop')"
	ofTheShop   = "project_id = (SELECT id FROM refgrow_projects WHERE name = 'shop')"
	inUSD       = "affiliate_id = 1 AND currency = 'USD'"
	theHeld     = "reference = 'held'"
	theEdited   = "reference = 'edited'" // down, up, paid
	theNobodys  = "reference = 'nobody'"
	aCommission = "conversion_id = (SELECT id FROM refgrow_conversions WHERE reference = 'held')"
	aCorrection = "kind = 'correction' AND amount < 0"
	aSettlement = "kind = 'settlement'"
)

// damages has at least one damage for each column that is stored twice, or bound
// to another.
var damages = []damage{
	{"projects", "currency", "'HRK'", theShop, "project shop: project: currency is HRK"},

	{"project_totals", "project_id", "99", ofTheShop, "project totals: row is missing"},
	{"project_totals", "last_stamp", "last_stamp - 1", ofTheShop, "project totals: last stamp"},
	{"project_totals", "last_stamp", "0", ofTheShop, "project totals: last stamp"},
	{"project_totals", "ledger_entries", "ledger_entries + 1", ofTheShop, "project totals: ledger entries"},
	{"project_totals", "affiliates_active", "affiliates_active - 1", ofTheShop, "project totals: active affiliates"},
	{"project_totals", "affiliates_inactive", "affiliates_inactive + 1", ofTheShop, "project totals: inactive affiliates"},
	{"project_totals", "coupons_active", "coupons_active + 1", ofTheShop, "project totals: active coupons"},
	{"project_totals", "coupons_inactive", "coupons_inactive - 1", ofTheShop, "project totals: inactive coupons"},
	{"project_totals", "referrals_pending", "referrals_pending + 1", ofTheShop, "project totals: pending referrals"},
	{"project_totals", "referrals_converted", "referrals_converted - 1", ofTheShop, "project totals: converted referrals"},
	{"project_totals", "referrals_direct", "referrals_direct + 1", ofTheShop, "project totals: direct referrals"},
	{"project_totals", "referrals_direct_signup", "referrals_direct_signup + 1", ofTheShop, "project totals: direct signups"},
	{"project_totals", "signups_unpaid", "signups_unpaid - 1", ofTheShop, "project totals: unpaid signups"},
	{"project_totals", "signups_paid", "signups_paid + 1", ofTheShop, "project totals: paid signups"},
	{"project_totals", "purchases_unpaid", "purchases_unpaid + 1", ofTheShop, "project totals: unpaid purchases"},
	{"project_totals", "purchases_paid", "purchases_paid - 1", ofTheShop, "project totals: paid purchases"},

	{"commission_rules", "project_id", "2", "id = 1", "conversion 2: commission rule is 1"},
	{"commission_rules", "conversion_type", "'signup'", "id = 1", "commission rule 2: version"},
	{"commission_rules", "affiliate_id", "1", "id = 2", "project: rule in force for a signup is missing"},
	{"commission_rules", "product", "'shoes'", "id = 2", "project: rule in force for a signup is missing"},
	{"commission_rules", "version", "version + 1", "id = 1", "commission rule 1: version"},
	{"commission_rules", "version", "version + 1", "version = 2", "version"},
	{"commission_rules", "kind", "'fixed'", "id = 1", "commission rule 1: currency"},
	{"commission_rules", "kind", "'percent'", "id = 2", "commission rule 2: kind"},
	{"commission_rules", "rate", "rate + 10000", "id = 1", "commission"},
	{"commission_rules", "amount", "amount + 1", "id = 1", "commission rule 1: kind"},
	{"commission_rules", "amount", "amount + 1", "id = 2", "commission"},
	{"commission_rules", "currency", "'HRK'", "id = 2", "commission rule 2: currency is HRK"},
	{"commission_rules", "currency", "'EUR'", "id = 2", "commission"},
	{"commission_rules", "currency", "'USD'", "id = 1", "commission rule 1: kind"},
	{"commission_rules", "duration_count", "3", "id = 2", "commission rule 2: count of its duration"},
	{"commission_rules", "ended_at", "created_at", "version = 2", "project: rule in force for a purchase is missing"},
	{"commission_rules", "ended_at", "created_at", "id = 2", "project: rule in force for a signup is missing"},

	{"affiliates", "project_id", "2", "id = 1", "affiliate"},
	{"affiliates", "email", "'Jane@example.com'", "id = 1", "affiliate 1: email is Jane@example.com"},
	{"affiliates", "referral_code", "'JUNE'", "id = 1", "affiliate 1: owner of its referral code"},
	{"affiliates", "partner_slug", "'boots'", "id = 1", "affiliate 1: owner of its partner slug"},
	{"affiliates", "status", "'inactive'", "id = 1", "project totals: active affiliates"},
	{"affiliates", "deleted_at", "created_at", "id = 1", "project totals: active affiliates"},
	{"codes", "project_id", "2", "code = 'jane'", "affiliate 1: owner of its referral code"},
	{"codes", "code", "'june'", "code = 'jane'", "affiliate 1: owner of its referral code"},
	{"codes", "code", "'boots'", "code = 'shoes'", "affiliate 1: owner of its partner slug"},
	{"codes", "affiliate_id", "2", "code = 'jane'", "affiliate 1: owner of its referral code"},
	{"codes", "affiliate_id", "99", "code = 'former'", "code of affiliate 99: affiliate"},

	{"coupons", "project_id", "2", "id = 1", "coupon 1: affiliate"},
	{"coupons", "affiliate_id", "3", "id = 1", "coupon 1: affiliate is 3"},
	{"coupons", "affiliate_id", "99", "id = 1", "coupon 1: affiliate is 99"},
	{"coupons", "code", "'Other'", "id = 1", "coupon 1: code_key is save"},
	{"coupons", "code_key", "'other'", "id = 1", "coupon 1: code_key is other"},
	{"coupons", "code_key", "'SAVE'", "id = 1", "coupon 1: code_key is SAVE"},
	{"coupons", "status", "'inactive'", "id = 1", "project totals: active coupons"},

	{"referrals", "project_id", "2", "external_id = 'carl'", "referred user 1: affiliate"},
	{"referrals", "email", "'Carl@example.com'", "external_id = 'carl'", "referred user 1: email is Carl@example.com"},
	{"referrals", "affiliate_id", "3", "external_id = 'carl'", "referred user 1: affiliate is 3"},
	{"referrals", "affiliate_id", "99", "external_id = 'carl'", "referred user 1: affiliate is 99"},
	{"referrals", "status", "'pending'", "external_id = 'carl'", "referred user 1: conversion date"},
	{"referrals", "status", "'direct'", "external_id = 'carl'", "project totals: direct referrals"},
	{"referrals", "conversion_date", "NULL", "external_id = 'carl'", "referred user 1: conversion date is not set"},
	{"referrals", "conversion_date", "created_at", "status = 'pending'", "referred user 2: conversion date"},

	{"conversions", "project_id", "2", theHeld, "conversion 2: affiliate is 1"},
	{"conversions", "type", "'signup'", theHeld, "affiliate 1 in USD: signups"},
	{"conversions", "affiliate_id", "2", theHeld, "conversion 2: affiliate is 2"},
	{"conversions", "affiliate_id", "3", theHeld, "conversion 2: affiliate is 3"},
	{"conversions", "affiliate_id", "NULL", theHeld, "conversion 2: affiliate is 0"},
	{"conversions", "affiliate_id", "1", theNobodys, "conversion 4: affiliate is 1"},
	{"conversions", "referral_id", "99", theHeld, "conversion 2: referred user is 99"},
	{"conversions", "currency", "'EUR'", theHeld, "conversion 2: sum of its entries with affiliate 1 in USD"},
	{"conversions", "currency", "'HRK'", theNobodys, "conversion 4: currency is HRK"},
	{"conversions", "value", "value + 1", theHeld, "conversion 2: sum of its entries"},
	{"conversions", "value", "value - 1", theHeld, "conversion 2: value"},
	{"conversions", "value", "1", theNobodys, "conversion 4: value is 1"},
	{"conversions", "refunded", "base_value + 1", theHeld, "conversion 2: refunded"},
	{"conversions", "refunded", "1", "reference = 'signup'", "refunded is 1"},
	{"conversions", "paid", "0", theEdited, "conversion 3: settled, though unpaid,"},
	{"conversions", "paid", "1", theHeld, "project totals: paid purchases"},
	{"conversions", "reason", "'none'", theHeld, "conversion 2: reason is none"},
	{"conversions", "reason", "'coupon'", theHeld, "conversion 2: reason is coupon"},
	{"conversions", "reason", "'guess'", theHeld, "conversion 2: reason is guess"},
	{"conversions", "reason", "'guess'", theNobodys, "conversion 4: reason is guess"},
	{"conversions", "candidates", "'broken'", theHeld, "conversion 2: candidates is broken"},
	{"conversions", "candidates", "'[]'", theHeld, "conversion 2: affiliate is 1"},
	{"conversions", "candidates", "REPLACE(candidates, '\"affiliate_id\":1', '\"affiliate_id\":2')", theHeld, "conversion 2: affiliate is 1"},
	{"conversions", "commission_reason", "'guess'", theHeld, "conversion 2: reason of its commission is guess"},
	{"conversions", "commission_reason", "'unattributed'", theHeld, "conversion 2: commission"},
	{"conversions", "commission_reason", "'currency_mismatch'", theHeld, "conversion 2: reason of its commission is currency_mismatch"},
	{"conversions", "commission_reason", "'rule'", theNobodys, "conversion 4: commission rule is missing"},
	{"conversions", "rule_id", "99", theHeld, "conversion 2: commission rule is 99"},
	{"conversions", "rule_id", "NULL", theHeld, "conversion 2: commission rule is missing"},
	{"conversions", "rule_id", "(SELECT id FROM refgrow_commission_rules WHERE version = 2)", theHeld, "conversion 2: version of its rule"},
	{"conversions", "rule_version", "rule_version + 1", theHeld, "conversion 2: version of its rule"},
	{"conversions", "rule_version", "NULL", theHeld, "conversion 2: version of its rule is 0"},
	{"conversions", "priced_base_value", "priced_base_value + 100", theHeld, "conversion 2: commission"},
	{"conversions", "priced_base_value", "NULL", theHeld, "conversion 2: commission"},
	{"conversions", "priced_currency", "'JPY'", theHeld, "conversion 2: value"},
	{"conversions", "priced_currency", "'HRK'", theHeld, "conversion 2: currency is HRK"},
	{"conversions", "priced_value", "priced_value + 1", theHeld, "conversion 2: value"},
	{"conversions", "priced_value", "priced_value - 1", theEdited, "conversion 3: commission"},
	{"conversions", "created_at", "created_at + 1", theHeld, "conversion 2: available_at"},
	{"conversions", "created_at", "created_at + 86400000", theHeld, "stamp"},
	{"conversions", "available_at", "0", theHeld, "conversion 2: available_at"},
	{"conversions", "available_at", "available_at + 1", theHeld, "conversion 2: available_at"},
	{"conversions", "available_at", "available_at - 86400000", theHeld, "ledger entry 2: available_at"},
	{"conversions", "available_at", "available_at + 366 * 86400000", theNobodys, "conversion 4: available_at"},

	{"ledger_entries", "project_id", "2", aCommission, "ledger entry 2: affiliate"},
	{"ledger_entries", "affiliate_id", "2", aCommission, "affiliate 2 in USD: total"},
	{"ledger_entries", "affiliate_id", "3", aCommission, "ledger entry 2: affiliate is 3"},
	{"ledger_entries", "currency", "'EUR'", aCommission, "affiliate 1 in EUR: total"},
	{"ledger_entries", "currency", "'HRK'", aCommission, "affiliate 1 in HRK: currency is HRK"},
	{"ledger_entries", "kind", "'adjustment'", aCommission, "ledger entry 2: kind is adjustment"},
	{"ledger_entries", "kind", "'reversal'", aCommission, "ledger entry 2: sign"},
	{"ledger_entries", "kind", "'settlement'", aCommission, "affiliate 1 in USD: paid"},
	{"ledger_entries", "kind", "'commission'", aCorrection, "sign"},
	{"ledger_entries", "kind", "'correction'", aSettlement, "affiliate 1 in USD: paid"},
	{"ledger_entries", "amount", "amount + 1", aCommission, "conversion 2: sum of its entries"},
	{"ledger_entries", "amount", "amount + 1", aCommission, "affiliate 1 in USD: total"},
	{"ledger_entries", "amount", "amount + 1", aCommission, "affiliate 1 in USD: gross"},
	{"ledger_entries", "amount", "-amount", aSettlement, "affiliate 1 in USD: paid"},
	{"ledger_entries", "available_at", "created_at", aCommission, "affiliate 1 in USD: eligible"},
	{"ledger_entries", "available_at", "available_at + 1", aCommission, "ledger entry 2: available_at"},
	{"ledger_entries", "available_at", "available_at + 1", aSettlement, "available_at"},
	{"ledger_entries", "available_at", "available_at - 1", aCorrection, "available_at"},
	{"ledger_entries", "created_at", "created_at - 1", aCommission, "ledger entry 2: stamp"},
	{"ledger_entries", "created_at", "created_at + 86400000", aCommission, "stamp"},
	{"ledger_entries", "conversion_id", "1", aCommission, "conversion 2: sum of its entries"},
	{"ledger_entries", "conversion_id", "NULL", aCommission, "ledger entry 2: conversion is none"},

	{"accounts", "affiliate_id", "4", inUSD, "affiliate 4 in USD: total"},
	{"accounts", "affiliate_id", "99", inUSD, "affiliate 99 in USD: total"},
	{"accounts", "currency", "'GBP'", inUSD, "affiliate 1 in GBP: total"},
	{"accounts", "currency", "'HRK'", inUSD, "affiliate 1 in HRK: currency is HRK"},
	{"accounts", "project_id", "2", inUSD, "affiliate 1 in USD: total"},
	{"accounts", "gross", "gross + 1", inUSD, "affiliate 1 in USD: gross"},
	{"accounts", "gross", "0", inUSD, "affiliate 1 in USD: gross"},
	{"accounts", "total", "total - 1", inUSD, "affiliate 1 in USD: total"},
	{"accounts", "paid", "paid + 1", inUSD, "affiliate 1 in USD: paid"},
	{"accounts", "eligible", "eligible + 1", inUSD, "affiliate 1 in USD: eligible"},
	{"accounts", "rolled_to", "0", inUSD, "affiliate 1 in USD: rolled_to"},
	{"accounts", "rolled_to", "rolled_to - 1", inUSD, "affiliate 1 in USD: rolled_to"},
	{"accounts", "rolled_to", "rolled_to + 86400000", inUSD, "affiliate 1 in USD: rolled_to"},
	{"accounts", "rolled_to", "next_release_at", inUSD, "affiliate 1 in USD: eligible"},
	{"accounts", "next_release_at", "NULL", inUSD, "affiliate 1 in USD: next release"},
	{"accounts", "next_release_at", "next_release_at + 1", inUSD, "affiliate 1 in USD: next release"},
	{"accounts", "signups", "signups + 1", inUSD, "affiliate 1 in USD: signups"},
	{"accounts", "purchases", "purchases - 1", inUSD, "affiliate 1 in USD: purchases"},

	{"api_keys", "public_id", "'short'", "id = 1", "API key 1: length of its parts"},
	{"api_keys", "secret_hash", "'short'", "id = 1", "API key 1: length of its parts"},
	{"api_keys", "secret_check", "x'00'", "id = 1", "API key 1: length of its parts"},
	{"api_keys", "project_id", "99", "id = 1", "file: integrity is row 1 of refgrow_api_keys"},
}

// facts are the columns that nothing else tells: any value that the schema allows
// could be right.
var facts = map[string]string{
	"projects":         "id name hold_days coupon_first self_referral created_at",
	"commission_rules": "id duration created_at",
	"affiliates":       "id paypal_email wise_account_id wise_email clicks created_at",
	"coupons":          "id stripe_coupon_id lemonsqueezy_discount_code created_at",
	"referrals":        "id external_id created_at",
	"conversions":      "id currency_given base_value reference coupon_code referral_code product url",
	"ledger_entries":   "id payout_id note",
	"api_keys":         "id name read_only created_at revoked_at",
	"idempotency":      "id project_id key_hash request_hash status body created_at",
	"deletions":        "id project_id affiliate_id deleted_at totals",
	"migrations":       "version applied_at",
}

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
	p.verify()

	path = filepath.Join(t.TempDir(), "backup.db")
	p.ok(p.engine.Backup(t.Context(), path))
	return path
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

// Whatever is stored twice, one damaged value is named.
func TestVerifyNamesDamage(t *testing.T) {
	t.Parallel()
	path := damageable(t)
	for _, d := range damages {
		t.Run(fmt.Sprintf("%s.%s = %s where %s", d.table, d.column, d.to, d.where), func(t *testing.T) {
			t.Parallel()
			p := copyOf(t, path)
			p.exec("DROP TRIGGER refgrow_ledger_no_update")
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
	path := damageable(t)
	for statement, names := range map[string]string{
		"DELETE FROM refgrow_project_totals":                                           "project shop: project totals: row is missing",
		"DELETE FROM refgrow_commission_rules WHERE version = 2":                       "project: rule in force for a purchase is missing",
		"DELETE FROM refgrow_commission_rules WHERE id = 1":                            "conversion 2: commission rule is 1",
		"DELETE FROM refgrow_codes WHERE code = 'jane'":                                "affiliate 1: owner of its referral code is 0",
		"DELETE FROM refgrow_affiliates WHERE id = 1":                                  "ledger entry 2: affiliate is 1",
		"DELETE FROM refgrow_accounts WHERE " + inUSD:                                  "affiliate 1 in USD: total is 0",
		"DELETE FROM refgrow_conversions WHERE " + theHeld:                             "conversion 2: sum of its entries with affiliate 1 in USD",
		"DELETE FROM refgrow_ledger_entries WHERE " + aCommission:                      "conversion 2: sum of its entries is 0",
		"DELETE FROM refgrow_coupons WHERE id = 1":                                     "project totals: active coupons",
		"DELETE FROM refgrow_referrals WHERE id = 1":                                   "conversion 1: referred user is 1",
		"DELETE FROM refgrow_projects WHERE name = 'shop'":                             "file: integrity",
		"INSERT INTO refgrow_codes VALUES (1, 'stolen', 3)":                            "code of affiliate 3: affiliate is stolen",
		"INSERT INTO refgrow_accounts VALUES (2, 'EUR', 1, 5, 5, 0, 5, 0, NULL, 0, 0)": "affiliate 2 in EUR: total is 5",
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

// A currency that is none is an error of what needs it, and no panic.
func TestDamagedCurrency(t *testing.T) {
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
