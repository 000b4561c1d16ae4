package damage_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
)

// spoiled is a copy of a program in which one statement has bypassed the engine.
func spoiled(t *testing.T, path, statement string) *program {
	t.Helper()
	p := copyOf(t, path)
	p.Clock.Set(lastOfLively)
	p.Exec("DROP TRIGGER refgrow_ledger_no_update")
	p.Exec(statement)
	return p
}

// A value that the engine never writes is an error for the questions that need it, and
// for no others, and never a panic.
func TestDamagedValues(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("many copies of a file, each for one goroutine")
	}
	path := damageable(t)
	for statement, questions := range map[string][]string{
		"UPDATE refgrow_conversions SET currency = 'EUq' WHERE id = 9": {
			"shop: find conversion 9", "shop: explain conversion 9", "shop: conversions: all",
			"shop: conversions: of affiliate 5", "shop: conversions: paid",
		},
		"UPDATE refgrow_conversions SET currency = '' WHERE id = 2": {
			"shop: find conversion 2", "shop: explain conversion 2", "shop: conversions: all",
		},
		"UPDATE refgrow_conversions SET priced_currency = 'usd' WHERE id = 2": {"shop: explain conversion 2"},
		"UPDATE refgrow_ledger_entries SET currency = 'U]D' WHERE conversion_id = 2": {
			"shop: ledger of affiliate 1", "shop: explain conversion 2", "shop: statement of February of affiliate 1",
		},
		"UPDATE refgrow_ledger_entries SET currency = 'HRK' WHERE note = 'bonus'": {
			"shop: ledger of affiliate 5", "shop: entries of payout 2", "shop: earlier earnings of affiliate 5",
			"shop: statement of February of affiliate 5",
		},
		"UPDATE refgrow_accounts SET currency = 'EU' WHERE affiliate_id = 5": {
			"shop: find affiliate 5", "shop: earnings of affiliate 5", "shop: affiliates",
		},
		"UPDATE refgrow_payouts SET currency = 'EUREUR' WHERE id = 4": {
			"shop: payouts", "shop: pending payouts", "shop: payout 4", "shop: entries of payout 4",
		},
		"UPDATE refgrow_projects SET currency = 'XXX' WHERE name = 'shop'": {
			"shop: settings", "shop: affiliates", "shop: earnings of affiliate 1", "shop: payable in USD",
			"shop: file for wise in ",
		},
		"UPDATE refgrow_conversions SET candidates = '[{]' WHERE id = 3": {
			"shop: find conversion 3", "shop: explain conversion 3",
		},
		"DELETE FROM refgrow_project_totals WHERE project_id = 1": {
			"shop: settings", "shop: count payouts", "shop: count affiliates",
		},
		"UPDATE refgrow_project_days SET currency = 'HRK' WHERE purchases > 0 AND day < 20480": {
			"shop: statistics",
		},
		"UPDATE refgrow_webhooks SET events = '[\"a' WHERE id = 1":        {"shop: find webhook 1", "shop: webhooks"},
		"UPDATE refgrow_projects SET origins = '{}' WHERE name = 'shop'":  {"shop: settings", "shop: tracking"},
		"DELETE FROM refgrow_commission_rules WHERE id = 1":               {"shop: explain conversion 2"},
		"UPDATE refgrow_commission_rules SET ended_at = 1 WHERE id = 2":   {"shop: settings"},
		"ALTER TABLE refgrow_ledger_entries RENAME COLUMN note TO remark": {"shop: ledger of affiliate 1"},
		"ALTER TABLE refgrow_api_keys RENAME COLUMN name TO label":        {"keys"},
		"ALTER TABLE refgrow_projects RENAME COLUMN touch TO tap":         {"projects", "shop: settings", "project shop"},
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			healthy := copyOf(t, path)
			healthy.Clock.Set(lastOfLively)
			want := healthy.askEverything(t.Context())
			p := spoiled(t, path, statement)
			got := p.askEverything(t.Context())
			if _, shown := got["shop: name"]; !shown { // the project could not be read
				delete(got, "shop: settings")
				questions = slices.DeleteFunc(questions, func(q string) bool { return q == "shop: settings" })
			}
			for _, question := range questions {
				if said := got[question]; !errors.Is(said.err, refgrow.ErrDamaged) {
					t.Errorf("%s is %s (%v)", question, said.text, said.err)
				}
			}
			for _, question := range slices.Sorted(maps.Keys(got)) {
				if err := got[question].err; err != nil && !errors.Is(err, refgrow.ErrDamaged) &&
					(want[question].err == nil || want[question].err.Error() != err.Error()) {
					t.Errorf("%s returns %v", question, err)
				}
			}
		})
	}
}

