package interop

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
)

// affiliates is how many there are. A payout run makes that many transactions.
const affiliates = 12

// A writer gives orders, one after another, as fast as they are answered.
type writer struct {
	name      string
	server    *server
	promises  *promises
	random    *rand.Rand
	made      int     // orders
	sales     []int64 // the conversions that it alone changes
	transfers []int64 // the payouts that it alone pays or cancels
	// What ended the last load.
	waiting *order // sent and not answered
	refusal error  // why
	failed  error  // an answer that must not happen
}

// write gives orders until one is not answered. A status of 500 or above is not an
// answer: nobody can know from it what was done.
func (w *writer) write() {
	for w.waiting, w.refusal, w.failed = nil, nil, nil; w.failed == nil; {
		o := w.next()
		w.promises.begin(o)
		status, body, err := w.server.try(o.method, o.path, o.key, o.body)
		switch {
		case err == nil && status >= http.StatusInternalServerError:
			err = &unavailable{status, string(body)}
		case err == nil && w.promises.ended():
			err = errTooLate
		}
		if err != nil {
			w.waiting, w.refusal = o, err
			return
		}
		select {
		case w.promises.news <- struct{}{}:
		default:
		}
		w.failed = w.keep(o, reply{status, body})
	}
}

var errTooLate = errors.New("the answer came too late")

// unavailable is an answer that says that nothing can be done now.
type unavailable struct {
	status int
	body   string
}

func (u *unavailable) Error() string { return fmt.Sprintf("%d %s", u.status, u.body) }

// keep takes an answer, and owns what was made.
func (w *writer) keep(o *order, r reply) error {
	made, err := w.promises.keep(o, r)
	if o.kind == running {
		w.transfers = append(w.transfers, made...)
	} else {
		w.sales = append(w.sales, made...)
	}
	return err
}

// next chooses an order. A fifth are duplicates: an order that some writer gave before,
// often not yet answered; or another one with the same reference.
func (w *writer) next() *order {
	w.made++
	switch n := w.random.IntN(100); {
	case n < 10:
		if o := w.promises.another(w.random, func(*order) bool { return true }); o != nil {
			return o
		}
	case n < 20:
		if o := w.promises.another(w.random, func(o *order) bool { return o.kind == recording }); o != nil {
			return w.record(o.sale.reference)
		}
	case n < 28:
		if o := w.refund(); o != nil {
			return o
		}
	case n < 34:
		if o := w.revalue(); o != nil {
			return o
		}
	case n < 36:
		return w.pay()
	case n < 40 && len(w.transfers) > 0:
		return w.settle()
	}
	return w.record(w.unique())
}

// unique names an order.
func (w *writer) unique() string { return fmt.Sprintf("%s-%d", w.name, w.made) }

// record orders a conversion, half of the time for a new customer.
func (w *writer) record(reference string) *order {
	s := booking{affiliate: 1 + w.random.Int64N(affiliates), reference: reference, base: 1 + w.random.Int64N(1_000_000)}
	s.value = commission(s.base)
	customer := ""
	if w.random.IntN(2) == 0 {
		customer = fmt.Sprintf(`, "email": "%s@example.com"`, w.unique())
	}
	return &order{
		kind: recording, method: http.MethodPost, path: "/conversions", key: w.unique(), sale: s,
		body: fmt.Sprintf(`{"type": "purchase",
			"affiliate_id": %d, "reference": %q, "base_value": %s, "base_value_currency": "USD"%s}`,
			s.affiliate, s.reference, dollars(s.base), customer),
	}
}

// refund orders a part of a conversion, or all that is left, to be paid back.
func (w *writer) refund() *order {
	if len(w.sales) == 0 {
		return nil
	}
	id := w.sales[w.random.IntN(len(w.sales))]
	s := w.promises.sale(id)
	left := s.base - s.refunded
	if left == 0 {
		return nil
	}
	amount := left
	if w.random.IntN(4) > 0 {
		amount = 1 + w.random.Int64N(left)
	}
	s.refunded += amount
	return &order{
		kind: refunding, method: http.MethodPost, path: fmt.Sprintf("/conversions/%d/refund", id),
		key: w.unique(), id: id, sale: s,
		body: fmt.Sprintf(`{"amount": %s}`, dollars(amount)),
	}
}

// revalue orders another commission.
func (w *writer) revalue() *order {
	if len(w.sales) == 0 {
		return nil
	}
	id := w.sales[w.random.IntN(len(w.sales))]
	s := w.promises.sale(id)
	s.value = w.random.Int64N(200_000)
	return &order{
		kind: revaluing, method: http.MethodPut, path: fmt.Sprintf("/conversions/%d", id), id: id, sale: s,
		body: fmt.Sprintf(`{"value": %s}`, dollars(s.value)),
	}
}

// pay orders a payout run. With a key it is one transaction, and without one many,
// between which it can be interrupted.
func (w *writer) pay() *order {
	o := &order{kind: running, method: http.MethodPost, path: "/payouts", body: "{}"}
	if w.random.IntN(2) == 0 {
		o.key = w.unique()
	}
	return o
}

// settle orders a payout to be paid, or to be canceled.
func (w *writer) settle() *order {
	at := w.random.IntN(len(w.transfers))
	id := w.transfers[at]
	w.transfers = slices.Delete(w.transfers, at, at+1)
	if w.random.IntN(4) == 0 {
		return &order{kind: canceling, method: http.MethodPost, path: fmt.Sprintf("/payouts/%d/cancel", id),
			key: w.unique(), id: id}
	}
	return &order{
		kind: paying, method: http.MethodPost, path: fmt.Sprintf("/payouts/%d/pay", id), key: w.unique(), id: id,
		externalReference: w.unique(), body: fmt.Sprintf(`{"external_reference": %q}`, w.unique()),
	}
}
