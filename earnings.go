package refgrow

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

// A Balance is what an affiliate has earned in one currency, as of an instant:
// Total = Eligible + Held + Paid, always.
type Balance struct {
	Currency money.Currency
	// Total is everything earned: commissions, corrections, reversals and
	// adjustments. Paid is the part of it that was settled.
	Total, Paid money.Amount
	// Unpaid is Total - Paid: the sum of Eligible and Held.
	Unpaid money.Amount
	// Eligible has passed its hold, Held has not. Eligible is negative when
	// something was given back after it was paid.
	Eligible, Held money.Amount
	// Reserved is what pending payouts will pay.
	Reserved money.Amount
	// Payable is what a payout would pay now: Eligible less Reserved, and negative
	// where more was given back than is left. A sale that is refunded within its hold
	// changes nothing of it. (In books from before that was so, it is also less what
	// is reserved or owed of what is still held.)
	Payable money.Amount
	// NextRelease is when the next part of Held becomes eligible, nil if nothing
	// is held.
	NextRelease *time.Time
	// ClosedUntil is the instant of an answer as of an instant, and zero in others: no
	// entry will be stamped before it any more, so that the answer is final. Asking
	// stores it.
	ClosedUntil time.Time
}

// AppendJSON appends the balance to a text in the form of the REST API.
func (b *Balance) AppendJSON(to []byte) []byte {
	o := wire.Begin(to)
	o.Text("currency", string(b.Currency))
	o.Decimal("total", b.Total)
	o.Decimal("paid", b.Paid)
	o.Decimal("unpaid", b.Unpaid)
	o.Decimal("eligible", b.Eligible)
	o.Decimal("held", b.Held)
	o.Decimal("reserved", b.Reserved)
	o.Decimal("payable", b.Payable)
	o.OptionalInstant("next_release_date", b.NextRelease)
	if b.ClosedUntil.IsZero() {
		o.Null("closed_until")
	} else {
		o.Instant("closed_until", b.ClosedUntil)
	}
	return o.End()
}

// sums are what the ledger or an account says about one currency, in minor units.
type sums struct {
	total, paid, eligible int64
	reserved              int64 // by pending payouts
	// debts is what counts against a payout although it is held: what pending payouts
	// reserve of it, which counts in reserved as well, and what conversions owe in it.
	debts       int64
	nextRelease int64 // 0 for none
}

func balanceOf(currency string, s sums) (Balance, error) {
	c, err := stored.Currency(currency)
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
		b.NextRelease = new(stored.Instant(s.nextRelease))
	}
	return b, nil
}

// An EarningsOption narrows a question about earnings.
type EarningsOption func(*earningsQuestion)

type earningsQuestion struct{ asOf *time.Time }

// AsOf asks for the answer that was true at t: it counts the entries written
// before t, and is the same whenever it is asked. t must not be in the future.
// For a t after the newest entry this waits for the transactions that are open, and
// can return ErrBusy.
func AsOf(t time.Time) EarningsOption { return func(q *earningsQuestion) { q.asOf = &t } }

// Earnings returns an affiliate's balances: the one in the project's currency
// first, then one for each other currency in which there is anything. Errors:
// ErrNotFound, ErrInvalid for an AsOf in the future.
func (p *Project) Earnings(ctx context.Context, affiliateID int64, options ...EarningsOption) ([]Balance, error) {
	var question earningsQuestion
	for _, option := range options {
		option(&question)
	}
	var asOf, before int64 // what is available by the one, and stamped before the other
	if question.asOf != nil {
		asOf, before = stored.Millis(*question.asOf), stored.CeilMillis(*question.asOf)
		if asOf > p.engine.millis() {
			return nil, invalid("as_of", "must not be in the future")
		}
		if err := p.closeInstant(ctx, before); err != nil {
			return nil, err
		}
	}
	var balances []Balance
	err := p.snapshot(ctx, "reading earnings", func(ctx context.Context, q db.Querier) error {
		if err := affiliateExists(ctx, q, p.id, affiliateID); err != nil {
			return err
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
	if question.asOf != nil {
		for i := range balances {
			balances[i].ClosedUntil = stored.Instant(before)
		}
	}
	return balances, err
}

// closeInstant ensures that no later entry is stamped before t, neither by a
// transaction that is still open nor after the clock goes back. That takes a write
// only when t is after the newest entry.
func (p *Project) closeInstant(ctx context.Context, t int64) error {
	totals, err := read(ctx, p, "reading earnings", func(ctx context.Context, q db.Querier) (db.ProjectTotals, error) {
		return q.GetProjectTotals(ctx, p.id)
	})
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
	debts, err := q.SumDebts(ctx, db.SumDebtsParams{
		ProjectID: project, AffiliateID: affiliate, StampedBefore: stampedBefore, Instant: asOf,
	})
	if err != nil {
		return nil, err
	}
	reserved, err := q.SumReserved(ctx, db.SumReservedParams{
		ProjectID: project, AffiliateID: affiliate, StampedBefore: stampedBefore,
	})
	if err != nil {
		return nil, err
	}
	balances := make([]Balance, len(rows))
	for i, r := range rows {
		s := sums{total: r.Total, paid: r.Paid, eligible: r.Eligible}
		if at := slices.IndexFunc(debts, func(o db.SumDebtsRow) bool { return o.Currency == r.Currency }); at >= 0 {
			s.debts = debts[at].Debts
		}
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

// statistics is what lists show of an affiliate in addition to its own row.
type statistics struct {
	signups, purchases int64
	balances           []Balance
}

// readStatistics reads the accounts of some affiliates, as of now: what was
// maintained, and what the passing of time has released since.
func readStatistics(
	ctx context.Context, q db.Querier, project int64, affiliates []int64, now int64,
) (map[int64]statistics, error) {
	rows, err := q.ListAccounts(ctx, db.ListAccountsParams{
		ProjectID: project, AffiliateIDs: stored.IDs(affiliates), Instant: now,
	})
	if err != nil {
		return nil, err
	}
	result := make(map[int64]statistics, len(affiliates))
	for _, r := range rows {
		s := result[r.AffiliateID]
		s.signups += r.Signups
		s.purchases += r.Purchases
		balance, err := balanceOf(r.Currency, sums{
			total: r.Total, paid: r.Paid, eligible: r.Eligible + r.Released, reserved: r.Reserved,
			nextRelease: r.NextRelease,
		})
		if err != nil {
			return nil, err
		}
		if now < r.RolledTo { // the clock went back to before the account: only the entries have the answer
			plain, err := sumBalances(ctx, q, project, r.AffiliateID, math.MaxInt64, now)
			if err != nil {
				return nil, err
			}
			if at := slices.IndexFunc(plain, func(b Balance) bool { return b.Currency == balance.Currency }); at >= 0 {
				balance = plain[at]
			}
		}
		// Payouts may reserve what is not yet available, by this clock or by old rules.
		if now < r.RolledTo || r.Debts != 0 {
			payable, err := q.SumPayable(ctx, db.SumPayableParams{
				ProjectID: project, AffiliateID: r.AffiliateID, Currency: r.Currency, Cutoff: now,
			})
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

// ownCurrencyFirst leaves out empty balances, and puts the one in the project's
// currency first, empty or not.
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
