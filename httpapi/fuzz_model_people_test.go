package httpapi_test

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// What the API should show of affiliates, referred users and coupons that it accepted.

var generatedCode = regexp.MustCompile(`^[2-9A-HJ-NP-Z]{8}$`)

func affiliateCreated(c *acceptedCall) {
	shown := c.got.data()
	want := map[string]any{
		"id": matcher(anID), "user_email": lower(c.sent["email"]),
		"partner_slug": c.sent["partner_slug"], "created_at": c.now(), "status": "active",
		"referral_code": c.textOr("referral_code",
			matcher(func(v any) bool { return generatedCode.MatchString(text(v)) })),
		"unpaid_earnings": nil, "total_earnings": nil,
	}
	if preferences := c.sent["payout_preferences"]; preferences != nil {
		if kept := merged(nil, preferences); kept != nil {
			want["payout_preferences"] = kept
		}
	}
	c.shows("the new affiliate", shown, want)

	want["id"], want["referral_code"] = shown["id"], shown["referral_code"]
	want["unpaid_earnings"], want["total_earnings"], want["paid_earnings"] = "0.00", "0.00", "0.00"
	want["clicks"], want["signups"], want["purchases"] = int64(0), int64(0), int64(0)
	want["payouts_paused"] = false
	for _, email := range []any{shown["user_email"], c.sent["email"]} {
		c.shows("the affiliate", c.get("/affiliates/"+segment(email)), want)
	}
	c.leads(shown["referral_code"], shown["id"])
	c.leads(shown["partner_slug"], shown["id"])
}

// leads checks that a code, in any case, credits an affiliate.
func (c *acceptedCall) leads(code, affiliate any) {
	c.Helper()
	if code == nil {
		return
	}
	for _, written := range []string{text(code), strings.ToUpper(text(code)), strings.ToLower(text(code))} {
		body := fmt.Sprintf(`{"type": "signup", "referral_code": %q}`, written)
		if got := c.do(c, "POST", "/conversions", body).ok(c, 201).data(); got["affiliate_id"] != affiliate {
			c.Errorf("the code %s credits %v, want %v", written, got["affiliate_id"], affiliate)
		}
	}
}

func affiliateChanged(c *acceptedCall) {
	want := c.changed(map[string]string{"email": "user_email"},
		map[string]func(any) any{"email": lower, "payout_preferences": func(sent any) any {
			return merged(c.before["payout_preferences"], sent)
		}})
	if want["payout_preferences"] == nil {
		delete(want, "payout_preferences")
	}
	shown := c.got.data()
	c.shows("the affiliate", shown, want)
	path := "/affiliates/" + segment(shown["user_email"])
	c.shows("the affiliate that is read", c.get(path), want)
	c.again(path)
	c.exported(want["payout_preferences"])
	if shown["status"] == "active" {
		for _, former := range []string{"ZOE", "zoe-z"} { // which also lead there
			c.leads(former, shown["id"])
		}
		c.leads(shown["referral_code"], shown["id"])
		c.leads(shown["partner_slug"], shown["id"])
	}
}

// merged is an object with what was sent in place of what was there, nil when nothing
// is left. Null removes something. Emails are in lower case.
func merged(before, sent any) any {
	next, _ := before.(map[string]any)
	if next = maps.Clone(next); next == nil {
		next = make(map[string]any)
	}
	for name, v := range sent.(map[string]any) {
		switch {
		case name == "wise_details" && v != nil:
			v = merged(next[name], v)
		case strings.HasSuffix(name, "email"):
			v = lower(v)
		}
		if next[name] = v; v == nil {
			delete(next, name)
		}
	}
	if len(next) == 0 {
		return nil
	}
	return next
}

// exported checks the files for the payout that waits for Zoe.
func (c *acceptedCall) exported(preferences any) {
	c.Helper()
	shown, _ := preferences.(map[string]any)
	wise, _ := shown["wise_details"].(map[string]any)
	payPal := [][]string{{text(shown["paypal_email"]), "1000.00", "USD", "payout-2", "Affiliate payout 2"}}
	if shown["paypal_email"] == nil {
		payPal = nil
	}
	c.file("/payouts/export?format=paypal", payPal)
	name := text(shown["wise_name"])
	saved := [][]string{{"recipientId", "name", "recipientEmail", "sourceCurrency",
		"targetCurrency", "amountCurrency", "amount", "paymentReference"}}
	if account := text(wise["accountId"]); account != "" {
		saved = append(saved, []string{account, name, text(wise["email"]), "USD", "USD", "target", "1000.00", "Payout 2"})
	}
	c.file("/payouts/export?format=wise", saved)
	byEmail := [][]string{{"name", "recipientEmail", "paymentReference", "receiverType",
		"amountCurrency", "amount", "sourceCurrency", "targetCurrency"}}
	if email := text(wise["email"]); email != "" {
		if name == "" {
			name = email
		}
		byEmail = append(byEmail, []string{name, email, "Payout 2", "PERSON", "target", "1000.00", "USD", "USD"})
	}
	c.file("/payouts/export?format=wise_email", byEmail)
}

