package conformance

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func transactionTests() []test {
	return []test{
		{"the app's own", ownTransaction},
		{"a failing operation", failingOperation},
		{"beside open rows", besideOpenRows},
		{"a stale snapshot", staleSnapshot},
		{"a foreign lock", foreignLock},
		{"atomic", atomicBlock},
		{"atomic, with what is caught", caughtInside},
		{"atomic, and calls from outside", outsideCalls},
		{"atomic, and settings", settingsInside},
		{"atomic, and a panic", panicInside},
	}
}

var errUndo = errors.New("undo")

func sale(code string) refgrow.RecordConversionParams {
	return refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: code, BaseValue: money.MustParse("49.00 USD"), Reference: "order-1",
		Customer: refgrow.Customer{Email: "carl@example.com"},
	}
}

// An order and its commission commit together, or roll back together.
func ownTransaction(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.ok(w.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)"))
	order := func(end error) error {
		return w.inTx(func(tx *sql.Tx) error {
			if err := errOf(tx.ExecContext(ctx, "INSERT INTO orders VALUES (1)")); err != nil {
				return err
			}
			shop := w.shop.WithTx(tx)
			c, err := shop.RecordConversion(ctx, sale("JANE"))
			if err != nil {
				return err
			}
			// Reading inside sees what was written inside.
			if got, err := shop.GetConversion(ctx, c.ID); err != nil || got.Value != money.MustParse("9.80 USD") {
				w.Errorf("inside, the conversion is %+v: %v", got, err)
			}
			if n, err := shop.CountConversions(ctx, refgrow.ListConversionsParams{}); err != nil || n != 1 {
				w.Errorf("inside, there are %d conversions: %v", n, err)
			}
			return end
		})
	}
	for _, c := range []struct {
		end     error
		orders  int64
		balance string
	}{
		{errUndo, 0, ""}, {nil, 1, "USD total 9.80 paid 0.00 eligible 9.80 held 0.00"},
	} {
		if err := order(c.end); !errors.Is(err, c.end) {
			w.Fatal(err)
		}
		w.engine.Wake()
		equal(w, "the number of orders", value[int64](w, "SELECT COUNT(*) FROM orders"), c.orders)
		equal(w, "the count of conversions", must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{})), c.orders)
		equal(w, "the count of customers", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), c.orders)
		equal(w, "the balance", w.balances(jane.ID), c.balance)
		w.verify()
	}
}

// An operation that fails undoes itself and nothing else of the transaction.
func failingOperation(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.ok(w.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)"))
	w.ok(w.inTx(func(tx *sql.Tx) error {
		if err := errOf(tx.ExecContext(ctx, "INSERT INTO orders VALUES (1)")); err != nil {
			return err
		}
		shop := w.shop.WithTx(tx)
		if err := errOf(shop.RecordConversion(ctx, sale("JANE"))); err != nil {
			return err
		}
		again := sale("JANE")
		again.Customer.Email = "new@example.com"
		w.refused("the same reference", errOf(shop.RecordConversion(ctx, again)), refgrow.ErrConflict, "reference")
		// This one fails after it has written the affiliate and its code.
		w.refused("a slug that is taken", errOf(shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
			Email: "new@example.com", ReferralCode: "NEW", PartnerSlug: "jane",
		})), refgrow.ErrConflict, "partner_slug")
		w.refused("an unknown affiliate", shop.DeleteAffiliate(ctx, 1<<40), refgrow.ErrNotFound, "")
		if err := shop.Atomic(ctx, func(p *refgrow.Project) error {
			return errors.Join(errOf(p.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "lost@example.com"})), errUndo)
		}); !errors.Is(err, errUndo) {
			w.Error(err)
		}
		if err := errOf(tx.ExecContext(ctx, "INSERT INTO orders VALUES (2)")); err != nil {
			return err
		}
		return errOf(shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "last@example.com"}))
	}))
	equal(w, "the number of orders", value[int64](w, "SELECT COUNT(*) FROM orders"), 2)
	equal(w, "the count of conversions", must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{})), 1)
	equal(w, "the count of customers", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 2)
	equal(w, "the count of affiliates", must(w.shop.CountAffiliates(ctx, refgrow.ListAffiliatesParams{})), 1)
	equal(w, "the balance", w.balances(jane.ID), "USD total 9.80 paid 0.00 eligible 9.80 held 0.00")
	w.verify()
}

