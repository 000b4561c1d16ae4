package engine_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// TestSchemaFile compares schema.sql, which people and the query generator read, with
// what the migrations make.
func TestSchemaFile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	written := borrowed(t, filepath.Join(t.TempDir(), "app.db"), 1).DB
	if _, err := written.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatalf("schema.sql: %v", err)
	}
	migrated := borrowed(t, filepath.Join(t.TempDir(), "app.db"), 1)
	if _, err := refgrow.Migrate(t.Context(), migrated.Store); err != nil {
		t.Fatal(err)
	}
	want, got := schema(t, written), schema(t, migrated.DB)
	// The table of versions is the migrations' own business.
	delete(got, "table refgrow_migrations")
	if len(want) == 0 {
		t.Fatal("schema.sql is empty")
	}
	for name, ddl := range want {
		if got[name] != ddl {
			t.Errorf("%s is in schema.sql\n%s\nbut the migrations make\n%s", name, ddl, got[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("the migrations make the %s, which schema.sql lacks", name)
		}
	}
	for name := range want {
		if _, own, _ := strings.Cut(name, " "); !strings.HasPrefix(own, "refgrow_") && !strings.HasPrefix(own, "sqlite_") {
			t.Errorf("the %s could be somebody else's", name)
		}
	}
}

// schema returns the statement behind each thing in a database, without comments and
// with single spaces.
func schema(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), "SELECT type || ' ' || name, COALESCE(sql, '') FROM sqlite_schema")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	things := make(map[string]string)
	for rows.Next() {
		var name, ddl string
		if err := rows.Scan(&name, &ddl); err != nil {
			t.Fatal(err)
		}
		things[name] = normalised(ddl)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return things
}

// normalised takes out comments (no literal in the schema looks like one) and
// differences in spacing.
func normalised(ddl string) string {
	ddl = regexp.MustCompile(`--[^\n]*`).ReplaceAllString(ddl, " ")
	ddl = regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(ddl, " ")
	ddl = strings.Join(strings.Fields(ddl), " ")
	return regexp.MustCompile(` ?([(),;]) ?`).ReplaceAllString(ddl, "$1")
}

