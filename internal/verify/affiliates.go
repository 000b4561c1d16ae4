package verify

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// affiliates checks codes, clicks, accounts and what payouts have settled, some
// affiliates at a time.
func (v *verification) affiliates(ctx context.Context) error {
	clicks, err := v.clicks(ctx)
	if err != nil {
		return err
	}
	for after := int64(0); ; {
		rows, err := v.Querier.VerifyAffiliates(ctx, v.step(after))
		if err != nil {
			return err
		}
		v.report.Affiliates += int64(len(rows))
		last := int64(math.MaxInt64)
		if len(rows) == verifyStep {
			last = rows[len(rows)-1].ID
		}
		for _, r := range rows {
			where := fmt.Sprintf("affiliate %d", r.ID)
			v.compare(where, "owner of its referral code", r.CodeOwner, r.ID)
			v.compare(where, "clicks", r.Clicks, clicks[r.ID])
			if r.PartnerSlug != nil {
				v.compare(where, "owner of its partner slug", r.SlugOwner, r.ID)
			}
		}
		ids := db.VerifyAccountsParams{ProjectID: v.project.ID, FirstID: after + 1, LastID: last}
		if err := v.accounts(ctx, ids); err != nil {
			return err
		}
		if err := v.settlements(ctx, db.VerifySettlementsParams(ids)); err != nil {
			return err
		}
		if last == math.MaxInt64 {
			return nil
		}
		if after, err = stored.Onward(after, last); err != nil {
			return err
		}
	}
}

// accounts checks the balances of a range of affiliates. Those of an affiliate that is
// being deleted are already gone, while other rows of it still exist.
func (v *verification) accounts(ctx context.Context, ids db.VerifyAccountsParams) error {
	kept, err := v.Querier.VerifyAccounts(ctx, ids)
	if err != nil {
		return err
	}
	entries, err := v.Querier.VerifyAccountEntries(ctx, db.VerifyAccountEntriesParams(ids))
	if err != nil {
		return err
	}
	conversions, err := v.Querier.VerifyAccountConversions(ctx, db.VerifyAccountConversionsParams(ids))
	if err != nil {
		return err
	}
	payouts, err := v.Querier.VerifyAccountPayouts(ctx, db.VerifyAccountPayoutsParams(ids))
	if err != nil {
		return err
	}
	groups, err := v.Querier.VerifyGroups(ctx, db.VerifyGroupsParams(ids))
	if err != nil {
		return err
	}
	accounts := keyed(kept, func(r *db.VerifyAccountsRow) (int64, string) { return r.AffiliateID, r.Currency })
	sums := keyed(entries, func(r *db.VerifyAccountEntriesRow) (int64, string) { return r.AffiliateID, r.Currency })
	counts := keyed(conversions, func(r *db.VerifyAccountConversionsRow) (int64, string) {
		return r.AffiliateID, r.Currency
	})
	grouped := keyed(groups, func(r *db.VerifyGroupsRow) (int64, string) { return r.AffiliateID, r.Currency })
	paid := keyed(payouts, func(r *db.VerifyAccountPayoutsRow) (int64, string) { return r.AffiliateID, r.Currency })
	for _, found := range []iter.Seq[ledger.Account]{maps.Keys(sums), maps.Keys(counts), maps.Keys(paid)} {
		for of := range found {
			if _, ok := accounts[of]; !ok {
				accounts[of] = db.VerifyAccountsRow{}
			}
		}
	}
	newest := make(map[int64]int64, len(sums))
	for of, s := range sums {
		newest[of.Affiliate] = max(newest[of.Affiliate], s.LastID)
	}
	for of, a := range accounts {
		if v.hidden[of.Affiliate] && a.AffiliateID == 0 {
			continue
		}
		where := fmt.Sprintf("affiliate %d in %s", of.Affiliate, of.Currency)
		if _, err := stored.Currency(of.Currency); err != nil {
			v.differs(where, "currency", of.Currency, "one of ISO 4217")
		}
		v.compare(where, "rolled_to", a.RolledTo, min(max(a.RolledTo, sums[of].LastStamp, paid[of].LastStamp), v.lastStamp))
		v.compare(where, "total", a.Total, sums[of].Total)
		v.compare(where, "paid", a.Paid, sums[of].Paid)
		v.compare(where, "eligible", a.Eligible, sums[of].Eligible)
		v.compare(where, "debts", a.Debts, grouped[of].Debts)
		// Nothing is left to pay out up to there, and there are no later entries.
		last := newest[of.Affiliate]
		if open := grouped[of].FirstOpen; open != 0 {
			last = open - 1
		}
		v.compare(where, "cleared_to", a.ClearedTo, min(max(a.ClearedTo, 0), last))
		v.compare(where, "reserved", a.Reserved, paid[of].Reserved)
		v.compare(where, "next release", stored.OrZero(a.NextReleaseAt), sums[of].NextReleaseAt)
		v.compare(where, "signups", a.Signups, counts[of].Signups)
		v.compare(where, "purchases", a.Purchases, counts[of].Purchases)
	}
	return nil
}

// keyed returns rows by the account they are about.
func keyed[R any](rows []R, of func(*R) (affiliate int64, currency string)) map[ledger.Account]R {
	accounts := make(map[ledger.Account]R, len(rows))
	for i := range rows {
		affiliate, currency := of(&rows[i])
		accounts[ledger.Account{Affiliate: affiliate, Currency: currency}] = rows[i]
	}
	return accounts
}
