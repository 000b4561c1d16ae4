package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/clicks"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// EraseAffiliate removes what names an affiliate and keeps the books: its email,
// payout preferences, codes, slug and coupons; the notes of its entries and returned
// payouts; its clicks, whose number stays; and each copy, in events (those about it
// are not sent any more, in others erased-124 stands for its codes), stored answers,
// claims and decisions. Ledger, payouts and figures stay under the id, and so do the
// app's own names for sales and the external references of payments. The affiliate is
// inactive afterwards and in no payout run; its email is erased-124@erased.invalid; its
// codes and coupons, with the payment providers' ids of these, are shown as erased-124
// or not at all, lead to nobody, and stay in use as hashes. What is unpaid can be
// adjusted; every other change of it is refused. No event tells of it.
//
// It is done in steps, the first of which removes the affiliate's own fields; what
// cannot be done now is done by Upkeep, or when an engine starts. Erasing twice does no
// harm. Errors: ErrNotFound; ErrConflict while one of its payouts is pending, which
// needs the details.
func (p *Project) EraseAffiliate(ctx context.Context, id int64) (*Affiliate, error) {
	var job int64
	if err := p.write(ctx, "erasing an affiliate", func(ctx context.Context, o *op) (err error) {
		job, err = o.eraseAffiliate(ctx, id)
		return err
	}); err != nil {
		return nil, err
	}
	// What has begun is finished even if the caller does not wait for it.
	if err := p.finishErasure(context.WithoutCancel(ctx), job); err != nil {
		return nil, err
	}
	return p.GetAffiliate(ctx, id)
}

// eraseAffiliate removes the fields of an affiliate's own rows, and returns the job
// that removes the copies: that of the first time, if it is not done yet, and 0 if it
// is.
func (o *op) eraseAffiliate(ctx context.Context, id int64) (job int64, err error) {
	row, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: id})
	if err != nil {
		return 0, missing(err, "Affiliate")
	}
	if erasure.Is(id, row.Email) {
		job, err = o.GetErasureOf(ctx, db.GetErasureOfParams{ProjectID: o.project, AffiliateID: id})
		return job, ignoring(err, sql.ErrNoRows)
	}
	if err := o.noPayoutPending(ctx, id); err != nil {
		return 0, err
	}
	if job, err = o.beginAffiliate(ctx, &row, 0); err != nil {
		return 0, err
	}
	if err := o.DeleteCodesOf(ctx, db.DeleteCodesOfParams{ProjectID: o.project, AffiliateID: id}); err != nil {
		return 0, err
	}
	shown, err := o.shownCode(ctx, id)
	if err != nil {
		return 0, err
	}
	if err := o.EraseCoupons(ctx, db.EraseCouponsParams{
		ProjectID: o.project, AffiliateID: id, Code: shown,
	}); err != nil {
		return 0, err
	}
	if err := o.ForgetReturnNotes(ctx, db.ForgetReturnNotesParams{ProjectID: o.project, AffiliateID: id}); err != nil {
		return 0, err
	}
	if row.Status == string(AffiliateActive) {
		o.countAffiliate(AffiliateActive, -1)
		o.countAffiliate(AffiliateInactive, 1)
	}
	if row.PartnerSlug != nil {
		row.PartnerSlug = &shown
	}
	return job, o.UpdateAffiliate(ctx, db.UpdateAffiliateParams{
		ProjectID: o.project, AffiliateID: id, Email: erasure.Email(id), ReferralCode: shown, PartnerSlug: row.PartnerSlug,
		Status: string(AffiliateInactive), PayoutsPaused: 1,
	})
}

