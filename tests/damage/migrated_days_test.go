package damage_test

import (
	"database/sql"
	"io/fs"
	"net/netip"
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

// How many migrations there were before the one for clicks and days, and before the one
// that counts commissions on the days of their conversions.
const beforeTracking, beforeDaysOfCommissions = 3, 7

// A database from before there were days gets those that it would have if there had
// always been days, and one whose days were others gets those of now. Nothing else
// changes.
func TestDaysOfADatabaseBeforeTracking(t *testing.T) {
	t.Parallel()
	testMigratedDays(t, beforeTracking)
}

func TestDaysOfADatabaseBeforeDaysOfCommissions(t *testing.T) {
	t.Parallel()
	testMigratedDays(t, beforeDaysOfCommissions)
}

func testMigratedDays(t *testing.T, before int) {
	p := &program{shoptest.InOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 2})}
	leaving := p.history()
	old := shoptest.OpenApp(t, filepath.Join(t.TempDir(), "old.db"), 1)
	p.copyAsBefore(before, old)
	if before == beforeDaysOfCommissions { // as they were then
		for _, text := range []string{
			"DELETE FROM refgrow_affiliate_days", "DELETE FROM refgrow_project_days", daysByStamp, projectDaysByStamp,
		} {
			if _, err := old.ExecContext(t.Context(), text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
	}

	engine, clock := refgrowtest.On(t, refgrow.SQLite(old)) // migrates, and finishes the deletion
	clock.Set(p.Clock.Now())
	next, err := refgrow.New(t.Context(), refgrow.SQLite(p.App), refgrow.Config{Now: p.Clock.Now})
	p.OK(err)
	p.OK(next.Close(t.Context()))
	for table, minimum := range map[string]int{"affiliate_days": 20, "project_days": 20} {
		got, want := daysIn(t, old, table), daysIn(t, p.App, table)
		if !slices.Equal(got, want) || len(want) < minimum {
			t.Errorf("in %s there are\n%s\nbut there should be\n%s", table, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	report, err := engine.Verify(t.Context())
	p.OK(err)
	for _, d := range report.Differences {
		t.Errorf("Verify: %v", d)
	}
	p.Verify()

	// And it works: the deletion is done, a click counts, a refund has its day.
	migrated := &program{&shoptest.Program{T: t, Engine: engine, Clock: clock, App: old}}
	migrated.Shop, err = engine.Project(t.Context(), "shop")
	p.OK(err)
	for back := range 15 {
		at := p.Clock.Now().AddDate(0, 0, -back)
		for _, id := range []int64{1, 2} {
			want, err := p.Shop.Earnings(t.Context(), id, refgrow.AsOf(at))
			p.OK(err)
			got, err := migrated.Shop.Earnings(t.Context(), id, refgrow.AsOf(at))
			if err != nil || !slices.EqualFunc(got, want, sameBalance) {
				t.Errorf("as of %v the earnings are %+v, but should be %+v (%v)", at, got, want, err)
			}
		}
	}
	_, err = migrated.Shop.Statistics(t.Context(), refgrow.StatisticsParams{AffiliateID: leaving})
	p.Refused("the days of an affiliate who has left", err, refgrow.ErrNotFound, "")
	for _, on := range []*program{p, migrated} {
		counts, err := on.Shop.RecordClicks(t.Context(), []refgrow.Click{{
			ReferralCode: "JANE", URL: "https://example.com/", UserAgent: "Mozilla/5.0",
			Address: netip.MustParseAddr("2001:db8::1"),
		}})
		if err != nil || counts.Counted != 1 {
			t.Errorf("a click became %+v (%v)", counts, err)
		}
		_, err = on.Shop.RefundConversion(t.Context(), 1, refgrow.RefundConversionParams{})
		on.OK(err)
		on.Verify()
	}
	if got, want := daysIn(t, old, "project_days"), daysIn(t, p.App, "project_days"); !slices.Equal(got, want) {
		t.Errorf("afterwards the project's days are\n%s\nbut should be\n%s",
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// history has conversions on several days and in several currencies, credited to
// somebody and to nobody, with refunds, edits, adjustments and payouts, and an
// affiliate whose deletion was interrupted.
func (p *program) history() (leaving int64) {
	p.Helper()
	ctx := p.Context()
	jane, joe, ann := p.Affiliate("jane"), p.Affiliate("joe"), p.Affiliate("ann")
	var last *refgrow.Conversion // that may still be moved
	for day := range 12 {
		p.Clock.Advance(20 * time.Hour)
		for i, a := range []*refgrow.Affiliate{jane, joe, ann, nil} {
			for n, base := range []string{"100.00 USD", "33.33 EUR", "777 JPY", "90000000000000.00 USD"} {
				if (day+i+n)%3 == 0 {
					continue
				}
				params := refgrow.RecordConversionParams{
					Type: []refgrow.ConversionType{refgrow.Purchase, refgrow.Signup}[n%2], BaseValue: money.MustParse(base),
				}
				params.Value = params.BaseValue
				if a != nil {
					params.AffiliateID = a.ID
				}
				if n == 1 {
					params.OccurredAt = p.Clock.Now().AddDate(0, 0, -40)
				}
				c := p.Record(params)
				switch {
				case a == nil:
				case (day+n)%4 == 1:
					_, err := p.Shop.RefundConversion(ctx, c.ID, refgrow.RefundConversionParams{
						Amount: money.New(700, c.BaseValue.Currency()),
					})
					p.OK(err)
					c = nil
				case (day+n)%4 == 2 && last != nil:
					p.Update(last, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
				case (day+n)%4 == 3 && last != nil:
					p.OK(p.Shop.DeleteConversion(ctx, last.ID))
					c = nil
				}
				if last = c; a == nil || n == 1 { // where a late one was recorded for is known if it stays there
					last = nil
				}
			}
		}
		if day%5 == 4 {
			_, err := p.Shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
				AffiliateID: jane.ID, Amount: money.MustParse("-5.00 KWD"), Note: "a debt",
			})
			p.OK(err)
			payouts, err := p.Shop.RunPayouts(ctx, refgrow.PayoutRunParams{})
			p.OK(err)
			for _, payout := range payouts {
				_, err := p.Shop.PayPayout(ctx, payout.ID, refgrow.PayPayoutParams{})
				p.OK(err)
			}
			last = nil // is settled
		}
	}
	p.Exec("CREATE TRIGGER stop BEFORE DELETE ON refgrow_conversions BEGIN SELECT RAISE(ABORT, 'stop'); END")
	p.OK(p.Shop.DeleteAffiliate(ctx, ann.ID))
	p.Exec("DROP TRIGGER stop")
	p.Verify()
	return ann.ID
}

func sameBalance(a, b refgrow.Balance) bool {
	return a.Total == b.Total && a.Paid == b.Paid && a.Eligible == b.Eligible && a.Held == b.Held
}

// What days were when everything counted on the day of its stamp.
const (
	daysByStamp = `
		INSERT INTO refgrow_affiliate_days
			(project_id, day, affiliate_id, currency, clicks, signups, purchases, billions, earned)
		SELECT project_id, day, affiliate_id, currency, 0, SUM(signups), SUM(purchases),
			SUM(earned / 1000000000), SUM(earned % 1000000000)
		FROM (
			SELECT project_id, created_at / 86400000 AS day, affiliate_id, currency, type = 'signup' AS signups,
				type = 'purchase' AS purchases, 0 AS earned
			FROM refgrow_conversions WHERE affiliate_id IS NOT NULL
			UNION ALL
			SELECT project_id, created_at / 86400000, affiliate_id, currency, 0, 0, amount
			FROM refgrow_ledger_entries WHERE kind <> 'settlement'
		)
		GROUP BY project_id, day, affiliate_id, currency`
	projectDaysByStamp = `
		INSERT INTO refgrow_project_days (project_id, day, currency, clicks, signups, purchases, billions, earned)
		SELECT project_id, day, currency, 0, SUM(signups), SUM(purchases), SUM(billions), SUM(earned)
		FROM (
			SELECT project_id, day, currency, signups, purchases, billions, earned FROM refgrow_affiliate_days
			UNION ALL
			SELECT project_id, created_at / 86400000, currency, type = 'signup', type = 'purchase', 0, 0
			FROM refgrow_conversions WHERE affiliate_id IS NULL
		)
		GROUP BY project_id, day, currency`
)

// copyAsBefore copies what the tables had after that many migrations.
func (p *program) copyAsBefore(migrations int, old *sql.DB) {
	p.Helper()
	ctx := p.Context()
	exec := func(text string, args ...any) {
		p.Helper()
		if _, err := old.ExecContext(ctx, text, args...); err != nil {
			p.Fatalf("%s: %v", text, err)
		}
	}
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	p.OK(err)
	for _, file := range files[:migrations] {
		text, err := refgrow.MigrationsFS.ReadFile(file)
		p.OK(err)
		exec(string(text))
	}
	var path string
	p.OK(p.App.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path))
	exec("ATTACH ? AS later", path)
	copies := textsOf(p.T, old, `
		SELECT 'INSERT INTO main.' || m.name || ' (' || group_concat(c.name) || ')' ||
			' SELECT ' || group_concat(CASE c.name WHEN 'gross' THEN '0' ELSE c.name END) || ' FROM later.' || m.name
		FROM main.sqlite_schema m, pragma_table_info(m.name, 'main') c
		WHERE m.type = 'table' AND m.name LIKE 'refgrow\_%' ESCAPE '\'
			AND m.name NOT IN ('refgrow_migrations', 'refgrow_outbox', 'refgrow_outbox_positions')
		GROUP BY m.name`)
	if len(copies) < 10 {
		p.Fatalf("there are %d tables", len(copies))
	}
	for _, text := range copies {
		exec(text)
	}
	exec("DETACH later")
}

// daysIn are the rows of a table of days in which there is something.
func daysIn(t *testing.T, db *sql.DB, table string) []string {
	t.Helper()
	who, earned := "affiliate_id", "billions * 1000000000 + earned"
	if table == "project_days" {
		who = "'everybody'"
	}
	return textsOf(t, db, `
		SELECT project_id || ': ' || date(day * 86400, 'unixepoch') || ' ' || `+who+` || ' ' || currency ||
			' clicks ' || clicks || ' signups ' || signups || ' purchases ' || purchases || ' earned ' || (`+earned+`)
		FROM refgrow_`+table+` WHERE clicks <> 0 OR signups <> 0 OR purchases <> 0 OR `+earned+` <> 0
		ORDER BY project_id, day, `+who+`, currency`)
}

// textsOf are the rows of a query that returns texts.
func textsOf(t *testing.T, db *sql.DB, query string) (texts []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}
