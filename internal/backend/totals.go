package backend

import (
	"context"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/db"
)

// Totals gathers changes to sums: those of whole projects, and of days. What one batch
// can gather is far from the bounds of an int64: billions are added apart.
type Totals struct {
	projects      map[int64]db.AddTotalsParams
	projectDays   map[projectDay]db.AddToProjectDayParams
	affiliateDays map[affiliateDay]db.AddToAffiliateDayParams
}

type projectDay struct {
	project, day int64
	currency     string
}

type affiliateDay struct {
	projectDay
	affiliate int64
}

// Add changes a project's totals by delta (LastStamp: to the later one).
func (t *Totals) Add(delta db.AddTotalsParams) {
	if t.projects == nil {
		t.projects = make(map[int64]db.AddTotalsParams, 1)
	}
	t.projects[delta.ProjectID] = sum(t.projects[delta.ProjectID], delta)
}

// AddProjectDay changes what happened on a day in a project.
func (t *Totals) AddProjectDay(delta db.AddToProjectDayParams) {
	of := projectDay{delta.ProjectID, delta.Day, delta.Currency}
	if t.projectDays == nil {
		t.projectDays = make(map[projectDay]db.AddToProjectDayParams, 1)
	}
	before := t.projectDays[of]
	delta.Clicks += before.Clicks
	delta.Signups += before.Signups
	delta.Purchases += before.Purchases
	delta.Billions += before.Billions
	delta.Earned += before.Earned
	t.projectDays[of] = delta
}

// AddAffiliateDay changes what happened on a day with an affiliate.
func (t *Totals) AddAffiliateDay(delta db.AddToAffiliateDayParams) {
	of := affiliateDay{projectDay{delta.ProjectID, delta.Day, delta.Currency}, delta.AffiliateID}
	if t.affiliateDays == nil {
		t.affiliateDays = make(map[affiliateDay]db.AddToAffiliateDayParams, 1)
	}
	before := t.affiliateDays[of]
	delta.Clicks += before.Clicks
	delta.Signups += before.Signups
	delta.Purchases += before.Purchases
	delta.Billions += before.Billions
	delta.Earned += before.Earned
	t.affiliateDays[of] = delta
}

// Merge adds what others have gathered.
func (t *Totals) Merge(others Totals) {
	for _, delta := range others.projects {
		t.Add(delta)
	}
	for _, delta := range others.projectDays {
		t.AddProjectDay(delta)
	}
	for _, delta := range others.affiliateDays {
		t.AddAffiliateDay(delta)
	}
}

// Take returns what was gathered and forgets it.
func (t *Totals) Take() Totals {
	taken := *t
	*t = Totals{}
	return taken
}

// Write adds everything to the database.
func (t Totals) Write(ctx context.Context, q db.Querier) error {
	for _, delta := range t.projects {
		if err := q.AddTotals(ctx, delta); err != nil {
			return fmt.Errorf("write the totals of a project: %w", err)
		}
	}
	for of, delta := range t.projectDays {
		if err := q.AddToProjectDay(ctx, delta); err != nil {
			return fmt.Errorf("write day %d of a project: %w", of.day, err)
		}
	}
	for of, delta := range t.affiliateDays {
		if err := q.AddToAffiliateDay(ctx, delta); err != nil {
			return fmt.Errorf("write day %d of an affiliate: %w", of.day, err)
		}
	}
	return nil
}

// sum adds two changes of one project's totals.
func sum(a, b db.AddTotalsParams) db.AddTotalsParams {
	return db.AddTotalsParams{
		ProjectID:             b.ProjectID,
		LastStamp:             max(a.LastStamp, b.LastStamp),
		LedgerEntries:         a.LedgerEntries + b.LedgerEntries,
		AffiliatesActive:      a.AffiliatesActive + b.AffiliatesActive,
		AffiliatesInactive:    a.AffiliatesInactive + b.AffiliatesInactive,
		CouponsActive:         a.CouponsActive + b.CouponsActive,
		CouponsInactive:       a.CouponsInactive + b.CouponsInactive,
		ReferralsPending:      a.ReferralsPending + b.ReferralsPending,
		ReferralsConverted:    a.ReferralsConverted + b.ReferralsConverted,
		ReferralsDirect:       a.ReferralsDirect + b.ReferralsDirect,
		ReferralsDirectSignup: a.ReferralsDirectSignup + b.ReferralsDirectSignup,
		SignupsUnpaid:         a.SignupsUnpaid + b.SignupsUnpaid,
		SignupsPaid:           a.SignupsPaid + b.SignupsPaid,
		PurchasesUnpaid:       a.PurchasesUnpaid + b.PurchasesUnpaid,
		PurchasesPaid:         a.PurchasesPaid + b.PurchasesPaid,
		PayoutsPending:        a.PayoutsPending + b.PayoutsPending,
		PayoutsPaid:           a.PayoutsPaid + b.PayoutsPaid,
		PayoutsCanceled:       a.PayoutsCanceled + b.PayoutsCanceled,
		PayoutsReturned:       a.PayoutsReturned + b.PayoutsReturned,
		Claims:                a.Claims + b.Claims,
	}
}
