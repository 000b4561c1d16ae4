package refgrow

import (
	"context"
	"fmt"
	"math"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
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
)

// Verify recomputes everything that is stored twice from the rows it came from,
// on one consistent state and without hindering writers: the counts of each
// project, every balance, what each conversion has earned and every commission
// from its stored rule version and inputs; and it looks for rows that name those
// of another project. SQLite's own checks of the file come first. It reads the
// whole database.
func (e *Engine) Verify(ctx context.Context) (Report, error) {
	var report Report
	if err := e.open(); err != nil {
		return report, err
	}
	problems, err := e.backend.Integrity(ctx)
	if err != nil {
		return report, failed("verifying", err)
	}
	err = e.backend.Snapshot(ctx, func(ctx context.Context, q db.Querier) error {
		report = Report{}
		for _, problem := range problems {
			report.Differences = append(report.Differences, Difference{Where: "file", What: "integrity", Stored: problem, Computed: "ok"})
		}
		projects, err := q.ListProjects(ctx)
		if err != nil {
			return err
		}
		for _, p := range projects {
			report.Projects++
			v := verification{q: q, project: p, report: &report}
			for _, check := range []func(context.Context) error{v.counts, v.affiliates, v.conversions, v.rows} {
				if err := check(ctx); err != nil {
					return fmt.Errorf("project %s: %w", p.Name, err)
				}
			}
		}
		return nil
	})
	return report, failed("verifying", err)
}

// A verification is the check of one project.
type verification struct {
	q       db.Querier
	project db.Project
	report  *Report
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
	stored, err := v.q.GetProjectTotals(ctx, v.project.ID)
	if err != nil {
		return err
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
		{"ledger entries", stored.LedgerEntries, counted.LedgerEntries},
		// The last stamp may be that of an entry whose affiliate is gone.
		{"last stamp", stored.LastStamp, max(stored.LastStamp, counted.LastStamp)},
	} {
		v.compare("project totals", c.what, c.stored, c.computed)
	}
	return nil
}

// affiliates checks codes and accounts, some affiliates at a time.
func (v *verification) affiliates(ctx context.Context) error {
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
		live := make(map[int64]bool, len(rows))
		for _, r := range rows {
			live[r.ID] = true
			where := fmt.Sprintf("affiliate %d", r.ID)
			v.compare(where, "owner of its referral code", r.CodeOwner, r.ID)
			if r.PartnerSlug != nil {
				v.compare(where, "owner of its partner slug", r.SlugOwner, r.ID)
			}
		}
		if err := v.accounts(ctx, live, after+1, last); err != nil {
			return err
		}
		if last == math.MaxInt64 {
			return nil
		}
		after = last
	}
}

// accounts checks the balances of a range of affiliates. Those of an affiliate
// that is being deleted are gone already, while its rows are still going.
func (v *verification) accounts(ctx context.Context, live map[int64]bool, first, last int64) error {
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
	for of := range sums {
		if _, ok := accounts[of]; !ok {
			accounts[of] = db.VerifyAccountsRow{}
		}
	}
	for of := range counts {
		if _, ok := accounts[of]; !ok {
			accounts[of] = db.VerifyAccountsRow{}
		}
	}
	for of, a := range accounts {
		if !live[of.affiliate] && a.AffiliateID == 0 {
			continue
		}
		where := fmt.Sprintf("affiliate %d in %s", of.affiliate, of.currency)
		v.compare(where, "total", a.Total, sums[of].Total)
		v.compare(where, "paid", a.Paid, sums[of].Paid)
		v.compare(where, "eligible", a.Eligible, sums[of].Eligible)
		v.compare(where, "next release", orZero(a.NextReleaseAt), sums[of].NextReleaseAt)
		v.compare(where, "signups", a.Signups, counts[of].Signups)
		v.compare(where, "purchases", a.Purchases, counts[of].Purchases)
	}
	return nil
}

