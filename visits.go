package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/clicks"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/recent"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// An Attribution says who referred a visitor. The zero value: nobody.
type Attribution struct {
	// ReferralCode is the code or partner slug that the visitor came through, or
	// several, as in RecordConversionParams.
	ReferralCode string
	// UserAgent is the visitor's browser.
	UserAgent string
}

// MetadataKey is the name under which a referral code travels in the metadata of a
// payment provider's checkout.
const MetadataKey = "referral_code"

// Metadata returns the attribution as the metadata of a checkout; it is empty for
// nobody. AttributionOf reads what comes back in the provider's events.
func (a Attribution) Metadata() map[string]string {
	if a.ReferralCode == "" {
		return map[string]string{}
	}
	return map[string]string{MetadataKey: a.ReferralCode}
}

// AttributionOf reads an attribution back from the metadata of a checkout.
func AttributionOf(metadata map[string]string) Attribution {
	return Attribution{ReferralCode: metadata[MetadataKey]}
}

type attributionKey struct{}

// WithAttribution returns a context that says who referred the visitor it is about.
func WithAttribution(ctx context.Context, a Attribution) context.Context {
	return context.WithValue(ctx, attributionKey{}, a)
}

// AttributionFrom returns the attribution of a context.
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
// which is that of the visitor's request if tracking.Middleware wraps its handler.
// Errors: those of RecordConversion.
func (p *Project) TrackSignup(ctx context.Context, params TrackSignupParams) (*Conversion, error) {
	if !params.Customer.named() {
		return nil, invalid("customer", "must be named by ExternalID or Email")
	}
	who := AttributionFrom(ctx)
	return p.RecordConversion(ctx, RecordConversionParams{
		Type: Signup, Customer: params.Customer, ReferralCode: who.ReferralCode,
		Reference: params.Reference, Product: params.Product, URL: params.URL,
		userAgent: form.Cut(who.UserAgent, clicks.MaxUserAgent),
	})
}

// TrackingSettings are the settings that tracking needs at each visit.
type TrackingSettings struct {
	Touch          Touch
	CookieDays     int
	LandingURL     string
	AllowedOrigins []string
}

// TrackingSettings returns them from memory, which takes up to a second to notice what
// other processes and the caller's transactions (WithTx) change. Errors: ErrBusy,
// ErrClosed.
func (p *Project) TrackingSettings(ctx context.Context) (TrackingSettings, error) {
	if p.engine == nil {
		return TrackingSettings{}, p.open()
	}
	now, outside := p.engine.now(), !p.inTransaction() // what one sees may be undone
	known, ok, changes := p.engine.visits.Tracking(p.id, now)
	if ok && outside {
		return showTracking(known), nil
	}
	row, err := readIn(ctx, backend.Links, p, "reading the settings", func(ctx context.Context,
		q db.Querier) (db.Project, error) {
		row, err := q.GetProject(ctx, p.id)
		return row, missing(err, "Project")
	})
	if err != nil {
		return TrackingSettings{}, err
	}
	fresh := recent.Tracking{
		Touch: row.Touch, CookieDays: int(row.CookieDays), LandingURL: stored.OrZero(row.LandingURL),
	}
	if fresh.AllowedOrigins, err = stored.Origins(row.Origins); err != nil {
		return showTracking(fresh), p.engine.failed("reading the settings", err)
	}
	if outside {
		p.engine.visits.KeepTracking(p.id, fresh, now, changes)
	}
	return showTracking(fresh), nil
}

func showTracking(t recent.Tracking) TrackingSettings {
	return TrackingSettings{
		Touch: Touch(t.Touch), CookieDays: t.CookieDays, LandingURL: t.LandingURL, AllowedOrigins: t.AllowedOrigins,
	}
}

// LeadsToAffiliate reports whether a code or slug leads to an active affiliate, from
// memory if it did within the last second. Errors: ErrBusy, ErrClosed.
func (p *Project) LeadsToAffiliate(ctx context.Context, text string) (bool, error) {
	if p.engine == nil || form.Code(text) != nil {
		return false, p.open()
	}
	now, code, outside := p.engine.now(), form.Fold(text), !p.inTransaction()
	known, changes := p.engine.visits.Leads(p.id, code, now)
	if known && outside {
		return true, nil
	}
	row, err := readIn(ctx, backend.Links, p, "finding an affiliate", func(ctx context.Context,
		q db.Querier) (db.Affiliate, error) {
		row, err := q.GetAffiliateByCode(ctx, db.GetAffiliateByCodeParams{ProjectID: p.id, Code: code})
		return row, ignoring(err, sql.ErrNoRows)
	})
	if err != nil || AffiliateStatus(row.Status) != AffiliateActive {
		return false, err
	}
	if outside {
		p.engine.visits.KeepCode(p.id, code, now, changes)
	}
	return true, nil
}

// MaxClaims is how many browser claims a project keeps at most.
const MaxClaims = 100_000

