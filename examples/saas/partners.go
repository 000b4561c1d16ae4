package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
)

const (
	partnerDays   = 7  // how many days a partner sees one by one
	couponPercent = 10 // what a partner's coupon takes off
)

// An account is what a customer sees on the account page.
type account struct {
	Orders  []order
	Partner *partner // nil for those who are not partners
}

// A partner is what an affiliate sees of the program.
type partner struct {
	*refgrow.Affiliate
	Link    string
	Coupons []refgrow.Coupon
	Days    []refgrow.DayStatistics
}

func (s *shop) readAccount(ctx context.Context, c *customer) (*account, error) {
	orders, err := s.orders(ctx, s.db, c)
	if err != nil || c.AffiliateID == 0 {
		return &account{Orders: orders}, err
	}
	affiliate, err := s.project.GetAffiliate(ctx, c.AffiliateID)
	if errors.Is(err, refgrow.ErrNotFound) { // deleted by the program's owner
		return &account{Orders: orders}, nil
	}
	if err != nil {
		return nil, err
	}
	coupons, err := s.project.ListCoupons(ctx, refgrow.ListCouponsParams{AffiliateID: c.AffiliateID})
	if err != nil {
		return nil, err
	}
	today := s.engine.Now()
	days, err := s.project.Statistics(ctx, refgrow.StatisticsParams{
		AffiliateID: c.AffiliateID, From: today.AddDate(0, 0, 1-partnerDays), To: today.AddDate(0, 0, 1),
	})
	if err != nil {
		return nil, err
	}
	return &account{Orders: orders, Partner: &partner{
		Affiliate: affiliate, Link: s.url + "/?ref=" + affiliate.ReferralCode, Coupons: coupons.Items, Days: days,
	}}, nil
}

func (s *shop) join(w http.ResponseWriter, r *http.Request, c *customer) error {
	if err := s.addPartner(r.Context(), c, strings.TrimSpace(r.PostFormValue("code"))); err != nil {
		return s.showAgain(w, r, "account", c, err)
	}
	return redirect(w, r, "/account")
}

// addPartner makes a customer an affiliate with a link and a coupon. It is the account
// that is an affiliate, not whoever has the same email.
func (s *shop) addPartner(ctx context.Context, c *customer, code string) error {
	if code == "" {
		return mistake("Please choose a word for your link.")
	}
	return s.together(ctx, func(tx *sql.Tx, project *refgrow.Project) error {
		affiliate, err := project.CreateAffiliate(ctx,
			refgrow.CreateAffiliateParams{Email: c.Email, ReferralCode: code})
		if err != nil {
			return err
		}
		coupon, err := project.CreateCoupon(ctx,
			refgrow.CreateCouponParams{AffiliateID: affiliate.ID, Code: code + strconv.Itoa(couponPercent)})
		if err != nil {
			return err
		}
		// The shop knows what it takes off, the program knows whose it is.
		_, err = tx.ExecContext(ctx, "INSERT INTO coupons (code, percent) VALUES (?, ?)",
			coupon.Code, couponPercent)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE customers SET affiliate_id = ? WHERE id = ?", affiliate.ID, c.ID)
		return err
	})
}
