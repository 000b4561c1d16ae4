package httpapi_test

import (
	"path"
	"strings"
)

// canaryCalls tell of jane, an affiliate, and carl, her customer, who are going, and of
// joe and dora, who are not. The last names of canaries say what they are.
func canaryCalls() []told {
	return []told{
		{"", `PUT /project {"landing_url": "https://<word owner.landing>.example/",
			"allowed_origins": ["https://<word owner.origin>.example"]}`, false},
		{"", `POST /webhooks {"url": "https://example.com/<word owner.hook>", "secret": "<word owner.secret>-0123456789",
			"events": [EVENTS]}`, false},
		{"", `POST /webhooks {"url": "https://<word owner.hook.2>.example/", "events": [EVENTS]}`, false},
		{"failing", `POST /webhooks {"url": "https://example.com/", "events": [EVENTS]}`, false},
		{"", `PUT /webhooks/{failing} {"url": "https://example.com/<word owner.hook.3>"}`, false},
		{"", `POST /webhooks/{failing}/test {"event": "affiliate_updated"}`, false},
		{"", `POST /webhooks/{failing}/rotate`, false},

		{"jane", `POST /affiliates {"email": "<mail jane.email>", "referral_code": "<code jane.code>",
			"partner_slug": "<word jane.slug>", "payout_preferences": {"paypal_email": "<mail jane.paypal>",
			"wise_details": {"accountId": "<number jane.account>", "email": "<mail jane.wise>"},
			"wise_name": "<text jane.name>"}}`, false},
		{"joe", `POST /affiliates {"email": "<mail joe.email>", "referral_code": "<code joe.code>",
			"payout_preferences": {"paypal_email": "<mail joe.paypal>"}}`, false},
		{"rule", `POST /rules {"affiliate_id": {jane}, "product": "<text owner.product>", "commission": "30%"}`, false},
		{"coupon", `POST /coupons {"affiliate_id": {jane}, "coupon_code": "<code jane.coupon>",
			"stripe_coupon_id": "<text jane.stripe>", "lemonsqueezy_discount_code": "<text jane.lemon>"}`, false},
		{"", `POST /coupons {"affiliate_id": {joe}, "coupon_code": "<code joe.coupon>"}`, false},
		{"gone", `POST /coupons {"affiliate_id": {jane}, "coupon_code": "<code jane.gone-coupon>"}`, false},

		// What browsers say.
		{"", `CLAIM <mail visitor.claim> <jane.code>`, false},
		{"", `CLAIM <mail dora.email> <jane.code>.<joe.code>`, false},
		{"", `POST /clicks {"referral_code": "<jane.code>", "user_agent": "<text jane.agent>",
			"url": "https://shop.example/<word jane.page>?ref=<jane.code>&utm_source=<word jane.utm>&q=<word visitor.query>",
			"referrer": "https://<word jane.site>.example/?email=<word visitor.referrer>", "ip_address": "192.0.2.1"}`, false},
		{"", `POST /clicks {"clicks": [{"referral_code": "<jane.slug>", "user_agent": "<text jane.agent.2>",
			"url": "https://shop.example/<word jane.page.2>", "referrer": "https://<word jane.site.2>.example/"},
			{"referral_code": "<joe.code>", "url": "https://shop.example/<word joe.page>"}]}`, false},

		// Sales: of carl for jane, of carl for joe with what leads to jane, of dora for joe
		// with what leads to jane, and of people who are not known.
		{"carl", `POST /referrals {"email": "<mail carl.email>", "affiliate_id": {jane}}`, false},
		{"", `CLAIM <carl.email> <joe.code>`, false},
		{"sale", `POST /conversions {"type": "purchase", "email": "<carl.email>", "external_id": "<text carl.id>",
			"base_value": 100, "referral_code": "<jane.code>", "coupon_code_used": "<jane.coupon>",
			"product": "<text sale.product>", "reference": "<text sale.reference>",
			"url": "https://shop.example/<word carl.page>?via=<jane.slug>&email=<word carl.query>"}`, false},
		{"", `POST /conversions {"type": "purchase", "external_id": "<text carl.id.2>", "email": "<carl.email>",
			"base_value": 10, "affiliate_id": {joe}, "referral_code": "<joe.code>.<jane.slug>",
			"coupon_code_used": "<jane.stripe>", "reference": "<text joe.reference>",
			"url": "https://shop.example/<word carl.page.2>"}`, false},
		{"", `POST /conversions {"type": "signup", "email": "<carl.email>", "referral_code": "<jane.code>"}`, false},
		{"", `POST /conversions {"type": "purchase", "external_id": "<carl.id>", "base_value": 12,
			"coupon_code_used": "<carl.id.2>", "affiliate_id": {joe}}`, false},
		{"", `POST /conversions {"type": "signup", "email": "<carl.email>", "referral_code": "<jane.slug>.<jane.code>",
			"external_id": "<text carl.id.3>"}`, false},
		{"moving", `POST /conversions {"type": "purchase", "email": "<carl.email>", "base_value": 20,
			"affiliate_id": {joe}, "reference": "<text former.reference>"}`, false},
		{"", `PUT /conversions/{moving} {"affiliate_id": {jane}, "reference": "<text sale.reference.2>"}`, false},
		{"", `PUT /conversions/{moving} {"affiliate_id": {joe}, "coupon_code_used": "<jane.coupon>"}`, false},
		{"doras", `POST /conversions {"type": "purchase", "email": "<dora.email>", "base_value": 30,
			"affiliate_id": {joe}, "referral_code": "<joe.code>.<jane.code>", "coupon_code_used": "<jane.lemon>",
			"url": "https://shop.example/<word dora.page>?ref=<jane.code>"}`, false},
		{"", `POST /conversions {"type": "purchase", "email": "<dora.email>", "base_value": 31, "affiliate_id": {joe},
			"coupon_code_used": "<jane.gone-coupon>", "reference": "<text joe.reference.3>"}`, false},
		{"", `POST /conversions {"type": "purchase", "base_value": 40, "coupon_code_used": "<jane.coupon>",
			"external_id": "<text other.id>", "url": "https://shop.example/<word other.page>?ref=<jane.code>"}`, false},
		{"lost", `POST /conversions {"type": "purchase", "base_value": 41, "referral_code": "<code other.code>"}`, false},
		{"", `PUT /conversions/{lost} {"affiliate_id": {jane}}`, false},
		{"", `DELETE /coupons/{gone}`, false},

		// Refunds, by any name, of sales that stay and of one that does not.
		{"", `POST /refunds {"reference": "<sale.reference>", "amount": 1, "refund_reference": "<text sale.refund>",
			"reason": "<text carl.reason>"}`, false},
		{"", `POST /conversions/{sale}/refund {"amount": 2, "refund_reference": "<text sale.refund.2>",
			"reason": "<text carl.reason.2>"}`, false},
		{"", `POST /conversions/{sale}/undo-refund {"refund_reference": "<sale.refund>",
			"reason": "<text carl.reason.3>"}`, false},
		{"", `POST /conversions/{moving}/refund {"amount": 3, "reason": "<text carl.reason.4>"}`, false},
		{"", `POST /conversions/{doras}/refund {"amount": 4, "reason": "<text dora.reason>"}`, false},
		{"deleted", `POST /conversions {"type": "purchase", "email": "<carl.email>", "base_value": 50,
			"affiliate_id": {joe}, "reference": "<text carl.deleted>",
			"url": "https://shop.example/<word carl.page.3>"}`, false},
		{"", `POST /conversions/{deleted}/refund {"amount": 5, "reason": "<text carl.reason.5>"}`, false},
		{"", `DELETE /conversions/{deleted}`, false},

		// A customer who turns out to be carl, and what was changed of both.
		{"signup", `POST /conversions {"type": "signup", "email": "<mail carl.twin>", "external_id": "<text carl.twin-id>",
			"affiliate_id": {joe}}`, false},
		{"twin", `GET /referrals?external_id=<carl.twin-id>`, false},
		{"customer", `POST /referrals {"email": "<mail carl.twin.2>"}`, false},
		{"", `CLAIM <carl.twin.2> <joe.code>`, false},
		{"", `PUT /referrals/{customer} {"email": "<mail carl.twin.3>"}`, false},
		{"", `CLAIM <carl.twin.3> <joe.code>`, false},
		{"", `POST /referrals/{twin}/merge {"from": {customer}}`, false},
		{"", `POST /referrals/{carl}/merge {"from": {twin}}`, false},
		{"", `PUT /referrals/<carl.email> {"affiliate_id": {joe}}`, false},
		{"", `PUT /referrals/<carl.email> {"affiliate_id": {jane}}`, false},
		{"", `PUT /referrals/<carl.email> {"email": "<mail carl.email.2>", "status": "pending"}`, false},
		{"", `PUT /coupons/{coupon} {"coupon_code": "<code jane.coupon.2>", "stripe_coupon_id": "<text jane.stripe.2>",
			"lemonsqueezy_discount_code": "<text jane.lemon.2>"}`, false},
		{"", `PUT /affiliates/<jane.email> {"status": "inactive"}`, false},
		{"", `PUT /affiliates/<jane.email> {"email": "<plain jane.email.2>", "referral_code": "<code jane.code.2>",
			"partner_slug": "<word jane.slug.2>", "status": "active", "payout_preferences": {
			"paypal_email": "<plain jane.paypal.2>", "wise_details": {"accountId": "<number jane.account.2>",
			"email": "<mail jane.wise.2>"}, "wise_name": "<text jane.name.2>"}}`, false},

		{"", `CLAIM <jane.email.2> <joe.code>`, false},
		{"", `POST /conversions {"type": "purchase", "external_id": "<text other.id.2>", "base_value": 13,
			"coupon_code_used": "<jane.paypal.2>", "referral_code": "<jane.email.2>"}`, false},
		{"", `POST /conversions {"type": "purchase", "external_id": "<carl.id>", "base_value": 14,
			"coupon_code_used": "<carl.email.2>", "referral_code": "<carl.email.2>"}`, false},

		// Payments.
		{"", `POST /adjustments {"affiliate_id": {jane}, "amount": 33, "note": "<text jane.note>"}`, false},
		{"", `POST /adjustments {"affiliate_id": {joe}, "amount": 33, "note": "<text joe.note>"}`, false},
		{"canceled", `POST /payouts {"affiliate_id": {jane}}`, false},
		{"", `POST /payouts/{canceled}/cancel`, false},
		{"returned", `POST /payouts {"affiliate_id": {jane}}`, false},
		{"", `POST /payouts/{returned}/pay {"external_reference": "<text payment.reference>"}`, false},
		{"", `POST /payouts/{returned}/return {"note": "<text jane.return>"}`, false},
		{"paid", `POST /payouts {"affiliate_id": {jane}}`, false},
		{"", `POST /payouts/pay {"payouts": [{"id": {paid}, "external_reference": "<text payment.reference.2>"}]}`, false},
		{"", `POST /adjustments {"affiliate_id": {jane}, "amount": 34, "note": "<text jane.note.2>"}`, false},
		{"many", `POST /payouts {"affiliate_id": {jane}}`, false},
		{"", `POST /payouts/cancel {"payouts": [{"id": {many}}]}`, false},

		// What is asked for.
		{"", `GET /affiliates?referral_code=<jane.code.2>`, false},
		{"", `GET /conversions?reference=<sale.reference.2>`, false},
		{"", `GET /referrals?external_id=<carl.id.2>`, false},
		{"", `GET /coupons?coupon_code=<jane.coupon.2>`, false},
		{"", `GET /rules?product=<owner.product>`, false},
		{"", `DELETE /rules/{rule}`, false},
		{"switched", `POST /webhooks {"url": "https://example.com/", "events": [EVENTS]}`, false},
		{"", `DELETE /webhooks/{switched}`, false},
		{"", `POST /webhooks/{failing}/replay {"since": "2026-01-15"}`, false},

		// What no endpoint has been sent yet.
		{"", `POST /conversions {"type": "purchase", "email": "<carl.email.2>", "base_value": 60,
			"referral_code": "<jane.code.2>", "coupon_code_used": "<jane.coupon.2>"}`, true},
		{"", `PUT /conversions/{moving} {"affiliate_id": {jane}}`, true},
		{"", `POST /conversions {"type": "purchase", "email": "<dora.email>", "base_value": 61, "affiliate_id": {joe},
			"referral_code": "<jane.slug.2>", "coupon_code_used": "<jane.lemon.2>"}`, true},
		{"", `POST /conversions/{sale}/refund {"reason": "<text carl.reason.6>"}`, true},
		{"", `POST /payouts {"affiliate_id": {joe}}`, true},
	}
}

