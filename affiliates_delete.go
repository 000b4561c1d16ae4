package refgrow

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// deletionStep is how many rows of a kind one transaction of a deletion removes at
// most, so that nobody waits long for it.
const deletionStep = 500

// DeleteAffiliate permanently removes an affiliate and everything that belongs to it:
// coupons, codes, referrals, conversions, payouts and the ledger; its overrides end.
// Conversions of its customers that are credited to other affiliates stay, without the
// customer. No copy remains either: events about the affiliate or its customers are
// emptied and not sent, in others erased-124 stands for its codes; stored answers that
// name them go (a repeated call gets ErrConflict with CodeErased), and so do claims,
// and its codes in decisions on other conversions. A record of the final balances
// remains. Hashes of its codes and slug stay for CookieDays, in which they lead to
// nobody and nobody else gets them.
//
// The affiliate is gone at once, with its email, codes and coupons; the rest follows in
// steps, until ctx's deadline. Steps that are left then, or that cannot be done because
// somebody else holds the database's lock or the disk is full, are done by Upkeep, or
// when an engine starts. Errors: ErrNotFound; ErrConflict while one of its payouts is
// pending.
func (p *Project) DeleteAffiliate(ctx context.Context, id int64) error {
	var job int64
	if err := p.write(ctx, "deleting an affiliate", func(ctx context.Context, o *op) (err error) {
		job, err = o.hideAffiliate(ctx, id)
		return err
	}); err != nil {
		return err
	}
	// What has begun is finished even if the caller does not wait for it.
	uncancelled := context.WithoutCancel(ctx)
	if until, ok := ctx.Deadline(); ok && !p.inTransaction() {
		var cancel context.CancelFunc
		uncancelled, cancel = context.WithDeadline(uncancelled, until)
		defer cancel()
	}
	err := p.finishErasure(uncancelled, job)
	if p.inTransaction() { // all of it commits, or nothing
		return err
	}
	if err != nil {
		p.engine.logger.WarnContext(ctx, "the rest of a deletion has to wait", "affiliate", id, "error", err)
	}
	return nil
}

// hideAffiliate makes the affiliate disappear, frees its email, and returns the job
// that removes the rest.
func (o *op) hideAffiliate(ctx context.Context, id int64) (job int64, err error) {
	row, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: id})
	if err != nil {
		return 0, missing(err, "Affiliate")
	}
	if err := o.noPayoutPending(ctx, id); err != nil {
		return 0, err
	}
	stats, err := readStatistics(ctx, o, o.project, []int64{id}, o.now)
	if err != nil {
		return 0, err
	}
	totals, err := finalTotals(stats[id].balances)
	if err != nil {
		return 0, err
	}
	if err := o.InsertDeletion(ctx, db.InsertDeletionParams{
		ProjectID: o.project, AffiliateID: id, DeletedAt: o.now, Totals: totals,
	}); err != nil {
		return 0, err
	}
	if err := o.HideAffiliate(ctx, db.HideAffiliateParams{
		ProjectID: o.project, AffiliateID: id, DeletedAt: &o.now,
	}); err != nil {
		return 0, err
	}
	o.countAffiliate(AffiliateStatus(row.Status), -1)
	if job, err = o.beginAffiliate(ctx, &row, 1); err != nil {
		return 0, err
	}
	if err := o.DeleteCodesOf(ctx, db.DeleteCodesOfParams{ProjectID: o.project, AffiliateID: id}); err != nil {
		return 0, err
	}
	// The versions stay: conversions that were moved away may be priced by them.
	if err := o.EndRulesOf(ctx, db.EndRulesOfParams{ProjectID: o.project, AffiliateID: id, EndedAt: &o.now}); err != nil {
		return 0, err
	}
	if err := o.reload(ctx); err != nil {
		return 0, err
	}
	coupons, err := o.DeleteCouponsOf(ctx, db.DeleteCouponsOfParams{ProjectID: o.project, AffiliateID: id})
	if err != nil {
		return 0, err
	}
	for _, status := range coupons {
		o.countCoupon(CouponStatus(status), -1)
	}
	return job, o.DeleteAccountsOf(ctx, db.DeleteAccountsOfParams{ProjectID: o.project, AffiliateID: id})
}

// beginAffiliate notes what names an affiliate that is being erased or deleted, and
// keeps its codes in use.
func (o *op) beginAffiliate(ctx context.Context, row *db.Affiliate, deletes int64) (job int64, err error) {
	codes, err := o.ListCodesOf(ctx, db.ListCodesOfParams{ProjectID: o.project, AffiliateID: row.ID})
	if err != nil {
		return 0, err
	}
	coupons, err := o.ListCodesOfCoupons(ctx, db.ListCodesOfCouponsParams{ProjectID: o.project, AffiliateID: row.ID})
	if err != nil {
		return 0, err
	}
	until := &o.now
	if deletes == 0 {
		until = nil
	}
	if err := o.retireCodes(ctx, row.ID, erasure.ReferralCode, codes, until); err != nil {
		return 0, err
	}
	person := erasure.Person{
		Emails: erasure.Lower(nil, row.Email, stored.OrZero(row.PaypalEmail), stored.OrZero(row.WiseEmail)),
		Codes:  erasure.Lower(codes, row.ReferralCode, stored.OrZero(row.PartnerSlug)),
		Others: erasure.Lower(nil, stored.OrZero(row.WiseAccountID), stored.OrZero(row.WiseName)),
	}
	for _, c := range coupons {
		ids, err := o.idsOfCoupon(ctx, row.ID, c.StripeCouponID, c.LemonsqueezyDiscountCode)
		if err != nil {
			return 0, err
		}
		if deletes == 0 {
			names := append([]string{c.CodeKey}, ids...)
			if err := o.retireCodes(ctx, row.ID, erasure.CouponCode, names, nil); err != nil {
				return 0, err
			}
		}
		person.Codes = erasure.Lower(person.Codes, c.CodeKey)
		person.Others = erasure.Lower(person.Others, ids...)
	}
	return o.beginErasure(ctx, db.Erasure{AffiliateID: &row.ID, Deletes: deletes}, person)
}