// The app goes through rows of its own and records a sale for each. Those that fail
// neither end the rows nor take anything else with them.
func besideOpenRows(w *world) {
	if w.Postgres {
		w.Skip("a connection to PostgreSQL reads the rows of one statement at a time")
	}
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.ok(w.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, reference TEXT)"))
	w.ok(w.exec("INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'a'), (4, 'c'), (5, 'b'), (6, 'd')"))
	w.ok(w.inTx(func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT id, reference FROM orders ORDER BY id")
		if err != nil {
			return err
		}
		defer rows.Close()
		seen := int64(0)
		for rows.Next() {
			var id int64
			var reference string
			if err := rows.Scan(&id, &reference); err != nil {
				return err
			}
			if seen++; id != seen {
				w.Errorf("row %d is order %d", seen, id)
			}
			one := sale("JANE")
			one.Reference = reference
			err := errOf(w.shop.WithTx(tx).RecordConversion(ctx, one))
			if twice := id == 3 || id == 5; twice {
				w.refused("the same reference", err, refgrow.ErrConflict, "reference")
			} else if err != nil {
				return err
			}
		}
		equal(w, "the number of rows", seen, 6)
		return rows.Err()
	}))
	equal(w, "the balance", w.balances(jane.ID), "USD total 39.20 paid 0.00 eligible 39.20 held 0.00")
	w.verify()
}

// log gives a database of the app's own a write-ahead log: without one, a transaction
// that has read keeps others from committing until it ends.
func (w *world) log() {
	w.Helper()
	if w.DB != nil && !w.Postgres {
		w.ok(errOf(w.DB.ExecContext(w.Context(), "PRAGMA journal_mode = WAL")))
	}
}

// deferred begins a transaction of the app's own that has only read.
func (w *world) deferred() *sql.Tx {
	w.Helper()
	if w.DB == nil || w.DB.Stats().MaxOpenConnections == 1 {
		w.Skip("it takes two connections of the app's own")
	}
	tx := must(w.DB.BeginTx(w.Context(), nil))
	var n int
	w.ok(tx.QueryRowContext(w.Context(), "SELECT COUNT(*) FROM refgrow_affiliates").Scan(&n))
	return tx
}

// A transaction that has only read while somebody else wrote is refused, and works when
// all of it is repeated. In PostgreSQL, whose transactions see what was committed before
// each of their statements, it just works.
func staleSnapshot(w *world) {
	w.log()
	tx := w.deferred()
	jane := w.affiliate("jane")
	if !w.Postgres {
		err := errOf(w.shop.WithTx(tx).RecordConversion(w.Context(), sale("JANE")))
		w.refused("a write after a stale read", err, refgrow.ErrBusy, "")
		w.ok(tx.Rollback())
		equal(w, "the balance", w.balances(jane.ID), "")
		tx = w.deferred()
	}
	w.ok(errOf(w.shop.WithTx(tx).RecordConversion(w.Context(), sale("JANE"))))
	w.ok(tx.Commit())
	equal(w, "the balance after the repetition", w.balances(jane.ID), "USD total 9.80 paid 0.00 eligible 9.80 held 0.00")
	w.verify()
}

// While another connection writes, an operation in the app's transaction is refused as
// well; nothing of it remains.
func foreignLock(w *world) {
	tx := w.deferred()
	other := must(w.DB.Conn(w.Context()))
	w.ok(errOf(other.ExecContext(w.Context(), w.sql("BEGIN IMMEDIATE"))))
	err := errOf(w.shop.WithTx(tx).CreateReferral(w.Context(), refgrow.CreateReferralParams{Email: "carl@example.com"}))
	w.refused("a write while another writes", err, refgrow.ErrBusy, "")
	w.ok(errOf(other.ExecContext(w.Context(), "ROLLBACK")))
	w.ok(other.Close())
	// The lock is free, and nobody wrote: the same transaction may go on.
	w.ok(errOf(w.shop.WithTx(tx).CreateReferral(w.Context(), refgrow.CreateReferralParams{Email: "carl@example.com"})))
	w.ok(tx.Commit())
	equal(w, "the count of customers", must(w.shop.CountReferrals(w.Context(), refgrow.ListReferralsParams{})), 1)
	w.verify()
}

// Either all operations of an atomic block are done, or none.
func atomicBlock(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	before := w.purchase(jane.ID, "10.00 USD")
	for _, end := range []error{errUndo, nil} {
		var kept *refgrow.Project
		err := w.shop.Atomic(ctx, func(p *refgrow.Project) error {
			kept = p
			w.ok(errOf(p.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)})))
			w.ok(errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("100.00 USD"),
			})))
			w.ok(errOf(p.UpdateConversion(ctx, before.ID, refgrow.UpdateConversionParams{Paid: new(true)})))
			earned, err := p.Earnings(ctx, jane.ID)
			w.ok(err)
			equal(w, "the balance inside", w.show(earned), "USD total 22.00 paid 2.00 eligible 20.00 held 0.00")
			return end
		})
		if !errors.Is(err, end) {
			w.Fatal(err)
		}
		if err := errOf(kept.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "late@example.com"})); err == nil {
			w.Error("a handle outlived its block")
		}
		want := "USD total 2.00 paid 0.00 eligible 2.00 held 0.00"
		if end == nil {
			want = "USD total 22.00 paid 2.00 eligible 20.00 held 0.00"
		}
		equal(w, "the balance", w.balances(jane.ID), want)
		equal(w, "the inactive affiliates",
			must(w.shop.CountAffiliates(ctx, refgrow.ListAffiliatesParams{Status: refgrow.AffiliateInactive})) == 1, end == nil)
		w.verify()
	}
}

