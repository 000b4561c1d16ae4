package refgrow

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// A Balance is what an affiliate has earned in one currency, as of an instant:
// Total = Eligible + Held + Paid, always.
type Balance struct {
	Currency money.Currency
	// Total is everything earned: commissions, corrections, reversals and
	// adjustments. Paid is what of it was settled.
	Total, Paid money.Amount
	// Unpaid is Total - Paid: the sum of Eligible and Held.
	Unpaid money.Amount
	// Eligible has passed its hold, Held has not. Eligible is negative when
	// something was given back after it was paid.
	Eligible, Held money.Amount
	// Reserved is what pending payouts will pay.
	Reserved money.Amount
	// Payable is what a payout would pay now: what is available and not reserved by
	// another payout, less all debts, also those that are taken from what is still
	// held. So a sale that is refunded within its hold lowers it at once, and it may be
	// negative.
	Payable money.Amount
	// NextRelease is when the next part of Held becomes eligible, nil if nothing
	// is held.
	NextRelease *time.Time
}

// sums are what the ledger or an account says of one currency, in minor units.
type sums struct {
	total, paid, eligible int64
	reserved              int64 // by pending payouts
	// debts is what is taken from what is held, less what payouts have settled of
	// it. What pending payouts reserve of it is in it, and in reserved.
	debts       int64
	nextRelease int64 // 0 for none
}

func balanceOf(currency string, s sums) (Balance, error) {
	c, err := storedCurrency(currency)
	if err != nil {
		return Balance{}, err
	}
	b := Balance{
		Currency: c,
		Total:    money.New(s.total, c), Paid: money.New(s.paid, c), Unpaid: money.New(s.total-s.paid, c),
		Eligible: money.New(s.eligible, c), Held: money.New(s.total-s.paid-s.eligible, c),
		Reserved: money.New(s.reserved, c), Payable: money.New(s.eligible+s.debts-s.reserved, c),
	}
	if s.nextRelease != 0 && !b.Held.IsZero() {
		b.NextRelease = new(instant(s.nextRelease))
	}
	return b, nil
}

// An EarningsOption narrows a question about earnings.
type EarningsOption func(*earningsQuestion)

type earningsQuestion struct{ asOf *time.Time }

// AsOf asks for the answer that was true at t: it counts the entries written
// before t, and is the same whenever it is asked. t must not be in the future.
// For a t after the newest entry this waits for the transactions that are open,
// and can give ErrBusy.
func AsOf(t time.Time) EarningsOption { return func(q *earningsQuestion) { q.asOf = &t } }

// Earnings gives an affiliate's balances: the one in the project's currency
// first, then one for each other currency in which there is anything. Errors:
// ErrNotFound, ErrInvalid for an AsOf in the future.
func (p *Project) Earnings(ctx context.Context, affiliateID int64, options ...EarningsOption) ([]Balance, error) {
	var question earningsQuestion
	for _, option := range options {
		option(&question)
	}
	var asOf, before int64 // what is available by the one, and stamped before the other
	if question.asOf != nil {
		asOf, before = millisOf(*question.asOf), ceilMillis(*question.asOf)
		if asOf > p.engine.millis() {
			return nil, invalid("as_of", "must not be in the future")
		}
		if err := p.closeInstant(ctx, before); err != nil {
			return nil, err
		}
	}
	var balances []Balance
	err := p.snapshot(ctx, "reading earnings", func(ctx context.Context, q db.Querier) error {
		if _, err := q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: p.id, AffiliateID: affiliateID}); err != nil {
			return missing(err, "Affiliate")
		}
		project, err := q.GetProject(ctx, p.id)
		if err != nil {
			return err
		}
		if question.asOf != nil {
			balances, err = sumBalances(ctx, q, p.id, affiliateID, before, asOf)
		} else {
			var stats map[int64]statistics
			stats, err = readStatistics(ctx, q, p.id, []int64{affiliateID}, p.engine.millis())
			balances = stats[affiliateID].balances
		}
		if err == nil {
			balances, err = ownCurrencyFirst(balances, project.Currency)
		}
		return err
	})
	return balances, err
}

// closeInstant sees to it that no entry will be stamped before t any more, not
// by a transaction that is still open, nor when the clock goes back. That takes a
// write only when t is after the newest entry.
func (p *Project) closeInstant(ctx context.Context, t int64) error {
	totals, err := read(p, "reading earnings", func(q db.Querier) (db.ProjectTotals, error) { return q.GetProjectTotals(ctx, p.id) })
	if err != nil || t <= totals.LastStamp {
		return err
	}
	return p.write(ctx, "reading earnings", func(_ context.Context, o *op) error {
		o.stampFrom(t)
		return nil
	})
}

