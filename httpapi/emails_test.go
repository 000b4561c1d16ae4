package httpapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// An address is found by what is shown, and by what was sent. Nothing but ASCII letters is
// folded, so that nobody can write somebody else's address in other letters.
func TestEmailsInOtherAlphabets(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	for _, c := range []struct{ sent, shown string }{
		{"ÉVA@Example.com", "Éva@example.com"},
		{"éva@example.com", "éva@example.com"},
		{strings.Repeat("Ⱥ", 32) + "@example.com", strings.Repeat("Ⱥ", 32) + "@example.com"},
		{strings.Repeat("Ⱥ", 33) + "@example.com", ""},
		{"jose\u0301@example.com", "jos\u00e9@example.com"},
		{"kate@example.com", "kate@example.com"},
		{"\u212aate@example.com", ""}, // the sign of the kelvin
		{"jane\u200b@example.com", ""},
		{"\u202egro@example.com", ""},
		{"x@\u212aelvin.example", "x@kelvin.example"},
		{"kunde@MÜLLER.de", "kunde@xn--mller-kva.de"},
		{"a..b@docomo.ne.jp", ""},
	} {
		got := w.do(t, "POST", "/affiliates", `{"email": "`+c.sent+`"}`)
		if c.shown == "" {
			got.refused(t, 400, "invalid", "email")
			w.do(t, "GET", "/affiliates/"+url.PathEscape(c.sent), "").refused(t, 400, "invalid", "email")
			continue
		}
		if shown := got.ok(t, 201).data()["user_email"]; shown != c.shown {
			t.Errorf("%s is shown as %s", c.sent, shown)
		}
		for _, email := range []string{c.sent, c.shown} {
			found := w.do(t, "GET", "/affiliates/"+url.PathEscape(email), "").ok(t, 200)
			if found.id() != got.id() {
				t.Errorf("%s leads to affiliate %s, not %s", email, found.id(), got.id())
			}
		}
	}
	w.do(t, "POST", "/referrals", `{"email": "a..b.@docomo.ne.jp"}`).ok(t, 201)
	w.do(t, "GET", "/referrals/a..b.@DOCOMO.ne.jp", "").ok(t, 200)
}
