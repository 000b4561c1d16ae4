package conformance

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/refgrow-go/refgrow"
)

func eventTests() []test {
	return []test{
		{"with the change", eventsWithTheChange},
		{"an endpoint in a transaction", endpointInTransaction},
		{"refused beside others", eventsOfABatch},
		{"leases", leases},
		{"switching off", switchingOff},
		{"replay", replays},
		{"pruning", pruning},
		{"at once", eventsAtOnce},
	}
}

const recorded = "referral_converted referral_updated"

// No change without its event, and no event without its change.
func eventsWithTheChange(w *world) {
	ctx := w.Context()
	w.affiliate("jane")
	hook := w.hook()
	w.ok(w.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)"))
	var sold int64
	order := func(end error) func() error {
		return func() error {
			return w.inTx(func(tx *sql.Tx) error {
				if err := errOf(tx.ExecContext(ctx, "INSERT INTO orders VALUES (NULL)")); err != nil {
					return err
				}
				c, err := w.shop.WithTx(tx).RecordConversion(ctx, sale("JANE"))
				if err != nil {
					return err
				}
				sold = c.ID
				return end
			})
		}
	}
	block := func(end error) func() error {
		return func() error {
			return w.shop.Atomic(ctx, func(p *refgrow.Project) error {
				inner := p.Atomic(ctx, func(p *refgrow.Project) error {
					return errors.Join(errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})), errUndo)
				})
				if !errors.Is(inner, errUndo) {
					return inner
				}
				return errors.Join(p.DeleteConversion(ctx, sold), end)
			})
		}
	}
	for _, c := range []struct {
		what string
		do   func() error
		want string
	}{
		{"an order that is undone", order(errUndo), ""},
		{"an order", order(nil), recorded},
		{"a block that is undone", block(errUndo), ""},
		{"a block", block(nil), "referral_canceled"},
	} {
		if err := c.do(); err != nil && !errors.Is(err, errUndo) {
			w.Fatalf("%s: %v", c.what, err)
		}
		equal(w, c.what, w.sent(hook), c.want)
	}
	equal(w, "the number of orders", value[int64](w, "SELECT COUNT(*) FROM orders"), 1)
	equal(w, "the number of events", value[int64](w, "SELECT COUNT(*) FROM refgrow_events"), 2)
	w.verify()
}

// Whether there is an endpoint is as of the transaction.
func endpointInTransaction(w *world) {
	ctx := w.Context()
	events := func() int64 { return value[int64](w, "SELECT COUNT(*) FROM refgrow_events") }
	signup := func(p *refgrow.Project) {
		w.ok(errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})))
	}
	signup(w.shop)
	var hook *refgrow.Webhook
	create := func(p *refgrow.Project) {
		made, err := p.CreateWebhook(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
		w.ok(err)
		hook = made
	}
	if err := w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		signup(p)
		create(p)
		signup(p)
		return errUndo
	}); !errors.Is(err, errUndo) {
		w.Error(err)
	}
	signup(w.shop)
	equal(w, "the number of events without an endpoint", events(), 0)
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		if err := p.Atomic(ctx, func(p *refgrow.Project) error {
			create(p)
			return errUndo
		}); !errors.Is(err, errUndo) {
			w.Error(err)
		}
		signup(p) // tells nobody
		create(p)
		signup(p)
		return nil
	}))
	equal(w, "the number of events after one was made", events(), 1)
	equal(w, "what was sent", w.sent(hook), "referral_signed_up "+recorded)
	if err := w.inTx(func(tx *sql.Tx) error {
		p := w.shop.WithTx(tx)
		if err := p.DeleteWebhook(ctx, hook.ID); err != nil {
			return err
		}
		if err := errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})); err != nil {
			return err
		}
		return errUndo
	}); !errors.Is(err, errUndo) {
		w.Error(err)
	}
	signup(w.shop)
	equal(w, "the number of events after a deletion that was undone", events(), 2)
	w.ok(w.shop.DeleteWebhook(ctx, hook.ID))
	signup(w.shop)
	equal(w, "the number of events after its deletion", events(), 2)
	w.verify()
}

// Of operations that share a commit, only those that are done tell of it.
func eventsOfABatch(w *world) {
	ctx := w.Context()
	hook := w.hook(refgrow.EventReferralConverted)
	for n := range 4 {
		done := 0
		for _, err := range race(func(int) error {
			return errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: fmt.Sprint("r", n)}))
		}) {
			switch {
			case err == nil:
				done++
			case !errors.Is(err, refgrow.ErrConflict):
				w.Error(err)
			}
		}
		equal(w, "the calls that were done", done, 1)
	}
	equal(w, "the number of events", value[int64](w, "SELECT COUNT(*) FROM refgrow_events"), 4)
	equal(w, "what was sent", w.sent(hook), strings.TrimSpace(strings.Repeat("referral_converted ", 4)))
	w.verify()
}
