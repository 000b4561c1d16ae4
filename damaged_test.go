package refgrow_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// spoiled is a copy of a program in which one statement has gone past the engine.
func spoiled(t *testing.T, path, statement string) *program {
	t.Helper()
	p := copyOf(t, path)
	p.clock.Set(lastOfLively)
	p.exec("DROP TRIGGER refgrow_ledger_no_update")
	p.exec(statement)
	return p
}

// A value that no program writes is an error of the questions that need it, and of
// no others, and no panic.
func TestDamagedValues(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("many copies of a file, each for one goroutine")
	}
	path := damageable(t)
	for statement, questions := range map[string][]string{
		"UPDATE refgrow_conversions SET currency = 'EUq' WHERE id = 9": {
			"shop: find conversion 9", "shop: explain conversion 9", "shop: conversions: all", "shop: conversions: of affiliate 5", "shop: conversions: paid",
		},
		"UPDATE refgrow_conversions SET currency = '' WHERE id = 2": {
			"shop: find conversion 2", "shop: explain conversion 2", "shop: conversions: all",
		},
		"UPDATE refgrow_conversions SET priced_currency = 'usd' WHERE id = 2": {"shop: explain conversion 2"},
		"UPDATE refgrow_ledger_entries SET currency = 'U]D' WHERE conversion_id = 2": {
			"shop: ledger of affiliate 1", "shop: explain conversion 2", "shop: statement of February of affiliate 1",
		},
		"UPDATE refgrow_ledger_entries SET currency = 'HRK' WHERE note = 'bonus'": {
			"shop: ledger of affiliate 5", "shop: entries of payout 2", "shop: earlier earnings of affiliate 5", "shop: statement of February of affiliate 5",
		},
		"UPDATE refgrow_accounts SET currency = 'EU' WHERE affiliate_id = 5": {
			"shop: find affiliate 5", "shop: earnings of affiliate 5", "shop: affiliates",
		},
		"UPDATE refgrow_payouts SET currency = 'EUREUR' WHERE id = 4": {
			"shop: payouts", "shop: pending payouts", "shop: payout 4", "shop: entries of payout 4",
		},
		"UPDATE refgrow_projects SET currency = 'XXX' WHERE name = 'shop'": {
			"shop: settings", "shop: affiliates", "shop: earnings of affiliate 1", "shop: payable in USD", "shop: file for wise in ",
		},
		"UPDATE refgrow_project_days SET currency = 'HRK' WHERE purchases > 0 AND day < 20480": {"shop: statistics"},
		"UPDATE refgrow_conversions SET candidates = '[{]' WHERE id = 3":                       {"shop: find conversion 3", "shop: explain conversion 3"},
		"UPDATE refgrow_webhooks SET events = '[\"a' WHERE id = 1":                             {"shop: find webhook 1", "shop: webhooks"},
		"UPDATE refgrow_projects SET origins = '{}' WHERE name = 'shop'":                       {"shop: settings", "shop: tracking"},
		"DELETE FROM refgrow_project_totals WHERE project_id = 1":                              {"shop: settings", "shop: count payouts", "shop: count affiliates"},
		"DELETE FROM refgrow_commission_rules WHERE id = 1":                                    {"shop: explain conversion 2"},
		"UPDATE refgrow_commission_rules SET ended_at = 1 WHERE id = 2":                        {"shop: settings"},
		"ALTER TABLE refgrow_ledger_entries RENAME COLUMN note TO remark":                      {"shop: ledger of affiliate 1"},
		"ALTER TABLE refgrow_api_keys RENAME COLUMN name TO label":                             {"keys"},
		"ALTER TABLE refgrow_projects RENAME COLUMN touch TO tap":                              {"projects", "shop: settings", "project shop"},
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			healthy := copyOf(t, path)
			healthy.clock.Set(lastOfLively)
			want := healthy.askEverything(t.Context())
			p := spoiled(t, path, statement)
			got := p.askEverything(t.Context())
			if _, shown := got["shop: name"]; !shown { // there was no way to the project
				delete(got, "shop: settings")
				questions = slices.DeleteFunc(questions, func(q string) bool { return q == "shop: settings" })
			}
			for _, question := range questions {
				if said := got[question]; !errors.Is(said.err, refgrow.ErrDamaged) {
					t.Errorf("%s is %s (%v)", question, said.text, said.err)
				}
			}
			for _, question := range slices.Sorted(maps.Keys(got)) {
				if err := got[question].err; err != nil && !errors.Is(err, refgrow.ErrDamaged) && (want[question].err == nil || want[question].err.Error() != err.Error()) {
					t.Errorf("%s gives %v", question, err)
				}
			}
		})
	}
}