// An operation, or a block inside the block, whose failure the caller handles undoes
// nothing else.
func caughtInside(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		w.ok(errOf(p.RecordConversion(ctx, sale("jane"))))
		w.refused("the same reference", errOf(p.RecordConversion(ctx, sale("jane"))), refgrow.ErrConflict, "reference")
		if err := p.Atomic(ctx, func(inner *refgrow.Project) error {
			w.ok(errOf(inner.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("1000.00 USD"),
			})))
			w.ok(errOf(inner.UpdateSettings(ctx, refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("90"))})))
			return errUndo
		}); !errors.Is(err, errUndo) {
			w.Error(err)
		}
		if err := p.Atomic(ctx, func(inner *refgrow.Project) error {
			return errOf(inner.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "cora@example.com"}))
		}); err != nil {
			w.Error(err)
		}
		// By the rule from before the block that failed.
		return errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("1.00 USD"),
		}))
	}))
	equal(w, "the balance", w.balances(jane.ID), "USD total 10.00 paid 0.00 eligible 10.00 held 0.00")
	equal(w, "the count of customers", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 2)
	w.verify()
}

// A call through another handle from inside a block would wait for the block itself: it
// is refused at once.
func outsideCalls(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		for what, call := range map[string]func() error{
			"a write": func() error {
				return errOf(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "new@example.com"}))
			},
			"another project's": func() error {
				return errOf(other.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "new@example.com"}))
			},
			"a block":      func() error { return w.shop.Atomic(ctx, func(*refgrow.Project) error { return nil }) },
			"the engine's": func() error { return errOf(w.engine.CreateProject(ctx, "third", refgrow.Settings{})) },
			"an idempotent call": func() error {
				_, _, err := w.shop.Once(refgrow.Idempotency{Key: "k"}).Do(ctx,
					func(*refgrow.Project) (refgrow.Answer, error) { return refgrow.Answer{}, nil })
				return err
			},
		} {
			if err := call(); err == nil || errors.Is(err, refgrow.ErrBusy) {
				w.Errorf("%s from inside returned %v, but should be refused at once", what, err)
			}
		}
		return errOf(p.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{PartnerSlug: refgrow.Set("inside")}))
	}))
	equal(w, "the slug", must(w.shop.GetAffiliate(ctx, jane.ID)).PartnerSlug, "inside")
	equal(w, "the count of customers", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 0)
	equal(w, "the number of projects", len(must(w.engine.Projects(ctx))), 2)
	w.verify()
}

// A commission is priced by the rule in force in the transaction.
func settingsInside(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	percent := func(p *refgrow.Project, rate string) {
		w.ok(errOf(p.UpdateSettings(ctx, refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent(rate))})))
	}
	params := refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("100.00 USD"),
	}
	if err := w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		for _, rate := range []string{"30", "40"} {
			percent(p, rate)
			c, err := p.RecordConversion(ctx, params)
			w.ok(err)
			equal(w, "the value inside", c.Value, money.MustParse(rate+".00 USD"))
		}
		return errUndo
	}); !errors.Is(err, errUndo) {
		w.Error(err)
	}
	equal(w, "the value after it was undone", w.record(params).Value, money.MustParse("20.00 USD"))
	// The currency is fixed by an entry of the same transaction.
	fresh := must(w.engine.CreateProject(ctx, "fresh", refgrow.Settings{}))
	w.ok(fresh.Atomic(ctx, func(p *refgrow.Project) error {
		a, err := p.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "a@example.com"})
		w.ok(err)
		w.ok(errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Signup, AffiliateID: a.ID, Value: money.MustParse("1.00 USD"),
		})))
		w.refused("another currency", errOf(p.UpdateSettings(ctx, refgrow.UpdateSettingsParams{
			Currency: new(money.Currency("EUR")),
		})), refgrow.ErrConflict, "currency")
		return nil
	}))
	w.verify()
}

// A panic reaches the caller, and undoes the block; the store continues to work.
func panicInside(w *world) {
	ctx := w.Context()
	for what, end := range map[string]func(t *testing.T){
		"panic":   func(*testing.T) { panic(errUndo) },
		"t.Fatal": func(t *testing.T) { t.SkipNow() }, // ends the goroutine as well
	} {
		w.Run(what, func(t *testing.T) {
			defer func() {
				if v := recover(); v != nil && v != errUndo { //nolint:errorlint // the very value
					panic(v)
				}
			}()
			err := w.shop.Atomic(ctx, func(p *refgrow.Project) error {
				if err := errOf(p.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "lost@example.com"})); err != nil {
					t.Error(err)
				}
				end(t)
				return nil
			})
			t.Errorf("the block returned: %v", err)
		})
		equal(w, "the count of customers after a "+what, must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 0)
		must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: what}))
		w.ok(w.shop.DeleteReferral(ctx, must(w.shop.ReferralByExternalID(ctx, what)).ID))
	}
	w.verify()
}
