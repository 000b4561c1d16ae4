package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/tracking"
)

// refundDays is how long a customer can have the money back.
const refundDays = 14

// A product is what the shop sells.
type product struct {
	Name, Text string
	Price      money.Amount
}

func products() []product {
	return []product{
		{"Starter", "For one person, a month.", money.MustParse("9.00 USD")},
		{"Team", "For everybody, a month.", money.MustParse("49.00 USD")},
		{"Handbook", "On paper, from our office in Lisbon.", money.MustParse("25.00 EUR")},
	}
}

// An order is a sale.
type order struct {
	ID, Product, Coupon string
	Paid                money.Amount
	At                  time.Time
	Refunded            bool
	Refundable          bool
	conversion          int64
}

// newOrderID names an order before it is placed: the form has it, so that a form that
// is sent twice is one order.
func newOrderID() string { return rand.Text() }

func (s *shop) buy(w http.ResponseWriter, r *http.Request, buyer *customer) error {
	err := s.placeOrder(r.Context(), buyer, r.PostFormValue("order"),
		r.PostFormValue("product"), strings.TrimSpace(r.PostFormValue("coupon")))
	if err != nil {
		return s.showAgain(w, r, "home", buyer, err)
	}
	return redirect(w, r, "/account")
}

// placeOrder writes the order and its commission in one transaction. A real shop would
// take the money before that.
func (s *shop) placeOrder(ctx context.Context, buyer *customer, id, name, coupon string) error {
	at := slices.IndexFunc(products(), func(p product) bool { return p.Name == name })
	if at < 0 {
		return mistake("We do not sell that.")
	}
	if len(id) != len(newOrderID()) {
		return mistake("Please buy with the form of this page.")
	}
	return s.together(ctx, func(tx *sql.Tx, project *refgrow.Project) error {
		var known int
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM orders WHERE id = ? AND customer_id = ?",
			id, buyer.ID).Scan(&known)
		if err != nil {
			return err
		}
		if known > 0 {
			return nil // the form came twice
		}
		price, err := reduced(ctx, tx, products()[at].Price, coupon)
		if err != nil {
			return err
		}
		conversion, err := project.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, Customer: buyer.named(), Reference: "order-" + id, Product: name, BaseValue: price,
			CouponCode: coupon, ReferralCode: tracking.FromContext(ctx).ReferralCode,
		})
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx,
			`INSERT INTO orders (id, customer_id, product, coupon, amount, currency, conversion_id, ordered_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			id, buyer.ID, name, coupon, price.Minor(), string(price.Currency()), conversion.ID, s.engine.Now().Unix())
		return err
	})
}

// reduced is the price with a coupon, or without one.
func reduced(ctx context.Context, tx *sql.Tx, price money.Amount, coupon string) (money.Amount, error) {
	if coupon == "" {
		return price, nil
	}
	var percent int64
	err := tx.QueryRowContext(ctx, "SELECT percent FROM coupons WHERE code = ?", coupon).Scan(&percent)
	if errors.Is(err, sql.ErrNoRows) {
		return price, mistake("There is no coupon " + coupon + ".")
	}
	if err != nil {
		return price, err
	}
	off, err := money.ParseRate(strconv.FormatInt(percent, 10))
	if err != nil {
		return price, err
	}
	return price.Sub(off.Of(price))
}

func (s *shop) refund(w http.ResponseWriter, r *http.Request, buyer *customer) error {
	if err := s.refundOrder(r.Context(), buyer, r.PathValue("id")); err != nil {
		return s.showAgain(w, r, "account", buyer, err)
	}
	return redirect(w, r, "/account")
}

// refundOrder gives the money back, and takes the commission back with it.
func (s *shop) refundOrder(ctx context.Context, buyer *customer, id string) error {
	return s.together(ctx, func(tx *sql.Tx, project *refgrow.Project) error {
		orders, err := s.orders(ctx, tx, buyer)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(orders, func(o order) bool { return o.ID == id })
		switch {
		case at < 0:
			return mistake("You have no such order.")
		case orders[at].Refunded:
			return nil // the form came twice
		case !orders[at].Refundable:
			return mistake("You could have your money back for " + strconv.Itoa(refundDays) + " days.")
		}
		if _, err := tx.ExecContext(ctx, "UPDATE orders SET refunded = 1 WHERE id = ?", id); err != nil {
			return err
		}
		_, err = project.RefundConversion(ctx, orders[at].conversion,
			refgrow.RefundConversionParams{Reason: "money back"})
		if errors.Is(err, refgrow.ErrNotFound) || errors.Is(err, refgrow.ErrConflict) {
			return nil // the program's owner has already taken the commission back
		}
		return err
	})
}

// rows is what the pool and a transaction have in common.
type rows interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// orders lists what a customer has bought, the newest first.
func (s *shop) orders(ctx context.Context, from rows, buyer *customer) ([]order, error) {
	found, err := from.QueryContext(ctx,
		`SELECT id, product, coupon, amount, currency, conversion_id, ordered_at, refunded
		FROM orders WHERE customer_id = ? ORDER BY ordered_at DESC, rowid DESC`, buyer.ID)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var list []order
	for found.Next() {
		var o order
		var minor, seconds int64
		var currency string
		err := found.Scan(&o.ID, &o.Product, &o.Coupon, &minor, &currency, &o.conversion, &seconds, &o.Refunded)
		if err != nil {
			return nil, err
		}
		o.Paid, o.At = money.New(minor, money.Currency(currency)), time.Unix(seconds, 0).UTC()
		o.Refundable = !o.Refunded && s.engine.Now().Before(o.At.AddDate(0, 0, refundDays))
		list = append(list, o)
	}
	return list, found.Err()
}
