package refgrow

import (
	"context"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// mergeStep is how many conversions one transaction of a merge moves at most, so that
// nobody waits long for it.
const mergeStep = 500

// MergeReferrals joins the referred user from into the one with the id: they turned out
// to be one person. The names and conversions of from become those of id, except for an
// email if id has one. id keeps its affiliate, and otherwise gets that of from; it has
// the earlier conversion date of the two, and has bought if one of them has. from is
// gone afterwards. The books do not change, nothing is priced anew, and no event tells
// of it. More than 500 conversions are moved in steps: if one of them fails, the same
// call goes on where it ended. Errors: ErrNotFound, ErrInvalid for a user and itself,
// ErrConflict where the two have more than MaxExternalIDs external ids, or one of them
// was erased.
func (p *Project) MergeReferrals(ctx context.Context, id, from int64) (*Referral, error) {
	var merged *Referral
	err := p.mergeReferrals(ctx, id, from, func(ctx context.Context, o *op, done *Referral) error {
		merged = done
		return nil
	})
	return merged, err
}

// MergeReferrals is Project.MergeReferrals for a call that takes effect once. answer
// turns the merged user into the answer to store; it must not call the engine, and may
// be called more than once. Errors: those of Project.MergeReferrals; ErrInvalid for the
// key; ErrConflict also for a different request.
func (once *Once) MergeReferrals(
	ctx context.Context, id, from int64, answer func(*Referral) Answer,
) (given Answer, replayed bool, err error) {
	p := &once.project
	kept, err := once.call.keeping(p.id)
	if err != nil {
		return Answer{}, false, err
	}
	err = p.write(ctx, "merging referrals", func(ctx context.Context, o *op) error {
		given, replayed, err = kept.at(o.now).find(ctx, o.Tx)
		return err
	})
	if err != nil || replayed {
		return given, replayed, err
	}
	err = p.mergeReferrals(ctx, id, from, func(ctx context.Context, o *op, done *Referral) error {
		given, err = kept.at(o.now).keep(ctx, o.Tx, answer(done))
		return err
	})
	return given, false, err
}

// mergeReferrals goes step by step. done is called in the transaction of the last one.
func (p *Project) mergeReferrals(
	ctx context.Context, id, from int64, done func(context.Context, *op, *Referral) error,
) error {
	if err := at("from", form.ID(from)); err != nil {
		return err
	}
	step := func(ctx context.Context) (whole bool, err error) {
		err = p.write(ctx, "merging referrals", func(ctx context.Context, o *op) error {
			merged, err := o.mergeStep(ctx, id, from)
			if whole = merged != nil; err != nil || !whole {
				return err
			}
			return done(ctx, o, merged)
		})
		return whole, err
	}
	whole, err := step(ctx)
	begun := context.WithoutCancel(ctx) // what has begun is finished
	for err == nil && !whole {
		whole, err = step(begun)
	}
	return err
}

// mergeStep moves the next conversions and, with the last of them, everything else. It
// returns the merged user then, and nil before.
func (o *op) mergeStep(ctx context.Context, id, from int64) (*Referral, error) {
	into, err := o.lastingReferral(ctx, id, "Referred user")
	if err != nil {
		return nil, err
	}
	if id == from {
		return nil, invalid("from", "must be another referred user")
	}
	gone, err := o.lastingReferral(ctx, from, "Referred user to be merged")
	if err != nil {
		return nil, err
	}
	for _, of := range []*db.FindReferralRow{into, gone} {
		if erasure.Is(of.ID, stored.OrZero(of.Email)) {
			return nil, erased("from", "cannot be merged: one of the two was erased, and gets no name again").of(of.ID)
		}
	}
	ids, err := furtherExternalIDs(ctx, o, o.project, id, from)
	if err != nil {
		return nil, err
	}
	further := len(ids[id]) + len(ids[from])
	both := into.ExternalID != nil && gone.ExternalID != nil
	if both {
		further++
	}
	if further > MaxExternalIDs {
		return nil, conflict("from", "cannot be merged: the two have %d external ids, and one user has at most %d",
			further+1, MaxExternalIDs+1).of(id)
	}
	moved, err := o.MoveConversionsOfReferral(ctx, db.MoveConversionsOfReferralParams{
		ProjectID: o.project, ReferralID: from, ToReferralID: id, AtMost: mergeStep,
	})
	if err != nil || moved == mergeStep {
		return nil, err
	}
	if err := o.MoveExternalIDs(ctx, db.MoveExternalIDsParams{
		ProjectID: o.project, ReferralID: from, ToReferralID: id,
	}); err != nil {
		return nil, err
	}
	if err := o.Tx.DeleteReferral(ctx, db.DeleteReferralParams{ProjectID: o.project, ReferralID: from}); err != nil {
		return nil, err
	}
	if err := o.MoveDeletedConversions(ctx, db.MoveDeletedConversionsParams{
		ProjectID: o.project, ReferralID: from, IntoID: id,
	}); err != nil {
		return nil, err
	}
	if err := o.noteMerged(ctx, id, from); err != nil {
		return nil, err
	}
	if into.Email != nil && gone.Email != nil { // which is not kept
		if err := o.forgetClaim(ctx, *gone.Email); err != nil {
			return nil, err
		}
	}
	o.countReferral(ReferralStatus(gone.Status), -1)
	before := ReferralStatus(into.Status)
	mergeInto(into, gone)
	if err := o.saveReferral(ctx, into, before, nil); err != nil {
		return nil, err
	}
	if both {
		if err := o.InsertExternalID(ctx, db.InsertExternalIDParams{
			ProjectID: o.project, ReferralID: id, ExternalID: *gone.ExternalID, AtMost: MaxExternalIDs,
		}); err != nil {
			return nil, err
		}
	}
	return wholeReferral(ctx, o, o.project, into)
}

// noteMerged keeps that the events and stored answers of from are about id.
func (o *op) noteMerged(ctx context.Context, id, from int64) error {
	if err := o.MoveMerged(ctx, db.MoveMergedParams{ProjectID: o.project, ReferralID: from, IntoID: id}); err != nil {
		return err
	}
	return o.NoteMerged(ctx, db.NoteMergedParams{ProjectID: o.project, ReferralID: from, IntoID: id})
}

// lastingReferral finds a user, but not one that goes with an affiliate that is being
// deleted.
func (o *op) lastingReferral(ctx context.Context, id int64, what string) (*db.FindReferralRow, error) {
	row, err := o.FindReferral(ctx, db.FindReferralParams{ProjectID: o.project, ReferralID: id})
	if err == nil && row.AffiliateID != nil && row.AffiliateCode == nil {
		return nil, notFound(what)
	}
	return &row, missing(err, what)
}

// mergeInto gives a user what another one has and it lacks.
func mergeInto(into, gone *db.FindReferralRow) {
	if into.Email == nil {
		into.Email = gone.Email
	}
	if into.ExternalID == nil {
		into.ExternalID = gone.ExternalID
	}
	if into.AffiliateID == nil {
		into.AffiliateID, into.AffiliateCode = gone.AffiliateID, gone.AffiliateCode
	}
	if into.ConversionDate == nil || gone.ConversionDate != nil && *gone.ConversionDate < *into.ConversionDate {
		into.ConversionDate = gone.ConversionDate
	}
	for _, further := range []ReferralStatus{ReferralConverted, ReferralDirect, ReferralPending} {
		if into.Status == string(further) || gone.Status == string(further) {
			into.Status = string(further)
			return
		}
	}
}
