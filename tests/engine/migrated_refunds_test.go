package engine_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// Refunds with references from before it was kept what each has taken: what was undone
// without naming one of them was of the latest, and a free sale was taken by the first.
func TestMigratedRefunds(t *testing.T) {
	t.Parallel()
	const beforeTaken = 16
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	old := borrowed(t, filepath.Join(t.TempDir(), "app.db"), 1)
	apply := func(text string) {
		t.Helper()
		if _, err := old.DB.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	for i, file := range files[:beforeTaken] {
		text, err := refgrow.MigrationsFS.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		apply(string(text))
		if i == 0 {
			apply(`
				INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
					VALUES (1, 'shop', 'USD', 0, 0, 'refuse', 1000);
				INSERT INTO refgrow_project_totals (project_id, last_stamp, purchases_unpaid) VALUES (1, 5000, 4);
				INSERT INTO refgrow_commission_rules (id, project_id, conversion_type, version, kind, rate, amount,
						currency, duration, duration_count, created_at)
					VALUES (1, 1, 'purchase', 1, 'percent', 200000, 0, '', 'lifetime', 0, 1000),
						(2, 1, 'signup', 1, 'fixed', 0, 0, 'USD', 'lifetime', 0, 1000);
				INSERT INTO refgrow_conversions (id, project_id, type, currency, currency_given, value, base_value,
						refunded, paid, created_at, available_at, reason, candidates,
						priced_value, priced_currency, priced_base_value, commission_reason)
					VALUES (1, 1, 'purchase', 'USD', 1, 0, 10000, 4000, 0, 3000, 3000, 'none', '[]', 0, 'USD', 10000, 'unattributed'),
						(2, 1, 'purchase', 'USD', 1, 0, 10000, 0, 0, 3000, 3000, 'none', '[]', 0, 'USD', 10000, 'unattributed'),
						(3, 1, 'purchase', 'USD', 1, 0, 0, 0, 0, 3000, 3000, 'none', '[]', 0, 'USD', 0, 'unattributed'),
						(4, 1, 'purchase', 'USD', 1, 0, 0, 0, 0, 3000, 3000, 'none', '[]', 0, 'USD', 0, 'unattributed');`)
		}
	}
	apply(`
		UPDATE refgrow_conversions SET reversed = 1 WHERE id = 3;
		INSERT INTO refgrow_refunds (conversion_id, reference, project_id, amount, taken, created_at, undone_at)
			VALUES (1, 'undone', 1, 5000, 5000, 3001, 3009), (1, 'z first', 1, 3000, 3000, 3002, NULL),
				(1, 'second', 1, 2000, 2000, 3003, NULL), (1, 'last', 1, 2000, 2000, 3004, NULL),
				(2, 'gone', 1, 4000, 4000, 3001, NULL),
				(3, 'whole', 1, 0, 0, 3001, NULL), (3, 'again', 1, 5, 0, 3002, NULL);`)

	engine, _ := refgrowtest.On(t, old.Store)
	report, err := engine.Verify(t.Context())
	if err != nil || report.Conversions != 4 || len(report.Differences) != 0 {
		t.Errorf("Verify: %+v, %v", report, err)
	}
	shop, err := engine.Project(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, undo := range []struct {
		id        int64
		reference string
		unchanged bool
		refunded  int64
	}{
		{1, "undone", true, 4000},
		{1, "last", true, 4000},
		{1, "second", false, 3000},
		{1, "z first", false, 0},
		{2, "gone", true, 0},
		{3, "again", true, 0},
		{3, "whole", false, 0},
	} {
		got, err := shop.UndoRefund(t.Context(), undo.id, refgrow.RefundConversionParams{RefundReference: undo.reference})
		if err != nil || got.Unchanged != undo.unchanged || got.Refunded.Minor() != undo.refunded {
			t.Errorf("undoing %q of conversion %d: %+v, %v", undo.reference, undo.id, got, err)
		}
	}
	// A free sale is taken by a refund without an amount.
	whole := refgrow.RefundConversionParams{RefundReference: "new"}
	if _, err := shop.RefundConversion(t.Context(), 4, whole); err != nil {
		t.Error(err)
	}
}
