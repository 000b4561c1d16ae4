package conformance

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func moneyTransactionTests() []test {
	return []test{
		{"atomic", atomicMoney},
		{"the app's own", ownMoney},
		{"an order and its refund", orderAndRefund},
		{"a failing step", failingMoney},
		{"deletion", deleteInTransaction},
	}
}

// payday does everything that moves money once, and looks at it from inside.
func (w *world) payday(p *refgrow.Project, jane *refgrow.Affiliate, sale *refgrow.Conversion) error {
	ctx := w.Context()
	if err := errOf(p.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
		AffiliateID: jane.ID, Amount: money.MustParse("5.00 USD"), Note: "a bonus",
	})); err != nil {
		return err
	}
	if err := errOf(p.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{
		Amount: money.MustParse("50.00 USD"),
	})); err != nil {
		return err
	}
	made, err := p.RunPayouts(ctx, refgrow.PayoutRunParams{})
	if err != nil {
		return err
	}
	equal(w, "the run inside", summary(made), "15.00 USD pending")
	if err := errOf(p.CancelPayout(ctx, made[0].ID)); err != nil {
		return err
	}
	if made, err = p.RunPayouts(ctx, refgrow.PayoutRunParams{}); err != nil {
		return err
	}
	if err := errOf(p.PayPayout(ctx, made[0].ID, refgrow.PayPayoutParams{ExternalReference: "wire-1"})); err != nil {
		return err
	}
	if err := errOf(p.CreateRule(ctx, refgrow.CreateRuleParams{
		AffiliateID: jane.ID, Commission: refgrow.Percent("50"),
	})); err != nil {
		return err
	}
	c, err := p.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("10.00 USD"),
	})
	if err != nil {
		return err
	}
	equal(w, "the value inside", c.Value, money.MustParse("5.00 USD"))
	preview, err := p.PreviewPayouts(ctx, refgrow.PayoutRunParams{})
	if err != nil {
		return err
	}
	equal(w, "the preview inside", summary(preview), "5.00 USD pending")
	explained, err := p.ExplainConversion(ctx, c.ID)
	if err != nil {
		return err
	}
	equal(w, "the scope inside", explained.Commission.Scope, "affiliate")
	now := w.clock.Now()
	statement, err := p.Statement(ctx, jane.ID, now.Year(), now.Month())
	if err != nil {
		return err
	}
	equal(w, "the statement inside", len(w.linesOf(p, statement).entries), 6) // two of the payout's settlements
	return p.Rename(ctx, "store")
}

// moneyIs checks that a payday has left nothing, or everything.
func (w *world) moneyIs(done bool, jane *refgrow.Affiliate, sale *refgrow.Conversion) {
	w.Helper()
	ctx := w.Context()
	account, name := "total 20.00 paid 0.00 eligible 20.00 held 0.00 reserved 0.00 payable 20.00", "shop"
	var refunded, payouts, rules, entries int64 = 0, 0, 0, 1
	if done {
		account, name = "total 20.00 paid 15.00 eligible 5.00 held 0.00 reserved 0.00 payable 5.00", "store"
		refunded, payouts, rules, entries = 5000, 2, 1, 6
	}
	equal(w, "the account", w.account(jane.ID), account)
	got := must(w.shop.GetConversion(ctx, sale.ID))
	equal(w, "what is refunded", got.Refunded.Minor(), refunded)
	equal(w, "whether it is paid", got.Paid, done)
	equal(w, "the payouts", must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{})), payouts)
	equal(w, "the payouts of the affiliate",
		must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{AffiliateID: jane.ID})), payouts)
	equal(w, "the rules", must(w.shop.CountRules(ctx, refgrow.ListRulesParams{})), rules)
	equal(w, "the entries", must(w.shop.CountLedger(ctx, jane.ID)), entries)
	equal(w, "the project of the name", must(w.engine.Project(ctx, name)).ID(), w.shop.ID())
	w.checkPayouts()
	w.verify()
}

func atomicMoney(w *world) {
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "100.00 USD")
	for _, end := range []error{errUndo, nil} {
		if err := w.shop.Atomic(w.Context(), func(p *refgrow.Project) error {
			return errors.Join(w.payday(p, jane, sale), end)
		}); !errors.Is(err, end) {
			w.Fatal(err)
		}
		w.moneyIs(end == nil, jane, sale)
	}
}

