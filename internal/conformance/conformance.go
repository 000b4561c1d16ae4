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
	run(t, open, func(theme) bool { return true })
}

// RunRaces does the tests of the themes in which things happen side by side.
func RunRaces(t *testing.T, open func(t *testing.T) Opened) {
	t.Helper()
	run(t, open, func(of theme) bool { return of.races })
}

// A theme is some tests of one thing.
type theme struct {
	name  string
	tests []test
	races bool // some of them do things side by side
}

func themes() []theme {
	return []theme{
		{"projects", projectTests(), false},
		{"commissions", commissionTests(), false},
		{"rules", ruleTests(), false},
		{"refunds", refundTests(), false},
		{"payouts", payoutTests(), false},
		{"pending payouts", pendingPayoutTests(), false},
		{"around payouts", payoutSurroundingTests(), false},
		{"statements", statementTests(), false},
		{"explanations", explanationTests(), false},
		{"money in transactions", moneyTransactionTests(), false},
		{"payouts at once", payoutRaceTests(), true},
		{"affiliates", affiliateTests(), false},
		{"coupons", couponTests(), false},
		{"referrals", referralTests(), false},
		{"conversions", conversionTests(), false},
		{"lists", listTests(), false},
		{"attribution", attributionTests(), false},
		{"customers", customerTests(), false},
		{"transactions", transactionTests(), true},
		{"idempotency", idempotencyTests(), true},
		{"lifecycle", lifecycleTests(), true},
		{"concurrency", concurrencyTests(), true},
		{"books", bookTests(), false},
		{"time", timeTests(), false},
		{"deletion", deletionTests(), false},
		{"clicks", clickTests(), true},
		{"kept clicks", keptClickTests(), true},
		{"days", dayTests(), false},
		{"claims", claimTests(), true},
		{"tracked signups", trackedSignupTests(), false},
		{"visits", visitTests(), false},
		{"keys", keyTests(), true},
		{"events", eventTests(), true},
		{"isolation", isolationTests(), false},
		{"verification", verificationTests(), false},
		{"backup", backupTests(), true},
	}
}

func run(t *testing.T, open func(t *testing.T) Opened, wanted func(theme) bool) {
	t.Helper()
	for _, theme := range themes() {
		if !wanted(theme) {
			continue
		}
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
