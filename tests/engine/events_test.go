package engine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// deliveries takes everything that waits for an endpoint, and reports that it has
// arrived.
func (p *program) deliveries(hook *refgrow.Webhook) (taken []refgrow.Attempt) {
	p.Helper()
	p.Spread()
	for {
		attempts := p.Claim(hook)
		if len(attempts) == 0 {
			return taken
		}
		for _, a := range attempts {
			p.Finish(a, refgrow.AttemptSucceeded)
		}
		taken = append(taken, attempts...)
	}
}

// A message is the body of a delivery.
type message struct {
	Event     refgrow.Event   `json:"event"`
	Timestamp int64           `json:"timestamp"`
	Test      bool            `json:"test"`
	Referrer  json.RawMessage `json:"referrer"`
	Referred  json.RawMessage `json:"referred"`
	Data      json.RawMessage `json:"data"`
}

func (p *program) message(a refgrow.Attempt) (m message) {
	p.Helper()
	if err := json.Unmarshal(a.Body, &m); err != nil || m.Event != a.Event {
		p.Fatalf("a body of %s is %s (%v)", a.Event, a.Body, err)
	}
	return m
}

// eventsOf describes what was sent: the events, and for changes what has changed.
func (p *program) eventsOf(attempts []refgrow.Attempt) string {
	p.Helper()
	parts := make([]string, len(attempts))
	for i, a := range attempts {
		parts[i] = string(a.Event)
		var data struct {
			Changes json.RawMessage `json:"changes"`
		}
		p.OK(json.Unmarshal(p.message(a).Data, &data))
		if data.Changes != nil {
			parts[i] += " " + string(data.Changes)
		}
	}
	return strings.Join(parts, ", ")
}

func (p *program) outbox() int { return p.Count("SELECT COUNT(*) FROM refgrow_events") }

