package erasure

import (
	"context"
	"database/sql"
	"errors"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// Change does what a page has found, all but the claims, in the transaction of the step.
func (f *Found) Change(ctx context.Context, q db.Querier, project, now int64) error {
	for _, id := range f.Conversions {
		if err := f.rename(ctx, q, project, id); err != nil {
			return err
		}
	}
	if len(f.Notes) > 0 {
		if err := q.ForgetNotesOfEntries(ctx, db.ForgetNotesOfEntriesParams{
			ProjectID: project, IDs: stored.IDs(f.Notes),
		}); err != nil {
			return err
		}
	}
	if len(f.Answers) > 0 {
		if err := q.EraseAnswers(ctx, db.EraseAnswersParams{
			ProjectID: project, Status: Gone, IDs: stored.IDs(f.Answers),
		}); err != nil {
			return err
		}
	}
	if len(f.Errors) > 0 {
		if err := q.ForgetErrors(ctx, db.ForgetErrorsParams{ProjectID: project, IDs: stored.IDs(f.Errors)}); err != nil {
			return err
		}
	}
	for _, e := range f.Changed {
		if err := q.ChangeEvent(ctx, db.ChangeEventParams{ProjectID: project, EventID: e.ID, Data: e.Data}); err != nil {
			return err
		}
	}
	return outbox.Empty(ctx, q, project, f.Events, now)
}

// rename changes a conversion as it is now, which may be later than it was found.
func (f *Found) rename(ctx context.Context, q db.Querier, project, id int64) error {
	row, err := q.GetConversion(ctx, db.GetConversionParams{ProjectID: project, ConversionID: id})
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	former, _, err := f.renamedIn(&row)
	if err != nil {
		return err
	}
	for _, code := range former {
		if err := f.retire(ctx, q, project, code); err != nil {
			return err
		}
	}
	return q.RenameInConversion(ctx, db.RenameInConversionParams{
		ProjectID: project, ConversionID: id, Candidates: row.Candidates, ReferralCode: row.ReferralCode,
		CouponCode: row.CouponCode, URL: row.URL,
	})
}

// retire keeps the code of a coupon that the affiliate had in use, unless somebody else's
// coupon has it by now.
func (f *Found) retire(ctx context.Context, q db.Querier, project int64, code string) error {
	if !f.keeps {
		return nil
	}
	if anothers, err := IsAnothers(ctx, q, project, f.of, code); anothers || err != nil {
		return err
	}
	return q.RetireCode(ctx, db.RetireCodeParams{
		ProjectID: project, Hash: Hash(project, CouponCode, code), AffiliateID: f.of,
	})
}

// IsAnothers reports whether a code or a provider's id of an affiliate's coupon, as it was
// sent, is that of a coupon of somebody else, whose sales it then names.
func IsAnothers(ctx context.Context, q db.Querier, project, affiliate int64, code string) (bool, error) {
	found, err := q.IsCouponOfAnother(ctx, db.IsCouponOfAnotherParams{
		ProjectID: project, AffiliateID: affiliate, CodeKey: form.Fold(code), Code: code,
	})
	return found == 1, err
}