// keptBecause says why a canary is rightly kept, "" if it is not.
func keptBecause(departure, name string) string {
	affiliate, erased := strings.HasPrefix(departure, "an affiliate"), strings.HasSuffix(departure, "erased")
	for _, rule := range []struct {
		names string
		holds bool
		why   string
	}{
		{"owner.*", true, "what the program's owner says of itself"},
		{"joe.*", true, "another affiliate's"},
		{"dora.*", true, "another customer's"},
		{"other.*", true, "of sales of other people"},
		{"jane.*", !affiliate, "another person's: her own record, and what her customers' sales came by"},
		{"carl.*", affiliate && erased, "another person's: customers stay with an erased affiliate"},
		{"visitor.claim", !affiliate, "another person's"},
		{"former.*", true, "somebody's former name for a sale of another affiliate's, in events of that time only"},
		{"sale.*", true, "the app's own names for sales, products and refunds stay with the books (EraseAffiliate)"},
		{"payment.*", true, "the external references of payments stay with the books (EraseAffiliate)"},
	} {
		if ok, err := path.Match(rule.names, name); rule.holds && ok && err == nil {
			return rule.why
		}
	}
	return ""
}

// goneWithTheRow reports whether what may be kept goes with its row nevertheless.
func goneWithTheRow(departure, name string) bool {
	switch departure {
	case "an affiliate is deleted":
		return slicesContain("former.* sale.* payment.* other.*", name)
	case "an affiliate is erased":
		return slicesContain("former.* carl.reason*", name) // in notes of entries of the affiliate
	}
	return slicesContain("former.*", name)
}

