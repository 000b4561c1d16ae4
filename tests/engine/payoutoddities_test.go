package engine_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
)

// What payouts, their lists and what becomes of them are asked with is checked to the
// last value that is right, and the first that is not.
func TestParamsOfPayouts(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	p.adjust(p.Affiliate("jane"), "5.00 USD")
	id := p.run(refgrow.PayoutRunParams{})[0].ID
	pay := func(at time.Time) func() error {
		return func() error {
			_, err := p.Shop.PayPayout(ctx, id, refgrow.PayPayoutParams{PaidAt: at})
			return err
		}
	}
	giveBack := func(note string) func() error {
		return func() error {
			_, err := p.Shop.ReturnPayout(ctx, id, refgrow.ReturnPayoutParams{Note: note})
			return err
		}
	}
	list := func(params refgrow.ListPayoutsParams) func() error {
		return func() error { _, err := p.Shop.ListPayouts(ctx, params); return err }
	}
	count := func(params refgrow.ListPayoutsParams) func() error {
		return func() error { _, err := p.Shop.CountPayouts(ctx, params); return err }
	}
	entries := func(params refgrow.ListPayoutEntriesParams) func() error {
		return func() error { _, err := p.Shop.ListPayoutEntries(ctx, id, params); return err }
	}
	now := p.Clock.Now()
	joe := p.Affiliate("joe")
	p.adjust(joe, "5.00 USD")
	early := p.run(refgrow.PayoutRunParams{})[0]
	p.Refused("deleting who is about to be paid", p.Shop.DeleteAffiliate(ctx, joe.ID), refgrow.ErrConflict, "")
	paid, err := p.Shop.PayPayout(ctx, early.ID, refgrow.PayPayoutParams{PaidAt: now.Add(-time.Hour)})
	p.OK(err)
	found, err := p.Shop.GetPayout(ctx, early.ID)
	p.OK(err)
	if !paid.PaidAt.Equal(now.Add(-time.Hour)) || !found.PaidAt.Equal(*paid.PaidAt) {
		t.Errorf("it was paid at %v, and is found with %v", paid.PaidAt, found.PaidAt)
	}
	for _, c := range []struct {
		what  string
		call  func() error
		field string // "" for none that is wrong
	}{
		{"paid in a moment", pay(now.Add(time.Millisecond)), "paid_at"},
		{"paid now", pay(now), ""},
		{"a note that is too long", giveBack(strings.Repeat("x", 1001)), "note"},
		{"a note of blanks", giveBack("  "), "note"},
		{"the longest note", giveBack(strings.Repeat("x", 1000)), ""},
		{"the list of affiliate -1", list(refgrow.ListPayoutsParams{AffiliateID: -1}), "affiliate_id"},
		{"the list of run -1", list(refgrow.ListPayoutsParams{RunID: -1}), "run_id"},
		{"a list of 501", list(refgrow.ListPayoutsParams{Limit: 501}), "limit"},
		{"a list from anywhere", list(refgrow.ListPayoutsParams{After: "anywhere"}), "cursor"},
		{"the number of affiliate -1", count(refgrow.ListPayoutsParams{AffiliateID: -1}), "affiliate_id"},
		{"the number of run -1", count(refgrow.ListPayoutsParams{RunID: -1}), "run_id"},
		{"the number of the late ones", count(refgrow.ListPayoutsParams{Status: "late"}), "status"},
		{"501 entries", entries(refgrow.ListPayoutEntriesParams{Limit: 501}), "limit"},
		{"entries from anywhere", entries(refgrow.ListPayoutEntriesParams{After: "anywhere"}), "cursor"},
	} {
		if c.field == "" {
			if err := c.call(); err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
			continue
		}
		p.Refused(c.what, c.call(), refgrow.ErrInvalid, c.field)
	}
}

// A payout of an affiliate who is being deleted is not there any more, however much of
// it is still stored.
func TestPayoutsOfADeletionThatGoesOn(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	p, store := stepped(t)
	ctx := t.Context()
	jane := p.Affiliate("jane")
	p.careerOf(jane, 600)
	p.adjust(jane, "5.00 USD")
	p.Clock.Advance(40 * 24 * time.Hour)
	payout := p.run(refgrow.PayoutRunParams{})[0]
	_, err := p.Shop.CancelPayout(ctx, payout.ID)
	p.OK(err)
	stored := 0
	store.on(func(write int) {
		if write == 1 { // is about to begin
			return
		}
		stored += p.Count("SELECT COUNT(*) FROM refgrow_payouts")
		_, err := p.Shop.GetPayout(ctx, payout.ID)
		p.Refused("the payout", err, refgrow.ErrNotFound, "")
		_, err = p.Shop.ListPayoutEntries(ctx, payout.ID, refgrow.ListPayoutEntriesParams{})
		p.Refused("its entries", err, refgrow.ErrNotFound, "")
	})
	p.OK(p.Shop.DeleteAffiliate(ctx, jane.ID))
	store.on(nil)
	if stored == 0 {
		t.Error("the payout went with the affiliate at once")
	}
}

