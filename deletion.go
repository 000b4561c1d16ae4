package refgrow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/db"
)

// deletionStep is how many rows one transaction of a deletion takes away, so
// that nobody waits long behind it.
const deletionStep = 500

// DeleteAffiliate removes an affiliate and everything of it for good: coupons,
// codes, referrals, conversions, payouts and the ledger; its overrides end. Other
// affiliates' conversions of its customers stay, without the customer. A line with
// the final balances remains. The affiliate is gone at once, with its email, codes
// and coupons; its clicks, conversions, referrals and entries follow in steps. Steps
// that cannot be done now, because somebody else holds the database's lock or the
// disk is full, are done by the next deletion, or when an engine starts. Errors:
// ErrNotFound; ErrConflict while a payout of it is pending.
func (p *Project) DeleteAffiliate(ctx context.Context, id int64) error {
	if err := p.write(ctx, "deleting an affiliate", func(ctx context.Context, o *op) error {
		return o.hideAffiliate(ctx, id)
	}); err != nil {
		return err
	}
	// What has begun is finished even if the caller does not wait for it.
	ctx = context.WithoutCancel(ctx)
	if p.backend != p.engine.backend { // inside a transaction it is done, or all of it is not
		return p.finishDeletion(ctx, id)
	}
	if err := p.engine.resumeDeletions(ctx); err != nil {
		p.engine.logger.WarnContext(ctx, "the rest of a deletion has to wait", "affiliate", id, "error", err)
	}
	return nil
}

// hideAffiliate makes the affiliate disappear and frees its email and codes.
func (o *op) hideAffiliate(ctx context.Context, id int64) error {
	row, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: id})
	if err != nil {
		return missing(err, "Affiliate")
	}
	pending, err := o.HasPendingPayout(ctx, db.HasPendingPayoutParams{ProjectID: o.project, AffiliateID: id})
	if err != nil {
		return err
	}
	if pending == 1 {
		return conflict("", "A payout of the affiliate is pending: pay or cancel it first")
	}
	stats, err := readStatistics(ctx, o, o.project, []int64{id}, o.now)
	if err != nil {
		return err
	}
	totals, err := finalTotals(stats[id].balances)
	if err != nil {
		return err
	}
	if err := o.InsertDeletion(ctx, db.InsertDeletionParams{
		ProjectID: o.project, AffiliateID: id, DeletedAt: o.now, Totals: totals,
	}); err != nil {
		return err
	}
	if err := o.HideAffiliate(ctx, db.HideAffiliateParams{ProjectID: o.project, AffiliateID: id, DeletedAt: &o.now}); err != nil {
		return err
	}
	o.visits = true
	o.countAffiliate(AffiliateStatus(row.Status), -1)
	if err := o.DeleteCodesOf(ctx, db.DeleteCodesOfParams{ProjectID: o.project, AffiliateID: id}); err != nil {
		return err
	}
	// The versions stay, because conversions that were moved away may be priced by them.
	if err := o.EndRulesOf(ctx, db.EndRulesOfParams{ProjectID: o.project, AffiliateID: id, EndedAt: &o.now}); err != nil {
		return err
	}
	if err := o.reload(ctx); err != nil {
		return err
	}
	coupons, err := o.DeleteCouponsOf(ctx, db.DeleteCouponsOfParams{ProjectID: o.project, AffiliateID: id})
	if err != nil {
		return err
	}
	for _, status := range coupons {
		o.countCoupon(CouponStatus(status), -1)
	}
	return o.DeleteAccountsOf(ctx, db.DeleteAccountsOfParams{ProjectID: o.project, AffiliateID: id})
}

// finalTotals is the JSON that remains of the balances: an object for each
// currency with the amounts as decimal text.
func finalTotals(balances []Balance) (string, error) {
	type amounts struct {
		Total    string `json:"total"`
		Paid     string `json:"paid"`
		Eligible string `json:"eligible"`
		Held     string `json:"held"`
	}
	totals := make(map[string]amounts, len(balances))
	for _, b := range balances {
		totals[string(b.Currency)] = amounts{b.Total.Decimal(), b.Paid.Decimal(), b.Eligible.Decimal(), b.Held.Decimal()}
	}
	text, err := json.Marshal(totals)
	return string(text), err
}

