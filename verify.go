package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// A Report says what Verify has checked and found.
type Report struct {
	Projects, Affiliates, Conversions int64
	// Differences is empty on a healthy database. It holds the first thousand.
	Differences []Difference
}

// A Difference is one thing that is stored twice and does not agree, or that
// cannot be.
type Difference struct {
	Project string // "" for the database itself
	// Where is the row at fault, such as "affiliate 12 in USD".
	Where string
	// What is the value at fault, such as "eligible".
	What             string
	Stored, Computed string
}

// String is the difference as a sentence.
func (d Difference) String() string {
	s := d.Where + ": " + d.What + " is " + d.Stored + ", but should be " + d.Computed
	if d.Project != "" {
		s = "project " + d.Project + ": " + s
	}
	return s
}

const (
	maxDifferences = 1000
	verifyStep     = 500 // rows read at once
	// farAhead is how far ahead of the clock the ledger may be. A clock that goes back
	// leaves it ahead, but not for years.
	farAhead = 366 * 24 * time.Hour
)

// Verify recomputes everything that is stored twice from the rows it came from,
// on one consistent state and without hindering writers: the counts of each
// project, every balance, what each conversion has earned, what each payout
// reserves and has settled, and every commission from its stored rule version and
// inputs; and it looks for rows that name those of another project, and for events
// and deliveries that would not be sent. SQLite's own checks of the file come first,
// and whether the schema is the one that was made. What cannot be read because of
// damage is a difference too, and the rest is checked all the same. It reads the whole
// database. Errors: ErrBusy, ErrClosed, that of ctx.
func (e *Engine) Verify(ctx context.Context) (Report, error) {
	var report Report
	if err := e.open(); err != nil {
		return report, err
	}
	steps, err := migrationSteps()
	if err != nil {
		return report, failed("verifying", err)
	}
	problems, err := e.backend.Integrity(ctx, backend.Schema{Version: len(steps), Text: schemaText})
	if err != nil {
		return report, failed("verifying", err)
	}
	now := e.millis()
	err = e.backend.Snapshot(ctx, func(ctx context.Context, q db.Querier) error {
		report = Report{}
		shared := new(outbox)
		file := verification{q: q, outbox: shared, report: &report}
		for _, problem := range problems {
			file.differs("file", "integrity", problem, "ok")
		}
		projects, err := q.ListProjects(ctx)
		if err != nil {
			return file.unreadable("projects", err)
		}
		leaving, err := q.ListAffiliatesInDeletion(ctx)
		if err != nil {
			return file.unreadable("deletions", err)
		}
		hidden := make(map[int64]bool, len(leaving))
		for _, a := range leaving {
			hidden[a.ID] = true
		}
		for _, p := range projects {
			report.Projects++
			v := verification{q: q, vault: e.vault, project: p, hidden: hidden, now: now, outbox: shared, report: &report}
			if err := v.all(ctx); err != nil {
				return fmt.Errorf("project %s: %w", p.Name, err)
			}
		}
		if len(projects) == 0 {
			return nil
		}
		return file.unreadable("outbox", file.position(ctx))
	})
	return report, failed("verifying", err)
}

