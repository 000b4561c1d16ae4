package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// Emails, external ids and references from before they had one form are found by it once
// a database is brought over, unless another row has it: then both stay as they were, and
// Verify notes it until the other one is gone.
func TestNamesOfAnOlderDatabase(t *testing.T) {
	t.Parallel()
	p := shoptest.InAppsFile(t, 2, refgrow.Settings{})
	ctx := p.Context()
	affiliates := map[string]int64{}
	for _, name := range []string{"joe", "zoe", "zoes-twin", "mia", "max"} {
		affiliates[name] = p.Affiliate(name).ID
	}
	customers := map[string]int64{}
	for _, id := range []string{"u_1", "u_2", "u_3"} {
		customer, err := p.Shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: id + "@example.com", ExternalID: id})
		p.OK(err)
		customers[id] = customer.ID
	}
	sales := map[string]int64{}
	for _, reference := range []string{"in_1", "in_2", "in_3"} {
		sales[reference] = p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: reference}).ID
	}
	email := func(name, text string) {
		p.Exec("UPDATE refgrow_affiliates SET email = ? WHERE id = ?", text, affiliates[name])
	}
	email("joe", "jo\u0301@example.com")
	email("zoe", "zoe\u0308@example.com")
	email("zoes-twin", "zo\u00eb@example.com")
	email("mia", "mia@xn--mller-kva.de")
	email("max", "max@xn--a") // which is no domain
	p.Exec("UPDATE refgrow_referrals SET email = 'u\u0301@example.com', external_id = ' u_1\u00a0' WHERE id = ?",
		customers["u_1"])
	p.Exec("UPDATE refgrow_referrals SET external_id = ' u_3' WHERE id = ?", customers["u_2"])
	p.Exec("UPDATE refgrow_conversions SET reference = 'in_1 ' WHERE id = ?", sales["in_1"])
	p.Exec("UPDATE refgrow_conversions SET reference = '\u2003in_3' WHERE id = ?", sales["in_2"])
	for _, column := range []string{"caller_hash", "made_id"} {
		p.Exec("ALTER TABLE refgrow_idempotency DROP COLUMN " + column)
	}
	p.Exec("DROP TABLE refgrow_old_names")
	p.Exec("DROP TABLE refgrow_deleted_conversions")
	p.Exec("DROP TABLE refgrow_outbox_positions")
	p.Exec("DROP INDEX refgrow_events_by_project")
	p.Exec("CREATE TABLE refgrow_outbox (id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL) STRICT")
	p.Exec("INSERT INTO refgrow_outbox VALUES (1, 0)")
	p.Exec("DELETE FROM refgrow_migrations WHERE version >= 16")

	engine, _ := refgrowtest.On(t, refgrow.SQLite(p.App))
	shop, err := engine.Project(ctx, "shop")
	p.OK(err)
	check := func(found map[string]int64, find func(string) (int64, error)) {
		t.Helper()
		for text, want := range found {
			if id, err := find(text); err != nil || id != want {
				t.Errorf("%+q finds %d, %v, want %d", text, id, err, want)
			}
		}
	}
	byEmail := func(text string) (int64, error) {
		a, err := shop.AffiliateByEmail(ctx, text)
		return a.ID, err
	}
	check(map[string]int64{
		"j\u00f3@example.com": affiliates["joe"], "jo\u0301@example.com": affiliates["joe"],
		"zoe\u0308@example.com": affiliates["zoes-twin"], "mia@m\u00fcller.de": affiliates["mia"],
	}, byEmail)
	check(map[string]int64{"\u00fa@example.com": customers["u_1"], "u_2@example.com": customers["u_2"]},
		func(text string) (int64, error) { r, err := shop.ReferralByEmail(ctx, text); return r.ID, err })
	check(map[string]int64{" u_1": customers["u_1"], "u_1": customers["u_1"], "u_3": customers["u_3"]},
		func(text string) (int64, error) { r, err := shop.ReferralByExternalID(ctx, text); return r.ID, err })
	check(map[string]int64{"in_1": sales["in_1"], "in_3": sales["in_3"]},
		func(text string) (int64, error) { c, err := shop.ConversionByReference(ctx, text); return c.ID, err })
	notes := func() []string {
		t.Helper()
		report, err := engine.Verify(ctx)
		if err != nil || len(report.Differences) != 0 {
			t.Errorf("verify: %v, %v", report.Differences, err)
		}
		var said []string
		for _, n := range report.Notes {
			said = append(said, strings.TrimSuffix(n.Message,
				" is another spelling of one that another row has, and finds that one"))
		}
		return said
	}
	if got, want := notes(), []string{
		"the email of affiliate 2", "the email or external id of referral 2", "the reference of conversion 2",
	}; !slices.Equal(got, want) {
		t.Errorf("the notes are %q, want %q", got, want)
	}

	p.OK(shop.DeleteAffiliate(ctx, affiliates["zoes-twin"]))
	p.OK(shop.DeleteReferral(ctx, customers["u_3"]))
	p.OK(shop.DeleteConversion(ctx, sales["in_3"]))
	p.OK(engine.Upkeep(ctx))
	check(map[string]int64{"zo\u00eb@example.com": affiliates["zoe"]}, byEmail)
	if got := notes(); got != nil {
		t.Errorf("afterwards the notes are %q", got)
	}
}