// conversions checks what each conversion has earned, and how.
func (v *verification) conversions(ctx context.Context) error {
	rules, err := v.q.VerifyRules(ctx, v.project.ID)
	if err != nil {
		return err
	}
	versions := make(map[int64]db.CommissionRule, len(rules))
	for _, r := range rules {
		versions[r.ID] = r
	}
	for after := int64(0); ; {
		rows, err := v.q.VerifyConversions(ctx, db.VerifyConversionsParams{ProjectID: v.project.ID, AfterID: after, AtMost: verifyStep})
		if err != nil {
			return err
		}
		v.report.Conversions += int64(len(rows))
		last := int64(math.MaxInt64)
		if len(rows) == verifyStep {
			last = rows[len(rows)-1].ID
		}
		entries, err := v.q.VerifyConversionEntries(ctx, db.VerifyConversionEntriesParams{ProjectID: v.project.ID, AfterID: after, LastID: last})
		if err != nil {
			return err
		}
		v.earned(rows, entries)
		for i := range rows {
			v.priced(&rows[i], versions)
		}
		if last == math.MaxInt64 {
			return nil
		}
		after = last
	}
}

// earned compares what the ledger says of some conversions with what they have
// to bring: their target in their present account, and nothing in any other.
// What is unpaid has nothing settled.
func (v *verification) earned(rows []db.Conversion, entries []db.VerifyConversionEntriesRow) {
	type place struct {
		conversion int64
		account
	}
	type sums struct{ earned, settled int64 }
	found := make(map[place]sums, len(rows))
	for _, e := range entries {
		at := place{orZero(e.ConversionID), account{e.AffiliateID, e.Currency}}
		s := found[at]
		if EntryKind(e.Kind) == EntrySettlement {
			s.settled -= e.Amount
		} else {
			s.earned += e.Amount
		}
		found[at] = s
	}
	for i := range rows {
		c := &rows[i]
		if c.AffiliateID == nil {
			continue
		}
		at := place{c.ID, account{*c.AffiliateID, c.Currency}}
		where := fmt.Sprintf("conversion %d", c.ID)
		v.compare(where, "sum of its entries", found[at].earned, target(c))
		if c.Paid == 0 {
			v.compare(where, "settled, though unpaid,", found[at].settled, 0)
		}
		delete(found, at)
	}
	for at, s := range found {
		v.compare(fmt.Sprintf("conversion %d", at.conversion),
			fmt.Sprintf("sum of its entries with affiliate %d in %s", at.affiliate, at.currency), s.earned, 0)
	}
}

// priced computes the commission again from the stored rule and inputs.
func (v *verification) priced(c *db.Conversion, versions map[int64]db.CommissionRule) {
	where := fmt.Sprintf("conversion %d", c.ID)
	currency, err := money.ParseCurrency(c.PricedCurrency)
	if err != nil {
		v.differs(where, "currency", c.PricedCurrency, "one of ISO 4217")
		return
	}
	if CommissionReason(c.CommissionReason) != CommissionGiven {
		v.carried(where, c, money.New(c.PricedValue, currency))
	}
	if c.RuleID == nil {
		return
	}
	rule, ok := versions[*c.RuleID]
	if !ok {
		v.differs(where, "commission rule", *c.RuleID, "one of the project")
		return
	}
	again, err := price(rule, true, currency, c.PricedBaseValue, money.Amount{})
	if err != nil {
		v.differs(where, "commission rule", err, "a usable one")
		return
	}
	v.compare(where, "version of its rule", orZero(c.RuleVersion), rule.Version)
	v.compare(where, "commission", c.PricedValue, again.value)
}

// carried checks a value that nobody gave: it is what was priced, and the same
// number after a change of the currency.
func (v *verification) carried(where string, c *db.Conversion, priced money.Amount) {
	now, err := money.ParseCurrency(c.Currency)
	if err != nil {
		v.differs(where, "currency", c.Currency, "one of ISO 4217")
		return
	}
	same, err := priced.As(now)
	if err != nil {
		v.differs(where, "value", money.New(c.Value, now), "what was priced, which does not fit its currency")
		return
	}
	v.compare(where, "value", c.Value, same.Minor())
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
	referrals, err := v.q.VerifyReferrals(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, r := range referrals {
		v.differs(fmt.Sprintf("referred user %d", r.ID), "conversion date", orZero(r.ConversionDate), "set exactly when converted or direct; it is "+r.Status)
	}
	strangers, err := v.q.VerifyStrangers(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, s := range strangers {
		v.differs(fmt.Sprintf("%s %d", s.Kind, s.ID), s.Names, "none of this project", "one of it")
	}
	return nil
}
