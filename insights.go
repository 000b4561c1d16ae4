package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
)

// Insights is the handle of what people who look after a project ask about it. It is
// bound to the transaction that the project is bound to.
type Insights struct{ project Project }

// Insights returns the handle of what is asked about the project.
func (p *Project) Insights() *Insights { return &Insights{*p} }

// Found is what a search has found, the nearest of each kind first.
type Found struct {
	Affiliates  []Affiliate
	Referrals   []Referral
	Conversions []Conversion
	Coupons     []Coupon
	Payouts     []Payout
}

// MaxFound is how many of each kind a search returns at most.
const MaxFound = 100

// Search finds what a text names or begins to name: affiliates by email, code or
// slug, also by former codes; referred users by email or the app's own id; conversions
// by reference, coupons by code; and of numbers the conversion and the payout with this
// id. Emails, codes and slugs are found in upper and lower case. It returns at most
// limit of each kind, 1 to MaxFound, and 20 for a limit of 0. People who were erased
// are not found. Errors: ErrInvalid.
func (i *Insights) Search(ctx context.Context, text string, limit int) (*Found, error) {
	if limit < 0 || limit > MaxFound {
		return nil, invalid("limit", "must be 1 to %d", MaxFound)
	}
	if limit == 0 {
		limit = 20
	}
	text = form.Trim(text)
	if text == "" {
		return nil, invalid("text", "is required")
	}
	if err := at("text", form.Text(text, form.MaxText)); err != nil {
		return nil, err
	}
	s := search{project: &i.project, text: text, limit: limit}
	err := i.project.snapshot(ctx, "searching", s.run)
	if err != nil {
		return nil, err
	}
	return &s.found, nil
}

// search is one search while it runs.
type search struct {
	project *Project
	text    string
	limit   int
	found   Found
}

