package refgrow

import (
	"context"
	"database/sql"
	"errors"

	"github.com/refgrow-go/refgrow/internal/db"
)

// MaxClaims is how many claims of browsers a project keeps.
const MaxClaims = 100_000

// ClaimSignup keeps what a visitor's browser says of a signup: that who has this
// email came by this code. Nobody can check it, so it earns nothing, and is no
// conversion and no referral. It is used once, as the referral code, by the first
// call that creates the customer with this email, within CookieDays, unless that
// call has a code of its own. It is not kept when the code leads to no active
// affiliate, when there is such a customer already, when another claim for the email
// came before, or when there are MaxClaims. Errors: ErrInvalid, ErrBusy, ErrClosed.
func (p *Project) ClaimSignup(ctx context.Context, email, referralCode string) error {
	email, err := address("email", email)
	if err != nil {
		return err
	}
	if err := code("referral_code", referralCode); err != nil {
		return err
	}
	return p.write(ctx, "keeping a claim", func(ctx context.Context, o *op) error {
		a, err := o.GetAffiliateByCode(ctx, db.GetAffiliateByCodeParams{ProjectID: o.project, Code: fold(referralCode)})
		if err != nil || AffiliateStatus(a.Status) != AffiliateActive || o.state.claims >= MaxClaims {
			return ignoring(err, sql.ErrNoRows)
		}
		_, err = o.FindReferralByEmail(ctx, db.FindReferralByEmailParams{ProjectID: o.project, Email: email})
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		before, err := o.FindClaim(ctx, db.FindClaimParams{ProjectID: o.project, Email: email})
		switch {
		case err == nil && !o.outdated(&before):
			return nil
		case err == nil:
			err = o.dropClaim(ctx, email)
		}
		if ignoring(err, sql.ErrNoRows) != nil {
			return err
		}
		if err := o.InsertClaim(ctx, db.InsertClaimParams{ProjectID: o.project, Email: email, Code: referralCode, CreatedAt: o.now}); err != nil {
			return err
		}
		o.countClaims(1)
		return nil
	})
}

func (o *op) outdated(c *db.Claim) bool { return c.CreatedAt < o.daysAgo(o.state.settings.CookieDays) }

func (o *op) countClaims(by int64) {
	o.state.claims += by
	o.Add(db.AddTotalsParams{ProjectID: o.project, Claims: by})
}

// claimOf finds what a browser has claimed for an email, nil when there is nothing
// to use. A customer who was there before the claim did not come that way.
func (o *op) claimOf(ctx context.Context, email string, customer *db.FindReferralRow) (*db.Claim, error) {
	if email == "" || o.state.claims <= 0 {
		return nil, nil
	}
	claim, err := o.FindClaim(ctx, db.FindClaimParams{ProjectID: o.project, Email: email})
	if err != nil || o.outdated(&claim) || customer != nil && customer.CreatedAt < claim.CreatedAt {
		return nil, ignoring(err, sql.ErrNoRows)
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
