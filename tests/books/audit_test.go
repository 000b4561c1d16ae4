package books_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow"
)

// auditAll compares everything, in every way it can be asked for. Of the questions about
// the past it repeats some each time.
func (w *world) auditAll() error {
	w.audits++
	for _, audit := range []func() error{
		w.auditAffiliates, w.auditLedgers, w.auditConversions, w.auditSentences, w.auditReferrals, w.auditCoupons,
		w.auditPayouts, w.auditRuns, w.auditPromises,
		w.auditOverrides, w.auditAnswers, w.auditStatements, w.auditDays, w.verify,
	} {
		if err := audit(); err != nil {
			return err
		}
	}
	return nil
}

// turns are some of a list, others in each audit.
func turns[T any](list []T, audit, most int) (some []T) {
	apart := 1 + len(list)/most
	for i := audit % apart; i < len(list); i += apart {
		some = append(some, list[i])
	}
	return some
}

func (w *world) auditAnswers() error {
	for _, a := range turns(w.answers, w.audits, 400) {
		if err := w.again(a); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) verify() error {
	report, err := w.engine.Verify(w.ctx)
	if err != nil {
		return err
	}
	if report.Affiliates != int64(len(w.model.affiliates)) || report.Conversions != int64(len(w.model.conversions)) {
		return fmt.Errorf("Verify saw %d affiliates and %d conversions", report.Affiliates, report.Conversions)
	}
	if len(report.Differences) > 0 {
		return fmt.Errorf("Verify reports: %v", report.Differences)
	}
	return w.clocks(report)
}

// walk compares a list and its count with the number of rows that the model has.
func walk[T any](
	what string, rows iter.Seq2[T, error], count func() (int64, error), want int, same func(*T) error,
) error {
	walked := 0
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := same(&row); err != nil {
			return fmt.Errorf("in the list of %s: %w", what, err)
		}
		walked++
	}
	counted, err := count()
	if err != nil {
		return err
	}
	if walked != want || counted != int64(want) {
		return fmt.Errorf("%s: %d are listed and %d counted, but there should be %d", what, walked, counted, want)
	}
	return nil
}

func countOf[V any](rows map[int64]*V, counts func(*V) bool) int {
	n := 0
	for _, row := range rows {
		if counts(row) {
			n++
		}
	}
	return n
}

func (w *world) auditAffiliates() error {
	for _, status := range []refgrow.AffiliateStatus{"", refgrow.AffiliateActive, refgrow.AffiliateInactive} {
		params := refgrow.ListAffiliatesParams{Status: status, Limit: 2}
		want := countOf(w.model.affiliates, func(a *modelAffiliate) bool {
			return status == "" || affiliateStatus(a) == status
		})
		if err := walk(string(status)+" affiliates", w.project.AllAffiliates(w.ctx, params), func() (int64, error) {
			return w.project.CountAffiliates(w.ctx, params)
		}, want, w.shown); err != nil {
			return err
		}
	}
	for _, a := range w.model.affiliates {
		got, err := w.project.AffiliateByEmail(w.ctx, strings.ToUpper(a.email))
		if err != nil {
			return err
		}
		if err := w.shown(got); err != nil {
			return err
		}
	}
	return nil
}

