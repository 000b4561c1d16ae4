package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// ofProgram are the events of payouts and affiliates.
var ofProgram = []refgrow.Event{refgrow.EventPayoutUpdated, refgrow.EventAffiliateUpdated}

// told takes what waits for an endpoint, and names the events with the id and status of
// what they are about.
func (p *program) told(hook *refgrow.Webhook) string {
	p.Helper()
	attempts := p.deliveries(hook)
	parts := make([]string, len(attempts))
	for i, a := range attempts {
		var data struct {
			ID     int64
			Status string
		}
		p.OK(json.Unmarshal(p.message(a).Data, &data))
		parts[i] = fmt.Sprintf("%s %d %s", a.Event, data.ID, data.Status)
	}
	return strings.Join(parts, ", ")
}

// Each payout that is made, paid, canceled or returned, and each affiliate who is
// created, activated or deactivated, is told of once, to those who ask for it. What
// changes nothing, or something else, is not told of.
func TestEventsOfPayoutsAndAffiliates(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	ordinary := p.Endpoint(refgrow.CreateWebhookParams{})
	hook := p.Endpoint(refgrow.CreateWebhookParams{Events: ofProgram})
	update := func(u refgrow.UpdateAffiliateParams) func() error {
		return func() error {
			_, err := p.Shop.UpdateAffiliate(ctx, joe.ID, u)
			return err
		}
	}
	earn := func() error {
		p.adjust(jane, "5.00 USD")
		p.adjust(joe, "5.00 USD")
		return nil
	}
	run := func(params refgrow.PayoutRunParams) func() error {
		return func() error {
			_, err := p.Shop.PayoutRuns().Make(ctx, params)
			return err
		}
	}
	keyed := func(key string) refgrow.Idempotency {
		return refgrow.Idempotency{Caller: "test", Key: key, Request: []byte("x")}
	}
	pay := func(key string, payments ...refgrow.PayoutPayment) func() error {
		return func() error {
			params := refgrow.PayPayoutsParams{Payouts: payments}
			if key != "" {
				params.Idempotency = keyed(key)
			}
			_, _, err := p.Shop.PayPayouts(ctx, params)
			return err
		}
	}
	cancel := func(ids ...int64) func() error {
		return func() error {
			_, _, err := p.Shop.CancelPayouts(ctx, refgrow.CancelPayoutsParams{IDs: ids})
			return err
		}
	}
	refused := func(do func() error) func() error {
		return func() error {
			if do() == nil {
				return fmt.Errorf("it was done")
			}
			return nil
		}
	}
	first, second := refgrow.PayoutPayment{ID: 1, ExternalReference: "bank 1"}, refgrow.PayoutPayment{ID: 2}
	for _, c := range []struct {
		what string
		do   func() error
		want string
	}{
		{"a new affiliate", func() error { p.Affiliate("new"); return nil }, "affiliate_updated 3 active"},
		{"one whose email is taken", refused(func() error {
			_, err := p.Shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "new@example.com"})
			return err
		}), ""},
		{"a deactivation", update(refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)}),
			"affiliate_updated 2 inactive"},
		{"it again", update(refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)}), ""},
		{"an activation", update(refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateActive)}),
			"affiliate_updated 2 active"},
		{"what is so already", update(refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateActive)}), ""},
		{"other changes", update(refgrow.UpdateAffiliateParams{
			Email: new("joe@example.org"), PayoutsPaused: new(false),
			PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{PayPalEmail: "pay@example.com"}),
		}), ""},
		{"a code that is taken", refused(update(refgrow.UpdateAffiliateParams{
			Status: new(refgrow.AffiliateInactive), ReferralCode: new("jane"),
		})), ""},
		{"earnings", earn, ""},
		{"a preview", func() error {
			_, err := p.Shop.PreviewPayouts(ctx, refgrow.PayoutRunParams{})
			return err
		}, ""},
		{"a run", run(refgrow.PayoutRunParams{}), "payout_updated 1 pending, payout_updated 2 pending"},
		{"a run that makes none", run(refgrow.PayoutRunParams{}), ""},
		{"a payment", func() error {
			_, err := p.Shop.PayPayout(ctx, 1, refgrow.PayPayoutParams{ExternalReference: "bank 1"})
			return err
		}, "payout_updated 1 paid"},
		{"it again", refused(func() error {
			_, err := p.Shop.PayPayout(ctx, 1, refgrow.PayPayoutParams{})
			return err
		}), ""},
		{"many payments, one of them known", pay("", first, second), "payout_updated 2 paid"},
		{"the same", pay("", first, second), ""},
		{"a return", func() error {
			_, err := p.Shop.ReturnPayout(ctx, 1, refgrow.ReturnPayoutParams{Note: "unclaimed"})
			return err
		}, "payout_updated 1 returned"},
		{"more earnings", earn, ""},
		{"a run with a key", run(refgrow.PayoutRunParams{Idempotency: keyed("run")}),
			"payout_updated 3 pending, payout_updated 4 pending"},
		{"it repeated", run(refgrow.PayoutRunParams{Idempotency: keyed("run")}), ""},
		{"many cancellations, two of them refused", cancel(2, 3, 99), "payout_updated 3 canceled"},
		{"one that is canceled", func() error {
			_, err := p.Shop.CancelPayout(ctx, 4)
			return err
		}, "payout_updated 4 canceled"},
		{"those again", cancel(3, 4), ""},
		{"the next run", run(refgrow.PayoutRunParams{}), "payout_updated 5 pending, payout_updated 6 pending"},
		{"payments with a key", pay("pay", refgrow.PayoutPayment{ID: 5}, refgrow.PayoutPayment{ID: 6}),
			"payout_updated 5 paid, payout_updated 6 paid"},
		{"they repeated", pay("pay", refgrow.PayoutPayment{ID: 5}, refgrow.PayoutPayment{ID: 6}), ""},
		{"a deletion", func() error { return p.Shop.DeleteAffiliate(ctx, joe.ID) }, ""},
	} {
		before := p.outbox()
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		rows := p.outbox() - before
		got := p.told(hook)
		if got != c.want || rows != strings.Count(c.want, "updated") {
			t.Errorf("%s wrote %d rows and sent %s\nbut should send %s", c.what, rows, got, c.want)
		}
		if got := p.told(ordinary); got != "" {
			t.Errorf("%s sent %s to somebody who did not ask for it", c.what, got)
		}
	}
	p.Verify()
}