// Each change writes one row, from which exactly the documented events are made.
func TestEventsOfEachChange(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{
		Commission: refgrow.Percent("20"), SignupCommission: refgrow.Fixed(money.MustParse("1.00 USD")),
	})
	ctx, usd := t.Context(), money.MustParse
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	var sale, gone *refgrow.Conversion
	update := func(u refgrow.UpdateConversionParams) func() error {
		return func() error {
			_, err := p.Shop.UpdateConversion(ctx, sale.ID, u)
			return err
		}
	}
	refund := func(amount string) func() error {
		return func() error {
			_, err := p.Shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{Amount: usd(amount)})
			return err
		}
	}
	total := func(amount string) func() error {
		return func() error {
			_, err := p.Shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{Total: usd(amount), Lower: true})
			return err
		}
	}
	refundOf := func(of **refgrow.Conversion) func() error {
		return func() error {
			_, err := p.Shop.RefundConversion(ctx, (*of).ID, refgrow.RefundConversionParams{Cap: true})
			return err
		}
	}
	referral := func(id int64, u refgrow.UpdateReferralParams) func() error {
		return func() error {
			_, err := p.Shop.UpdateReferral(ctx, id, u)
			return err
		}
	}
	record := func(params refgrow.RecordConversionParams, to **refgrow.Conversion) func() error {
		return func() (err error) {
			*to, err = p.Shop.RecordConversion(ctx, params)
			return err
		}
	}
	create := func(params refgrow.CreateReferralParams) func() error {
		return func() error {
			_, err := p.Shop.CreateReferral(ctx, params)
			return err
		}
	}
	const recorded = "referral_converted, referral_updated"
	for _, c := range []struct {
		what string
		do   func() error
		want string
	}{
		{"a purchase", record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: usd("100.00 USD"),
			Customer: refgrow.Customer{Email: "carl@example.com"},
		}, &sale), recorded},
		{"a signup", record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: jane.ID}, &gone),
			"referral_signed_up, " + recorded},
		{"an import", record(refgrow.RecordConversionParams{
			Type: refgrow.Signup, Value: usd("0 USD"), OccurredAt: p.Clock.Now().Add(-time.Hour), Imported: true,
		}, new(*refgrow.Conversion)), ""},
		{"a late one", record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: usd("1.00 USD"), OccurredAt: p.Clock.Now().Add(-time.Hour),
		}, new(*refgrow.Conversion)), recorded},
		{"a value", update(refgrow.UpdateConversionParams{Value: new(usd("12.50 USD"))}),
			`referral_updated {"value":[20,12.5]}`},
		{"a base value", update(refgrow.UpdateConversionParams{BaseValue: refgrow.Set(usd("200.00 USD"))}),
			`referral_updated {"base_value":[100,200]}`},
		{"a type", update(refgrow.UpdateConversionParams{Type: new(refgrow.Signup)}),
			`referral_updated {"type":["purchase","signup"]}`},
		{"a currency", update(refgrow.UpdateConversionParams{Currency: new(money.EUR)}),
			`referral_updated {"base_value_currency":["USD","EUR"]}`},
		{"an affiliate", update(refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)}),
			fmt.Sprintf(`referral_updated {"affiliate_id":[%d,%d]}`, jane.ID, joe.ID)},
		{"nobody", update(refgrow.UpdateConversionParams{AffiliateID: refgrow.Clear[int64]()}),
			fmt.Sprintf(`referral_updated {"affiliate_id":[%d,null],"status":["eligible","unattributed"]}`, joe.ID)},
		{"somebody", update(refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)}),
			fmt.Sprintf(`referral_updated {"affiliate_id":[null,%d],"status":["unattributed","eligible"]}`, jane.ID)},
		{"paid", update(refgrow.UpdateConversionParams{Paid: new(true)}),
			`referral_updated {"paid":[false,true],"status":["eligible","paid"]}`},
		{"unpaid", update(refgrow.UpdateConversionParams{Paid: new(false)}),
			`referral_updated {"paid":[true,false],"status":["paid","eligible"]}`},
		{"a reference", update(refgrow.UpdateConversionParams{Reference: refgrow.Set("in_\"1")}),
			`referral_updated {"reference":[null,"in_\"1"]}`},
		{"a coupon", update(refgrow.UpdateConversionParams{CouponCode: refgrow.Set("SAVE")}),
			`referral_updated {"coupon_code_used":[null,"SAVE"]}`},
		{"many at once", update(refgrow.UpdateConversionParams{
			Type: new(refgrow.Purchase), Currency: new(money.USD), Value: new(usd("40.00 USD")),
			Reference: refgrow.Clear[string](),
		}), `referral_updated {"type":["signup","purchase"],"value":[12.5,40],` +
			`"base_value_currency":["EUR","USD"],"reference":["in_\"1",null]}`},
		{"what is already so", update(refgrow.UpdateConversionParams{
			Type: new(refgrow.Purchase), Value: new(usd("40.00 USD")), Paid: new(false), AffiliateID: refgrow.Set(jane.ID),
			CouponCode: refgrow.Set("SAVE"),
		}), ""},
		{"a refund in part", refund("50.00 USD"), `referral_updated {"refunded_amount":[0,50]}`},
		{"an undone refund", func() error {
			_, err := p.Shop.UndoRefund(ctx, sale.ID, refgrow.RefundConversionParams{Amount: usd("20.00 USD")})
			return err
		}, `referral_updated {"refunded_amount":[50,30]}`},
		{"the rest", refund("170.00 USD"), "referral_canceled"},
		{"an undone refund of all", func() error {
			_, err := p.Shop.UndoRefund(ctx, sale.ID, refgrow.RefundConversionParams{})
			return err
		}, `referral_updated {"refunded_amount":[200,0],"status":["refunded","eligible"]}`},
		{"all at once", refund("200.00 USD"), "referral_canceled"},
		{"a total that is so already", total("200.00 USD"), ""},
		{"a total that is lower", total("150.00 USD"),
			`referral_updated {"refunded_amount":[200,150],"status":["refunded","eligible"]}`},
		{"a total of all", total("200.00 USD"), "referral_canceled"},
		{"a free signup", refundOf(&gone), "referral_canceled"},
		{"it again, capped", refundOf(&gone), ""},
		{"it undone", func() error {
			_, err := p.Shop.UndoRefund(ctx, gone.ID, refgrow.RefundConversionParams{})
			return err
		}, `referral_updated {"status":["refunded","eligible"]}`},
		{"a deletion", func() error { return p.Shop.DeleteConversion(ctx, gone.ID) }, "referral_canceled"},
		{"nobody's purchase",
			record(refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: usd("10.00 USD")}, &sale), recorded},
		{"a refund in part of it", refund("4.00 USD"), `referral_updated {"refunded_amount":[0,4]}`},
		{"the rest of it", refund("6.00 USD"), "referral_canceled"},
		{"a referral of an affiliate", create(refgrow.CreateReferralParams{Email: "dora@example.com", AffiliateID: jane.ID}),
			"referral_signed_up"},
		{"a referral of nobody", create(refgrow.CreateReferralParams{Email: "eve@example.com"}), ""},
		{"a referral's affiliate", referral(3, refgrow.UpdateReferralParams{AffiliateID: refgrow.Set(jane.ID)}),
			fmt.Sprintf(`referral_updated {"affiliate_id":[null,%d],"affiliate_code":[null,"jane"]}`, jane.ID)},
		{"a referral's status", referral(3, refgrow.UpdateReferralParams{Status: new(refgrow.ReferralDirect)}),
			`referral_updated {"conversion_status":["direct_signup","direct"],` +
				`"conversion_date":[null,"2026-01-15T12:00:00.000Z"]}`},
		{"a referral as it is",
			referral(3, refgrow.UpdateReferralParams{Status: new(refgrow.ReferralDirect), Email: new("EVE@example.com")}), ""},
		{"a referral's email", referral(3, refgrow.UpdateReferralParams{Email: new("eva@example.com")}),
			`referral_updated {"user_email":["eve@example.com","eva@example.com"]}`},
		{"an affiliate's email", func() error {
			_, err := p.Shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{Email: new("jane@example.org")})
			return err
		}, ""},
		{"a deleted referral", func() error { return p.Shop.DeleteReferral(ctx, 3) }, ""},
		{"a purchase to pay", record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: joe.ID, BaseValue: usd("10.00 USD"),
			Customer: refgrow.Customer{Email: "dora@example.com"},
		}, &sale), recorded},
		{"a payout", func() error {
			made, err := p.Shop.RunPayouts(ctx, refgrow.PayoutRunParams{})
			if err != nil || len(made) != 1 {
				return fmt.Errorf("the payouts are %+v: %w", made, err)
			}
			_, err = p.Shop.PayPayout(ctx, made[0].ID, refgrow.PayPayoutParams{})
			return err
		}, ""},
		{"an adjustment", func() error {
			_, err := p.Shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
				AffiliateID: joe.ID, Amount: usd("1.00 USD"), Note: "bonus",
			})
			return err
		}, ""},
		{"a deleted affiliate", func() error { return p.Shop.DeleteAffiliate(ctx, joe.ID) }, ""},
	} {
		before := p.outbox()
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		rows := 1
		if c.want == "" {
			rows = 0
		}
		if n := p.outbox() - before; n != rows {
			t.Errorf("%s wrote %d rows, but should write %d", c.what, n, rows)
		}
		if got := p.eventsOf(p.deliveries(hook)); got != c.want {
			t.Errorf("%s sent %s\nbut should send %s", c.what, got, c.want)
		}
	}
	p.Verify()
}

