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
		{"payouts and affiliates", eventsOfTheProgram},
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
				if err := errOf(tx.ExecContext(ctx, w.sql("INSERT INTO orders VALUES (NULL)"))); err != nil {
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

// Whether there is an endpoint is decided in the transaction.
func endpointInTransaction(w *world) {
	ctx := w.Context()
	events := func() int64 { return value[int64](w, "SELECT COUNT(*) FROM refgrow_events") }
	signup := func(p *refgrow.Project) {
		w.ok(errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})))
	}
	signup(w.shop)
	var hook *refgrow.Webhook
	create := func(p *refgrow.Project) {
		made, err := p.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
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
		signup(p) // notifies nobody
		create(p)
		signup(p)
		return nil
	}))
	equal(w, "the number of events after one was made", events(), 1)
	equal(w, "what was sent", w.sent(hook), "referral_signed_up "+recorded)
	if err := w.inTx(func(tx *sql.Tx) error {
		p := w.shop.WithTx(tx)
		if err := p.Webhooks().Delete(ctx, hook.ID); err != nil {
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
	w.ok(w.shop.Webhooks().Delete(ctx, hook.ID))
	signup(w.shop)
	equal(w, "the number of events after its deletion", events(), 2)
	w.verify()
}

// The events of payouts and affiliates are written with their change, for those who ask.
func eventsOfTheProgram(w *world) {
	ctx := w.Context()
	ordinary := w.hook()
	hook := w.hook(refgrow.EventPayoutUpdated, refgrow.EventAffiliateUpdated)
	jane := w.affiliate("jane")
	equal(w, "what is sent of a new affiliate", w.sent(hook), "affiliate_updated")
	w.adjust(jane.ID, "5.00 USD")
	for _, end := range []error{errUndo, nil} {
		if err := w.inTx(func(tx *sql.Tx) error {
			shop := w.shop.WithTx(tx)
			if _, err := shop.RunPayouts(ctx, refgrow.PayoutRunParams{}); err != nil {
				return err
			}
			_, err := shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)})
			return errors.Join(err, end)
		}); !errors.Is(err, end) {
			w.Error(err)
		}
		want := "payout_updated affiliate_updated"
		if end != nil {
			want = ""
		}
		equal(w, "what is sent of a transaction", w.sent(hook), want)
	}
	list, err := w.shop.ListPayouts(ctx, refgrow.ListPayoutsParams{})
	w.ok(err)
	equal(w, "the number of payouts", len(list.Items), 1)
	paid := 0
	for _, err := range race(func(int) error {
		return errOf(w.shop.PayPayout(ctx, list.Items[0].ID, refgrow.PayPayoutParams{}))
	}) {
		switch {
		case err == nil:
			paid++
		case !errors.Is(err, refgrow.ErrConflict):
			w.Error(err)
		}
	}
	equal(w, "how often it was paid", paid, 1)
	w.ok(errOf(w.shop.ReturnPayout(ctx, list.Items[0].ID, refgrow.ReturnPayoutParams{Note: "unclaimed"})))
	equal(w, "what is sent then", w.sent(hook), "payout_updated payout_updated")
	equal(w, "the events in all", value[int64](w, "SELECT COUNT(*) FROM refgrow_events"), 5)
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))
	equal(w, "what is sent of a deletion", w.sent(hook), "")
	equal(w, "what those who do not ask are sent", w.sent(ordinary), "")
	w.verify()
}

// Of operations that share a commit, only those that are done emit an event.
func eventsOfABatch(w *world) {
	ctx := w.Context()
	hook := w.hook(refgrow.EventReferralConverted)
	for n := range 4 {
		done := 0
		for _, err := range race(func(int) error {
			return errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Signup, Reference: fmt.Sprint("r", n),
			}))
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
