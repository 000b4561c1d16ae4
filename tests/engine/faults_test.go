package engine_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
)

var errFault = errors.New("a fault of the test")

// faults lets one of the engine's queries fail.
type faults struct {
	mu     sync.Mutex
	left   int    // queries until the one that fails
	failed string // its name

	// begins is called before each transaction that writes, if it is not nil.
	begins func()
	// asks is told of each query, and may change its arguments, if it is not nil.
	asks func(query string, args []driver.NamedValue)
}

// arm lets the nth query from now on fail, and none if n is 0.
func (f *faults) arm(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.failed = n, ""
}

// disarm returns the name of the query that failed, "" for none.
func (f *faults) disarm() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = 0
	return f.failed
}

func (f *faults) at(query string, args []driver.NamedValue) error {
	if f.asks != nil {
		f.asks(query, args)
	}
	if query == "BEGIN IMMEDIATE" && f.begins != nil {
		f.begins()
	}
	_, name, ok := strings.Cut(query, "-- name: ")
	if !ok {
		return nil // BEGIN, COMMIT and the like
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left != 0 {
		return nil
	}
	f.failed, _, _ = strings.Cut(name, " ")
	return errFault
}

// A faultyConnector connects to a file through faults.
type faultyConnector struct {
	on     driver.Driver
	file   string
	faults *faults
}

func (c faultyConnector) Driver() driver.Driver { return c.on }

func (c faultyConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.on.Open(c.file)
	if err != nil {
		return nil, err
	}
	return &faultyConn{conn.(fullConn), c.faults}, nil
}

// A fullConn is what database/sql uses of a driver for SQLite.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

type faultyConn struct {
	fullConn

	faults *faults
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.faults.at(query, args); err != nil {
		return nil, err
	}
	return c.fullConn.ExecContext(ctx, query, args)
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.faults.at(query, args); err != nil {
		return nil, err
	}
	return c.fullConn.QueryContext(ctx, query, args)
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{stmt.(fullStmt), c.faults, query}, nil
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type faultyStmt struct {
	fullStmt

	faults *faults
	query  string
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.faults.at(s.query, args); err != nil {
		return nil, err
	}
	return s.fullStmt.ExecContext(ctx, args)
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.faults.at(s.query, args); err != nil {
		return nil, err
	}
	return s.fullStmt.QueryContext(ctx, args)
}

// content is every row in the database, as text.
func (p *program) content() (all []string) {
	p.Helper()
	const tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'refgrow_%' ORDER BY 1"
	for _, table := range p.rows(tables) {
		for _, row := range p.rows("SELECT * FROM " + table) {
			all = append(all, table+": "+row)
		}
	}
	return all
}

func (p *program) rows(query string) (all []string) {
	p.Helper()
	rows, err := p.App.QueryContext(p.Context(), query)
	p.OK(err)
	defer rows.Close()
	columns, err := rows.Columns()
	p.OK(err)
	for rows.Next() {
		values, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		p.OK(rows.Scan(pointers...))
		parts := make([]string, len(values))
		for i, value := range values {
			parts[i] = fmt.Sprint(value)
		}
		all = append(all, strings.Join(parts, " "))
	}
	p.OK(rows.Err())
	return all
}

// Whichever query of an operation fails, the operation returns the error and has changed
// nothing; and it succeeds when it is tried again.
func TestEveryFailingQuery(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	file, faults := filepath.Join(t.TempDir(), "app.db"), new(faults)
	app := shoptest.OpenApp(t, file, 2)
	faulty := sql.OpenDB(faultyConnector{
		app.Driver(), file + "?_txlock=immediate&_pragma=busy_timeout(100)&_pragma=synchronous(OFF)", faults,
	})
	t.Cleanup(func() { faulty.Close() })
	p := programOn(t, refgrow.SQLite(faulty), app, refgrow.Settings{
		Commission: refgrow.Percent("20"), HoldDays: 30,
	})
	ctx, shop := t.Context(), p.Shop
	p.Endpoint(refgrow.CreateWebhookParams{})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	p.Coupon(refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "JANE20"})

	queries := map[string]bool{}
	try := func(what string, do func() error) {
		t.Helper()
		for n := 1; ; n++ {
			before := p.content()
			faults.arm(n)
			err := do()
			failed := faults.disarm()
			if failed == "" {
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				return
			}
			queries[failed] = true
			if !errors.Is(err, errFault) {
				t.Fatalf("%s: %s failed, and the error is %v", what, failed, err)
			}
			if after := p.content(); !slices.Equal(after, before) {
				added := slices.DeleteFunc(after, func(row string) bool { return slices.Contains(before, row) })
				t.Fatalf("%s: %s failed, and new in the database is\n%s", what, failed, strings.Join(added, "\n"))
			}
		}
	}
	usd := func(text string) money.Amount { return money.MustParse(text + " USD") }
	pro := func(duration string) refgrow.CreateRuleParams {
		return refgrow.CreateRuleParams{
			AffiliateID: jane.ID, Product: "pro", Commission: refgrow.Percent("30"),
			Duration: refgrow.CommissionDuration(duration),
		}
	}
	record := func(params refgrow.RecordConversionParams) *refgrow.Conversion {
		t.Helper()
		params.Type = refgrow.Purchase
		if !params.BaseValue.IsSet() {
			params.BaseValue = usd("100.00")
		}
		var made *refgrow.Conversion
		try("recording", func() (err error) {
			made, err = shop.RecordConversion(ctx, params)
			return err
		})
		return made
	}
	update := func(c *refgrow.Conversion, params refgrow.UpdateConversionParams) {
		t.Helper()
		try("updating", func() error {
			_, err := shop.UpdateConversion(ctx, c.ID, params)
			return err
		})
	}
	run := func() (made []refgrow.Payout) {
		t.Helper()
		try("previewing", func() error {
			_, err := shop.PreviewPayouts(ctx, refgrow.PayoutRunParams{})
			return err
		})
		try("running", func() (err error) {
			made, err = shop.RunPayouts(ctx, refgrow.PayoutRunParams{})
			return err
		})
		if len(made) != 1 {
			t.Fatalf("made %+v", made)
		}
		return made
	}

	customer := refgrow.Customer{Email: "ann@example.com"}
	for _, duration := range []string{"lifetime", "first_purchase", "6 payments", "12 months"} {
		rule := pro(duration)
		try("a rule that lasts "+duration, func() error {
			_, err := shop.CreateRule(ctx, rule)
			return err
		})
		record(refgrow.RecordConversionParams{Customer: customer, CouponCode: "JANE20", Product: "pro"})
	}
	c := record(refgrow.RecordConversionParams{AffiliateID: jane.ID, Reference: "order-1"})
	update(c, refgrow.UpdateConversionParams{Value: new(usd("30.00")), Reference: refgrow.Set("order-2")})
	update(c, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	update(c, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	update(c, refgrow.UpdateConversionParams{Paid: new(true)})
	update(c, refgrow.UpdateConversionParams{Paid: new(false)})
	lost := record(refgrow.RecordConversionParams{Customer: refgrow.Customer{ExternalID: "lost"}, Product: "pro"})
	update(lost, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	update(lost, refgrow.UpdateConversionParams{Reprice: true})
	try("deleting", func() error { return shop.DeleteConversion(ctx, lost.ID) })
	try("refunding", func() error {
		_, err := shop.RefundConversion(ctx, c.ID, refgrow.RefundConversionParams{Amount: usd("50.00")})
		return err
	})
	try("undoing the refund", func() error {
		_, err := shop.UndoRefund(ctx, c.ID, refgrow.RefundConversionParams{})
		return err
	})
	try("telling a total", func() error {
		_, err := shop.RefundConversion(ctx, c.ID, refgrow.RefundConversionParams{Total: usd("1.00")})
		return err
	})
	try("refunding by name", func() error {
		_, err := shop.RefundConversion(ctx, c.ID, refgrow.RefundConversionParams{
			Amount: usd("1.00"), RefundReference: "re_1",
		})
		return err
	})
	try("undoing that", func() error {
		_, err := shop.UndoRefund(ctx, c.ID, refgrow.RefundConversionParams{RefundReference: "re_1"})
		return err
	})
	try("refunding by another name", func() error {
		_, err := shop.RefundConversion(ctx, c.ID, refgrow.RefundConversionParams{
			Amount: usd("1.00"), RefundReference: "re_2",
		})
		return err
	})
	try("undoing all of it", func() error {
		_, err := shop.UndoRefund(ctx, c.ID, refgrow.RefundConversionParams{})
		return err
	})
	try("adjusting", func() error {
		_, err := shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
			AffiliateID: jane.ID, Amount: usd("5.00"), Note: "a bonus",
		})
		return err
	})
	p.Clock.Advance(31 * 24 * time.Hour)
	canceled := run()[0]
	try("canceling", func() error {
		_, err := shop.CancelPayout(ctx, canceled.ID)
		return err
	})
	payout := run()[0]
	for _, params := range []refgrow.ListPayoutsParams{
		{}, {AffiliateID: jane.ID}, {Status: refgrow.PayoutPending}, {Status: refgrow.PayoutPaid},
		{Status: refgrow.PayoutCanceled}, {RunID: 1}, {RunID: 1, AffiliateID: jane.ID}, {Offset: 1},
	} {
		try("listing payouts", func() error { _, err := shop.ListPayouts(ctx, params); return err })
		try("counting payouts", func() error { _, err := shop.CountPayouts(ctx, params); return err })
	}
	statement := func() error {
		now := p.Clock.Now()
		s, err := shop.Statement(ctx, jane.ID, now.Year(), now.Month())
		if err != nil {
			return err
		}
		return shop.WriteStatementCSV(ctx, io.Discard, s)
	}
	for _, read := range []func() error{
		func() error { _, err := shop.GetPayout(ctx, payout.ID); return err },
		func() error { _, err := shop.PayoutRuns().Get(ctx, payout.RunID); return err },
		func() error { _, err := shop.PayoutRuns().List(ctx, refgrow.ListPayoutRunsParams{}); return err },
		func() error { _, err := shop.PayoutRuns().Count(ctx); return err },
		func() error {
			_, err := shop.ListPayoutEntries(ctx, payout.ID, refgrow.ListPayoutEntriesParams{})
			return err
		},
		func() error {
			_, err := shop.ExportPayouts(ctx, refgrow.ExportPayoutsParams{Format: refgrow.WiseFile})
			return err
		},
		func() error { _, err := shop.Earnings(ctx, jane.ID); return err },
		func() error {
			_, err := shop.Earnings(ctx, jane.ID, refgrow.AsOf(p.Clock.Now().Add(-24*time.Hour)))
			return err
		},
		statement,
		func() error { _, err := shop.ListLedger(ctx, jane.ID, refgrow.ListLedgerParams{}); return err },
		func() error { _, err := shop.CountLedger(ctx, jane.ID); return err },
		func() error { _, err := shop.GetConversion(ctx, c.ID); return err },
		func() error { _, err := shop.ExplainConversion(ctx, c.ID); return err },
		func() error {
			err := shop.DeleteAffiliate(ctx, jane.ID)
			if errors.Is(err, refgrow.ErrConflict) { // for the pending payout
				return nil
			}
			return err
		},
	} {
		try("reading", read)
	}
	var customers []int64
	for _, signup := range []refgrow.RecordConversionParams{
		{Customer: refgrow.Customer{ExternalID: "s-1"}},
		{Customer: refgrow.Customer{ExternalID: "s-1", Email: "s@example.com"}, ReferralCode: "JANE"},
		{Customer: refgrow.Customer{ExternalID: "s-2", Email: "s@example.com"}, ReferralCode: "JANE"},
		{Customer: refgrow.Customer{ExternalID: "s-3"}},
		{Customer: refgrow.Customer{ExternalID: "s-3", Email: "s@example.com"}},
	} {
		signup.Type = refgrow.Signup
		try("signing up", func() error {
			made, err := shop.RecordConversion(ctx, signup)
			if err == nil {
				customers = append(customers, made.ReferredUserID)
			}
			return err
		})
	}
	try("reading a customer", func() error { _, err := shop.GetReferral(ctx, customers[0]); return err })
	try("merging", func() error { _, err := shop.MergeReferrals(ctx, customers[4], customers[0]); return err })
	try("paying", func() error {
		_, err := shop.PayPayout(ctx, payout.ID, refgrow.PayPayoutParams{})
		return err
	})
	try("reading a statement with a payout", statement)
	try("refunding what is paid", func() error {
		_, err := shop.RefundConversion(ctx, c.ID, refgrow.RefundConversionParams{})
		return err
	})
	try("returning", func() error {
		_, err := shop.ReturnPayout(ctx, payout.ID, refgrow.ReturnPayoutParams{Note: "unclaimed"})
		return err
	})
	try("deleting", func() error { return shop.DeleteConversion(ctx, c.ID) })
	// What takes many transactions and has a key goes on where a query failed.
	goesOn := func(what string, do func(key refgrow.Idempotency) error) {
		t.Helper()
		for n := 1; ; n++ {
			_, err := shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
				AffiliateID: joe.ID, Amount: usd("100.00"), Note: "a bonus",
			})
			p.OK(err)
			key := refgrow.Idempotency{Key: fmt.Sprint(what, n)}
			faults.arm(n)
			err = do(key)
			failed := faults.disarm()
			if failed != "" {
				queries[failed] = true
				if !errors.Is(err, errFault) {
					t.Fatalf("%s: %s failed, and the error is %v", what, failed, err)
				}
				err = do(key)
			}
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if failed == "" {
				return
			}
		}
	}
	goesOn("a run", func(key refgrow.Idempotency) error {
		_, err := shop.PayoutRuns().Make(ctx, refgrow.PayoutRunParams{Idempotency: key, Without: []int64{jane.ID}})
		if err != nil {
			return err
		}
		result, err := shop.PayoutRuns().Make(ctx, refgrow.PayoutRunParams{Idempotency: key, Without: []int64{jane.ID}})
		if err == nil && (len(result.Payouts) != 1 || !result.Replayed) {
			t.Errorf("again the run is %+v", result)
		}
		if err != nil {
			return err
		}
		_, err = shop.PayoutRuns().MakeReport(ctx, refgrow.PayoutRunParams{Idempotency: key, Without: []int64{jane.ID}})
		return err
	})
	goesOn("canceling many", func(key refgrow.Idempotency) error {
		_, _, err := shop.CancelPayouts(ctx, refgrow.CancelPayoutsParams{IDs: []int64{canceled.ID, payout.ID},
			Idempotency: key})
		return err
	})
	goesOn("canceling many, the last of which is canceled", func(key refgrow.Idempotency) error {
		_, _, err := shop.CancelPayouts(ctx, refgrow.CancelPayoutsParams{IDs: []int64{payout.ID, canceled.ID},
			Idempotency: key})
		return err
	})
	// A reset takes several transactions, and goes on where a query failed.
	for n, failed := 1, "one"; failed != ""; n++ {
		p.Clock.Advance(24 * time.Hour)
		record(refgrow.RecordConversionParams{AffiliateID: joe.ID})
		right := p.Clock.Now()
		p.Clock.Advance(60 * 24 * time.Hour)
		p.OK(p.Engine.Upkeep(ctx))
		p.Clock.Set(right.Add(time.Hour))
		before, err := shop.Earnings(ctx, joe.ID)
		p.OK(err)
		faults.arm(n)
		_, err = p.Engine.ResetStamp(ctx, shop)
		if failed = faults.disarm(); failed != "" {
			queries[failed] = true
			if !errors.Is(err, errFault) {
				t.Fatalf("resetting: %s failed, and the error is %v", failed, err)
			}
			p.Verify()
			_, err = p.Engine.ResetStamp(ctx, shop)
		}
		p.OK(err)
		if after, err := shop.Earnings(ctx, joe.ID); err != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("resetting, and %s failed: the earnings were %v and are %v, %v", failed, before, after, err)
		}
		p.Verify()
	}
	for _, read := range []func() error{
		func() error { _, err := p.Engine.Clocks(ctx); return err },
		func() error { _, err := p.Engine.StampResets(ctx, shop); return err },
		func() error { _, err := p.Engine.Ready(ctx); return err },
	} {
		try("reading clocks", read)
	}
	p.Verify()
	for _, file := range []string{"clock", "ledger", "payouts", "refunds", "statements"} {
		for _, name := range namesOfQueries(t, file) {
			// The account that Upkeep cannot roll forward does not keep it from the rest.
			if !queries[name] && name != "ListAccountsToRoll" {
				t.Errorf("%s has never failed", name)
			}
		}
	}
}

func namesOfQueries(t *testing.T, file string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "queries", file+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`(?m)^-- name: (\w+)`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, found[1])
	}
	return names
}