// Whatever credits an affiliate, the events show that affiliate, with its code and its
// preferences as they are, and the customer with the email that has been learned.
func TestEventsShowWhoIsCredited(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{CouponFirst: true})
	ctx, usd := t.Context(), money.MustParse
	p.Affiliate("other")
	jane, err := p.Shop.UpdateAffiliate(ctx, p.Affiliate("jane").ID, refgrow.UpdateAffiliateParams{
		PartnerSlug: refgrow.Set("jane-doe"), PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{
			PayPalEmail: "pay@example.com", WiseAccountID: "71", WiseEmail: "wise@example.com",
		}),
	})
	p.OK(err)
	p.Coupon(refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "SAVE"})
	p.Coupon(refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "WEB", StripeCouponID: "stripe_1"})
	p.Coupon(refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "APP", LemonSqueezyDiscountCode: "lemon_1"})
	known, err := p.Shop.CreateReferral(ctx, refgrow.CreateReferralParams{
		Email: "known@example.com", ExternalID: "user-1", AffiliateID: jane.ID,
	})
	p.OK(err)
	nameless, err := p.Shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: "user-2", AffiliateID: jane.ID})
	p.OK(err)
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	const credited = `{"id":"2","email":"jane@example.com","payout_preferences":{"paypal_email":"pay@example.com",` +
		`"wise_details":{"accountId":"71","email":"wise@example.com"}}}`
	for _, c := range []struct {
		what               string
		params             refgrow.RecordConversionParams
		referrer, referred string
	}{
		{"the call", refgrow.RecordConversionParams{AffiliateID: jane.ID}, credited, "null"},
		{"a code", refgrow.RecordConversionParams{ReferralCode: "JANE", Customer: refgrow.Customer{Email: "new@example.com"}},
			credited, `{"id":"3","email":"new@example.com"}`},
		{"a slug", refgrow.RecordConversionParams{ReferralCode: "jane-doe"}, credited, "null"},
		{"a coupon", refgrow.RecordConversionParams{CouponCode: "save"}, credited, "null"},
		{"a coupon of Stripe", refgrow.RecordConversionParams{CouponCode: "stripe_1"}, credited, "null"},
		{"a coupon of Lemon Squeezy", refgrow.RecordConversionParams{CouponCode: "lemon_1"}, credited, "null"},
		{"a customer by email",
			refgrow.RecordConversionParams{ReferralCode: "other", Customer: refgrow.Customer{Email: "known@example.com"}},
			credited, `{"id":"1","email":"known@example.com"}`},
		{"a customer by the app's id", refgrow.RecordConversionParams{Customer: refgrow.Customer{ExternalID: "user-1"}},
			credited, `{"id":"1","email":"known@example.com"}`},
		{"a customer by id", refgrow.RecordConversionParams{Customer: refgrow.Customer{ID: known.ID}},
			credited, `{"id":"1","email":"known@example.com"}`},
		{"a customer without email", refgrow.RecordConversionParams{Customer: refgrow.Customer{ID: nameless.ID}},
			credited, `{"id":"2","email":null}`},
		{"a customer that learns its email",
			refgrow.RecordConversionParams{Customer: refgrow.Customer{ExternalID: "user-2", Email: "named@example.com"}},
			credited, `{"id":"2","email":"named@example.com"}`},
		{"nobody",
			refgrow.RecordConversionParams{ReferralCode: "unknown", Customer: refgrow.Customer{Email: "late@example.com"}},
			"null", `{"id":"4","email":"late@example.com"}`},
	} {
		for _, c.params.Type = range []refgrow.ConversionType{refgrow.Signup, refgrow.Purchase} {
			c.params.BaseValue = usd("10.00 USD")
			repeated := p.Record(c.params).Repeated
			attempts := p.deliveries(hook)
			for _, a := range attempts {
				m := p.message(a)
				if got := string(m.Referrer) + string(m.Referred); got != c.referrer+c.referred {
					t.Errorf("%s, %s: it is about %s\nbut should be about %s", c.what, a.Event, got, c.referrer+c.referred)
				}
				code := `"referral_code":"jane"`
				if c.referrer == "null" {
					code = `"referral_code":null`
				}
				if a.Event == refgrow.EventReferralSignedUp && !strings.Contains(string(m.Data), code) {
					t.Errorf("%s: the data of a signup is %s, without %s", c.what, m.Data, code)
				}
			}
			if repeated != (len(attempts) == 0) || len(attempts) == 1 {
				t.Errorf("%s: %d messages", c.what, len(attempts))
			}
		}
	}
	p.Verify()
}