// Bodies are as documented, byte by byte: the affiliate is the referrer, and the data is
// what the API shows.
func TestBodiesOfPayoutsAndAffiliates(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	ctx := t.Context()
	hook := p.Endpoint(refgrow.CreateWebhookParams{Events: ofProgram})
	_, err := p.Shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "Jane@example.com", ReferralCode: "jane", PayoutPreferences: refgrow.PayoutPreferences{WiseAccountID: "77"},
	})
	p.OK(err)
	jane, err := p.Shop.GetAffiliate(ctx, 1)
	p.OK(err)
	p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Value: money.MustParse("7.50 EUR"),
	})
	p.adjust(jane, "5.00 USD")
	_, err = p.Shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
		Status: new(refgrow.AffiliateInactive), PartnerSlug: refgrow.Set("jane-doe"),
	})
	p.OK(err)
	inactive, err := p.Shop.GetAffiliate(ctx, 1)
	p.OK(err)
	payout := p.run(refgrow.PayoutRunParams{})[0]
	paid := p.pay(payout)
	returned, err := p.Shop.ReturnPayout(ctx, payout.ID, refgrow.ReturnPayoutParams{Note: "unclaimed"})
	p.OK(err)

	const (
		of = `,"timestamp":1768478400,"project_id":"1","referrer":{"id":"1","email":"jane@example.com",` +
			`"payout_preferences":{"wise_details":{"accountId":"77"}}},"referred":null,"data":`
		head  = `{"id":1,"user_email":"jane@example.com","referral_code":"jane","created_at":"2026-01-15T12:00:00.000Z",`
		none  = `"held_earnings":"0.00","next_release_date":null`
		wants = `"payout_preferences":{"wise_details":{"accountId":"77"}},"payouts_paused":false}`
		sum   = `{"id":1,"affiliate_id":1,"amount":5,"currency":"USD",`
		cut   = `"entry_count":1,"cutoff":"2026-01-15T12:00:00.000Z",`
		now   = `"2026-01-15T12:00:00.000Z"`
	)
	want := []string{
		`{"event":"affiliate_updated"` + of + head + `"status":"active","clicks":0,"signups":0,"purchases":0,` +
			`"unpaid_earnings":"0.00","total_earnings":"0.00","paid_earnings":"0.00","eligible_earnings":"0.00",` + none +
			`,"partner_slug":null,` + wants + `}`,
		`{"event":"affiliate_updated"` + of + head + `"status":"inactive","clicks":0,"signups":1,"purchases":0,` +
			`"unpaid_earnings":"5.00","total_earnings":"5.00","paid_earnings":"0.00","eligible_earnings":"5.00",` + none +
			`,"partner_slug":"jane-doe","earnings_by_currency":[{"currency":"EUR","unpaid_earnings":"7.50",` +
			`"total_earnings":"7.50","paid_earnings":"0.00","eligible_earnings":"0.00","held_earnings":"7.50",` +
			`"next_release_date":"2026-02-14T12:00:00.000Z"}],` + wants + `}`,
		`{"event":"payout_updated"` + of + sum + `"status":"pending",` + cut + `"external_reference":null,` +
			`"created_at":` + now + `,"paid_at":null,"canceled_at":null,"returned_at":null,"return_note":null,"run_id":1}}`,
		`{"event":"payout_updated"` + of + sum + `"status":"paid",` + cut + `"external_reference":"wire-7",` +
			`"created_at":` + now + `,"paid_at":` + now +
			`,"canceled_at":null,"returned_at":null,"return_note":null,"run_id":1}}`,
		`{"event":"payout_updated"` + of + sum + `"status":"returned",` + cut + `"external_reference":"wire-7",` +
			`"created_at":` + now + `,"paid_at":` + now + `,"canceled_at":null,"returned_at":` + now +
			`,"return_note":"unclaimed","run_id":1}}`,
	}
	shown := []interface{ AppendJSON([]byte) []byte }{jane, inactive, &payout, paid, returned}
	taken := p.deliveries(hook)
	if len(taken) != len(want) {
		t.Fatalf("sent were %d messages", len(taken))
	}
	byBody := make(map[string]bool)
	for _, a := range taken {
		byBody[string(a.Body)] = true
	}
	for i := range want {
		if !byBody[want[i]] {
			t.Errorf("%s\nwas not sent, but\n%s", want[i], taken[i].Body)
		}
		if data := string(shown[i].AppendJSON(nil)); !strings.HasSuffix(want[i], data+"}") {
			t.Errorf("the API shows\n%s\nbut what is sent is\n%s", data, want[i])
		}
	}
	p.Verify()
}