// A payout whose currency is none is shown to nobody, and neither paid nor canceled.
func TestDamagedPayouts(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	p.adjust(p.Affiliate("jane"), "5.00 USD")
	params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Key: "november"}}
	made, err := p.Shop.PayoutRuns().Make(ctx, params)
	p.OK(err)
	id := made.Payouts[0].ID
	p.Exec("UPDATE refgrow_payouts SET currency = 'dollars'")
	for what, call := range map[string]func() error{
		"finding": func() error { _, err := p.Shop.GetPayout(ctx, id); return err },
		"listing": func() error { _, err := p.Shop.ListPayouts(ctx, refgrow.ListPayoutsParams{}); return err },
		"paying": func() error {
			_, err := p.Shop.PayPayout(ctx, id, refgrow.PayPayoutParams{})
			return err
		},
		"canceling": func() error { _, err := p.Shop.CancelPayout(ctx, id); return err },
	} {
		if err := call(); !errors.Is(err, refgrow.ErrDamaged) {
			t.Errorf("%s it: %v", what, err)
		}
	}
	p.Exec("UPDATE refgrow_payouts SET currency = 'USD'")
	p.Exec("UPDATE refgrow_payout_runs SET currency = 'dollars'")
	if report, err := p.Shop.PayoutRuns().MakeReport(ctx, params); !errors.Is(err, refgrow.ErrDamaged) || report != nil {
		t.Errorf("the report of a damaged run is %+v (%v)", report, err)
	}
}

// What adds up to more than an entry can have is settled by several, each of which is
// available when what it settles is.
func TestLargeSettlementsAreAvailableWithTheirEntries(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	p.adjust(p.Affiliate("joe"), "5.00 USD")
	p.run(refgrow.PayoutRunParams{})
	jane, began := p.Affiliate("jane"), p.Clock.Now()
	for range 2 {
		p.adjust(jane, money.New(money.MaxMinor, "USD").String())
	}
	p.Clock.Advance(time.Hour)
	payout := p.run(refgrow.PayoutRunParams{})[0]
	p.Clock.Advance(time.Hour)
	p.pay(payout)
	page, err := p.Shop.ListLedger(t.Context(), jane.ID, refgrow.ListLedgerParams{})
	p.OK(err)
	settled := int64(0)
	for _, e := range page.Items {
		if e.Kind != refgrow.EntrySettlement {
			continue
		}
		settled -= e.Amount.Minor()
		if !e.AvailableAt.Equal(began) || e.PayoutID != payout.ID || e.ConversionID != 0 {
			t.Errorf("a settlement is %+v", e)
		}
	}
	if settled != payout.Amount.Minor() || len(page.Items) < 4 {
		t.Errorf("%d of %v was settled: %+v", settled, payout.Amount, page.Items)
	}
	p.Verify()
}

// Whoever has seen enough of a report walks no further.
func TestReportsCanBeLeft(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{MinimumPayout: money.MustParse("5.00 USD")})
	ctx := t.Context()
	for i := range 4 {
		p.adjust(p.Affiliate(fmt.Sprint("aff", i)), fmt.Sprint(9-2*i, ".00 USD"))
	}
	for what, report := range map[string]func() (*refgrow.PayoutReport, error){
		"1 preview": func() (*refgrow.PayoutReport, error) {
			return p.Shop.PayoutRuns().PreviewReport(ctx, refgrow.PayoutRunParams{})
		},
		"2 run": func() (*refgrow.PayoutReport, error) {
			return p.Shop.PayoutRuns().MakeReport(ctx, refgrow.PayoutRunParams{AffiliateIDs: []int64{1, 2, 4}})
		},
	} {
		r, err := report()
		p.OK(err)
		seen := 0
		for payout, err := range r.AllPayouts(ctx) {
			p.OK(err)
			seen += int(payout.AffiliateID)
			break
		}
		for left, err := range r.AllLeftOut() {
			p.OK(err)
			seen += 10 * int(left.AffiliateID)
			break
		}
		if seen == 0 {
			t.Errorf("the %s has nothing", what)
		}
	}
}

// A file of payments ends with an error where the database never goes on.
func TestPayoutFileThatNeverEnds(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	file, faults := filepath.Join(t.TempDir(), "app.db"), new(faults)
	app := shoptest.OpenApp(t, file, 2)
	stuck := sql.OpenDB(faultyConnector{app.Driver(), file + "?_txlock=immediate", faults})
	t.Cleanup(func() { stuck.Close() })
	p := programOn(t, refgrow.SQLite(stuck), app, refgrow.Settings{})
	p.adjust(p.Affiliate("jane"), "5.00 USD")
	p.run(refgrow.PayoutRunParams{})
	asked := 0
	faults.asks = func(query string, args []driver.NamedValue) {
		if !strings.Contains(query, "-- name: ListPendingPayouts ") {
			return
		}
		if asked++; asked <= 5 { // or the test would never end either
			args[2].Value = int64(0) // after which payout
		}
	}
	_, err := p.Shop.ExportPayouts(t.Context(), refgrow.ExportPayoutsParams{Format: refgrow.PayPalFile})
	if !errors.Is(err, refgrow.ErrDamaged) {
		t.Errorf("the error is %v", err)
	}
}
