package engine_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// Bodies are as documented, byte by byte.
func TestEventBodies(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("12.5"), HoldDays: 30})
	ctx, usd := t.Context(), money.MustParse
	jane := p.Affiliate("jane")
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	sent := func(what string, want ...string) {
		t.Helper()
		taken := p.deliveries(hook)
		if len(taken) != len(want) {
			t.Fatalf("%s sent %s", what, p.eventsOf(taken))
		}
		for i, a := range taken {
			if string(a.Body) != want[i] {
				t.Errorf("%s sent\n%s\nbut should send\n%s", what, a.Body, want[i])
			}
		}
	}
	const (
		data = `{"id":1,"project_id":1,"type":"purchase","affiliate_id":1,"referred_user_id":1,"value":12.5,` +
			`"base_value":100,"base_value_currency":"USD","refunded_amount":0,"paid":false,"status":"held",` +
			`"created_at":"2026-01-15T12:00:00.000Z","reference":"in_1","coupon_code_used":null,` +
			`"referral_code":null,"product":"pro","url":null`
		head   = `,"timestamp":1768478400,"project_id":"1"`
		ofJane = `,"referrer":{"id":"1","email":"jane@example.com"}`
		ofCarl = `,"referred":{"id":"1","email":"carl@example.com"}`
	)
	sale := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: usd("100.00 USD"), Reference: "in_1", Product: "pro",
		Customer: refgrow.Customer{Email: "Carl@example.com"},
	})
	sent("a purchase",
		`{"event":"referral_converted"`+head+ofJane+ofCarl+`,"data":`+data+`}}`,
		`{"event":"referral_updated"`+head+ofJane+ofCarl+`,"data":`+data+`}}`)

	p.Clock.Advance(1999 * time.Millisecond)
	p.Update(sale, refgrow.UpdateConversionParams{CouponCode: refgrow.Set("<&>")})
	changed := strings.Replace(data, `"coupon_code_used":null`, `"coupon_code_used":"<&>"`, 1)
	sent("a change", `{"event":"referral_updated","timestamp":1768478401,"project_id":"1"`+ofJane+ofCarl+
		`,"data":`+changed+`,"changes":{"coupon_code_used":[null,"<&>"]}}}`)
	p.Clock.Advance(-1999 * time.Millisecond)

	// About the affiliate it says what was so at the time of the change.
	prefer := func(u refgrow.UpdateAffiliateParams) {
		t.Helper()
		_, err := p.Shop.UpdateAffiliate(ctx, jane.ID, u)
		p.OK(err)
	}
	prefer(refgrow.UpdateAffiliateParams{
		PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{PayPalEmail: "pay@example.com"}),
	})
	p.OK(p.Shop.DeleteConversion(ctx, sale.ID))
	prefer(refgrow.UpdateAffiliateParams{
		Email:             new("jane@example.org"),
		PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{WiseAccountID: "77", WiseEmail: "wise@example.com"}),
	})
	sent("a deletion", `{"event":"referral_canceled"`+head+
		`,"referrer":{"id":"1","email":"jane@example.com","payout_preferences":{"paypal_email":"pay@example.com"}}`+
		ofCarl+`,"data":`+changed+`}}`)

	_, err := p.Shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: "u_2", AffiliateID: jane.ID})
	p.OK(err)
	wise := `,"referrer":{"id":"1","email":"jane@example.org",` +
		`"payout_preferences":{"wise_details":{"accountId":"77","email":"wise@example.com"}}}`
	sent("a referral", `{"event":"referral_signed_up"`+head+wise+`,"referred":{"id":"2","email":null},`+
		`"data":{"referral_code":"jane","signup_date":"2026-01-15T12:00:00.000Z","user_agent":null,"ip_address":null}}`)

	_, err = p.Shop.UpdateReferral(ctx, 2, refgrow.UpdateReferralParams{Email: new("dora@example.com")})
	p.OK(err)
	sent("a change of it", `{"event":"referral_updated"`+head+wise+`,"referred":{"id":"2","email":"dora@example.com"},`+
		`"data":{"id":2,"user_email":"dora@example.com","external_id":"u_2","external_ids":["u_2"],`+
		`"conversion_status":"pending",`+
		`"conversion_date":null,"created_at":"2026-01-15T12:00:00.000Z","affiliate_id":1,"affiliate_code":"jane",`+
		`"changes":{"user_email":[null,"dora@example.com"]}}}`)

	// A signup credited to nobody, from yesterday, that came with a code that nobody has.
	p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, ReferralCode: "nobodys", OccurredAt: p.Clock.Now().Add(-24 * time.Hour),
	})
	const nobody = `,"referrer":null,"referred":null,"data":{`
	const signup = `"id":2,"project_id":1,"type":"signup","affiliate_id":null,"referred_user_id":null,"value":0,` +
		`"base_value":null,"base_value_currency":null,"refunded_amount":0,"paid":false,"status":"unattributed",` +
		`"created_at":"2026-01-14T12:00:00.000Z","reference":null,"coupon_code_used":null`
	sent("a signup",
		`{"event":"referral_signed_up"`+head+nobody+`"referral_code":null,`+
			`"signup_date":"2026-01-14T12:00:00.000Z","user_agent":null,"ip_address":null,`+
			signup+`,"product":null,"url":null}}`,
		`{"event":"referral_converted"`+head+nobody+signup+`,"referral_code":"nobodys","product":null,"url":null}}`,
		`{"event":"referral_updated"`+head+nobody+signup+`,"referral_code":"nobodys","product":null,"url":null}}`)
	p.Verify()
}