// Nothing is written that no endpoint asks for; whether one does is decided in the
// transaction, and what was written while it was off can be replayed.
func TestEventsOfPayoutsNeedWhoAsks(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	other, err := p.Engine.CreateProject(ctx, "other", refgrow.Settings{})
	p.OK(err)
	_, err = other.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: "https://example.com", Events: ofProgram})
	p.OK(err)
	made := 0
	writes := func(what string, affiliates, payouts int) {
		t.Helper()
		before := p.outbox()
		made++
		a := p.Affiliate(fmt.Sprint("affiliate", made))
		if n := p.outbox() - before; n != affiliates {
			t.Errorf("%s an affiliate writes %d rows, but should write %d", what, n, affiliates)
		}
		before = p.outbox()
		p.adjust(a, "1.00 USD")
		p.run(refgrow.PayoutRunParams{})
		if n := p.outbox() - before; n != payouts {
			t.Errorf("%s a payout writes %d rows, but should write %d", what, n, payouts)
		}
	}
	writes("without an endpoint", 0, 0)
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	writes("with one that does not ask", 0, 0)
	asks := func(p *refgrow.Project, events ...refgrow.Event) error {
		_, err := p.Webhooks().Update(ctx, hook.ID, refgrow.UpdateWebhookParams{Events: &events})
		return err
	}
	p.OK(asks(p.Shop, refgrow.EventAffiliateUpdated))
	writes("with one that asks for affiliates", 1, 0)
	p.OK(asks(p.Shop, refgrow.EventPayoutUpdated))
	writes("with one that asks for payouts", 0, 1)
	p.switchTo(hook, refgrow.WebhookInactive)
	writes("with one that is off", 0, 1)
	p.switchTo(hook, refgrow.WebhookActive)
	if got := p.told(hook); got != "" {
		t.Errorf("switched on, it gets %s", got)
	}
	n, err := p.Shop.Webhooks().Replay(ctx, hook.ID, p.Clock.Now().Add(-time.Hour))
	p.OK(err)
	if got := p.told(hook); n != 2 || got != "payout_updated 4 pending, payout_updated 5 pending" {
		t.Errorf("%d were replayed: %s", n, got)
	}
	before := p.outbox()
	p.OK(p.Shop.Atomic(ctx, func(shop *refgrow.Project) error {
		create := func(name string) error {
			_, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: name + "@example.com"})
			return err
		}
		for _, step := range []func() error{
			func() error { return create("unheard") },
			func() error { return asks(shop, refgrow.EventAffiliateUpdated) },
			func() error { return create("heard") },
			func() error { return asks(shop, refgrow.EventPayoutUpdated) },
			func() error { return create("again") },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}))
	if n := p.outbox() - before; n != 1 {
		t.Errorf("of three affiliates %d rows were written", n)
	}
	p.Verify()
}