// shownCode registers what is shown of the codes of an erased affiliate. Where somebody
// has that code already, it has a number more.
func (o *op) shownCode(ctx context.Context, id int64) (string, error) {
	shown := erasure.Shown(id)
	for n := 2; ; n++ {
		_, err := o.InsertCode(ctx, db.InsertCodeParams{ProjectID: o.project, Code: shown, AffiliateID: id})
		if !errors.Is(err, sql.ErrNoRows) {
			return shown, err
		}
		shown = fmt.Sprintf("%s-%d", erasure.Shown(id), n)
	}
}

// EraseReferral removes what names a referred user and keeps the books: the email,
// which becomes erased-501@erased.invalid, and the external ids; the URLs of pages of
// their conversions, and the notes of the entries of these; and each copy, in events
// (which are not sent any more), stored answers and claims. The conversions keep their
// amounts, the app's own references and products, and the user's id. Whoever signs up
// or buys under one of the names later is somebody new. It is done in steps, as
// EraseAffiliate is, and no event tells of it. Erasing twice does no harm. Errors:
// ErrNotFound.
func (p *Project) EraseReferral(ctx context.Context, id int64) (*Referral, error) {
	if err := p.eraseReferral(ctx, "erasing a referral", id, 0); err != nil {
		return nil, err
	}
	return p.GetReferral(ctx, id)
}

// customerStep is how many conversions of a customer one transaction of an erasure
// changes at most, so that nobody waits long for it.
const customerStep = 200

// beginErasure notes that the copies of a person are to be removed, and returns the id
// of the job.
func (o *op) beginErasure(ctx context.Context, job db.Erasure, person erasure.Person) (int64, error) {
	names, err := person.Text()
	if err != nil {
		return 0, err
	}
	return o.InsertErasure(ctx, db.InsertErasureParams{
		ProjectID: o.project, AffiliateID: job.AffiliateID, ReferralID: job.ReferralID, Deletes: job.Deletes,
		Names: names, Part: string(erasure.First(&job)), CreatedAt: o.now,
	})
}

// finishErasure removes what is left of a person, page by page. Nothing happens if that
// is done already.
func (p *Project) finishErasure(ctx context.Context, id int64) error {
	job, err := p.backend.Reader().GetErasure(ctx, db.GetErasureParams{ProjectID: p.id, ErasureID: id})
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	for err == nil && erasure.Part(job.Part) != erasure.Done {
		switch erasure.Part(job.Part) {
		case erasure.Customer:
			err = p.eraseCustomer(ctx, &job)
		case erasure.Clicks:
			err = p.eraseClicks(ctx, &job)
		case erasure.Rows:
			err = p.deleteRows(ctx, &job)
		case erasure.Notes, erasure.Conversions, erasure.ConversionsAgain, erasure.Claims, erasure.Answers, erasure.Events,
			erasure.AnswersAgain, erasure.EventsAgain, erasure.Errors, erasure.Done:
			err = p.eraseCopies(ctx, &job)
		default:
			err = p.eraseCopies(ctx, &job)
		}
	}
	if err != nil {
		return p.engine.failed("removing the copies of a person", p.engine.needed(err))
	}
	err = p.write(ctx, "ending an erasure", func(ctx context.Context, o *op) error {
		if err := o.EmptyErasure(ctx, db.EmptyErasureParams{ProjectID: o.project, ErasureID: id}); err != nil {
			return err
		}
		return o.Tx.DeleteErasure(ctx, db.DeleteErasureParams{ProjectID: o.project, ErasureID: id})
	})
	if err != nil {
		return err
	}
	if p.engine.uncut.Store(true); p.inTransaction() {
		return nil
	}
	if err := p.engine.cutLog(ctx); err != nil { // everything else is done
		p.engine.logger.WarnContext(ctx, "the log of the database still has what was erased", "error", err)
	}
	return nil
}