// all makes every check of the project.
func (v *verification) all(ctx context.Context) error {
	for _, check := range []struct {
		of   string
		make func(context.Context) error
	}{
		{"project totals", v.counts}, {"affiliates", v.affiliates}, {"commission rules", v.rules}, {"conversions", v.conversions},
		{"payouts", v.payouts}, {"days", v.days}, {"webhooks", v.webhooks}, {"events", v.events}, {"rows", v.rows},
	} {
		if err := v.unreadable(check.of, check.make(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// unreadable reports what cannot be read because the file is damaged. Any other error
// is given back.
func (v *verification) unreadable(where string, err error) error {
	if err = needed(err); errors.Is(err, ErrDamaged) {
		v.differs(where, "reading", err, "possible")
		return nil
	}
	return err
}

// A verification is the check of one project.
type verification struct {
	q       db.Querier
	vault   vault
	project db.Project
	// hidden are the affiliates that are being deleted: their rows do not belong
	// together any more.
	hidden    map[int64]bool
	now       int64
	lastStamp int64
	versions  map[int64]db.CommissionRule
	outbox    *outbox
	report    *Report
}

func (v *verification) differs(where, what string, stored, computed any) {
	if len(v.report.Differences) < maxDifferences {
		v.report.Differences = append(v.report.Differences, Difference{
			Project: v.project.Name, Where: where, What: what, Stored: fmt.Sprint(stored), Computed: fmt.Sprint(computed),
		})
	}
}

// compare reports numbers that ought to be equal.
func (v *verification) compare(where, what string, stored, computed int64) {
	if stored != computed {
		v.differs(where, what, stored, computed)
	}
}

// counts checks the totals of the project.
func (v *verification) counts(ctx context.Context) error {
	if _, err := storedCurrency(v.project.Currency); err != nil {
		v.differs("project", "currency", v.project.Currency, "one of ISO 4217")
	}
	if err := landing("landing_url", orZero(v.project.LandingURL)); err != nil || orZero(v.project.LandingURL) == "" && v.project.LandingURL != nil {
		v.differs("project", "landing_url", orZero(v.project.LandingURL), "not set, or where links can lead")
	}
	if text, err := canonicalOrigins(v.project.Origins); err != nil || text != v.project.Origins {
		v.differs("project", "origins", v.project.Origins, "a sorted list of sites, as JSON")
	}
	stored, err := v.q.GetProjectTotals(ctx, v.project.ID)
	if errors.Is(err, sql.ErrNoRows) {
		v.differs("project totals", "row", "missing", "there")
	} else if err != nil {
		return err
	}
	v.lastStamp = stored.LastStamp
	if stored.LastStamp > v.now+farAhead.Milliseconds() {
		v.differs("project totals", "last stamp", instant(stored.LastStamp).Format(time.DateOnly), "at most a year after now, "+instant(v.now).Format(time.DateOnly))
	}
	counted, err := v.q.VerifyProjectCounts(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what             string
		stored, computed int64
	}{
		{"active affiliates", stored.AffiliatesActive, counted.AffiliatesActive},
		{"inactive affiliates", stored.AffiliatesInactive, counted.AffiliatesInactive},
		{"active coupons", stored.CouponsActive, counted.CouponsActive},
		{"inactive coupons", stored.CouponsInactive, counted.CouponsInactive},
		{"pending referrals", stored.ReferralsPending, counted.ReferralsPending},
		{"converted referrals", stored.ReferralsConverted, counted.ReferralsConverted},
		{"direct referrals", stored.ReferralsDirect, counted.ReferralsDirect},
		{"direct signups", stored.ReferralsDirectSignup, counted.ReferralsDirectSignup},
		{"unpaid signups", stored.SignupsUnpaid, counted.SignupsUnpaid},
		{"paid signups", stored.SignupsPaid, counted.SignupsPaid},
		{"unpaid purchases", stored.PurchasesUnpaid, counted.PurchasesUnpaid},
		{"paid purchases", stored.PurchasesPaid, counted.PurchasesPaid},
		{"pending payouts", stored.PayoutsPending, counted.PayoutsPending},
		{"paid payouts", stored.PayoutsPaid, counted.PayoutsPaid},
		{"canceled payouts", stored.PayoutsCanceled, counted.PayoutsCanceled},
		{"ledger entries", stored.LedgerEntries, counted.LedgerEntries},
		{"claims", stored.Claims, counted.Claims},
		// The last stamp may be that of a row whose affiliate is gone.
		{"last stamp", stored.LastStamp, max(stored.LastStamp, counted.LastStamp)},
	} {
		v.compare("project totals", c.what, c.stored, c.computed)
	}
	return nil
}

// affiliates checks codes, clicks, accounts and what payouts have settled, some affiliates
// at a time.
func (v *verification) affiliates(ctx context.Context) error {
	clicks, err := v.clicks(ctx)
	if err != nil {
		return err
	}
	for after := int64(0); ; {
		rows, err := v.q.VerifyAffiliates(ctx, db.VerifyAffiliatesParams{ProjectID: v.project.ID, AfterID: after, AtMost: verifyStep})
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
		if err := v.accounts(ctx, after+1, last); err != nil {
			return err
		}
		if err := v.settlements(ctx, after+1, last); err != nil {
			return err
		}
		if last == math.MaxInt64 {
			return nil
		}
		if after, err = onward(after, last); err != nil {
			return err
		}
	}
}

// accounts checks the balances of a range of affiliates. Those of an affiliate
// that is being deleted are gone already, while its rows are still going.
func (v *verification) accounts(ctx context.Context, first, last int64) error {
	stored, err := v.q.VerifyAccounts(ctx, db.VerifyAccountsParams{ProjectID: v.project.ID, FirstID: first, LastID: last})
	if err != nil {
		return err
	}
	accounts := make(map[account]db.VerifyAccountsRow, len(stored))
	for _, a := range stored {
		accounts[account{a.AffiliateID, a.Currency}] = a
	}
	entries, err := v.q.VerifyAccountEntries(ctx, db.VerifyAccountEntriesParams{ProjectID: v.project.ID, FirstID: first, LastID: last})
	if err != nil {
		return err
	}
	sums := make(map[account]db.VerifyAccountEntriesRow, len(entries))
	for _, s := range entries {
		sums[account{s.AffiliateID, s.Currency}] = s
	}
	conversions, err := v.q.VerifyAccountConversions(ctx, db.VerifyAccountConversionsParams{ProjectID: v.project.ID, FirstID: first, LastID: last})
	if err != nil {
		return err
	}
	counts := make(map[account]db.VerifyAccountConversionsRow, len(conversions))
	for _, c := range conversions {
		counts[account{c.AffiliateID, c.Currency}] = c
	}
	payouts, err := v.q.VerifyAccountPayouts(ctx, db.VerifyAccountPayoutsParams{ProjectID: v.project.ID, FirstID: first, LastID: last})
	if err != nil {
		return err
	}
	paid := make(map[account]db.VerifyAccountPayoutsRow, len(payouts))
	for _, p := range payouts {
		paid[account{p.AffiliateID, p.Currency}] = p
	}
	for _, found := range []iter.Seq[account]{maps.Keys(sums), maps.Keys(counts), maps.Keys(paid)} {
		for of := range found {
			if _, ok := accounts[of]; !ok {
				accounts[of] = db.VerifyAccountsRow{}
			}
		}
	}
	for of, a := range accounts {
		if v.hidden[of.affiliate] && a.AffiliateID == 0 {
			continue
		}
		where := fmt.Sprintf("affiliate %d in %s", of.affiliate, of.currency)
		if _, err := storedCurrency(of.currency); err != nil {
			v.differs(where, "currency", of.currency, "one of ISO 4217")
		}
		v.compare(where, "rolled_to", a.RolledTo, min(max(a.RolledTo, sums[of].LastStamp, paid[of].LastStamp), v.lastStamp))
		v.compare(where, "gross", a.Gross, sums[of].Gross)
		v.compare(where, "total", a.Total, sums[of].Total)
		v.compare(where, "paid", a.Paid, sums[of].Paid)
		v.compare(where, "eligible", a.Eligible, sums[of].Eligible)
		v.compare(where, "debts", a.Debts, sums[of].Debts)
		v.compare(where, "reserved", a.Reserved, paid[of].Reserved)
		v.compare(where, "next release", orZero(a.NextReleaseAt), sums[of].NextReleaseAt)
		v.compare(where, "signups", a.Signups, counts[of].Signups)
		v.compare(where, "purchases", a.Purchases, counts[of].Purchases)
	}
	return nil
}

// rows looks for what no operation writes.
func (v *verification) rows(ctx context.Context) error {
	stamps, err := v.q.VerifyStamps(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, s := range stamps {
		v.differs(fmt.Sprintf("ledger entry %d", s.ID), "stamp", s.CreatedAt, "not before the entry before it")
	}
	odd, err := v.q.VerifyRows(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, r := range odd {
		v.differs(fmt.Sprintf("%s %d", r.Place, r.ID), r.What, r.Found, r.Expected)
	}
	return nil
}