// Rows that lead into another project, as only a change that bypasses the engine can
// make them, credit nobody there, and reveal nothing about it.
func TestRowsOfAnotherProjectCreditNobody(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	other, err := p.Engine.CreateProject(ctx, "other", refgrow.Settings{})
	p.OK(err)
	stranger, err := other.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "stranger@example.com", ReferralCode: "STRANGER",
	})
	p.OK(err)
	jane := p.Affiliate("jane")
	p.Coupon(refgrow.CreateCouponParams{
		AffiliateID: jane.ID, Code: "SAVE", StripeCouponID: "stripe_1", LemonSqueezyDiscountCode: "lemon_1",
	})
	carl, err := p.Shop.CreateReferral(ctx, refgrow.CreateReferralParams{
		Email: "carl@example.com", ExternalID: "user-1", AffiliateID: jane.ID,
	})
	p.OK(err)
	hook := p.Endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralConverted}})
	p.Exec("UPDATE refgrow_coupons SET affiliate_id = ?", stranger.ID)
	for _, params := range []refgrow.RecordConversionParams{
		{Customer: refgrow.Customer{ID: carl.ID}},
		{Customer: refgrow.Customer{Email: "carl@example.com"}},
		{Customer: refgrow.Customer{ExternalID: "user-1"}},
		{Customer: refgrow.Customer{Email: "carl@example.com", ExternalID: "user-1"}},
		{CouponCode: "SAVE"}, {CouponCode: "stripe_1"}, {CouponCode: "lemon_1"},
	} {
		p.Exec("UPDATE refgrow_referrals SET affiliate_id = ? WHERE id = ?", stranger.ID, carl.ID)
		params.Type, params.BaseValue = refgrow.Purchase, money.MustParse("1.00 USD")
		if sale := p.Record(params); sale.AffiliateID != 0 {
			t.Errorf("%+v credits affiliate %d of another project", params, sale.AffiliateID)
		}
		for _, a := range p.deliveries(hook) {
			if strings.Contains(string(a.Body), "stranger") {
				t.Errorf("%+v reveals another project: %s", params, a.Body)
			}
		}
	}
}

