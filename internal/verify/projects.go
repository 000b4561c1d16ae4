package verify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// counts checks the totals of the project.
func (v *verification) counts(ctx context.Context) error {
	if _, err := stored.Currency(v.project.Currency); err != nil {
		v.differs("project", "currency", v.project.Currency, "one of ISO 4217")
	}
	landing := stored.OrZero(v.project.LandingURL)
	if err := form.Landing(landing); err != nil || landing == "" && v.project.LandingURL != nil {
		v.differs("project", "landing_url", landing, "not set, or where links can lead")
	}
	if text, err := v.canonicalOrigins(v.project.Origins); err != nil || text != v.project.Origins {
		v.differs("project", "origins", v.project.Origins, "a sorted list of sites, as JSON")
	}
	kept, err := v.Querier.GetProjectTotals(ctx, v.project.ID)
	if errors.Is(err, sql.ErrNoRows) {
		v.differs("project totals", "row", "missing", "there")
	} else if err != nil {
		return err
	}
	v.lastStamp, v.oldEntriesTo = kept.LastStamp, kept.OldEntriesTo
	if note := v.Leap(kept.LastStamp); note != "" {
		v.report.Notes = append(v.report.Notes, Note{v.project.Name, note})
	}
	if err := v.stampResets(ctx, kept.UnfinishedReset); err != nil {
		return err
	}
	if err := v.oldNames(ctx); err != nil {
		return err
	}
	counted, err := v.Querier.VerifyProjectCounts(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what             string
		stored, computed int64
	}{
		{"active affiliates", kept.AffiliatesActive, counted.AffiliatesActive},
		{"inactive affiliates", kept.AffiliatesInactive, counted.AffiliatesInactive},
		{"active coupons", kept.CouponsActive, counted.CouponsActive},
		{"inactive coupons", kept.CouponsInactive, counted.CouponsInactive},
		{"pending referrals", kept.ReferralsPending, counted.ReferralsPending},
		{"converted referrals", kept.ReferralsConverted, counted.ReferralsConverted},
		{"direct referrals", kept.ReferralsDirect, counted.ReferralsDirect},
		{"direct signups", kept.ReferralsDirectSignup, counted.ReferralsDirectSignup},
		{"unpaid signups", kept.SignupsUnpaid, counted.SignupsUnpaid},
		{"paid signups", kept.SignupsPaid, counted.SignupsPaid},
		{"unpaid purchases", kept.PurchasesUnpaid, counted.PurchasesUnpaid},
		{"paid purchases", kept.PurchasesPaid, counted.PurchasesPaid},
		{"pending payouts", kept.PayoutsPending, counted.PayoutsPending},
		{"paid payouts", kept.PayoutsPaid, counted.PayoutsPaid},
		{"canceled payouts", kept.PayoutsCanceled, counted.PayoutsCanceled},
		{"returned payouts", kept.PayoutsReturned, counted.PayoutsReturned},
		{"ledger entries", kept.LedgerEntries, counted.LedgerEntries},
		{"claims", kept.Claims, counted.Claims},
		// The last stamp may be that of a row whose affiliate is gone.
		{"last stamp", kept.LastStamp, max(kept.LastStamp, counted.LastStamp)},
	} {
		v.compare("project totals", c.what, c.stored, c.computed)
	}
	return nil
}

// stampResets checks how the last stamp was brought back. Until all accounts are put
// back, they may be as far ahead as it was.
func (v *verification) stampResets(ctx context.Context, unfinished int64) error {
	var err error
	if v.resets, err = v.Querier.VerifyStampResets(ctx, v.project.ID); err != nil {
		return err
	}
	open := int64(0)
	for _, r := range v.resets {
		where := fmt.Sprintf("reset %d of the last stamp", r.ID)
		if r.FinishedAt == nil {
			open, v.lastStamp = r.ID, max(v.lastStamp, r.FromStamp)
		}
		if r.FromStamp <= r.CreatedAt {
			v.differs(where, "from_stamp", r.FromStamp, fmt.Sprintf("after it was made, %d", r.CreatedAt))
		}
	}
	v.compare("project totals", "unfinished reset", unfinished, open)
	return nil
}

// oldNames notes the rows whose email, or name in the app, is from before these had one
// form, and could not be brought to it, because another row has it.
func (v *verification) oldNames(ctx context.Context) error {
	left, err := v.Querier.ListOldNames(ctx, db.ListOldNamesParams{ProjectID: v.project.ID, AtMost: maxDifferences})
	for _, n := range left {
		row := fmt.Sprintf("the email of affiliate %d", stored.OrZero(n.AffiliateID))
		switch {
		case n.ReferralID != nil:
			row = fmt.Sprintf("the email or external id of referral %d", *n.ReferralID)
		case n.ConversionID != nil:
			row = fmt.Sprintf("the reference of conversion %d", *n.ConversionID)
		}
		v.report.Notes = append(v.report.Notes, Note{
			v.project.Name, row + " is another spelling of one that another row has, and finds that one",
		})
	}
	return err
}

// reopened reports whether an instant was opened again by a reset of the last stamp.
func (v *verification) reopened(instant int64) bool {
	return slices.ContainsFunc(v.resets, func(r db.StampReset) bool {
		return r.ToStamp < instant && instant <= r.FromStamp
	})
}

// canonicalOrigins returns a list of sites from the database in the form that it should
// have there.
func (v *verification) canonicalOrigins(text string) (string, error) {
	list, err := stored.Origins(text)
	if err != nil {
		return "", err
	}
	if list, err = form.Origins(list, v.MaxOrigins); err != nil {
		return "", err
	}
	return stored.Texts(list)
}