// eraseCopies looks at the next page of a part, and writes only if there is something
// to change.
func (p *Project) eraseCopies(ctx context.Context, job *db.Erasure) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	found, err := erasure.Look(ctx, p.backend.Reader(), job)
	if err != nil {
		return err
	}
	job.Names = found.Names
	if found.Last {
		erasure.Advance(job)
	} else {
		job.MarkTime, job.Mark = found.MarkTime, found.Mark
	}
	if found.Empty() {
		return nil
	}
	return p.write(ctx, "removing copies", func(ctx context.Context, o *op) error {
		for _, email := range found.Claims {
			if err := o.dropClaim(ctx, email); err != nil {
				return err
			}
		}
		if err := found.Change(ctx, o, o.project, o.now); err != nil {
			return err
		}
		return o.moveErasure(ctx, job)
	})
}

// moveErasure notes how far a job has come.
func (o *op) moveErasure(ctx context.Context, job *db.Erasure) error {
	return o.MoveErasure(ctx, db.MoveErasureParams{
		ProjectID: o.project, ErasureID: job.ID, Part: job.Part, MarkTime: job.MarkTime, Mark: job.Mark, Names: job.Names,
	})
}

// eraseCustomer goes through the conversions of a customer.
func (p *Project) eraseCustomer(ctx context.Context, job *db.Erasure) error {
	return p.write(ctx, "removing a customer from conversions", func(ctx context.Context, o *op) error {
		return o.customerStep(ctx, job)
	})
}

// customerStep removes what is personal in the next conversions of a customer and, if
// the customer is being deleted, the customer with the last of them.
func (o *op) customerStep(ctx context.Context, job *db.Erasure) error {
	gone, err := o.ListDeletedConversions(ctx, db.ListDeletedConversionsParams{
		ProjectID: o.project, ReferralID: *job.ReferralID, AtMost: customerStep,
	})
	if err != nil {
		return err
	}
	if err := o.forgetDeleted(ctx, gone); err != nil || len(gone) == customerStep {
		return err
	}
	rows, err := o.ListConversionIDsOfReferral(ctx, db.ListConversionIDsOfReferralParams{
		ProjectID: o.project, ReferralID: *job.ReferralID,
		AfterTime: job.MarkTime, AfterID: job.Mark, AtMost: customerStep,
	})
	if err != nil {
		return err
	}
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	if err := o.forgetCustomer(ctx, job, stored.IDs(ids)); err != nil {
		return err
	}
	next := *job
	if len(rows) == customerStep {
		last := rows[len(rows)-1]
		next.MarkTime, next.Mark = last.CreatedAt, last.ID
	} else {
		erasure.Advance(&next)
		if job.Deletes == 1 {
			if err := o.removeReferral(ctx, *job.ReferralID); err != nil {
				return err
			}
		}
	}
	if err := o.moveErasure(ctx, &next); err != nil {
		return err
	}
	*job = next
	return nil
}

// forgetCustomer removes what is personal in some conversions of a customer.
func (o *op) forgetCustomer(ctx context.Context, job *db.Erasure, conversions string) error {
	if err := o.ForgetNotes(ctx, db.ForgetNotesParams{ProjectID: o.project, IDs: conversions}); err != nil {
		return err
	}
	if err := o.ForgetURLs(ctx, db.ForgetURLsParams{ProjectID: o.project, IDs: conversions}); err != nil {
		return err
	}
	if err := erasure.FromCodes(ctx, o, job, conversions); err != nil {
		return err
	}
	if job.Deletes == 0 {
		return nil
	}
	return o.DetachConversions(ctx, db.DetachConversionsParams{ProjectID: o.project, IDs: conversions})
}

// forgetDeleted removes the notes of entries of conversions that are deleted, and whose
// these were.
func (o *op) forgetDeleted(ctx context.Context, conversions []int64) error {
	if len(conversions) == 0 {
		return nil
	}
	ids := stored.IDs(conversions)
	if err := o.ForgetNotes(ctx, db.ForgetNotesParams{ProjectID: o.project, IDs: ids}); err != nil {
		return err
	}
	return o.DeleteDeletedConversions(ctx, db.DeleteDeletedConversionsParams{ProjectID: o.project, IDs: ids})
}