func referralCreated(c *acceptedCall) {
	status := "direct_signup"
	if _, given := c.given("affiliate_id"); given {
		status = "pending"
	}
	want := map[string]any{
		"id": matcher(anID), "user_email": lower(c.sent["email"]),
		"affiliate_id": c.sent["affiliate_id"], "created_at": c.now(),
		"conversion_status": c.textOr("status", status), "conversion_date": nil,
	}
	if s := want["conversion_status"]; s == "converted" || s == "direct" {
		want["conversion_date"] = c.now()
	}
	shown := c.got.data()
	c.shows("the new referral", shown, want)
	want["id"], want["external_id"], want["affiliate_code"] = shown["id"], nil, codeOfAffiliate(want["affiliate_id"])
	want["external_ids"] = []any{}
	for _, email := range []any{shown["user_email"], c.sent["email"]} {
		c.shows("the referral", c.get("/referrals/"+segment(email)), want)
	}
}

func referralChanged(c *acceptedCall) {
	want := c.changed(map[string]string{"email": "user_email", "status": "conversion_status"},
		map[string]func(any) any{"email": lower})
	want["affiliate_code"] = codeOfAffiliate(want["affiliate_id"])
	if s := want["conversion_status"]; s != c.before["conversion_status"] {
		want["conversion_date"] = nil
		if s == "converted" || s == "direct" {
			want["conversion_date"] = c.now()
		}
	}
	c.shows("the referral", c.got.data(), want)
	path := "/referrals/" + segment(want["user_email"])
	c.shows("the referral that is read", c.get(path), want)
	c.again(path)
}

// referralsMerged checks that Carl has got what another customer had, who is gone.
func referralsMerged(c *acceptedCall) {
	other := map[int64]string{2: "dora@example.com", 3: "eve@example.com"}[number(c.sent["from"])]
	if other == "" {
		c.Errorf("customer %v was merged", c.sent["from"])
	}
	want := maps.Clone(c.before)
	if number(c.sent["from"]) == 3 {
		want["external_id"], want["external_ids"] = "u-7", []any{"u-7"}
	}
	c.shows("the merged customer", c.got.data(), want)
	c.shows("the merged customer that is read", c.get("/referrals/1"), want)
	c.do(c, "GET", "/referrals/"+asText(c.sent["from"]), "").refused(c, 404, "not_found", "")
	c.do(c, "GET", "/referrals/"+segment(other), "").refused(c, 404, "not_found", "")
	c.do(c, "POST", c.call.path, c.body).refused(c, 404, "not_found", "")
}

// labAffiliates are those of fillLab.
var labAffiliates = map[int64]struct{ email, code string }{
	1: {"jane@example.com", "JANE"}, 2: {"bob@example.com", "BOB"},
	3: {"zoe@example.com", "ZOE"}, 4: {"ina@example.com", "INA"},
}

func codeOfAffiliate(id any) any {
	if id == nil {
		return nil
	}
	return labAffiliates[number(id)].code
}

func couponCreated(c *acceptedCall) {
	want := map[string]any{
		"id": matcher(anID), "project_id": int64(1), "created_at": c.now(),
		"affiliate_id": c.sent["affiliate_id"], "coupon_code": c.sent["coupon_code"],
		"stripe_coupon_id":           c.sent["stripe_coupon_id"],
		"lemonsqueezy_discount_code": c.sent["lemonsqueezy_discount_code"],
		"status":                     c.textOr("status", "active"),
	}
	c.couponShows(want)
}

func couponChanged(c *acceptedCall) {
	c.couponShows(c.changed(nil, nil))
	c.again("/coupons/1")
}

func (c *acceptedCall) couponShows(want map[string]any) {
	c.Helper()
	affiliate := labAffiliates[number(want["affiliate_id"])]
	want["affiliate_email"], want["affiliate_referral_code"] = affiliate.email, affiliate.code
	shown := c.got.data()
	c.shows("the coupon", shown, want)
	c.shows("the coupon that is read", c.get("/coupons/"+c.got.id()), want)
	if number(want["affiliate_id"]) == 4 { // whose coupons credit nobody
		return
	}
	code := text(shown["coupon_code"])
	for _, written := range []string{code, strings.ToUpper(code), strings.ToLower(code)} {
		got := c.do(c, "POST", "/conversions", fmt.Sprintf(`{"type": "signup", "coupon_code_used": %q}`, written)).
			ok(c, 201).data()
		credited := got["affiliate_id"] == shown["affiliate_id"]
		other := code == "promo_bob" || code == "promo_jane" || code == "ls_jane"
		if credited != (shown["status"] == "active") && !other {
			c.Errorf("the coupon %s credits %v", written, got["affiliate_id"])
		}
	}
}