// A refused operation sends nothing.
func TestNoEventsOfWhatWasRefused(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx, usd := t.Context(), money.MustParse
	jane := p.Affiliate("jane")
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	sale := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: usd("10.00 USD"), Reference: "in_1",
	})
	_, err := p.Shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "dora@example.com", AffiliateID: jane.ID})
	p.OK(err)
	p.deliveries(hook)
	before := p.outbox()

	_, err = p.Shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: usd("10.00 USD"), Reference: "in_1",
	})
	p.Refused("a reference that is already taken", err, refgrow.ErrConflict, "reference")
	_, err = p.Shop.UpdateConversion(ctx, sale.ID, refgrow.UpdateConversionParams{
		Value: new(usd("1.00 USD")), AffiliateID: refgrow.Set(int64(99)),
	})
	p.Refused("an unknown affiliate", err, refgrow.ErrNotFound, "")
	_, err = p.Shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{Amount: usd("11.00 USD")})
	p.Refused("a refund of too much", err, refgrow.ErrInvalid, "amount")
	_, err = p.Shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "dora@example.com", AffiliateID: jane.ID})
	p.Refused("a customer that already exists", err, refgrow.ErrConflict, "email")
	p.Refused("a deletion of nothing", p.Shop.DeleteConversion(ctx, 99), refgrow.ErrNotFound, "")

	if n := p.outbox(); n != before {
		t.Errorf("%d rows were written", n-before)
	}
	if got := p.eventsOf(p.deliveries(hook)); got != "" {
		t.Errorf("sent %s", got)
	}
	p.Verify()
}

// What is rolled back, in whichever way, sends nothing; what is committed is sent once.
func TestEventsCommitWithTheChange(t *testing.T) {
	t.Parallel()
	p := inAppsFile(t, 2, refgrow.Settings{})
	ctx, usd := t.Context(), money.MustParse
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	errUndo := errors.New("undo")
	sell := func(shop *refgrow.Project) error {
		_, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: usd("10.00 USD"),
		})
		return err
	}
	inTx := func(commit bool) error {
		tx, err := p.App.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := sell(p.Shop.WithTx(tx)); err != nil || !commit {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	}
	answer := func(shop *refgrow.Project) (refgrow.Answer, error) { return refgrow.Answer{Status: 201}, sell(shop) }
	for _, c := range []struct {
		what string
		do   func() error
		want int
	}{
		{"a transaction that is rolled back", func() error { return inTx(false) }, 0},
		{"a transaction", func() error { return inTx(true) }, 1},
		{"a block that fails", func() error {
			if err := p.Shop.Atomic(ctx, func(shop *refgrow.Project) error {
				return errors.Join(sell(shop), errUndo)
			}); !errors.Is(err, errUndo) {
				return err
			}
			return nil
		}, 0},
		{"a block", func() error {
			return p.Shop.Atomic(ctx, func(shop *refgrow.Project) error { return errors.Join(sell(shop), sell(shop)) })
		}, 2},
		{"a block with one inside that fails", func() error {
			return p.Shop.Atomic(ctx, func(shop *refgrow.Project) error {
				inner := shop.Atomic(ctx, func(shop *refgrow.Project) error { return errors.Join(sell(shop), errUndo) })
				if !errors.Is(inner, errUndo) {
					return inner
				}
				return sell(shop)
			})
		}, 1},
		{"a call with a key", func() error {
			_, _, err := p.Shop.Once(refgrow.Idempotency{Key: "k"}).Do(ctx, answer)
			return err
		}, 1},
		{"its repetition", func() error {
			_, replayed, err := p.Shop.Once(refgrow.Idempotency{Key: "k"}).Do(ctx, answer)
			if !replayed {
				return fmt.Errorf("it was done again: %w", err)
			}
			return err
		}, 0},
		{"a call with a key that fails", func() error {
			_, _, err := p.Shop.Once(refgrow.Idempotency{Key: "l"}).Do(ctx, func(shop *refgrow.Project) (refgrow.Answer, error) {
				return refgrow.Answer{}, errors.Join(sell(shop), errUndo)
			})
			if !errors.Is(err, errUndo) {
				return err
			}
			return nil
		}, 0},
	} {
		before := p.outbox()
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if n := p.outbox() - before; n != c.want {
			t.Errorf("%s wrote %d rows, but should write %d", c.what, n, c.want)
		}
		if n := len(p.deliveries(hook)); n != 2*c.want {
			t.Errorf("%s brought %d deliveries, but should bring %d", c.what, n, 2*c.want)
		}
	}
	p.Verify()
}