// finishDeletion takes away the rows of a hidden affiliate, step by step.
func (p *Project) finishDeletion(ctx context.Context, id int64) error {
	for done := false; !done; {
		err := p.write(ctx, "deleting an affiliate's records", func(ctx context.Context, o *op) error {
			var err error
			done, err = o.deleteStep(ctx, id)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteStep takes away the next rows and reports whether those were the last.
func (o *op) deleteStep(ctx context.Context, id int64) (done bool, err error) {
	conversions, err := o.DeleteConversionsOf(ctx, db.DeleteConversionsOfParams{ProjectID: o.project, AffiliateID: id, AtMost: deletionStep})
	if err != nil {
		return false, err
	}
	for _, c := range conversions {
		o.countType(ConversionType(c.Type), c.Paid == 1, -1)
	}
	if err := o.DetachReferralsOf(ctx, db.DetachReferralsOfParams{ProjectID: o.project, AffiliateID: id, AtMost: deletionStep}); err != nil {
		return false, err
	}
	referrals, err := o.DeleteReferralsOf(ctx, db.DeleteReferralsOfParams{ProjectID: o.project, AffiliateID: id, AtMost: deletionStep})
	if err != nil {
		return false, err
	}
	for _, status := range referrals {
		o.countReferral(ReferralStatus(status), -1)
	}
	if err := o.DeletePayoutEntriesOf(ctx, db.DeletePayoutEntriesOfParams{ProjectID: o.project, AffiliateID: id, AtMost: deletionStep}); err != nil {
		return false, err
	}
	entries, err := o.DeleteEntriesOf(ctx, db.DeleteEntriesOfParams{ProjectID: o.project, AffiliateID: id, AtMost: deletionStep})
	if err != nil {
		return false, err
	}
	o.Add(db.AddTotalsParams{ProjectID: o.project, LedgerEntries: -entries})
	if len(conversions) == deletionStep || len(referrals) == deletionStep || entries == deletionStep {
		return false, nil
	}
	payouts, err := o.DeletePayoutsOf(ctx, db.DeletePayoutsOfParams{ProjectID: o.project, AffiliateID: id, AtMost: deletionStep})
	if err != nil {
		return false, err
	}
	for _, status := range payouts {
		o.countPayout(PayoutStatus(status), -1)
	}
	clicks, err := o.DeleteClicksOf(ctx, db.DeleteClicksOfParams{ProjectID: o.project, AffiliateID: id, AtMost: deletionStep})
	if err != nil {
		return false, err
	}
	days, err := o.DeleteAffiliateDays(ctx, db.DeleteAffiliateDaysParams{ProjectID: o.project, AffiliateID: id, AtMost: deletionStep})
	if err != nil {
		return false, err
	}
	for _, d := range days {
		o.AddProjectDay(db.AddToProjectDayParams{
			ProjectID: o.project, Day: d.Day, Currency: d.Currency,
			Clicks: -d.Clicks, Signups: -d.Signups, Purchases: -d.Purchases, Earned: -d.Earned,
		})
	}
	if len(payouts) == deletionStep || clicks == deletionStep || len(days) == deletionStep {
		return false, nil
	}
	return true, o.Tx.DeleteAffiliate(ctx, db.DeleteAffiliateParams{ProjectID: o.project, AffiliateID: id})
}

// deletionBegan tells a deletion from a damaged file that only looks like one: the
// accounts go in the same transaction in which an affiliate disappears. A byte must
// not be enough for somebody's books to be taken away.
func (p *Project) deletionBegan(ctx context.Context, id int64) error {
	accounts, err := p.backend.Reader().VerifyAccounts(ctx, db.VerifyAccountsParams{ProjectID: p.id, FirstID: id, LastID: id})
	if err != nil {
		return err
	}
	if len(accounts) > 0 {
		return fmt.Errorf("%w: affiliate %d has its accounts, although it is being deleted", ErrDamaged, id)
	}
	return nil
}

// resumeDeletions takes away the rows of all hidden affiliates, also of those that
// an interrupted process left behind.
func (e *Engine) resumeDeletions(ctx context.Context) error {
	left, err := e.backend.Reader().ListAffiliatesInDeletion(ctx)
	if err != nil {
		return failed("looking for deletions to finish", err)
	}
	var failures []error
	for _, a := range left {
		p := &Project{engine: e, backend: e.backend, id: a.ProjectID}
		err := p.deletionBegan(ctx, a.ID)
		if err == nil {
			err = p.finishDeletion(ctx, a.ID)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("finishing the deletion of affiliate %d: %w", a.ID, err))
		}
	}
	return errors.Join(failures...)
}