// What happens to one payout is sent in order; another does not wait for it, and nor
// does what happens to the affiliate.
func TestEventsOfOnePayoutComeInOrder(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	hook := p.Endpoint(refgrow.CreateWebhookParams{Events: ofProgram})
	p.adjust(jane, "1.00 USD")
	p.adjust(joe, "1.00 USD")
	p.pay(p.run(refgrow.PayoutRunParams{})[0])
	_, err := p.Shop.ReturnPayout(t.Context(), 1, refgrow.ReturnPayoutParams{Note: "unclaimed"})
	p.OK(err)
	for _, status := range []refgrow.AffiliateStatus{refgrow.AffiliateInactive, refgrow.AffiliateActive} {
		_, err := p.Shop.UpdateAffiliate(t.Context(), jane.ID, refgrow.UpdateAffiliateParams{Status: &status})
		p.OK(err)
	}
	p.Spread()
	describe := func(attempts []refgrow.Attempt) string {
		parts := make([]string, len(attempts))
		for i, a := range attempts {
			var data struct {
				ID     int64
				Status string
			}
			p.OK(json.Unmarshal(p.message(a).Data, &data))
			parts[i] = fmt.Sprint(data.ID, " ", data.Status)
		}
		return strings.Join(parts, ", ")
	}
	for i, want := range []string{"1 pending, 2 pending, 1 inactive", "1 paid, 1 active", "1 returned", ""} {
		due := p.Claim(hook)
		if got := describe(due); got != want {
			t.Errorf("in round %d leased are %s, but should be %s", i+1, got, want)
		}
		if more := p.Claim(hook); len(more) > 0 {
			t.Errorf("in round %d leased besides are %s", i+1, describe(more))
		}
		for _, a := range due {
			p.Finish(a, refgrow.AttemptSucceeded)
		}
	}
	p.Verify()
}
