package refgrow

import (
	"context"
	"time"
)

// An Attribution says who referred a visitor. The zero value: nobody.
type Attribution struct {
	// ReferralCode is the code or partner slug that the visitor came by.
	ReferralCode string
	// UserAgent is the visitor's browser.
	UserAgent string
}

// MetadataKey is the name under which a referral code travels in the metadata of a
// payment provider's checkout.
const MetadataKey = "referral_code"

// Metadata is the attribution as the metadata of a checkout; empty for nobody. What
// comes back in the provider's events, AttributionOf reads.
func (a Attribution) Metadata() map[string]string {
	if a.ReferralCode == "" {
		return map[string]string{}
	}
	return map[string]string{MetadataKey: a.ReferralCode}
}

// AttributionOf reads the metadata of a checkout back.
func AttributionOf(metadata map[string]string) Attribution {
	return Attribution{ReferralCode: metadata[MetadataKey]}
}

type attributionKey struct{}

// WithAttribution gives a context that says who referred the visitor it is about.
func WithAttribution(ctx context.Context, a Attribution) context.Context {
	return context.WithValue(ctx, attributionKey{}, a)
}

// AttributionFrom gives the attribution of a context.
func AttributionFrom(ctx context.Context) Attribution {
	a, _ := ctx.Value(attributionKey{}).(Attribution)
	return a
}

// TrackSignupParams describe a signup.
type TrackSignupParams struct {
	// Customer names who signed up, by ExternalID or Email or both; required.
	Customer Customer
	// Reference, Product and URL are those of the conversion.
	Reference, Product, URL string
}

// TrackSignup records the signup of a customer with the attribution of the context,
// which is that of the visitor's request when tracking.Middleware is around it.
// Errors: those of RecordConversion.
func (p *Project) TrackSignup(ctx context.Context, params TrackSignupParams) (*Conversion, error) {
	if !params.Customer.named() {
		return nil, invalid("customer", "must be named by ExternalID or Email")
	}
	who := AttributionFrom(ctx)
	return p.RecordConversion(ctx, RecordConversionParams{
		Type: Signup, Customer: params.Customer, ReferralCode: who.ReferralCode,
		Reference: params.Reference, Product: params.Product, URL: params.URL, userAgent: cutText(who.UserAgent, maxUserAgent),
	})
}

// Now is the time by the engine's clock.
func (p *Project) Now() time.Time { return p.engine.now() }