// Migrations are numbered from 0001 on, without gaps: the version that a
// database has is how many of them were applied.
func TestMigrationNumbers(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	form := regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+\.sql$`)
	for i, file := range files {
		parts := form.FindStringSubmatch(filepath.Base(file))
		if want := i + 1; parts == nil || parts[1] != number(want) {
			t.Errorf("%s should be named %s_what_it_does.sql", file, number(want))
		}
	}
	db := borrowed(t, filepath.Join(t.TempDir(), "app.db"), 1)
	if _, err := refgrow.Migrate(t.Context(), db.Store); err != nil {
		t.Fatal(err)
	}
	var first, last, count int
	const applied = "SELECT MIN(version), MAX(version), COUNT(*) FROM refgrow_migrations"
	if err := db.DB.QueryRowContext(t.Context(), applied).Scan(&first, &last, &count); err != nil {
		t.Fatal(err)
	}
	if first != 1 || last != len(files) || count != len(files) {
		t.Errorf("of %d migrations, %d were applied, from %d to %d", len(files), count, first, last)
	}
}

// A migration stays as it was: databases that had it already would differ from new ones.
// What changes the schema is a new file, whose sum is added here.
func TestMigrationsStay(t *testing.T) {
	t.Parallel()
	sums := []string{
		"465d1726", "2a757dbf", "1f39e9ce", "93315056", "d28ef8a6", "1e987aed", "5dbf3522", "4e0dbb94",
		"978220ff", "546910d3", "e59ecee6", "37da3f44", "00884967", "b9f39bd3", "1a2972cb", "fd485448",
		"272a1bd0", "eb5fc309", "20108ea7", "0c0ba445",
	}
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	if err != nil || len(files) != len(sums) {
		t.Fatalf("there are %d migrations and %d sums (%v)", len(files), len(sums), err)
	}
	for i, file := range files {
		text, err := refgrow.MigrationsFS.ReadFile(file)
		if sum := fmt.Sprintf("%x", sha256.Sum256(text))[:8]; err != nil || sum != sums[i] {
			t.Errorf("%s is %s, not %s (%v)", file, sum, sums[i], err)
		}
	}
}

// A database with the rows of a version before this one is brought up to date, from
// each version on: its rows do not change, its schema is that of a new one, and it
// works.
func TestMigrationsOfDatabasesWithRows(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("many copies of a file, each for one goroutine")
	}
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	// What the first version has written: an affiliate with a paid sale, and a
	// customer's unpaid one.
	const rows = `
		INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
			VALUES (1, 'shop', 'USD', 0, 0, 'refuse', 1000);
		INSERT INTO refgrow_project_totals (project_id, last_stamp, ledger_entries, affiliates_active,
				referrals_converted, purchases_unpaid, purchases_paid)
			VALUES (1, 5000, 3, 1, 1, 1, 1);
		INSERT INTO refgrow_commission_rules (id, project_id, conversion_type, version, kind, rate, amount,
				currency, duration, duration_count, created_at)
			VALUES (1, 1, 'purchase', 1, 'percent', 200000, 0, '', 'lifetime', 0, 1000),
				(2, 1, 'signup', 1, 'fixed', 0, 0, 'USD', 'lifetime', 0, 1000);
		INSERT INTO refgrow_affiliates (id, project_id, email, referral_code, status, clicks, created_at)
			VALUES (1, 1, 'jane@example.com', 'JANE', 'active', 0, 2000);
		INSERT INTO refgrow_codes (project_id, code, affiliate_id) VALUES (1, 'jane', 1);
		INSERT INTO refgrow_referrals (id, project_id, email, affiliate_id, status, conversion_date, created_at)
			VALUES (1, 1, 'carl@example.com', 1, 'converted', 3000, 3000);
		INSERT INTO refgrow_conversions (id, project_id, type, affiliate_id, referral_id, currency, currency_given,
				value, base_value, refunded, paid, reference, created_at, available_at, reason, candidates,
				priced_value, priced_currency, priced_base_value, commission_reason, rule_id, rule_version)
			VALUES (1, 1, 'purchase', 1, NULL, 'USD', 1, 200, 1000, 0, 1, 'in_1', 3000, 3000, 'affiliate_id',
				'[{"source":"affiliate_id","affiliate_id":1,"outcome":"credited"}]', 200, 'USD', 1000, 'rule', 1, 1),
				(2, 1, 'purchase', 1, 1, 'USD', 1, 400, 2000, 0, 0, 'in_2', 3000, 3000, 'affiliate_id',
				'[{"source":"affiliate_id","affiliate_id":1,"outcome":"credited"}]', 400, 'USD', 2000, 'rule', 1, 1);
		INSERT INTO refgrow_ledger_entries (id, project_id, affiliate_id, currency, kind, amount,
				available_at, created_at, conversion_id)
			VALUES (1, 1, 1, 'USD', 'commission', 200, 3000, 3000, 1), (2, 1, 1, 'USD', 'commission', 400, 3000, 3000, 2),
				(3, 1, 1, 'USD', 'settlement', -200, 3000, 5000, 1);
		INSERT INTO refgrow_accounts (affiliate_id, currency, project_id, gross, total, paid, eligible,
				rolled_to, signups, purchases)
			VALUES (1, 'USD', 1, 800, 600, 200, 400, 5000, 0, 2);`
	// And the second one: a payout of the other sale, which is pending.
	const payouts = `
		INSERT INTO refgrow_payouts (id, project_id, affiliate_id, currency, amount, entry_count, cutoff, status, created_at)
			VALUES (1, 1, 1, 'USD', 400, 1, 5000, 'pending', 5000);
		INSERT INTO refgrow_payout_entries (entry_id, payout_id, reserved) VALUES (2, 1, 1);
		UPDATE refgrow_accounts SET reserved = 400;
		UPDATE refgrow_project_totals SET payouts_pending = 1;`
	for version := 1; version < len(files); version++ {
		t.Run(number(version), func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			old := borrowed(t, filepath.Join(t.TempDir(), "app.db"), 1)
			apply := func(text string) {
				t.Helper()
				if _, err := old.DB.ExecContext(ctx, text); err != nil {
					t.Fatal(err)
				}
			}
			for i, file := range files[:version] {
				text, err := refgrow.MigrationsFS.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				apply(string(text))
				if i < 2 {
					apply([]string{rows, payouts}[i])
				}
			}
			engine, clock := refgrowtest.On(t, old.Store)
			check := func() {
				t.Helper()
				report, err := engine.Verify(ctx)
				if err != nil || report.Conversions == 0 || len(report.Differences) != 0 {
					t.Errorf("Verify: %+v, %v", report, err)
				}
			}
			check()
			fresh := borrowed(t, filepath.Join(t.TempDir(), "app.db"), 1)
			if _, err := refgrow.Migrate(ctx, fresh.Store); err != nil {
				t.Fatal(err)
			}
			want, got := schema(t, fresh.DB), schema(t, old.DB)
			for name, ddl := range got {
				if ddl != want[name] {
					t.Errorf("%s is\n%s\nbut in a new database\n%s", name, ddl, want[name])
				}
			}
			if len(got) != len(want) {
				t.Errorf("there are %d things, but %d in a new database", len(got), len(want))
			}

			shop, err := engine.Project(ctx, "shop")
			if err != nil {
				t.Fatal(err)
			}
			hook, err := shop.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := shop.RefundConversion(ctx, 2, refgrow.RefundConversionParams{}); err != nil {
				t.Fatal(err)
			}
			nothing, err := shop.RefundConversion(ctx, 1, refgrow.RefundConversionParams{
				Total: money.MustParse("0 USD"), ToldAt: clock.Now(),
			})
			if err != nil || !nothing.Unchanged || nothing.Status != refgrow.ConversionPaid {
				t.Errorf("told that nothing is refunded: %+v (%v)", nothing, err)
			}
			if _, err := engine.Outbox().Spread(ctx); err != nil {
				t.Fatal(err)
			}
			attempts, _, err := engine.Outbox().Claim(ctx, hook.ID, 10, time.Minute)
			if err != nil || len(attempts) != 1 || attempts[0].Event != refgrow.EventReferralCanceled {
				t.Errorf("sent are %+v (%v)", attempts, err)
			}
			earned, err := shop.Earnings(ctx, 1)
			if err != nil || len(earned) != 1 || earned[0].Paid.Minor() != 200 || earned[0].Total.Minor() != 200 {
				t.Errorf("earned is %+v (%v)", earned, err)
			}
			clock.Advance(time.Hour)
			check()
		})
	}
}

func number(n int) string { return fmt.Sprintf("%04d", n) }