// idsOfCoupon returns the providers' ids of an affiliate's coupon that no coupon of
// another affiliate has.
func (o *op) idsOfCoupon(ctx context.Context, affiliate int64, given ...*string) (ids []string, err error) {
	for _, id := range given {
		if id == nil {
			continue
		}
		anothers, err := erasure.IsAnothers(ctx, o, o.project, affiliate, *id)
		if err != nil {
			return nil, err
		}
		if !anothers {
			ids = erasure.Lower(ids, *id)
		}
	}
	return ids, nil
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

// deleteStep removes the next rows and reports whether those were the last.
func (o *op) deleteStep(ctx context.Context, id int64) (done bool, err error) {
	if err := o.DeleteRefundsOf(ctx, db.DeleteRefundsOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	}); err != nil {
		return false, err
	}
	if err := o.DeleteRefundTotalsOf(ctx, db.DeleteRefundTotalsOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	}); err != nil {
		return false, err
	}
	if err := o.NoteDeletedConversionsOf(ctx, db.NoteDeletedConversionsOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	}); err != nil {
		return false, err
	}
	conversions, err := o.DeleteConversionsOf(ctx, db.DeleteConversionsOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	})
	if err != nil {
		return false, err
	}
	for _, c := range conversions {
		o.countType(ConversionType(c.Type), c.Paid == 1, -1)
	}
	gone, err := o.ListDeletedConversionsOf(ctx, db.ListDeletedConversionsOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	})
	if err != nil {
		return false, err
	}
	if err := o.forgetDeleted(ctx, gone); err != nil || len(gone) == deletionStep {
		return false, err
	}
	if err := o.ForgetNotesOfCustomers(ctx, db.ForgetNotesOfCustomersParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	}); err != nil {
		return false, err
	}
	if err := erasure.FromCodesOf(ctx, o, db.FindConversionsNamingCustomersOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	}); err != nil {
		return false, err
	}
	if err := o.DetachReferralsOf(ctx, db.DetachReferralsOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	}); err != nil {
		return false, err
	}
	if err := o.DeleteExternalIDsOf(ctx, db.DeleteExternalIDsOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	}); err != nil {
		return false, err
	}
	referrals, err := o.DeleteReferralsOf(ctx, db.DeleteReferralsOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	})
	if err != nil {
		return false, err
	}
	for _, status := range referrals {
		o.countReferral(ReferralStatus(status), -1)
	}
	if err := o.DeletePayoutEntriesOf(ctx, db.DeletePayoutEntriesOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	}); err != nil {
		return false, err
	}
	entries, err := o.DeleteEntriesOf(ctx, db.DeleteEntriesOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	})
	if err != nil {
		return false, err
	}
	o.Add(db.AddTotalsParams{ProjectID: o.project, LedgerEntries: -entries})
	if len(conversions) == deletionStep || len(referrals) == deletionStep || entries == deletionStep {
		return false, nil
	}
	payouts, err := o.DeletePayoutsOf(ctx, db.DeletePayoutsOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	})
	if err != nil {
		return false, err
	}
	for _, p := range payouts {
		o.countPayout(PayoutStatus(p.Status), -1)
		if p.RunID == nil {
			continue
		}
		if err := o.AddToPayoutRun(ctx, db.AddToPayoutRunParams{
			ProjectID: o.project, RunID: *p.RunID, Payouts: -1, Total: -p.Amount,
		}); err != nil {
			return false, err
		}
	}
	clicks, err := o.DeleteClicksOf(ctx, db.DeleteClicksOfParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	})
	if err != nil {
		return false, err
	}
	days, err := o.DeleteAffiliateDays(ctx, db.DeleteAffiliateDaysParams{
		ProjectID: o.project, AffiliateID: id, AtMost: deletionStep,
	})
	if err != nil {
		return false, err
	}
	for _, d := range days {
		o.AddProjectDay(db.AddToProjectDayParams{
			ProjectID: o.project, Day: d.Day, Currency: d.Currency,
			Clicks: -d.Clicks, Signups: -d.Signups, Purchases: -d.Purchases,
			Billions: -d.Billions, Earned: -d.Earned,
		})
	}
	if len(payouts) == deletionStep || clicks == deletionStep || len(days) == deletionStep {
		return false, nil
	}
	return true, o.Tx.DeleteAffiliate(ctx, db.DeleteAffiliateParams{ProjectID: o.project, AffiliateID: id})
}

// deletionBegan distinguishes a deletion from a damaged file that only looks like
// one: the accounts go in the transaction that hides an affiliate. One damaged byte
// must not be enough to remove somebody's books.
func (p *Project) deletionBegan(ctx context.Context, id int64) error {
	accounts, err := p.backend.Reader().VerifyAccounts(ctx, db.VerifyAccountsParams{
		ProjectID: p.id, FirstID: id, LastID: id,
	})
	if err != nil {
		return err
	}
	if len(accounts) > 0 {
		return fmt.Errorf("%w: affiliate %d still has its accounts, although it is being deleted", ErrDamaged, id)
	}
	return nil
}