func ownMoney(w *world) {
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "100.00 USD")
	for _, end := range []error{errUndo, nil} {
		if err := w.inTx(func(tx *sql.Tx) error {
			return errors.Join(w.payday(w.shop.WithTx(tx), jane, sale), end)
		}); !errors.Is(err, end) {
			w.Fatal(err)
		}
		w.moneyIs(end == nil, jane, sale)
	}
}

// The app's order and the refund of its commission are one transaction.
func orderAndRefund(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.ok(w.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, conversion_id INTEGER, returned INTEGER)"))
	sale := w.purchase(jane.ID, "100.00 USD")
	w.ok(w.exec("INSERT INTO orders VALUES (7, ?1, 0)", sale.ID))
	for _, c := range []struct {
		end      error
		returned int
		balance  string
	}{
		{errUndo, 0, "USD total 20.00 paid 0.00 eligible 20.00 held 0.00"}, {nil, 1, ""},
	} {
		if err := w.inTx(func(tx *sql.Tx) error {
			var id int64
			if err := tx.QueryRowContext(ctx,
				"UPDATE orders SET returned = 1 WHERE id = 7 RETURNING conversion_id").Scan(&id); err != nil {
				return err
			}
			return errors.Join(errOf(w.shop.WithTx(tx).RefundConversion(ctx, id,
				refgrow.RefundConversionParams{Reason: "order 7"})), c.end)
		}); !errors.Is(err, c.end) {
			w.Fatal(err)
		}
		equal(w, "whether the order is returned", value[int](w, "SELECT returned FROM orders"), c.returned)
		equal(w, "the balance", w.balances(jane.ID), c.balance)
		w.verify()
	}
}

// A step that fails undoes itself alone.
func failingMoney(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "100.00 USD")
	w.ok(w.inTx(func(tx *sql.Tx) error {
		shop := w.shop.WithTx(tx)
		made, err := shop.RunPayouts(ctx, refgrow.PayoutRunParams{})
		if err != nil {
			return err
		}
		w.refused("another currency", errOf(shop.RunPayouts(ctx, refgrow.PayoutRunParams{Currency: "XXX"})),
			refgrow.ErrInvalid, "currency")
		w.refused("too much", errOf(shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{
			Amount: money.MustParse("100.01 USD"),
		})), refgrow.ErrInvalid, "amount")
		if err := shop.Atomic(ctx, func(p *refgrow.Project) error {
			return errors.Join(errOf(p.PayPayout(ctx, made[0].ID, refgrow.PayPayoutParams{})), errUndo)
		}); !errors.Is(err, errUndo) {
			w.Error(err)
		}
		if err := shop.Atomic(ctx, func(p *refgrow.Project) error {
			return errors.Join(
				errOf(p.CreateRule(ctx, refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("90")})),
				p.Rename(ctx, "store"), errUndo)
		}); !errors.Is(err, errUndo) {
			w.Error(err)
		}
		c, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("1.00 USD"),
		})
		if err != nil {
			return err
		}
		equal(w, "the value by the earlier rule", c.Value, money.MustParse("0.20 USD"))
		if err := errOf(shop.PayPayout(ctx, made[0].ID, refgrow.PayPayoutParams{})); err != nil {
			return err
		}
		w.refused("paying it twice",
			errOf(shop.PayPayout(ctx, made[0].ID, refgrow.PayPayoutParams{})), refgrow.ErrConflict, "")
		return nil
	}))
	equal(w, "the account", w.account(jane.ID),
		"total 20.20 paid 20.00 eligible 0.20 held 0.00 reserved 0.00 payable 0.20")
	equal(w, "the paid payouts", must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{Status: refgrow.PayoutPaid})), 1)
	w.checkPayouts()
	w.verify()
}

// An affiliate with paid payouts is deleted in a transaction as it is alone.
func deleteInTransaction(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.purchase(jane.ID, "100.00 USD")
	w.payNow(refgrow.PayoutRunParams{})
	for _, end := range []error{errUndo, nil} {
		if err := w.inTx(func(tx *sql.Tx) error {
			return errors.Join(w.shop.WithTx(tx).DeleteAffiliate(ctx, jane.ID), end)
		}); !errors.Is(err, end) {
			w.Fatal(err)
		}
		want := int64(1)
		if end == nil {
			want = 0
		}
		equal(w, fmt.Sprintf("the payouts after %v", end), must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{})), want)
		w.verify()
	}
	w.gone(jane.ID)
}