// A change to a damaged conversion or payout is refused, and changes nothing.
func TestDamagedCurrencyOfWrites(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	path := damageable(t)
	p := spoiled(t, path, "UPDATE refgrow_conversions SET currency = 'EUq' WHERE id IN (2, 9)")
	p.Exec("UPDATE refgrow_payouts SET currency = 'EUq' WHERE status = 'pending'")
	ctx := t.Context()
	entries := p.Count("SELECT COUNT(*) FROM refgrow_ledger_entries")
	for what, write := range map[string]func() error{
		"an update": func() error {
			_, err := p.Shop.UpdateConversion(ctx, 2, refgrow.UpdateConversionParams{Value: new(money.MustParse("1.00 USD"))})
			return err
		},
		"another currency": func() error {
			_, err := p.Shop.UpdateConversion(ctx, 2, refgrow.UpdateConversionParams{Currency: new(money.EUR)})
			return err
		},
		"a refund": func() error {
			_, err := p.Shop.RefundConversion(ctx, 9, refgrow.RefundConversionParams{})
			return err
		},
		"the undoing of a refund": func() error {
			_, err := p.Shop.UndoRefund(ctx, 9, refgrow.RefundConversionParams{})
			return err
		},
		"a deletion": func() error { return p.Shop.DeleteConversion(ctx, 2) },
		"a payment": func() error {
			_, err := p.Shop.PayPayout(ctx, 4, refgrow.PayPayoutParams{})
			return err
		},
		"a cancellation": func() error {
			_, err := p.Shop.CancelPayout(ctx, 4)
			return err
		},
	} {
		if err := write(); !errors.Is(err, refgrow.ErrDamaged) {
			t.Errorf("%s returns %v", what, err)
		}
	}
	if now := p.Count("SELECT COUNT(*) FROM refgrow_ledger_entries"); now != entries {
		t.Errorf("there are %d ledger entries, but there were %d", now, entries)
	}
}

// A list whose index is damaged may lead back to where it began. Walking it still ends:
// here a conversion is older in the index than in its row.
func TestListThatGoesBack(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	path := damageable(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := copyOf(t, path)
	size := p.Count("PRAGMA page_size")
	start := size * (p.Count("SELECT rootpage FROM sqlite_schema WHERE name = 'refgrow_conversions_by_time'") - 1)
	page := whole[start : start+size]
	wentBack := 0
	for id := range 9 {
		created := binary.BigEndian.AppendUint64(nil,
			uint64(p.Count("SELECT COALESCE(MAX(created_at), 0) FROM refgrow_conversions WHERE id = ?", id+1)))
		at := bytes.Index(page, created[2:]) // an integer of six bytes
		if at < 0 || page[at+4] == 0 {
			continue
		}
		damaged := bytes.Clone(whole)
		damaged[start+at+4]--
		file := filepath.Join(t.TempDir(), "damaged.db")
		p.OK(os.WriteFile(file, damaged, 0o600))
		engine, err := refgrow.New(ctx, refgrow.SQLite(shoptest.OpenApp(t, file, 1)), refgrow.Config{Now: p.Clock.Now})
		p.OK(err)
		shop, err := engine.Project(ctx, "shop")
		p.OK(err)
		_, err = collected(shop.AllConversions(ctx, refgrow.ListConversionsParams{Limit: 1}))
		switch {
		case errors.Is(err, refgrow.ErrDamaged):
			wentBack++
		case err != nil:
			t.Fatalf("with conversion %d moved walking returns %v", id+1, err)
		}
	}
	if wentBack == 0 {
		t.Error("no list went back")
	}
}

// A byte that makes an affiliate look as if it were being deleted does not take its
// books away, and neither does the row of a deletion: one that has begun has already
// taken its accounts.
func TestDamageIsNoDeletion(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	p := copyOf(t, damageable(t))
	before := p.Count("SELECT COUNT(*) FROM refgrow_ledger_entries")
	p.Exec("UPDATE refgrow_affiliates SET deleted_at = 0 WHERE id = 5")
	p.Exec(`INSERT INTO refgrow_erasures
		(project_id, affiliate_id, deletes, names, part, mark_time, mark, last_answer, last_event, created_at)
		VALUES (1, 5, 1, '', 'rows', 0, 0, 0, 0, 0)`)
	var log bytes.Buffer
	engine, err := refgrow.New(t.Context(), refgrow.SQLite(p.App), refgrow.Config{
		Now: p.Clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	p.OK(err)
	p.Engine = engine
	if now := p.Count("SELECT COUNT(*) FROM refgrow_ledger_entries"); now != before {
		t.Errorf("%d ledger entries are left of %d", now, before)
	}
	if !strings.Contains(log.String(), "affiliate 5 still has its accounts") {
		t.Errorf("the log has %s", &log)
	}
	p.names("project totals: active affiliates")
	// Others can still be deleted.
	p.Shop, err = engine.Project(t.Context(), "shop")
	p.OK(err)
	p.OK(p.Shop.DeleteAffiliate(t.Context(), 8))
	if n := p.Count("SELECT COUNT(*) FROM refgrow_affiliates WHERE id = 8"); n != 0 {
		t.Error("the other affiliate is still there")
	}
}
