package refgrow_test

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// beforeTracking is how many migrations there were before that of clicks and days.
const beforeTracking = 3

// A database from before there were days gets those that it would have, had there
// always been days.
func TestDaysOfADatabaseBeforeTracking(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 2})
	leaving := p.history()
	old := openApp(t, filepath.Join(t.TempDir(), "old.db"), 1)
	p.copyAsBeforeTracking(old)

	engine, clock := refgrowtest.On(t, refgrow.SQLite(old)) // migrates, and finishes the deletion
	clock.Set(p.clock.Now())
	next, err := refgrow.New(t.Context(), refgrow.SQLite(p.app), refgrow.Config{Now: p.clock.Now})
	p.ok(err)
	p.ok(next.Close(t.Context()))
	for table, minimum := range map[string]int{"affiliate_days": 20, "project_days": 20} {
		got, want := daysIn(t, old, table), daysIn(t, p.app, table)
		if !slices.Equal(got, want) || len(want) < minimum {
			t.Errorf("in %s there are\n%s\nbut should be\n%s", table, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	report, err := engine.Verify(t.Context())
	p.ok(err)
	for _, d := range report.Differences {
		t.Errorf("Verify: %v", d)
	}
	p.verify()

	// And it works: the deletion is done, a click counts, a refund has its day.
	migrated := &program{T: t, engine: engine, clock: clock, app: old}
	migrated.shop, err = engine.Project(t.Context(), "shop")
	p.ok(err)
	_, err = migrated.shop.Statistics(t.Context(), refgrow.StatisticsParams{AffiliateID: leaving})
	p.refused("the days of who has left", err, refgrow.ErrNotFound, "")
	for _, on := range []*program{p, migrated} {
		counts, err := on.shop.RecordClicks(t.Context(), []refgrow.Click{visitor(1)})
		if err != nil || counts.Counted != 1 {
			t.Errorf("a click became %+v (%v)", counts, err)
		}
		_, err = on.shop.RefundConversion(t.Context(), 1, refgrow.RefundConversionParams{})
		on.ok(err)
		on.verify()
	}
	if got, want := daysIn(t, old, "project_days"), daysIn(t, p.app, "project_days"); !slices.Equal(got, want) {
		t.Errorf("afterwards the project's days are\n%s\nbut should be\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// history has conversions of several days and currencies, of somebody and of nobody,
// with refunds, edits, adjustments and payouts, and an affiliate whose deletion was
// interrupted.
func (p *program) history() (leaving int64) {
	p.Helper()
	ctx := p.Context()
	jane, joe, ann := p.affiliate("jane"), p.affiliate("joe"), p.affiliate("ann")
	var last *refgrow.Conversion // that may still be moved
	for day := range 12 {
		p.clock.Advance(20 * time.Hour)
		for i, a := range []*refgrow.Affiliate{jane, joe, ann, nil} {
			for n, base := range []string{"100.00 USD", "33.33 EUR", "777 JPY", "90000000000000.00 USD"} {
				if (day+i+n)%3 == 0 {
					continue
				}
				params := refgrow.RecordConversionParams{Type: []refgrow.ConversionType{refgrow.Purchase, refgrow.Signup}[n%2], BaseValue: money.MustParse(base)}
				params.Value = params.BaseValue
				if a != nil {
					params.AffiliateID = a.ID
				}
				if n == 1 {
					params.OccurredAt = p.clock.Now().AddDate(0, 0, -40)
				}
				c := p.record(params)
				switch {
				case a == nil:
				case (day+n)%4 == 1:
					_, err := p.shop.RefundConversion(ctx, c.ID, refgrow.RefundConversionParams{Amount: money.New(700, c.BaseValue.Currency())})
					p.ok(err)
					c = nil
				case (day+n)%4 == 2 && last != nil:
					p.update(last, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
				case (day+n)%4 == 3 && last != nil:
					p.ok(p.shop.DeleteConversion(ctx, last.ID))
					c = nil
				}
				if last = c; a == nil {
					last = nil
				}
			}
		}
		if day%5 == 4 {
			_, err := p.shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: money.MustParse("-5.00 KWD"), Note: "a debt"})
			p.ok(err)
			payouts, err := p.shop.RunPayouts(ctx, refgrow.PayoutRunParams{})
			p.ok(err)
			for _, payout := range payouts {
				_, err := p.shop.PayPayout(ctx, payout.ID, refgrow.PayPayoutParams{})
				p.ok(err)
			}
			last = nil // is settled
		}
	}
	p.exec("CREATE TRIGGER stop BEFORE DELETE ON refgrow_conversions BEGIN SELECT RAISE(ABORT, 'stop'); END")
	p.ok(p.shop.DeleteAffiliate(ctx, ann.ID))
	p.exec("DROP TRIGGER stop")
	p.verify()
	return ann.ID
}

// copyAsBeforeTracking copies what the tables of then have.
func (p *program) copyAsBeforeTracking(old *sql.DB) {
	p.Helper()
	ctx := p.Context()
	exec := func(text string, args ...any) {
		p.Helper()
		if _, err := old.ExecContext(ctx, text, args...); err != nil {
			p.Fatalf("%s: %v", text, err)
		}
	}
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	p.ok(err)
	for _, file := range files[:beforeTracking] {
		text, err := refgrow.MigrationsFS.ReadFile(file)
		p.ok(err)
		exec(string(text))
	}
	var path string
	p.ok(p.app.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path))
	exec("ATTACH ? AS later", path)
	copies := textsOf(p.T, old, `
		SELECT 'INSERT INTO main.' || m.name || ' (' || group_concat(c.name) || ') SELECT ' || group_concat(c.name) || ' FROM later.' || m.name
		FROM main.sqlite_schema m, pragma_table_info(m.name, 'main') c
		WHERE m.type = 'table' AND m.name LIKE 'refgrow\_%' ESCAPE '\' AND m.name NOT IN ('refgrow_migrations', 'refgrow_outbox')
		GROUP BY m.name`)
	if len(copies) < 10 {
		p.Fatalf("there are %d tables", len(copies))
	}
	for _, text := range copies {
		exec(text)
	}
	exec("DETACH later")
}

// daysIn are the rows of a table of days in which there is anything.
func daysIn(t *testing.T, db *sql.DB, table string) []string {
	t.Helper()
	who, earned := "affiliate_id", "earned"
	if table == "project_days" {
		who, earned = "'everybody'", "billions * 1000000000 + earned"
	}
	return textsOf(t, db, `
		SELECT project_id || ': ' || date(day * 86400, 'unixepoch') || ' ' || `+who+` || ' ' || currency || ' clicks ' || clicks ||
			' signups ' || signups || ' purchases ' || purchases || ' earned ' || (`+earned+`)
		FROM refgrow_`+table+` WHERE clicks <> 0 OR signups <> 0 OR purchases <> 0 OR `+earned+` <> 0 ORDER BY project_id, day, `+who+`, currency`)
}

// textsOf are the rows of a query that gives texts.
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