// sumBalances adds up the entries stamped before an instant, as of an instant.
func sumBalances(ctx context.Context, q db.Querier, project, affiliate, stampedBefore, asOf int64) ([]Balance, error) {
	rows, err := q.SumEntries(ctx, db.SumEntriesParams{
		ProjectID: project, AffiliateID: affiliate, StampedBefore: stampedBefore, Instant: asOf,
	})
	if err != nil {
		return nil, err
	}
	releases, err := q.ListReleases(ctx, db.ListReleasesParams{
		ProjectID: project, AffiliateID: affiliate, StampedBefore: stampedBefore, Instant: asOf,
	})
	if err != nil {
		return nil, err
	}
	reserved, err := q.SumReserved(ctx, db.SumReservedParams{ProjectID: project, AffiliateID: affiliate, StampedBefore: stampedBefore})
	if err != nil {
		return nil, err
	}
	balances := make([]Balance, len(rows))
	for i, r := range rows {
		s := sums{total: r.Total, paid: r.Paid, eligible: r.Eligible, debts: r.Debts}
		if at := slices.IndexFunc(releases, func(o db.ListReleasesRow) bool { return o.Currency == r.Currency }); at >= 0 {
			s.nextRelease = releases[at].AvailableAt
		}
		if at := slices.IndexFunc(reserved, func(o db.SumReservedRow) bool { return o.Currency == r.Currency }); at >= 0 {
			s.reserved = reserved[at].Reserved
		}
		if balances[i], err = balanceOf(r.Currency, s); err != nil {
			return nil, err
		}
	}
	return balances, nil
}

// statistics is what lists show of an affiliate beside its own row.
type statistics struct {
	signups, purchases int64
	balances           []Balance
}

// readStatistics reads the accounts of some affiliates, as of now: what was
// maintained, and what the passing of time has released since.
func readStatistics(ctx context.Context, q db.Querier, project int64, affiliates []int64, now int64) (map[int64]statistics, error) {
	rows, err := q.ListAccounts(ctx, db.ListAccountsParams{ProjectID: project, AffiliateIDs: jsonIDs(affiliates), Instant: now})
	if err != nil {
		return nil, err
	}
	result := make(map[int64]statistics, len(affiliates))
	for _, r := range rows {
		s := result[r.AffiliateID]
		s.signups += r.Signups
		s.purchases += r.Purchases
		balance, err := balanceOf(r.Currency, sums{
			total: r.Total, paid: r.Paid, eligible: r.Eligible + r.Released, reserved: r.Reserved, debts: r.Debts - r.Due,
			nextRelease: r.NextRelease,
		})
		if err != nil {
			return nil, err
		}
		if now < r.RolledTo { // the clock went back behind the account: only the entries can tell
			plain, err := sumBalances(ctx, q, project, r.AffiliateID, math.MaxInt64, now)
			if err != nil {
				return nil, err
			}
			if at := slices.IndexFunc(plain, func(b Balance) bool { return b.Currency == balance.Currency }); at >= 0 {
				balance = plain[at]
			}
			// Payouts may reserve what is not available yet by this clock.
			payable, err := q.SumPayable(ctx, db.SumPayableParams{ProjectID: project, AffiliateID: r.AffiliateID, Currency: r.Currency, Cutoff: now})
			if err != nil {
				return nil, err
			}
			balance.Payable = money.New(payable.Amount, balance.Currency)
		}
		s.balances = append(s.balances, balance)
		result[r.AffiliateID] = s
	}
	return result, nil
}

// ownCurrencyFirst leaves out the balances in which there is nothing, and puts
// the one in the project's currency first, whether there is anything or not.
func ownCurrencyFirst(balances []Balance, currency string) ([]Balance, error) {
	own, err := balanceOf(currency, sums{})
	if err != nil {
		return nil, err
	}
	ordered := []Balance{own}
	for _, b := range balances {
		switch {
		case b.Currency == own.Currency:
			ordered[0] = b
		case !b.Total.IsZero() || !b.Paid.IsZero() || !b.Eligible.IsZero() || !b.Reserved.IsZero() || !b.Payable.IsZero():
			ordered = append(ordered, b)
		}
	}
	return ordered, nil
}

// jsonIDs is a list of ids for json_each.
func jsonIDs(ids []int64) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(id, 10))
	}
	b.WriteByte(']')
	return b.String()
}