// auditLedgers compares every entry with its stamp, page by page, and the
// earnings of each affiliate.
func (w *world) auditLedgers() error {
	for id := range w.model.affiliates {
		entries := w.model.entries[id]
		params := refgrow.ListLedgerParams{Limit: 100}
		for at := len(entries); ; {
			page, err := w.project.ListLedger(w.ctx, id, params)
			if err != nil {
				return err
			}
			for _, e := range page.Items {
				if at--; at < 0 {
					return fmt.Errorf("affiliate %d has one entry too many: %v", id, e)
				}
				want := entries[at]
				if e.ID != want.id || e.CreatedAt.UnixMilli() != want.stamp ||
					!slices.Equal(entryLines([]refgrow.LedgerEntry{e}), w.model.wantLines(entries[at:at+1])) {
					return fmt.Errorf("entry %d is %s, but should be %s",
						e.ID, entryLines([]refgrow.LedgerEntry{e}), w.model.wantLines(entries[at:at+1]))
				}
			}
			if params.After = page.Next; params.After == "" {
				if at != 0 {
					return fmt.Errorf("affiliate %d lacks %d entries", id, at)
				}
				break
			}
		}
		if n, err := w.project.CountLedger(w.ctx, id); err != nil || n != int64(len(entries)) {
			return fmt.Errorf("affiliate %d has %d entries, but %d are counted: %w", id, len(entries), n, err)
		}
		if err := w.affiliate(id); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) auditConversions() error {
	filters := []refgrow.ListConversionsParams{
		{}, {Type: refgrow.Signup}, {Type: refgrow.Purchase}, {Paid: new(true)}, {Paid: new(false)},
		{Type: refgrow.Purchase, Paid: new(false)},
	}
	for id := range w.model.affiliates {
		filters = append(filters, refgrow.ListConversionsParams{AffiliateID: id},
			refgrow.ListConversionsParams{AffiliateID: id, Type: refgrow.Signup})
	}
	for _, params := range filters {
		params.Limit = 500
		want := countOf(w.model.conversions, func(c *modelConversion) bool {
			return (params.AffiliateID == 0 || params.AffiliateID == c.affiliate) &&
				(params.Type == "" || params.Type == c.kind) &&
				(params.Paid == nil || *params.Paid == c.paid)
		})
		paid := "paid or not"
		if params.Paid != nil {
			paid = fmt.Sprintf("paid %t", *params.Paid)
		}
		what := fmt.Sprintf("conversions of affiliate %d, type %q, %s", params.AffiliateID, params.Type, paid)
		if err := walk(what, w.project.AllConversions(w.ctx, params), func() (int64, error) {
			return w.project.CountConversions(w.ctx, params)
		}, want, w.sameConversion); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) auditReferrals() error {
	filters := []refgrow.ListReferralsParams{
		{}, {Status: refgrow.ReferralPending}, {Status: refgrow.ReferralConverted}, {Status: refgrow.ReferralDirect},
		{Status: refgrow.ReferralDirectSignup},
	}
	for id := range w.model.affiliates {
		filters = append(filters, refgrow.ListReferralsParams{AffiliateID: id})
	}
	for _, params := range filters {
		want := countOf(w.model.customers, func(c *modelCustomer) bool {
			return (params.Status == "" || params.Status == c.status) &&
				(params.AffiliateID == 0 || params.AffiliateID == c.affiliate)
		})
		what := fmt.Sprintf("referrals of affiliate %d, status %q", params.AffiliateID, params.Status)
		if err := walk(what, w.project.AllReferrals(w.ctx, params), func() (int64, error) {
			return w.project.CountReferrals(w.ctx, params)
		}, want, w.sameReferral); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) sameReferral(got *refgrow.Referral) error {
	c := w.model.customers[got.ID]
	if c == nil {
		return fmt.Errorf("there should be no referral %d", got.ID)
	}
	converted := int64(0)
	if got.ConversionDate != nil {
		converted = got.ConversionDate.UnixMilli()
	}
	show := func(email string, ids []string, affiliate int64, status refgrow.ReferralStatus, converted int64) string {
		first := ids[:min(len(ids), 1)]
		return fmt.Sprintf("%q %q %q of affiliate %d, %s at %d",
			email, first, slices.Sorted(slices.Values(ids)), affiliate, status, converted)
	}
	if len(got.ExternalIDs) > 0 && got.ExternalID != got.ExternalIDs[0] {
		return fmt.Errorf("the first external id of referral %d is %q of %q", got.ID, got.ExternalID, got.ExternalIDs)
	}
	s := show(got.Email, got.ExternalIDs, got.AffiliateID, got.Status, converted)
	if want := show(c.email, c.ids, c.affiliate, c.status, c.converted); s != want {
		return fmt.Errorf("referral %d is %s, but should be %s", got.ID, s, want)
	}
	return nil
}

func (w *world) auditCoupons() error {
	for _, status := range []refgrow.CouponStatus{"", refgrow.CouponActive, refgrow.CouponInactive} {
		params := refgrow.ListCouponsParams{Status: status}
		want := countOf(w.model.coupons, func(c *modelCoupon) bool {
			return status == "" || (status == refgrow.CouponInactive) == c.inactive
		})
		if err := walk(string(status)+" coupons", w.project.AllCoupons(w.ctx, params), func() (int64, error) {
			return w.project.CountCoupons(w.ctx, params)
		}, want, func(got *refgrow.Coupon) error {
			c := w.model.coupons[got.ID]
			if c == nil || c.affiliate != got.AffiliateID || c.code != got.Code {
				return errors.New("a coupon is not as it should be: " + got.Code)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
