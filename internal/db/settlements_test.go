package db_test

import (
	"database/sql"
	"os"
	"testing"

	"github.com/refgrow-go/refgrow/internal/db"
)

// A settlement is one entry up to the largest amount that one can have, and is split by
// the engine beyond it: each sum is in one of the two answers, and never in both.
func TestQueriesOfLargestSettlements(t *testing.T) {
	t.Parallel()
	pool, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := pool.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := os.ReadFile("../../schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	exec(string(schema))
	exec(`INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
		VALUES (1, 'p', 'USD', 0, 0, 'refuse', 0)`)
	exec(`INSERT INTO refgrow_affiliates (id, project_id, email, referral_code, status, created_at)
		VALUES (1, 1, 'a', 'c', 'active', 0)`)
	q := db.New(pool)
	for i, sum := range []int64{largest - 1, largest, largest + 1, -largest + 1, -largest, -largest - 1, 1, -1} {
		payout := int64(i + 1)
		exec(`INSERT INTO refgrow_payouts (id, project_id, affiliate_id, currency, amount, entry_count, cutoff,
			status, created_at)
			VALUES (?, 1, 1, 'USD', 1, 2, 0, 'pending', 0)`, payout)
		var conversion *int64 // every second one is an adjustment
		if i%2 == 0 {
			conversion = new(int64(7))
		}
		half := sum / 2
		for part, amount := range []int64{half, sum - half} {
			if amount == 0 {
				continue
			}
			entry := 10*payout + int64(part)
			exec(`INSERT INTO refgrow_ledger_entries (id, project_id, affiliate_id, currency, kind, amount, available_at,
				created_at, conversion_id) VALUES (?, 1, 1, 'USD', 'commission', ?, 0, 0, ?)`, entry, amount, conversion)
			exec("INSERT INTO refgrow_payout_entries (entry_id, payout_id, reserved) VALUES (?, ?, 1)", entry, payout)
		}
		large, err := q.ListLargeSettlements(t.Context(), db.ListLargeSettlementsParams{PayoutID: payout, ProjectID: 1})
		if err != nil {
			t.Fatal(err)
		}
		written, err := q.InsertSettlements(t.Context(), db.InsertSettlementsParams{
			CreatedAt: 1, PayoutID: payout, ProjectID: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		var amounts []int64
		for _, row := range large {
			amounts = append(amounts, row.Amount)
			if conversion == nil && row.ConversionID != 0 || conversion != nil && row.ConversionID != *conversion {
				t.Errorf("%d of payout %d is of conversion %d", row.Amount, payout, row.ConversionID)
			}
		}
		for _, row := range written {
			amounts = append(amounts, row.Amount)
		}
		splits := max(sum, -sum) > largest
		if len(amounts) != 1 || amounts[0] != -sum || splits != (len(large) == 1) {
			t.Errorf("of %d, %v are too large and %v is written", sum, large, written)
		}
	}
}