// lateEvent is how long before the claim an event that uses it may have happened: the
// app may record a signup a little later than its page reports it.
const lateEvent = 10 * time.Minute

// ClaimSignup keeps what a visitor's browser says about a signup: that the person with
// this email came through this code. Nobody can check it, so it earns nothing, and is
// neither a conversion nor a referral. It is used once, within CookieDays, as the
// referral code of a call that names this email and has no code that leads to
// somebody, for a customer who is new or whose email was not known. Of several the last
// one counts.
// The code may be several, as in RecordConversionParams, of which one is kept. A claim
// whose codes lead to no active affiliate is not kept; beyond MaxClaims the oldest are
// dropped. The call takes the same time whether or not the customer exists. Errors:
// ErrInvalid, ErrBusy, ErrClosed.
func (p *Project) ClaimSignup(ctx context.Context, email, referralCode string) error {
	email, err := customerEmail(form.Trim(email))
	err = cmp.Or(err, at("email", erasure.Free(email)))
	if err != nil {
		return err
	}
	if err := at("referral_code", form.CodeList(referralCode)); err != nil {
		return err
	}
	return p.write(ctx, "keeping a claim", func(ctx context.Context, o *op) error {
		referralCode, err := o.policy().Leading(ctx, o, referralCode)
		if referralCode == "" || err != nil {
			return err
		}
		before, err := o.FindClaim(ctx, db.FindClaimParams{ProjectID: o.project, Email: email})
		known := err == nil
		switch err = ignoring(err, sql.ErrNoRows); {
		case err != nil:
		case known && !o.outdated(&before):
			return o.RepeatClaim(ctx, db.RepeatClaimParams{
				ProjectID: o.project, Email: email, Code: referralCode, CreatedAt: o.now,
			})
		case known:
			err = o.dropClaim(ctx, email)
		case o.state.claims >= MaxClaims:
			err = o.pruneClaims(ctx, o.now+1, 1)
		}
		if err != nil {
			return err
		}
		if err := o.InsertClaim(ctx, db.InsertClaimParams{
			ProjectID: o.project, Email: email, Code: referralCode, CreatedAt: o.now,
		}); err != nil {
			return err
		}
		o.countClaims(1)
		return nil
	})
}

// pruneClaims forgets the oldest of the claims from before an instant.
func (o *op) pruneClaims(ctx context.Context, before, atMost int64) error {
	pruned, err := o.PruneClaims(ctx, db.PruneClaimsParams{ProjectID: o.project, CreatedBefore: before, AtMost: atMost})
	o.countClaims(-pruned)
	return err
}

func (o *op) outdated(c *db.Claim) bool { return c.CreatedAt < o.daysAgo(o.state.settings.CookieDays) }

// claimOf finds what a browser has claimed for an email, nil if there is nothing to
// use. Whoever was a customer before the claim, under this or another email, did not
// come that way, and an event from before the claim did not result from it.
func (o *op) claimOf(
	ctx context.Context, email string, customer *db.FindReferralRow, happened int64,
) (*db.Claim, error) {
	if email == "" || o.state.claims <= 0 || customer != nil && customer.Email != nil {
		return nil, nil
	}
	claim, err := o.FindClaim(ctx, db.FindClaimParams{ProjectID: o.project, Email: email})
	switch {
	case err != nil:
		return nil, ignoring(err, sql.ErrNoRows)
	case o.outdated(&claim), happened < claim.CreatedAt-lateEvent.Milliseconds(),
		customer != nil && customer.CreatedAt < claim.CreatedAt:
		return nil, nil
	}
	return &claim, nil
}

func (o *op) dropClaim(ctx context.Context, email string) error {
	if err := o.DeleteClaim(ctx, db.DeleteClaimParams{ProjectID: o.project, Email: email}); err != nil {
		return err
	}
	o.countClaims(-1)
	return nil
}

// ForgetClaim drops what a browser has claimed for an email, if anything: for somebody
// who asks to be erased, and is no customer. EraseReferral and DeleteReferral drop that
// of a customer. Errors: ErrInvalid, ErrBusy, ErrClosed.
func (p *Project) ForgetClaim(ctx context.Context, email string) error {
	email, err := customerEmail(email)
	if err != nil {
		return err
	}
	known, err := read(ctx, p, "looking for a claim", func(ctx context.Context, q db.Querier) (bool, error) {
		_, err := q.FindClaim(ctx, db.FindClaimParams{ProjectID: p.id, Email: email})
		return err == nil, ignoring(err, sql.ErrNoRows)
	})
	if err != nil || !known {
		return err
	}
	return p.write(ctx, "dropping a claim", func(ctx context.Context, o *op) error { return o.forgetClaim(ctx, email) })
}

// forgetClaim drops the claim for an email, if there is one.
func (o *op) forgetClaim(ctx context.Context, email string) error {
	_, err := o.FindClaim(ctx, db.FindClaimParams{ProjectID: o.project, Email: email})
	if err != nil {
		return ignoring(err, sql.ErrNoRows)
	}
	return o.dropClaim(ctx, email)
}