func (s *search) run(ctx context.Context, q db.Querier) error {
	for _, find := range []func(context.Context, db.Querier) error{
		s.affiliates, s.referrals, s.conversions, s.coupons, s.payouts,
	} {
		if err := find(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// beginning is the range of the texts that begin with text.
func beginning(text string) (from, to string) { return text, text + "\U0010FFFF" }

// email is the text as the beginning of an email: in the form of emails, if it is a
// whole one.
func (s *search) email(whole func(string) (string, error)) (from, to string) {
	if email, err := whole(s.text); err == nil {
		return beginning(email)
	}
	return beginning(form.Fold(s.text))
}

func (s *search) affiliates(ctx context.Context, q db.Querier) error {
	from, to := s.email(form.Email)
	byEmail, err := q.SearchAffiliatesByEmail(ctx, db.SearchAffiliatesByEmailParams{
		ProjectID: s.project.id, TextFrom: from, TextTo: to, Limit: int64(s.limit),
	})
	if err != nil {
		return err
	}
	from, to = beginning(form.Fold(s.text))
	byCode, err := q.SearchAffiliatesByCode(ctx, db.SearchAffiliatesByCodeParams{
		ProjectID: s.project.id, TextFrom: from, TextTo: to, Limit: int64(s.limit),
	})
	if err != nil {
		return err
	}
	rows := alternating(s.limit, func(r *db.Affiliate) int64 { return r.ID }, byEmail, byCode)
	if len(rows) == 0 {
		return nil
	}
	project, err := q.GetProject(ctx, s.project.id)
	if err != nil {
		return err
	}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	// The clock is read after the first query, so that nothing in the snapshot is
	// newer.
	stats, err := readStatistics(ctx, q, s.project.id, ids, s.project.engine.millis())
	if err != nil {
		return err
	}
	for i := range rows {
		shown, err := showAffiliate(&rows[i], stats[rows[i].ID], project.Currency, project.HoldDays)
		if err != nil {
			return err
		}
		s.found.Affiliates = append(s.found.Affiliates, *shown)
	}
	return nil
}

func (s *search) referrals(ctx context.Context, q db.Querier) error {
	from, to := s.email(form.CustomerEmail)
	byEmail, err := q.SearchReferralsByEmail(ctx, db.SearchReferralsByEmailParams{
		ProjectID: s.project.id, TextFrom: from, TextTo: to, Limit: int64(s.limit),
	})
	if err != nil {
		return err
	}
	from, to = beginning(s.text)
	byID, err := q.SearchReferralsByExternalID(ctx, db.SearchReferralsByExternalIDParams{
		ProjectID: s.project.id, TextFrom: from, TextTo: to, Limit: int64(s.limit),
	})
	if err != nil {
		return err
	}
	byFurther, err := q.SearchReferralsByFurtherID(ctx, db.SearchReferralsByFurtherIDParams{
		ProjectID: s.project.id, TextFrom: from, TextTo: to, Limit: int64(s.limit),
	})
	if err != nil {
		return err
	}
	rows := alternating(s.limit, func(r *db.SearchReferralsByEmailRow) int64 { return r.ID }, byEmail,
		convert(byID, func(r db.SearchReferralsByExternalIDRow) db.SearchReferralsByEmailRow {
			return db.SearchReferralsByEmailRow(r)
		}),
		convert(byFurther, func(r db.SearchReferralsByFurtherIDRow) db.SearchReferralsByEmailRow {
			return db.SearchReferralsByEmailRow(r)
		}))
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	further, err := furtherExternalIDs(ctx, q, s.project.id, ids...)
	for _, r := range rows {
		s.found.Referrals = append(s.found.Referrals, *showReferral(&db.FindReferralRow{
			ID: r.ID, Email: r.Email, ExternalID: r.ExternalID, AffiliateID: r.AffiliateID, Status: r.Status,
			ConversionDate: r.ConversionDate, CreatedAt: r.CreatedAt, AffiliateCode: r.AffiliateCode,
		}, further[r.ID]))
	}
	return err
}

func (s *search) conversions(ctx context.Context, q db.Querier) error {
	from, to := beginning(s.text)
	rows, err := q.SearchConversions(ctx, db.SearchConversionsParams{
		ProjectID: s.project.id, TextFrom: from, TextTo: to, Limit: int64(s.limit),
	})
	if err != nil {
		return err
	}
	if id := s.id(); id != 0 {
		row, err := q.GetConversion(ctx, db.GetConversionParams{ProjectID: s.project.id, ConversionID: id})
		switch {
		case err == nil:
			rows = alternating(s.limit, func(r *db.Conversion) int64 { return r.ID }, []db.Conversion{row}, rows)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
	}
	now := s.project.engine.millis()
	for i := range rows {
		shown, err := storedConversion(&rows[i], now)
		if err != nil {
			return err
		}
		s.found.Conversions = append(s.found.Conversions, *shown)
	}
	return nil
}

func (s *search) coupons(ctx context.Context, q db.Querier) error {
	from, to := beginning(form.Fold(s.text))
	rows, err := q.SearchCoupons(ctx, db.SearchCouponsParams{
		ProjectID: s.project.id, TextFrom: from, TextTo: to, Limit: int64(s.limit),
	})
	for _, r := range rows {
		s.found.Coupons = append(s.found.Coupons, *showCoupon((*db.GetCouponRow)(&r)))
	}
	return err
}

func (s *search) payouts(ctx context.Context, q db.Querier) error {
	id := s.id()
	if id == 0 {
		return nil
	}
	row, err := q.GetPayout(ctx, db.GetPayoutParams{ProjectID: s.project.id, PayoutID: id})
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	payout, err := storedPayout(&row)
	if err == nil {
		s.found.Payouts = []Payout{*payout}
	}
	return err
}

// id is the text as an id, 0 if it is none.
func (s *search) id() int64 {
	if id, err := strconv.ParseInt(s.text, 10, 64); err == nil && id > 0 {
		return id
	}
	return 0
}

// alternating joins what several indexes have found, whose first rows are the nearest,
// and has each row once.
func alternating[T any](limit int, id func(*T) int64, lists ...[]T) []T {
	var all []T
	seen := make(map[int64]bool)
	for n, more := 0, true; more; n++ {
		more = false
		for _, list := range lists {
			if n >= len(list) {
				continue
			}
			more = true
			if r := list[n]; !seen[id(&r)] && len(all) < limit {
				seen[id(&r)] = true
				all = append(all, r)
			}
		}
	}
	return all
}
