package engine_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// Payouts move to a new table: they and their entries stay what they were, and no id of
// one that was deleted since is given again. A bank knows it as another payment.
func TestMigratedPayouts(t *testing.T) {
	t.Parallel()
	const (
		payouts = `SELECT concat_ws('|', id, project_id, affiliate_id, currency, amount, entry_count, cutoff, status,
			external_reference, created_at, paid_at, canceled_at) FROM refgrow_payouts ORDER BY id`
		entries = `SELECT concat_ws('|', entry_id, payout_id, reserved) FROM refgrow_payout_entries
			ORDER BY payout_id, entry_id`
		former = "SELECT name FROM sqlite_master WHERE name LIKE 'refgrow_former%'"
	)
	for name, c := range map[string]struct {
		sql  string
		next int64
	}{
		"the last ones were deleted": {"UPDATE sqlite_sequence SET seq = 9 WHERE name = 'refgrow_payouts'", 10},
		"none was deleted":           {"", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := shoptest.OpenApp(t, filepath.Join(t.TempDir(), "old.db"), 1)
			theOldBooks.write(t, old)
			if _, err := old.ExecContext(t.Context(), c.sql); err != nil {
				t.Fatal(err)
			}
			before := [2][]string{texts(t, old, payouts), texts(t, old, entries)}
			engine, clock := refgrowtest.On(t, refgrow.SQLite(old))
			p := &program{&shoptest.Program{T: t, Engine: engine, Clock: clock, App: old}}
			var err error
			p.Shop, err = engine.Project(t.Context(), "shop")
			p.OK(err)
			clock.Set(hour(12))
			after := [2][]string{texts(t, old, payouts), texts(t, old, entries)}
			for i, rows := range before {
				if !slices.Equal(rows, after[i]) {
					t.Errorf("the rows were\n%q\nand are\n%q", rows, after[i])
				}
			}
			if left := texts(t, old, former); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			clock.Advance(30 * 24 * time.Hour)
			made := p.run(refgrow.PayoutRunParams{})
			if len(made) == 0 || made[0].ID != c.next {
				t.Errorf("the next payouts are %+v, but the first id should be %d", made, c.next)
			}
			p.Verify()
			// What was paid before can come back.
			returned, err := p.Shop.ReturnPayout(t.Context(), 1, refgrow.ReturnPayoutParams{Note: "unclaimed"})
			p.OK(err)
			if returned.Status != refgrow.PayoutReturned || returned.RunID != 0 {
				t.Errorf("the payout is %+v", returned)
			}
			p.Verify()
		})
	}
}
