package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzValues is FuzzBody for what is in the fields: texts and numbers, in bodies that
// are objects. An empty value leaves its field out.
func FuzzValues(f *testing.F) {
	for i, v := range awkwardValues() {
		if i < len(fuzzedForms()) || i%4 == 0 { // the others are for TestAwkwardValues alone
			f.Add(v.form, v.a, v.b, v.c, v.d)
		}
	}
	l := newLab(f, fillLab(f))
	f.Fuzz(func(t *testing.T, form uint8, a, b, c, d string) { l.checkValues(t, formValues{form, a, b, c, d}) })
}

func TestAwkwardValues(t *testing.T) {
	t.Parallel()
	l := newLab(t, fillLab(t))
	for _, v := range awkwardValues() {
		if l.checkValues(t, v); t.Failed() {
			t.Fatalf("by %q", v)
		}
	}
}

func (l *lab) checkValues(t *testing.T, v formValues) {
	t.Helper()
	form := fuzzedForms()[int(v.form)%len(fuzzedForms())]
	l.checkBody(t, form.call, form.filled(t, v.a, v.b, v.c, v.d))
}

// formValues are what a form is filled with.
type formValues struct {
	form       uint8
	a, b, c, d string
}

// awkwardValues begin with ordinary ones, in the order of the forms.
func awkwardValues() []formValues {
	values := []formValues{
		{0, "x@example.com", "CODE", "slug", ""},
		{1, "Zoe.2@example.com", "zoe-2", "zoe-2", "inactive"},
		{2, "paypal@example.com", "12345", "wise@example.com", ""},
		{3, "y@example.com", "pending", "", ""},
		{4, "z@example.com", "2", "", ""},
		{5, "COUPON", "stripe", "lemon", "active"},
		{6, "2", "COUPON", "stripe", "lemon"},
		{7, "19.99", "4", "usd", "order-1"},
		{8, "buyer@example.com", "u-1", "jane", "BOB20"},
		{9, "102.53", "Pro", "https://example.com/", "2"},
		{10, "19.99", "1e1", "eur", "order-2"},
		{11, "12", "refunded, by mistake", "", ""},
		{12, "-12.5", "EUR", "a deduction", "3"},
		{13, "8.25%", "5.00", "6 payments", "shop 2"},
		{14, "/welcome", "https://example.com:8443", "0.5", "30"},
		{15, "Pro", "12.5%", "1 month", "1"},
		{16, "https://example.com/hook", "a secret of at least 24 bytes", "referral_updated", ""},
		{17, "https://example.com/hook", "referral_canceled", "inactive", ""},
		{18, "JANE", "2001:db8::1", "https://example.com/", "Mozilla/5.0"},
		{19, "2024-07-29T13:00:00", "", "", ""},
	}
	for _, number := range []string{"0.1", "1e2", "250.00", "0e9",
		"1e-2", "9e13", "0.005", "1e999999999", "00", "-0", "12.345"} {
		values = append(values, formValues{7, number, "", "", ""},
			formValues{9, number, "", "", "1"}, formValues{12, number, "KWD", "note", "1"})
	}
	for _, email := range []string{
		strings.Repeat("Ⱥ", 32) + "@example.com", "\u212a@example.com",
		"o'neil+tag@example.com", "a/b@example.com", "50%@example.com", "=x@example.com", "a@b.c.", "\x00@b.co",
	} {
		values = append(values, formValues{0, email, "", "", ""},
			formValues{2, email, "", email, ""}, formValues{8, email, "", "", ""})
	}
	for _, code := range []string{"abc", "JaNe", "ab", "a b c", "\u212a12",
		"ſss", "-_-", strings.Repeat("x", 64), strings.Repeat("x", 65), "../", "A%42"} {
		values = append(values, formValues{0, "code@example.com", code, "", ""},
			formValues{5, code, "", "", ""}, formValues{8, "", "", code, code}, formValues{18, code, "", "", ""})
	}
	for _, site := range []string{
		"https://EXAMPLE.com.", "https://example.com:", "https://example.com:0443",
		"http://[::FFFF:1.2.3.4]:80", "http://[fe80::1%25eth0]", "https://ex%41mple.com",
		"https://münchen.example", "https://example.com/?", "https://user@example.com",
		"https://1.2.3", "https://[::1]:00443", "HTTP://Localhost:8080",
	} {
		values = append(values, formValues{14, site, site, "", ""}, formValues{16, site, "", "", ""})
	}
	for _, at := range []string{
		"2024-07-29", "1722258000", "1722258000999", "2024-07-29T13:00:00.1259+14:00", "2024-07-29T13:00:00.5",
		"1969-12-31T23:59:59Z", "0001-01-01", "2026-01-15T12:00:00.001Z", "2024-07-29 13:00:00", "now", "172225800",
	} {
		values = append(values, formValues{19, at, "", "", ""})
	}
	for _, text := range []string{"\U0010FFFFx", " x", "x\u00a0",
		"\ufeff", "e\u0301", "\u202e", strings.Repeat("é", 255), strings.Repeat("é", 256), "'", "=1+1", "null"} {
		values = append(values, formValues{7, "1", "", "", text}, formValues{15, text, "1e1%", "1 payment", ""},
			formValues{13, "0e-5%", "1e0", "01 months", text}, formValues{12, "1", "", text, "1"})
	}
	return values
}