// The data of a conversion's event is what the API shows of it then.
func TestEventDataIsWhatTheAPIShows(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("8.2"), HoldDays: 30})
	ctx := t.Context()
	jane := p.Affiliate("jane")
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	sale := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("1000 JPY"),
		URL: "https://example.com/?a=1&b=\u2028", CouponCode: "50%",
	})
	same := func(what string, taken []refgrow.Attempt) {
		t.Helper()
		c, err := p.Shop.GetConversion(ctx, sale.ID)
		p.OK(err)
		for _, a := range taken {
			members, _, _ := strings.Cut(string(p.message(a).Data), `,"changes":`)
			if got, want := strings.TrimSuffix(members, "}")+"}", string(c.AppendJSON(nil)); got != want {
				t.Errorf("%s of %s has\n%s\nbut should have\n%s", a.Event, what, got, want)
			}
		}
		if len(taken) == 0 {
			t.Errorf("%s sent nothing", what)
		}
	}
	same("a purchase", p.deliveries(hook))
	p.Clock.Advance(31 * 24 * time.Hour)
	p.Update(sale, refgrow.UpdateConversionParams{Paid: new(true), Reference: refgrow.Set("in_1")})
	same("a change", p.deliveries(hook))
	_, err := p.Shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{Amount: money.MustParse("1 JPY")})
	p.OK(err)
	same("a refund in part", p.deliveries(hook))
	_, err = p.Shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{})
	p.OK(err)
	same("a refund", p.deliveries(hook))
}

// Whatever is sent to an endpoint that declines payout preferences has none of them, and
// is otherwise what another one is sent.
func TestDeclinedPayoutPreferences(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("10"), SignupCommission: refgrow.Fixed(
		money.MustParse("1.00 USD"))})
	ctx := t.Context()
	gets := p.Endpoint(refgrow.CreateWebhookParams{Events: refgrow.Events()})
	declines := p.Endpoint(refgrow.CreateWebhookParams{Events: refgrow.Events(), PayoutPreferences: new(false)})
	jane, err := p.Shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE", PayoutPreferences: refgrow.PayoutPreferences{
			PayPalEmail: "pay@canary.example", WiseEmail: "wise@canary.example", WiseAccountID: "4711", WiseName: "Canary",
		},
	})
	p.OK(err)
	of := refgrow.RecordConversionParams{Type: refgrow.Signup, ReferralCode: "JANE",
		Customer: refgrow.Customer{Email: "carl@example.com"}}
	p.Record(of)
	of.Type, of.BaseValue = refgrow.Purchase, money.MustParse("50.00 USD")
	sale := p.Record(of)
	p.Update(sale, refgrow.UpdateConversionParams{CouponCode: refgrow.Set("SAVE")})
	for _, payout := range must(p.Shop.RunPayouts(ctx, refgrow.PayoutRunParams{})) {
		must(p.Shop.PayPayout(ctx, payout.ID, refgrow.PayPayoutParams{}))
	}
	p.OK(p.Shop.DeleteConversion(ctx, sale.ID))
	for _, status := range []refgrow.AffiliateStatus{refgrow.AffiliateInactive, refgrow.AffiliateActive} {
		must(p.Shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{Status: &status}))
	}
	sent := func(hook *refgrow.Webhook) map[string]string {
		p.Spread()
		bodies := make(map[string]string)
		for attempts := p.Claim(hook); len(attempts) > 0; attempts = p.Claim(hook) {
			for _, a := range attempts {
				bodies[a.MessageID] = string(a.Body)
				p.Finish(a, refgrow.AttemptSucceeded)
			}
		}
		return bodies
	}
	all, less := sent(gets), sent(declines)
	seen := make(map[string]bool)
	for id, body := range all {
		var full, without map[string]any
		p.OK(json.Unmarshal([]byte(body), &full))
		p.OK(json.Unmarshal([]byte(less[id]), &without))
		seen[full["event"].(string)] = true
		if !strings.Contains(strings.ToLower(body), "canary") {
			t.Errorf("%s has no preferences", body)
		}
		delete(full["referrer"].(map[string]any), "payout_preferences")
		if full["event"] == "affiliate_updated" {
			delete(full["data"].(map[string]any), "payout_preferences")
		}
		if !reflect.DeepEqual(full, without) || strings.Contains(strings.ToLower(less[id]), "canary") {
			t.Errorf("an endpoint that declines is sent %s", less[id])
		}
	}
	if len(seen) != len(refgrow.Events()) || len(less) != len(all) {
		t.Errorf("%d and %d bodies of the events %v", len(all), len(less), seen)
	}
	// It is no word of the event, but of the endpoint, now.
	must(p.Shop.Webhooks().Update(ctx, gets.ID, refgrow.UpdateWebhookParams{PayoutPreferences: new(false)}))
	must(p.Shop.Webhooks().Replay(ctx, gets.ID, p.Clock.Now().Add(-time.Hour)))
	for id, body := range sent(gets) {
		if body != less[id] {
			t.Errorf("after declining it is sent %s", body)
		}
	}
	p.Verify()
}
