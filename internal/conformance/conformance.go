// Package conformance says, as tests, what the engine does on every store. It uses the
// public API, as an app would, and SQL where a test needs to look at rows or to damage
// them. It brings no driver, not even through its imports: alongside another one that
// registers the same name, the test binary would panic at its start.
package conformance

import (
	"database/sql"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// An Open opens the database file at path, an empty database where there is none, and
// closes it when the test ends. It may be called again for the same path.
type Open func(t *testing.T, path string) Opened

// Opened is a database that a test has to itself.
type Opened struct {
	Store refgrow.Store
	// DB is the pool of a database that the app owns, nil when the store is a file
	// of the engine's own.
	DB *sql.DB
	// Postgres says that the database is PostgreSQL.
	Postgres bool
}

// Run runs all tests, each on a database that open makes for it.
func Run(t *testing.T, open Open) {
	t.Helper()
	run(t, open, func(theme) bool { return true })
}

// RunRaces runs the tests of the themes in which things happen concurrently.
func RunRaces(t *testing.T, open Open) {
	t.Helper()
	run(t, open, func(of theme) bool { return of.marks&races != 0 })
}

// RunDriven runs the tests of the themes in which the driver of a database that the app
// owns can make a difference.
func RunDriven(t *testing.T, open Open) {
	t.Helper()
	run(t, open, func(of theme) bool { return of.marks&driven != 0 })
}

// RunDrivenRaces runs the tests of the themes that both RunRaces and RunDriven run.
func RunDrivenRaces(t *testing.T, open Open) {
	t.Helper()
	run(t, open, func(of theme) bool { return of.marks&races != 0 && of.marks&driven != 0 })
}

// A theme is a group of tests of one thing.
type theme struct {
	name  string
	tests []test
	marks marks
}

// marks distinguish the themes that are also run on their own.
type marks int

const (
	races  marks = 1 << iota // some of the tests do things concurrently
	driven                   // transactions, locks, conflicts, errors, and how values are passed
)

func themes() []theme {
	return []theme{
		{"projects", projectTests(), 0},
		{"commissions", commissionTests(), 0},
		{"rules", ruleTests(), 0},
		{"refunds", refundTests(), 0},
		{"leaps", leapTests(), 0},
		{"payouts", payoutTests(), 0},
		{"pending payouts", pendingPayoutTests(), 0},
		{"around payouts", payoutSurroundingTests(), 0},
		{"payout runs", payoutRunTests(), races | driven},
		{"statements", statementTests(), driven},
		{"explanations", explanationTests(), 0},
		{"money in transactions", moneyTransactionTests(), driven},
		{"payouts at once", payoutRaceTests(), races | driven},
		{"affiliates", affiliateTests(), 0},
		{"coupons", couponTests(), 0},
		{"referrals", referralTests(), 0},
		{"conversions", conversionTests(), driven},
		{"lists", listTests(), driven},
		{"attribution", attributionTests(), 0},
		{"customers", customerTests(), 0},
		{"transactions", transactionTests(), races | driven},
		{"idempotency", idempotencyTests(), races | driven},
		{"lifecycle", lifecycleTests(), races | driven},
		{"concurrency", concurrencyTests(), races | driven},
		{"books", bookTests(), 0},
		{"time", timeTests(), 0},
		{"deletion", deletionTests(), 0},
		{"erasure", erasureTests(), driven},
		{"clicks", clickTests(), races},
		{"kept clicks", keptClickTests(), races | driven},
		{"days", dayTests(), 0},
		{"claims", claimTests(), races},
		{"tracked signups", trackedSignupTests(), 0},
		{"visits", visitTests(), 0},
		{"keys", keyTests(), races},
		{"events", eventTests(), races | driven},
		{"search", searchTests(), 0},
		{"isolation", isolationTests(), 0},
		{"verification", verificationTests(), 0},
		{"backup", backupTests(), races | driven},
	}
}

func run(t *testing.T, open Open, wanted func(theme) bool) {
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