// woken reports whether a worker would be woken now.
func (p *program) woken() bool {
	select {
	case <-p.Engine.Outbox().Woken():
		return true
	default:
		return false
	}
}

// The engine wakes the worker after its own commits, and the caller after theirs.
func TestWhoWakesTheWorker(t *testing.T) {
	t.Parallel()
	p := inAppsFile(t, 2, refgrow.Settings{})
	ctx := t.Context()
	p.Affiliate("jane")
	sell := func(shop *refgrow.Project) error {
		_, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})
		return err
	}
	// A worker that was woken before the commit has found nothing.
	sellTooEarly := func(shop *refgrow.Project) error {
		err := sell(shop)
		p.woken()
		return err
	}
	p.OK(sell(p.Shop))
	if p.woken() {
		t.Error("the worker was woken without an endpoint")
	}
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	p.woken()
	for what, do := range map[string]func() error{
		"a conversion": func() error { return sell(p.Shop) },
		"a block":      func() error { return p.Shop.Atomic(ctx, sellTooEarly) },
		"a call with a key": func() error {
			_, _, err := p.Shop.Once(refgrow.Idempotency{Key: "k"}).Do(ctx, func(shop *refgrow.Project) (refgrow.Answer, error) {
				return refgrow.Answer{}, sellTooEarly(shop)
			})
			return err
		},
		"a test": func() error {
			_, err := p.Shop.Webhooks().Test(ctx, hook.ID, refgrow.EventReferralUpdated)
			return err
		},
	} {
		p.OK(do())
		if !p.woken() {
			t.Errorf("%s woke nobody", what)
		}
	}
	_, err := p.Shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: 99})
	p.Refused("an unknown affiliate", err, refgrow.ErrNotFound, "")
	p.Affiliate("joe")
	if p.woken() {
		t.Error("the worker was woken without an event")
	}

	tx, err := p.App.BeginTx(ctx, nil)
	p.OK(err)
	p.OK(sell(p.Shop.WithTx(tx)))
	p.OK(tx.Commit())
	p.woken()
	p.Engine.Wake()
	p.Engine.Wake() // it already knows, and nobody waits
	if !p.woken() || p.woken() {
		t.Error("the caller did not wake the worker once")
	}
}

// hooks are the endpoints of the shop.
func (p *program) hooks() (all []*refgrow.Webhook) {
	p.Helper()
	for hook, err := range p.Shop.Webhooks().All(p.Context(), refgrow.ListWebhooksParams{}) {
		p.OK(err)
		all = append(all, &hook)
	}
	return all
}

