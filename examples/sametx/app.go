package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// An app has tables of its own next to those of the engine.
type app struct {
	db     *sql.DB
	engine *refgrow.Engine
	shop   *refgrow.Project
}

type order struct {
	id, email string
	total     money.Amount
}

// placeOrder writes the order and its commission in one transaction.
func (a *app) placeOrder(ctx context.Context, o order, pay func() error) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after the commit

	_, err = tx.ExecContext(ctx, "INSERT INTO orders (id, email, cents) VALUES (?, ?, ?)",
		o.id, o.email, o.total.Minor())
	if err != nil {
		return err
	}
	// WithTx returns the same project bound to this transaction. It never commits: that
	// is for the app to do.
	if _, err := a.shop.WithTx(tx).RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: "JANE", Reference: o.id,
		Customer: refgrow.Customer{Email: o.email}, BaseValue: o.total,
	}); err != nil {
		return err
	}
	// Whatever fails from here on undoes the commission together with the order, since
	// there is no commit.
	if err := pay(); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	a.engine.Wake() // the engine cannot see somebody else's transaction commit
	return nil
}

// report prints what is in the database now.
func (a *app) report(ctx context.Context, out io.Writer, affiliate int64) error {
	var orders int
	if err := a.db.QueryRowContext(ctx, "SELECT count(*) FROM orders").Scan(&orders); err != nil {
		return err
	}
	conversions, err := a.shop.CountConversions(ctx, refgrow.ListConversionsParams{})
	if err != nil {
		return err
	}
	earned, err := a.shop.Earnings(ctx, affiliate)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  in the database: orders %d, conversions %d, Jane's earnings %s\n",
		orders, conversions, earned[0].Total)
	return nil
}