func slicesContain(patterns, name string) bool {
	for pattern := range strings.FieldsSeq(patterns) {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}

// neverStored says why a canary is nowhere even while its person is there.
func neverStored(name string) string {
	switch name {
	case "visitor.query", "visitor.referrer":
		return "of URLs of visits the query is not kept"
	}
	return ""
}

// takesNoText says why fields and parameters need no canary.
func takesNoText() map[string]string {
	all := make(map[string]string)
	for names, why := range map[string]string{
		"affiliate_id referred_user_id delivery_id run_id conversion_id after affiliate_ids without from id": "ids",
		"limit offset cursor": "places in lists",
		"type status format currency base_value_currency touch self_referral event events": "one of some words of ours",
		"paid preview coupon_first payouts_paused payout_preferences details_only reprice lower cap": "true or false, " +
			"or an object",
		"base_value value amount minimum minimum_payout refunded_total commission signup_commission " +
			"commission_duration hold_days cookie_days click_days overlap_hours": "numbers",
		"to as_of month cutoff paid_at since occurred_at told_at": "times",
		"clicks payouts wise_details":                             "objects, looked at each for itself",
		"ip_address":                                              "kept as hashes only",
		"name":                                                    "cannot be set over the API",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = why
		}
	}
	return all
}

// queryOf is what a query must have.
func queryOf(pattern string) string {
	return map[string]string{
		"/affiliates/{email}/statement": "month=2026-01", "/payouts/export": "format=paypal",
	}[pattern]
}