// removeReferral deletes the row of a customer that no conversion has any more.
func (o *op) removeReferral(ctx context.Context, id int64) error {
	row, err := o.FindReferral(ctx, db.FindReferralParams{ProjectID: o.project, ReferralID: id})
	if err != nil {
		return ignoring(err, sql.ErrNoRows)
	}
	o.countReferral(ReferralStatus(row.Status), -1)
	return o.Tx.DeleteReferral(ctx, db.DeleteReferralParams{ProjectID: o.project, ReferralID: id})
}

// eraseClicks forgets the next clicks of an affiliate. Their number stays.
func (p *Project) eraseClicks(ctx context.Context, job *db.Erasure) error {
	return p.write(ctx, "removing clicks", func(ctx context.Context, o *op) error {
		more, err := clicks.Forget(ctx, o, db.ForgetClicksOfParams{
			ProjectID: o.project, AffiliateID: *job.AffiliateID, AtMost: deletionStep,
		})
		if err != nil || more {
			return err
		}
		next := *job
		erasure.Advance(&next)
		if err := o.moveErasure(ctx, &next); err != nil {
			return err
		}
		*job = next
		return nil
	})
}

// deleteRows removes the next rows of an affiliate that is being deleted.
func (p *Project) deleteRows(ctx context.Context, job *db.Erasure) error {
	return p.write(ctx, "deleting an affiliate's records", func(ctx context.Context, o *op) error {
		done, err := o.deleteStep(ctx, *job.AffiliateID)
		if err != nil || !done {
			return err
		}
		next := *job
		erasure.Advance(&next)
		if err := o.moveErasure(ctx, &next); err != nil {
			return err
		}
		*job = next
		return nil
	})
}

// resumeErasures finishes the erasures and deletions that an interrupted process left
// behind.
func (e *Engine) resumeErasures(ctx context.Context) error {
	left, err := e.backend.Reader().ListErasures(ctx)
	if err != nil {
		return e.failed("looking for erasures to finish", err)
	}
	var failures []error
	for i := range left {
		job := &left[i]
		p := &Project{engine: e, backend: e.backend, id: job.ProjectID}
		var err error
		if job.AffiliateID != nil && job.Deletes == 1 {
			err = p.deletionBegan(ctx, *job.AffiliateID)
		}
		if err == nil {
			err = p.finishErasure(ctx, job.ID)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("finishing erasure %d: %w", job.ID, err))
		}
	}
	return errors.Join(failures...)
}

// retireCodes keeps codes in use that nothing else keeps: for as long as links and
// cookies may have them.
func (o *op) retireCodes(
	ctx context.Context, affiliate int64, kind erasure.CodeKind, codes []string, deletedAt *int64,
) error {
	for _, code := range codes {
		if err := o.RetireCode(ctx, db.RetireCodeParams{
			ProjectID: o.project, Hash: erasure.Hash(o.project, kind, code), AffiliateID: affiliate, DeletedAt: deletedAt,
		}); err != nil {
			return err
		}
	}
	return nil
}

// codeIsFree refuses a code that was that of an affiliate who is gone, as long as links
// and cookies may have it.
func (o *op) codeIsFree(ctx context.Context, field string, kind erasure.CodeKind, code string) error {
	retired, err := o.GetRetiredCode(ctx, db.GetRetiredCodeParams{
		ProjectID: o.project, Hash: erasure.Hash(o.project, kind, code),
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case retired.DeletedAt == nil:
		return conflict(field, "belonged to an affiliate that was erased, and leads to nobody").of(retired.AffiliateID)
	case *retired.DeletedAt < o.daysAgo(o.state.settings.CookieDays):
		return nil
	}
	return conflict(field,
		"belonged to an affiliate that was deleted less than %d days ago: links and cookies may have it",
		o.state.settings.CookieDays)
}
