package engine_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// The bodies that docs/webhooks.md shows are what is sent, all six of them.
func TestDocumentedEventBodies(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]any)
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		var body map[string]any
		if err := json.Unmarshal([]byte(block[1]), &body); err != nil {
			t.Fatalf("%v: %s", err, block[1])
		}
		event, _ := body["event"].(string)
		if documented[event] != nil {
			t.Errorf("%q has two examples", event)
		}
		documented[event] = body
	}
	all := []refgrow.Event{
		refgrow.EventReferralSignedUp, refgrow.EventReferralConverted, refgrow.EventReferralUpdated,
		refgrow.EventReferralCanceled, refgrow.EventPayoutUpdated, refgrow.EventAffiliateUpdated,
	}
	if len(documented) != len(all) {
		t.Errorf("%d bodies are documented", len(documented))
	}
	for event, body := range firstBodies(t, all) {
		if !reflect.DeepEqual(documented[event], body) {
			shown, err := json.MarshalIndent(body, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			t.Errorf("docs/webhooks.md shows another %s than what is sent:\n%s", event, shown)
		}
	}
}

// firstBodies returns a body of each event in a short life of a program: an affiliate
// joins, a customer signs up and buys, some of it is refunded, the affiliate is paid, and
// the sale is deleted. Of the updates it is that of the refund.
func firstBodies(t *testing.T, events []refgrow.Event) map[string]any {
	t.Helper()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	p.Clock.Set(time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC))
	ctx := t.Context()
	hook := p.Endpoint(refgrow.CreateWebhookParams{Events: events})
	jane, err := p.Shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE",
		PayoutPreferences: refgrow.PayoutPreferences{PayPalEmail: "jane@paypal.example"},
	})
	p.OK(err)
	_, err = p.Shop.CreateReferral(ctx, refgrow.CreateReferralParams{
		Email: "carl@example.com", ExternalID: "user_17", AffiliateID: jane.ID,
	})
	p.OK(err)
	sale := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("49.00 USD"), Reference: "in_123", Product: "pro",
		Customer: refgrow.Customer{ExternalID: "user_17"},
	})
	p.Clock.Advance(time.Hour)
	p.refund(sale, "9.00 USD")
	p.run(refgrow.PayoutRunParams{})
	p.OK(p.Shop.DeleteConversion(ctx, sale.ID))
	bodies := make(map[string]any)
	for _, attempt := range p.deliveries(hook) {
		var body map[string]any
		p.OK(json.Unmarshal(attempt.Body, &body))
		event, _ := body["event"].(string)
		if data, _ := body["data"].(map[string]any); bodies[event] == nil || data["changes"] != nil {
			bodies[event] = body
		}
	}
	return bodies
}
