package refgrow

import (
	"context"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// showAffiliate shows a row of a project with this currency and hold.
func showAffiliate(r *db.Affiliate, s statistics, currency string, holdDays int64) (*Affiliate, error) {
	earnings, err := ownCurrencyFirst(s.balances, currency)
	return &Affiliate{
		ID: r.ID, Email: r.Email, ReferralCode: r.ReferralCode, PartnerSlug: stored.OrZero(r.PartnerSlug),
		Status: AffiliateStatus(r.Status), CreatedAt: stored.Instant(r.CreatedAt),
		PayoutPreferences: PayoutPreferences{
			PayPalEmail:   stored.OrZero(r.PaypalEmail),
			WiseAccountID: stored.OrZero(r.WiseAccountID),
			WiseEmail:     stored.OrZero(r.WiseEmail),
			WiseName:      stored.OrZero(r.WiseName),
		},
		PayoutsPaused: r.PayoutsPaused == 1,
		Clicks:        r.Clicks, Signups: s.signups, Purchases: s.purchases,
		Earnings: earnings, holds: holdDays > 0,
	}, err
}

// AppendJSON appends the affiliate to b in the form in which the REST API retrieves it,
// which is also that of webhooks.
func (a *Affiliate) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.Integer("id", a.ID)
	o.Text("user_email", a.Email)
	o.Text("referral_code", a.ReferralCode)
	o.Instant("created_at", a.CreatedAt)
	o.Text("status", string(a.Status))
	o.Integer("clicks", a.Clicks)
	o.Integer("signups", a.Signups)
	o.Integer("purchases", a.Purchases)
	holds := a.holds || slices.ContainsFunc(a.Earnings, func(b Balance) bool { return !b.Held.IsZero() })
	if len(a.Earnings) > 0 { // an engine's affiliate has the one in the project's currency
		appendEarnings(&o, &a.Earnings[0], holds)
	}
	o.Optional("partner_slug", a.PartnerSlug)
	for i := 1; i < len(a.Earnings); i++ {
		if i == 1 {
			o.Member("earnings_by_currency")
			o.B = append(o.B, '[')
		} else {
			o.B = append(o.B, ',')
		}
		inner := wire.Begin(o.B)
		inner.Text("currency", string(a.Earnings[i].Currency))
		appendEarnings(&inner, &a.Earnings[i], holds)
		o.B = inner.End()
	}
	if len(a.Earnings) > 1 {
		o.B = append(o.B, ']')
	}
	pp := &a.PayoutPreferences
	o.PayoutPreferences(pp.PayPalEmail, pp.WiseAccountID, pp.WiseEmail, pp.WiseName)
	o.Flag("payouts_paused", a.PayoutsPaused)
	return o.End()
}

// appendEarnings shows a balance. What is held is shown only where there are holds.
func appendEarnings(o *wire.Object, balance *Balance, holds bool) {
	o.Decimal("unpaid_earnings", balance.Unpaid)
	o.Decimal("total_earnings", balance.Total)
	o.Decimal("paid_earnings", balance.Paid)
	if holds {
		o.Decimal("eligible_earnings", balance.Eligible)
		o.Decimal("held_earnings", balance.Held)
		o.OptionalInstant("next_release_date", balance.NextRelease)
	}
}

// emitAffiliate reports an affiliate who was created, activated or deactivated, to the
// endpoints that ask for it.
func (o *op) emitAffiliate(ctx context.Context, row *db.Affiliate, shown *Affiliate) error {
	if !o.state.watchesAffiliates {
		return nil
	}
	change := outbox.Change{
		Kind: outbox.AffiliateChanged, Lane: outbox.AffiliateLane(row.ID), Data: shown.AppendJSON(nil),
	}
	change.About(row)
	_, err := o.writeEvent(ctx, change)
	return err
}
