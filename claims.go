package refgrow

import (
	"context"
	"database/sql"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
)

// MaxClaims is how many claims of browsers a project keeps.
const MaxClaims = 100_000

// lateEvent is how long before a claim an event may have happened that uses it: the
// app may record a signup a little later than its page tells of it.
const lateEvent = 10 * time.Minute

// ClaimSignup keeps what a visitor's browser says of a signup: that who has this
// email came by this code. Nobody can check it, so it earns nothing, and is no
// conversion and no referral. It is used once, within CookieDays, as the referral
// code of a call that has none itself and names this email: for a customer who is
// new, or whose email was not known. The first claim for an email stands. One whose
// code leads to no active affiliate is not kept; of more than MaxClaims the oldest
// go. How long the call takes does not tell whether there is such a customer. Errors:
// ErrInvalid, ErrBusy, ErrClosed.
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
		if err != nil || AffiliateStatus(a.Status) != AffiliateActive {
			return ignoring(err, sql.ErrNoRows)
		}
		before, err := o.FindClaim(ctx, db.FindClaimParams{ProjectID: o.project, Email: email})
		known := err == nil
		switch err = ignoring(err, sql.ErrNoRows); {
		case err != nil:
		case known && !o.outdated(&before):
			return o.RepeatClaim(ctx, db.RepeatClaimParams{ProjectID: o.project, Email: email})
		case known:
			err = o.dropClaim(ctx, email)
		case o.state.claims >= MaxClaims:
			err = o.pruneClaims(ctx, o.now+1, 1)
		}
		if err != nil {
			return err
		}
		if err := o.InsertClaim(ctx, db.InsertClaimParams{ProjectID: o.project, Email: email, Code: referralCode, CreatedAt: o.now}); err != nil {
			return err
		}
		o.countClaims(1)
		return nil
	})
}

// pruneClaims forgets the oldest claims from before an instant.
func (o *op) pruneClaims(ctx context.Context, before, atMost int64) error {
	pruned, err := o.PruneClaims(ctx, db.PruneClaimsParams{ProjectID: o.project, CreatedBefore: before, AtMost: atMost})
	o.countClaims(-pruned)
	return err
}

func (o *op) outdated(c *db.Claim) bool { return c.CreatedAt < o.daysAgo(o.state.settings.CookieDays) }

func (o *op) countClaims(by int64) {
	o.state.claims += by
	o.Add(db.AddTotalsParams{ProjectID: o.project, Claims: by})
}

// claimOf finds what a browser has claimed for an email, nil when there is nothing
// to use. Who was a customer before the claim, under this or another email, did not
// come that way, and what happened before it did not come of it.
func (o *op) claimOf(ctx context.Context, email string, customer *db.FindReferralRow, happened int64) (*db.Claim, error) {
	if email == "" || o.state.claims <= 0 || customer != nil && customer.Email != nil {
		return nil, nil
	}
	claim, err := o.FindClaim(ctx, db.FindClaimParams{ProjectID: o.project, Email: email})
	switch {
	case err != nil:
		return nil, ignoring(err, sql.ErrNoRows)
	case o.outdated(&claim), happened < claim.CreatedAt-lateEvent.Milliseconds(), customer != nil && customer.CreatedAt < claim.CreatedAt:
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
