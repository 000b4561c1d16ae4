package main

import (
	"database/sql"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// olderDatabase makes the database of an older version, with a sale that was paid
// according to its flag alone.
func (p *commandLine) olderDatabase(t *testing.T) {
	t.Helper()
	db, err := sql.Open("sqlite", p.db)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	statements := make([]string, 0, 5)
	for _, file := range files[:4] {
		text, err := refgrow.MigrationsFS.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, string(text))
	}
	for _, text := range append(statements, `
		INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
			VALUES (1, 'shop', 'USD', 0, 0, 'refuse', 1000);
		INSERT INTO refgrow_project_totals (project_id, last_stamp, ledger_entries, affiliates_active, purchases_paid)
			VALUES (1, 3000, 1, 1, 1);
		INSERT INTO refgrow_commission_rules (id, project_id, conversion_type, version, kind, rate, amount,
				currency, duration, duration_count, created_at)
			VALUES (1, 1, 'purchase', 1, 'percent', 200000, 0, '', 'lifetime', 0, 1000),
				(2, 1, 'signup', 1, 'fixed', 0, 0, 'USD', 'lifetime', 0, 1000);
		INSERT INTO refgrow_affiliates (id, project_id, email, referral_code, status, created_at)
			VALUES (1, 1, 'jane@example.com', 'JANE', 'active', 2000);
		INSERT INTO refgrow_codes (project_id, code, affiliate_id) VALUES (1, 'jane', 1);
		INSERT INTO refgrow_conversions (id, project_id, type, affiliate_id, currency, currency_given, value, base_value,
				paid, reason, candidates, commission_reason, rule_id, rule_version, priced_base_value, priced_currency,
				priced_value, created_at, available_at)
			VALUES (1, 1, 'purchase', 1, 'USD', 1, 200, 1000, 1, 'affiliate_id',
				'[{"source":"affiliate_id","affiliate_id":1,"outcome":"credited"}]', 'rule', 1, 1, 1000, 'USD', 200, 3000, 3000);
		INSERT INTO refgrow_ledger_entries (id, project_id, affiliate_id, currency, kind, amount, available_at, created_at,
				conversion_id)
			VALUES (1, 1, 1, 'USD', 'commission', 200, 3000, 3000, 1);
		INSERT INTO refgrow_accounts (affiliate_id, currency, project_id, gross, total, paid, eligible, rolled_to, signups,
				purchases)
			VALUES (1, 'USD', 1, 200, 200, 0, 200, 3000, 0, 1);
		INSERT INTO refgrow_affiliate_days (project_id, day, affiliate_id, currency, clicks, signups, purchases, earned)
			VALUES (1, 0, 1, 'USD', 0, 0, 1, 200);
		INSERT INTO refgrow_project_days (project_id, day, currency, clicks, signups, purchases, billions, earned)
			VALUES (1, 0, 'USD', 0, 0, 1, 0, 200);`) {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

// A migration says what it changed, and with --json which conversions.
func TestMigrate(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.olderDatabase(t)
	if code, _, stderr := p.run("verify"); code == 0 || !strings.Contains(stderr, "not a database of this version") {
		t.Errorf("before the migration verify says %q", stderr)
	}
	got := decode[refgrow.MigrationReport](t, p.must("migrate", "--json"))
	want := refgrow.MigrationReport{
		From: 4, To: got.To, PaidChanged: []refgrow.PaidChange{{ProjectID: 1, ConversionID: 1, Paid: false}},
	}
	if !reflect.DeepEqual(got, want) || got.To <= 4 {
		t.Errorf("the migration is %+v, but should be %+v", got, want)
	}
	if text := p.must("migrate"); !strings.Contains(text, "is up to date") {
		t.Errorf("the second time it says %q", text)
	}
	p.must("verify")

	older := setup(t)
	older.olderDatabase(t)
	if text := older.must("migrate"); !strings.Contains(text, "from version 4 of its schema") ||
		!strings.Contains(text, "the flag paid of 1 conversions changed") {
		t.Errorf("without --json it says %q", text)
	}

	other := setup(t)
	other.olderDatabase(t)
	code, _, stderr := other.run("project", "create", "another")
	if code != 0 || !strings.Contains(stderr, "the flag paid of 1 conversions changed") {
		t.Errorf("another command that migrates says %q", stderr)
	}
	if code, _, stderr := setup(t).run("migrate"); code == 0 || !strings.Contains(stderr, "there is no database") {
		t.Errorf("without a database it says %q", stderr)
	}
}