// A fuzzedForm is a body with blanks: fields, each with one of the letters A to D in
// place of a text, or with # and the letter in place of a number. A dot leads into an
// object, [] into an array.
type fuzzedForm struct {
	call   fuzzedCall
	fields []string
}

func fuzzedForms() []fuzzedForm {
	var forms []fuzzedForm
	for _, form := range []string{
		`POST /affiliates email=A referral_code=B partner_slug=C`,
		`PUT /affiliates/zoe@example.com email=A referral_code=B partner_slug=C status=D`,
		`PUT /affiliates/zoe@example.com payout_preferences.paypal_email=A ` +
			`payout_preferences.wise_details.accountId=B payout_preferences.wise_details.email=C ` +
			`payout_preferences.wise_name=D`,
		`POST /referrals email=A status=B`,
		`PUT /referrals/carl@example.com email=A affiliate_id=#B`,
		`POST /coupons coupon_code=A stripe_coupon_id=B lemonsqueezy_discount_code=C status=D affiliate_id=1`,
		`PUT /coupons/1 affiliate_id=#A coupon_code=B stripe_coupon_id=C lemonsqueezy_discount_code=D`,
		`POST /conversions base_value=#A value=#B base_value_currency=C reference=D affiliate_id=1 type="purchase"`,
		`POST /conversions email=A external_id=B referral_code=C coupon_code_used=D type="signup"`,
		`POST /conversions base_value=#A product=B url=C affiliate_id=#D type="purchase"`,
		`PUT /conversions/1 base_value=#A value=#B base_value_currency=C reference=D`,
		`POST /conversions/1/refund amount=#A reason=B`,
		`POST /refunds refunded_total=#A told_at=C reason=B reference="one"`,
		`POST /refunds amount=#A refund_reference=B reason=C conversion_id=#D`,
		`POST /adjustments amount=#A currency=B note=C affiliate_id=#D`,
		`PUT /project commission=A signup_commission=B commission_duration=C name=D`,
		`PUT /project landing_url=A allowed_origins[]=B minimum_payout=#C hold_days=#D`,
		`POST /rules product=A commission=B commission_duration=C affiliate_id=#D`,
		`POST /webhooks url=A secret=B events[]=C`,
		`PUT /webhooks/1 url=A events[]=B status=C`,
		`POST /clicks referral_code=A ip_address=B url=C user_agent=D`,
		`POST /conversions occurred_at=A affiliate_id=1 type="signup"`,
	} {
		parts := strings.Fields(form)
		forms = append(forms, fuzzedForm{callTo(parts[0] + " " + parts[1]), parts[2:]})
	}
	return forms
}

// filled is the body with the blanks filled in.
func (f fuzzedForm) filled(t testing.TB, values ...string) string {
	t.Helper()
	body := make(map[string]any)
	for _, field := range f.fields {
		name, blank, _ := strings.Cut(field, "=")
		letter, isNumber := strings.CutPrefix(blank, "#")
		var v any = json.RawMessage(blank) // not a blank
		if 'A' <= letter[0] && letter[0] <= 'D' {
			value := values[letter[0]-'A']
			if value == "" {
				continue
			}
			v = value
			if isNumber && json.Valid([]byte(value)) {
				v = json.RawMessage(value)
			}
		}
		if array, ok := strings.CutSuffix(name, "[]"); ok {
			name, v = array, []any{v}
		}
		at := body
		for outer, inner, deeper := strings.Cut(name, "."); deeper; outer, inner, deeper = strings.Cut(name, ".") {
			object, _ := at[outer].(map[string]any)
			if object == nil {
				object = make(map[string]any)
				at[outer] = object
			}
			at, name = object, inner
		}
		at[name] = v
	}
	text, err := json.Marshal(body)
	must(t, err)
	return string(text)
}