// What changes a damaged conversion or payout is refused, and changes nothing.
func TestDamagedCurrencyOfWrites(t *testing.T) {
	single(t)
	t.Parallel()
	path := damageable(t)
	p := spoiled(t, path, "UPDATE refgrow_conversions SET currency = 'EUq' WHERE id IN (2, 9)")
	p.exec("UPDATE refgrow_payouts SET currency = 'EUq' WHERE status = 'pending'")
	ctx := t.Context()
	entries := p.count("SELECT COUNT(*) FROM refgrow_ledger_entries")
	for what, write := range map[string]func() error{
		"an update": func() error {
			_, err := p.shop.UpdateConversion(ctx, 2, refgrow.UpdateConversionParams{Value: new(money.MustParse("1.00 USD"))})
			return err
		},
		"another currency": func() error {
			_, err := p.shop.UpdateConversion(ctx, 2, refgrow.UpdateConversionParams{Currency: new(money.EUR)})
			return err
		},
		"a refund": func() error {
			_, err := p.shop.RefundConversion(ctx, 9, refgrow.RefundConversionParams{})
			return err
		},
		"the undoing of a refund": func() error {
			_, err := p.shop.UndoRefund(ctx, 9, refgrow.RefundConversionParams{})
			return err
		},
		"a deletion": func() error { return p.shop.DeleteConversion(ctx, 2) },
		"a payment": func() error {
			_, err := p.shop.PayPayout(ctx, 4, refgrow.PayPayoutParams{})
			return err
		},
		"a cancellation": func() error {
			_, err := p.shop.CancelPayout(ctx, 4)
			return err
		},
	} {
		if err := write(); !errors.Is(err, refgrow.ErrDamaged) {
			t.Errorf("%s gives %v", what, err)
		}
	}
	if now := p.count("SELECT COUNT(*) FROM refgrow_ledger_entries"); now != entries {
		t.Errorf("there are %d ledger entries, where %d were", now, entries)
	}
}

// A list whose index is damaged may lead back to where it began. Walking it ends
// all the same: here one of the entries of a payout has the id 0 in the index of them.
func TestListThatGoesBack(t *testing.T) {
	single(t)
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	path := damageable(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := copyOf(t, path)
	size := p.count("PRAGMA page_size")
	start := size * (p.count("SELECT rootpage FROM sqlite_schema WHERE name = 'refgrow_payout_entries_by_payout'") - 1)
	page := whole[start : start+size]
	wentBack := 0
	for at := range len(page) - 4 {
		if !bytes.HasPrefix(page[at:], []byte{3, 1, 1, 2}) { // a row of two small numbers, of which payout 2 is the first
			continue
		}
		damaged := bytes.Clone(whole)
		damaged[start+at+4] = 0
		file := filepath.Join(t.TempDir(), "damaged.db")
		p.ok(os.WriteFile(file, damaged, 0o600))
		engine, err := refgrow.New(ctx, refgrow.SQLite(openApp(t, file, 1)), refgrow.Config{Now: p.clock.Now})
		p.ok(err)
		shop, err := engine.Project(ctx, "shop")
		p.ok(err)
		_, err = collected(shop.AllPayoutEntries(ctx, 2, refgrow.ListPayoutEntriesParams{Limit: 1}))
		switch {
		case errors.Is(err, refgrow.ErrDamaged):
			wentBack++
		case err != nil:
			t.Fatalf("with 0 at %d walking gives %v", at, err)
		}
	}
	if wentBack == 0 {
		t.Error("no list went back")
	}
}
