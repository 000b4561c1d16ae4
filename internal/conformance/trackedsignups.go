package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/refgrow-go/refgrow"
)

func trackedSignupTests() []test {
	return []test{
		{"attributed", trackedSignups},
		{"browsers", browsersOfSignups},
		{"metadata", checkoutMetadata},
	}
}

// TrackSignup records a signup with what the context knows about the visitor.
func trackedSignups(w *world) {
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	ctx := refgrow.WithAttribution(w.Context(), refgrow.Attribution{ReferralCode: "jAnE", UserAgent: browser})
	c := must(w.shop.TrackSignup(ctx, refgrow.TrackSignupParams{
		Customer: refgrow.Customer{ExternalID: "u_1", Email: "carl@example.com"}, Reference: "s_1", Product: "pro",
		URL: "https://example.com/join",
	}))
	equal(w, "the signup",
		fmt.Sprint(c.Type, " ", c.AffiliateID, " ", c.ReferralCode, " ", c.Reference, " ", c.Product, " ", c.URL),
		fmt.Sprint("signup ", jane.ID, " jAnE s_1 pro https://example.com/join"))
	equal(w, "the customer's affiliate", must(w.shop.ReferralByExternalID(ctx, "u_1")).AffiliateID, jane.ID)
	w.claims("dora@example.com", "JOE")
	nobody := refgrow.WithAttribution(ctx, refgrow.Attribution{UserAgent: browser})
	equal(w, "who is credited by a claim",
		must(w.shop.TrackSignup(nobody, refgrow.TrackSignupParams{Customer: named("dora@example.com")})).AffiliateID, joe.ID)
	equal(w, "who is credited by nothing",
		must(w.shop.TrackSignup(w.Context(), refgrow.TrackSignupParams{Customer: named("eve@example.com")})).AffiliateID, 0)
	stale := refgrow.WithAttribution(ctx, refgrow.Attribution{ReferralCode: "nobody"})
	equal(w, "why by a stale code", w.why(must(w.shop.TrackSignup(stale, refgrow.TrackSignupParams{
		Customer: named("fay@example.com"),
	}))),
		"code_unknown; referral_code nobody unknown")
	w.refused("a signup of nobody", errOf(w.shop.TrackSignup(ctx, refgrow.TrackSignupParams{})),
		refgrow.ErrInvalid, "customer")
	w.refused("a taken reference", errOf(w.shop.TrackSignup(ctx, refgrow.TrackSignupParams{
		Customer: named("gus@example.com"), Reference: "s_1",
	})),
		refgrow.ErrConflict, "reference")
	wrong := must(w.shop.TrackSignup(ctx, refgrow.TrackSignupParams{Customer: named("gus")}))
	equal(w, "the customer of a wrong email", wrong.ReferredUserID, 0)
	w.verify()
}

// The visitor's browser is reported with the signup, and with nothing else.
func browsersOfSignups(w *world) {
	w.affiliate("jane")
	hook := w.hook()
	agents := func() []any {
		w.Helper()
		var list []any
		for _, a := range w.lease(hook) {
			var body struct{ Data map[string]any }
			w.ok(json.Unmarshal(a.Body, &body))
			if agent, told := body.Data["user_agent"]; told {
				list = append(list, agent)
			}
			w.finish(a, refgrow.AttemptSucceeded)
		}
		return list
	}
	track := func(userAgent string) {
		w.Helper()
		ctx := refgrow.WithAttribution(context.Background(), refgrow.Attribution{ReferralCode: "JANE", UserAgent: userAgent})
		w.ok(errOf(w.shop.TrackSignup(ctx, refgrow.TrackSignupParams{
			Customer: refgrow.Customer{ExternalID: fmt.Sprint("u", len(userAgent))},
		})))
	}
	track(browser)
	equal(w, "the browser that is reported", agents(), []any{browser})
	track("")
	equal(w, "no browser", agents(), []any{nil})
	track("\"a\"\x00\\\xff\n<b>")
	equal(w, "a strange one", agents(), []any{"\"a\" \\ <b>"})
	track(strings.Repeat("x", 5000))
	equal(w, "a long one", agents(), []any{strings.Repeat("x", 512)})
	w.signup(refgrow.Customer{})
	equal(w, "a signup by a call", agents(), []any{nil})
	w.verify()
}

// The code travels through the metadata of a checkout and back.
func checkoutMetadata(w *world) {
	equal(w, "nobody's", refgrow.Attribution{UserAgent: browser}.Metadata(), map[string]string{})
	equal(w, "somebody's", refgrow.Attribution{ReferralCode: "JANE", UserAgent: browser}.Metadata(), map[string]string{
		"referral_code": "JANE",
	})
	equal(w, "what comes back", refgrow.AttributionOf(map[string]string{"plan": "pro", refgrow.MetadataKey: "JANE"}),
		refgrow.Attribution{ReferralCode: "JANE"})
	equal(w, "what comes back of nobody", refgrow.AttributionOf(nil), refgrow.Attribution{})
	equal(w, "a context of nobody", refgrow.AttributionFrom(w.Context()), refgrow.Attribution{})
}
