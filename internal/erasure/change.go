package erasure

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow/internal/attribution"
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

// renamedIn puts another text in the place of each of the codes in a conversion, and
// reports whether there was one. It returns the codes of coupons that led to the
// affiliate then, and are none of its coupons now.
func (f *Found) renamedIn(c *db.Conversion) (former []string, changed bool, err error) {
	decision, err := attribution.Of(c)
	if err != nil {
		return nil, false, err
	}
	p, shown := f.person, f.shown
	// A coupon is found by a provider's id too; and people type emails as codes.
	coupons := slices.Concat(p.Codes, p.Others)
	for i := range decision.Candidates {
		candidate := &decision.Candidates[i]
		code := form.Fold(candidate.Code)
		coupon := candidate.Source == attribution.ReasonCoupon
		switch {
		case code == "" || code == shown:
			continue
		case coupon && slices.Contains(coupons, code), p.hasCode(code), p.hasEmail(code):
		case f.of == 0 || candidate.AffiliateID != f.of:
			continue
		case coupon:
			coupons, former = append(coupons, code), append(former, candidate.Code)
		}
		candidate.Code, changed = shown, true
	}
	if c.CouponCode != nil && (slices.Contains(coupons, form.Fold(*c.CouponCode)) ||
		p.hasCode(*c.CouponCode) || p.hasEmail(*c.CouponCode)) {
		c.CouponCode, changed = &shown, true
	}
	if c.ReferralCode != nil && p.hasEmail(*c.ReferralCode) {
		c.ReferralCode, changed = &shown, true
	}
	if c.ReferralCode != nil {
		codes := strings.Split(*c.ReferralCode, ".")
		for i := range codes {
			if p.hasCode(codes[i]) {
				codes[i], changed = shown, true
			}
		}
		c.ReferralCode = stored.TextOrNull(strings.Join(codes, "."))
	}
	if c.URL != nil {
		if renamed, found := p.Rename(*c.URL, shown); found {
			c.URL, changed = &renamed, true
		}
	}
	if changed {
		c.Candidates, err = attribution.Text(decision.Candidates)
	}
	return former, changed, err
}

// FromCodes removes a customer's names from conversions of theirs, in which they may be as
// codes, in the transaction of the step.
func FromCodes(ctx context.Context, q db.Querier, job *db.Erasure, conversions string) error {
	p, err := personOf(job)
	if err != nil || len(p.Emails)+len(p.Others) == 0 {
		return err
	}
	names, err := stored.Texts(append(p.words(), "@")) // however an email was written
	if err != nil {
		return err
	}
	rows, err := q.FindConversionsNamingCustomer(ctx, db.FindConversionsNamingCustomerParams{
		ProjectID: job.ProjectID, IDs: conversions, Names: names,
	})
	if err != nil {
		return err
	}
	for i := range rows {
		if err := p.fromCodes(ctx, q, *job.ReferralID, &rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// FromCodesOf is FromCodes for the next customers of an affiliate that is being deleted.
func FromCodesOf(ctx context.Context, q db.Querier, of db.FindConversionsNamingCustomersOfParams) error {
	rows, err := q.FindConversionsNamingCustomersOf(ctx, of)
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		p := Person{
			Emails: Lower(nil, stored.OrZero(r.CustomerEmail)), Others: Lower(nil, stored.OrZero(r.CustomerExternalID)),
		}
		further, err := q.ListExternalIDs(ctx, db.ListExternalIDsParams{
			ProjectID: of.ProjectID, ReferralIDs: stored.IDs([]int64{stored.OrZero(r.Conversion.ReferralID)}),
		})
		if err != nil {
			return err
		}
		for _, id := range further {
			p.Others = Lower(p.Others, id.ExternalID)
		}
		if err := p.fromCodes(ctx, q, stored.OrZero(r.Conversion.ReferralID), &r.Conversion); err != nil {
			return err
		}
	}
	return nil
}

// fromCodes changes a conversion of a customer, if it is to be changed.
func (p Person) fromCodes(ctx context.Context, q db.Querier, customer int64, c *db.Conversion) error {
	f := Found{person: p, shown: Shown(customer)}
	_, changed, err := f.renamedIn(c)
	if err != nil || !changed {
		return err
	}
	return q.RenameInConversion(ctx, db.RenameInConversionParams{
		ProjectID: c.ProjectID, ConversionID: c.ID, Candidates: c.Candidates, ReferralCode: c.ReferralCode,
		CouponCode: c.CouponCode, URL: c.URL,
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
