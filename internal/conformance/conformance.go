// Package conformance says, as tests, what the engine does on every store. It
// uses the public API, as a program would, and SQL where a test needs to look at
// rows or to damage them.
package conformance

import (
	"database/sql"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// Opened is an empty database that a test may use alone.
type Opened struct {
	Store refgrow.Store
	// DB is the pool of a database that the app owns, nil when the store is a file
	// of the engine's own.
	DB *sql.DB
}

// Run does all tests, each on a database that open makes for it. open closes
// what it opened when its test ends.
func Run(t *testing.T, open func(t *testing.T) Opened) {
	t.Helper()
	for _, theme := range []struct {
		name  string
		tests []test
	}{
		{"projects", projectTests()},
		{"commissions", commissionTests()},
		{"rules", ruleTests()},
		{"refunds", refundTests()},
		{"payouts", payoutTests()},
		{"pending payouts", pendingPayoutTests()},
		{"around payouts", payoutSurroundingTests()},
		{"statements", statementTests()},
		{"explanations", explanationTests()},
		{"money in transactions", moneyTransactionTests()},
		{"payouts at once", payoutRaceTests()},
		{"affiliates", affiliateTests()},
		{"coupons", couponTests()},
		{"referrals", referralTests()},
		{"conversions", conversionTests()},
		{"lists", listTests()},
		{"attribution", attributionTests()},
		{"customers", customerTests()},
		{"transactions", transactionTests()},
		{"idempotency", idempotencyTests()},
		{"lifecycle", lifecycleTests()},
		{"concurrency", concurrencyTests()},
		{"books", bookTests()},
		{"time", timeTests()},
		{"deletion", deletionTests()},
		{"clicks", clickTests()},
		{"kept clicks", keptClickTests()},
		{"days", dayTests()},
		{"claims", claimTests()},
		{"tracked signups", trackedSignupTests()},
		{"visits", visitTests()},
		{"keys", keyTests()},
		{"events", eventTests()},
		{"isolation", isolationTests()},
		{"verification", verificationTests()},
		{"backup", backupTests()},
	} {
		t.Run(theme.name, func(t *testing.T) {
			t.Parallel()
			for _, one := range theme.tests {
				t.Run(one.name, func(t *testing.T) {
					t.Parallel()
					w := setup(t, open)
					defer w.caught()
					one.run(w)
				})
			}
		})
	}
}

// A test runs in a world of its own.
type test struct {
	name string
	run  func(w *world)
}