// Only a project with an endpoint of its own writes anything.
func TestEventsNeedAnEndpoint(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	other, err := p.Engine.CreateProject(ctx, "other", refgrow.Settings{})
	p.OK(err)
	jane := p.Affiliate("jane")
	referrals := 0
	writes := func(what string, want int) {
		t.Helper()
		before := p.outbox()
		referrals++
		r, err := p.Shop.CreateReferral(ctx, refgrow.CreateReferralParams{
			ExternalID: fmt.Sprint("u", referrals), AffiliateID: jane.ID,
		})
		p.OK(err)
		_, err = p.Shop.UpdateReferral(ctx, r.ID, refgrow.UpdateReferralParams{AffiliateID: refgrow.Clear[int64]()})
		p.OK(err)
		for _, hook := range p.hooks() { // these were about the customer
			p.deliveries(hook)
		}
		p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup})
		want *= 3
		if n := p.outbox() - before; n != want {
			t.Errorf("%s %d rows are written, but %d should be", what, n, want)
		}
	}
	writes("without an endpoint", 0)
	foreign, err := other.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
	p.OK(err)
	writes("with an endpoint of another project", 0)
	hook := p.Endpoint(refgrow.CreateWebhookParams{Status: refgrow.WebhookInactive})
	writes("with an inactive endpoint", 1)
	if got := p.eventsOf(p.deliveries(hook)); got != "" {
		t.Errorf("the inactive endpoint got %s", got)
	}
	_, err = p.Shop.Webhooks().Update(ctx, hook.ID, refgrow.UpdateWebhookParams{Status: new(refgrow.WebhookActive)})
	p.OK(err)
	writes("with an active endpoint", 1)
	if got := p.eventsOf(p.deliveries(hook)); got != "referral_signed_up, referral_converted, referral_updated" {
		t.Errorf("the endpoint got %s", got)
	}
	second := p.Endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralConverted}})
	writes("with two endpoints", 1)
	if got := p.eventsOf(p.deliveries(second)); got != "referral_converted" {
		t.Errorf("the second endpoint got %s", got)
	}
	if n := len(p.deliveries(hook)); n != 3 {
		t.Errorf("the first endpoint got %d deliveries", n)
	}
	if n := len(p.deliveries(foreign)); n != 0 {
		t.Errorf("the other project's endpoint got %d deliveries", n)
	}
	p.Verify()
	p.OK(p.Shop.Webhooks().Delete(ctx, hook.ID))
	p.OK(p.Shop.Webhooks().Delete(ctx, second.ID))
	writes("after the endpoints were deleted", 0)
	p.Verify()
}

// What happens to one conversion is sent one by one, in order; another does not wait
// for it.
func TestEventsOfOneConversionComeInOrder(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	first := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	p.Update(first, refgrow.UpdateConversionParams{Value: new(money.MustParse("1.00 USD"))})
	second := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	p.Spread()
	p.OK(p.Shop.DeleteConversion(t.Context(), second.ID))
	p.Spread()

	ids := make(map[string]bool)
	of := func(a refgrow.Attempt) int64 {
		var data struct{ ID int64 }
		p.OK(json.Unmarshal(p.message(a).Data, &data))
		ids[a.MessageID] = true
		return data.ID
	}
	const recorded = "referral_signed_up referral_converted referral_updated "
	stuck := p.Claim(hook)
	if len(stuck) != 2 || of(stuck[0]) == of(stuck[1]) || stuck[0].Event != refgrow.EventReferralSignedUp ||
		stuck[1].Event != refgrow.EventReferralSignedUp {
		t.Fatalf("leased are %s", p.eventsOf(stuck))
	}
	if more := p.Claim(hook); len(more) != 0 {
		t.Fatalf("also leased are %s", p.eventsOf(more))
	}
	if of(stuck[0]) == second.ID {
		slices.Reverse(stuck)
	}
	p.Finish(stuck[0], refgrow.AttemptRetry)
	got, next := "", stuck[1:]
	for len(next) == 1 && of(next[0]) == second.ID {
		got += string(next[0].Event) + " "
		p.Finish(next[0], refgrow.AttemptSucceeded)
		next = p.Claim(hook)
	}
	if got != recorded+"referral_canceled " || len(next) != 0 {
		t.Errorf("of the second conversion came %s, then %s", got, p.eventsOf(next))
	}
	p.Verify()
	p.Clock.Advance(time.Minute)
	got = ""
	for _, a := range p.deliveries(hook) {
		if of(a) != first.ID || got == "" && (a.Number != 2 || a.MessageID != stuck[0].MessageID) {
			t.Errorf("%s is try %d of %s", a.Event, a.Number, a.MessageID)
		}
		got += string(a.Event) + " "
	}
	if got != recorded+"referral_updated " {
		t.Errorf("of the first conversion came %s", got)
	}
	if len(ids) != 8 {
		t.Errorf("the eight events have %d ids", len(ids))
	}
	p.Verify()
}
