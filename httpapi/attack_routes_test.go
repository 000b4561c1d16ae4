package httpapi_test

import "strings"

// An attack is how a route is called by somebody who may.
type attack struct {
	own    string   // what the path has in braces: an email, or the list that the id is from
	query  string   // what the query must have
	bodies []string // bodies that are accepted; {n} is another number each time, {affiliates} and {referrals} are ids
}

// attacks returns one for every route.
func attacks() map[string]attack {
	const jane, carl = "attacker-jane@example.com", "attacker-carl@example.com"
	return map[string]attack{
		"GET /affiliates":            {},
		"POST /affiliates":           {bodies: []string{`{"email": "new{n}@example.com", "referral_code": "new{n}"}`}},
		"GET /affiliates/{email}":    {own: jane},
		"PUT /affiliates/{email}":    {own: jane, bodies: []string{`{"status": "active"}`}},
		"DELETE /affiliates/{email}": {own: "attacker-ina@example.com"},

		"GET /conversions": {},
		"POST /conversions": {bodies: []string{
			`{"type": "purchase", "base_value": 5, "base_value_currency": "USD"}`,
			`{"type": "signup", "email": "attacker-dora@example.com", "external_id": "attacker-user-{n}"}`,
			`{"type": "purchase", "base_value": 5, "email": "new{n}@example.com",
				"coupon_code_used": "attacker-COUPON"}`,
		}},
		"GET /conversions/{id}":    {own: "conversions"},
		"PUT /conversions/{id}":    {own: "conversions", bodies: []string{`{"value": 3}`}},
		"DELETE /conversions/{id}": {own: "conversions"},

		"GET /referrals":            {},
		"POST /referrals":           {bodies: []string{`{"email": "new{n}@example.com"}`}},
		"GET /referrals/{email}":    {own: carl},
		"PUT /referrals/{email}":    {own: carl, bodies: []string{`{"status": "pending"}`}},
		"DELETE /referrals/{email}": {own: "attacker-once@example.com"},

		// Nobody of the attacker's own goes, whom other calls need.
		"POST /affiliates/{email}/erase": {own: "attacker-nobody@example.com"},
		"POST /referrals/{email}/erase":  {own: "attacker-nobody@example.com"},

		"POST /referrals/{id}/merge": {own: "oldest referrals", bodies: []string{`{"from": {referrals}}`}},

		"GET /coupons":         {},
		"POST /coupons":        {bodies: []string{`{"affiliate_id": {affiliates}, "coupon_code": "new{n}"}`}},
		"GET /coupons/{id}":    {own: "coupons"},
		"PUT /coupons/{id}":    {own: "coupons", bodies: []string{`{"status": "active"}`}},
		"DELETE /coupons/{id}": {own: "coupons"},

		"GET /project":       {},
		"PUT /project":       {bodies: []string{`{"cookie_days": 7, "commission": "3%"}`}},
		"GET /rules":         {},
		"POST /rules":        {bodies: []string{`{"product": "new{n}", "commission": "1%"}`}},
		"DELETE /rules/{id}": {own: "rules"},

		"POST /conversions/{id}/refund":      {own: "conversions?type=purchase", bodies: []string{`{"amount": 0.01}`}},
		"POST /conversions/{id}/undo-refund": {own: "conversions?type=purchase", bodies: []string{`{"amount": 0.01}`}},
		"GET /conversions/{id}/explain":      {own: "conversions"},
		"POST /refunds": {bodies: []string{
			`{"reference": "attacker-order-1", "amount": 0.01}`,
			`{"reference": "attacker-order-1", "refunded_total": 0.01, "told_at": "2026-01-15"}`,
			`{"reference": "attacker-order-1", "amount": 0.01, "refund_reference": "attacker-{n}"}`,
		}},

		"GET /affiliates/{email}/earnings":  {own: jane},
		"GET /affiliates/{email}/ledger":    {own: jane},
		"GET /affiliates/{email}/statement": {own: jane, query: "month=2026-01"},
		"POST /adjustments": {bodies: []string{
			`{"affiliate_id": {affiliates}, "amount": 1, "note": "a prize"}`,
		}},

		"GET /payouts":              {},
		"POST /payouts":             {bodies: []string{`{}`, `{"preview": true}`}},
		"GET /payouts/export":       {query: "format=paypal"},
		"POST /payouts/pay":         {bodies: []string{`{"payouts": [{"id": 1}]}`}},
		"POST /payouts/cancel":      {bodies: []string{`{"payouts": [{"id": 1}]}`}},
		"GET /payouts/runs":         {},
		"GET /payouts/runs/{id}":    {own: "payouts/runs"},
		"GET /payouts/{id}":         {own: "payouts"},
		"GET /payouts/{id}/entries": {own: "payouts"},
		"POST /payouts/{id}/pay":    {own: "payouts?status=pending", bodies: []string{`{}`}},
		"POST /payouts/{id}/return": {own: "payouts?status=paid", bodies: []string{`{"note": "x"}`}},
		"POST /payouts/{id}/cancel": {own: "payouts?status=pending", bodies: []string{`{}`}},

		"POST /clicks": {bodies: []string{
			`{"referral_code": "attacker-JANE", "ip_address": "203.0.113.77"}`,
			`{"clicks": [{"referral_code": "attacker-JANE"}, {"referral_code": "attacker-BOB"}]}`,
		}},
		"GET /statistics": {},

		"GET /webhooks": {},
		"POST /webhooks": {bodies: []string{
			`{"url": "https://example.com/{n}", "secret": "attacker-secret-of-webhooks"}`,
		}},
		"GET /webhooks/{id}":            {own: "webhooks"},
		"PUT /webhooks/{id}":            {own: "webhooks", bodies: []string{`{"status": "active"}`}},
		"DELETE /webhooks/{id}":         {own: "webhooks"},
		"POST /webhooks/{id}/rotate":    {own: "webhooks", bodies: []string{`{}`}},
		"POST /webhooks/{id}/test":      {own: "webhooks", bodies: []string{`{}`}},
		"POST /webhooks/{id}/replay":    {own: "webhooks", bodies: []string{`{"since": "2026-01-15"}`}},
		"GET /webhooks/{id}/deliveries": {own: "oldest webhooks"},
	}
}

// What a field of a body or a parameter of a query can name.
type meaning int

const (
	unknown     meaning = iota
	namesID             // a thing by its id
	namesText           // a thing by its email, code and so on, or nothing
	namesCursor         // a place in a list
	namesCodes          // codes, in objects
	namesNobody         // nothing that belongs to anybody
)

// meanings says what all fields and parameters of the API name.
func meanings() map[string]meaning {
	all := map[string]meaning{"cursor": namesCursor, "clicks": namesCodes}
	for names, meaning := range map[string]meaning{
		"affiliate_id referred_user_id delivery_id run_id conversion_id after": namesID,
		`email referral_code partner_slug reference coupon_code_used external_id product url
			coupon_code stripe_coupon_id lemonsqueezy_discount_code name landing_url
			external_reference refund_reference reason note referrer user_agent secret status`: namesText,
		`limit offset type paid from to as_of month format currency base_value_currency
			base_value value payout_preferences commission commission_duration
			signup_commission hold_days minimum_payout coupon_first self_referral touch
			cookie_days click_days allowed_origins amount cutoff minimum preview ip_address
			payouts_paused affiliate_ids without details_only payouts paid_at
			events event since occurred_at reprice overlap_hours refunded_total told_at lower
			cap`: namesNobody,
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = meaning
		}
	}
	return all
}
