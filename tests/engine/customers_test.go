package engine_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// A customer of a database from before customers had several external ids keeps the one
// it has, and can get others. One who has signed up twice has both signups, and no
// third.
func TestCustomersOfAnOlderDatabase(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	ctx := t.Context()
	old := borrowed(t, filepath.Join(t.TempDir(), "app.db"), 1)
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	apply := func(text string) {
		t.Helper()
		if _, err := old.DB.ExecContext(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files[:slices.IndexFunc(files, func(f string) bool { return strings.Contains(f, "customers") })] {
		text, err := refgrow.MigrationsFS.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		apply(string(text))
	}
	apply(`
		INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
			VALUES (1, 'shop', 'USD', 0, 0, 'refuse', 1000);
		INSERT INTO refgrow_project_totals (project_id, last_stamp, referrals_direct_signup, signups_unpaid)
			VALUES (1, 5000, 1, 2);
		INSERT INTO refgrow_project_days VALUES (1, 0, 'USD', 0, 2, 0, 0, 0);
		INSERT INTO refgrow_commission_rules (id, project_id, conversion_type, version, kind, rate, amount,
				currency, duration, duration_count, created_at)
			VALUES (1, 1, 'purchase', 1, 'percent', 200000, 0, '', 'lifetime', 0, 1000),
				(2, 1, 'signup', 1, 'fixed', 0, 0, 'USD', 'lifetime', 0, 1000);
		INSERT INTO refgrow_referrals (id, project_id, email, external_id, status, created_at)
			VALUES (1, 1, 'carl@example.com', 'u_1', 'direct_signup', 3000);`)
	for id := 1; id <= 2; id++ {
		apply(fmt.Sprintf(`
			INSERT INTO refgrow_conversions (id, project_id, type, referral_id, currency, currency_given, value, refunded,
					paid, created_at, available_at, reason, candidates, priced_value, priced_currency, commission_reason)
				VALUES (%d, 1, 'signup', 1, 'USD', 0, 0, 0, 0, %d, %[2]d, 'none', '[]', 0, 'USD', 'unattributed')`,
			id, 3000+id))
	}

	engine, _ := refgrowtest.On(t, old.Store)
	shop, err := engine.Project(ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	again, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: refgrow.Customer{Email: "carl@example.com", ExternalID: "u_2"},
	})
	if err != nil || again.ID != 1 || !again.Repeated {
		t.Errorf("the signup is %+v, %v", again, err)
	}
	carl, err := shop.ReferralByExternalID(ctx, "u_2")
	if err != nil || carl.ID != 1 || carl.ExternalID != "u_1" || !slices.Equal(carl.ExternalIDs, []string{"u_1", "u_2"}) {
		t.Errorf("the customer is %+v, %v", carl, err)
	}
	signups, err := shop.CountConversions(ctx, refgrow.ListConversionsParams{ReferredUserID: 1, Type: refgrow.Signup})
	if err != nil || signups != 2 {
		t.Errorf("there are %d signups, %v", signups, err)
	}
	if report, err := engine.Verify(ctx); err != nil || len(report.Differences) != 0 {
		t.Errorf("verify: %v, %v", report.Differences, err)
	}
}
