package httpapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// Some letters take more bytes in lower case, some fewer, and some of those beyond
// ASCII become plain ones. What is taken is found again by what is shown, and by what
// was sent.
func TestEmailsInOtherAlphabets(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	for _, c := range []struct{ sent, shown string }{
		{"ÉVA@example.com", "éva@example.com"},
		{strings.Repeat("Ⱥ", 21) + "@example.com", strings.Repeat("ⱥ", 21) + "@example.com"}, // 42 bytes become 63
		{strings.Repeat("Ⱥ", 22) + "@example.com", ""},                                       // and 44 more than 64
		{strings.Repeat("Ⱥ", 32) + "@example.com", ""},
		{"\u212avin@example.com", "kvin@example.com"}, // the sign of the kelvin
		{"x@\u212aelvin.example", ""},
	} {
		got := w.do(t, "POST", "/affiliates", `{"email": "`+c.sent+`"}`)
		if c.shown == "" {
			got.refused(t, 400, "invalid", "email")
			continue
		}
		if shown := got.ok(t, 201).data()["user_email"]; shown != c.shown {
			t.Errorf("%s is shown as %s", c.sent, shown)
		}
		for _, email := range []string{c.sent, c.shown} {
			w.do(t, "GET", "/affiliates/"+url.PathEscape(email), "").ok(t, 200)
		}
	}
}
