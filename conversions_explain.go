package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// An Explanation answers why somebody was, or was not, credited with a
// conversion, and what became of the commission.
type Explanation struct {
	Conversion *Conversion
	Decision   Decision
	Commission CommissionExplanation
	// Entries are what the ledger says about the conversion, in the order in which
	// they were written.
	Entries []LedgerEntry
	// Sentence is the answer in plain English, for the person who asked. It names
	// affiliates and coupons by their codes, and nobody's email.
	Sentence string
}

// A CommissionExplanation says where a conversion's value comes from.
type CommissionExplanation struct {
	// Rule is what the rule paid, in the version in force then, such as
	// "8.2% for life"; "" where none was applied.
	Rule            string
	RuleID, Version int64
	// Scope is what the rule is for: "project", "affiliate", "product" or
	// "affiliate_product"; "" where none was applied.
	Scope  string
	Reason CommissionReason
	Inputs CommissionInputs
	// Value is the commission as it is now, gross of refunds.
	Value money.Amount

	ruleOf int64  // the affiliate whose rule it is, 0 for others
	then   string // how the rule was in force when the conversion happened, where it is not the present one
}

// CommissionInputs are what the commission was computed from.
type CommissionInputs struct {
	// BaseValue is not set where there was none.
	BaseValue money.Amount
	Currency  money.Currency
	// Rate is the rule's percentage, such as "8.2%"; Fixed is its fixed amount.
	Rate  string
	Fixed money.Amount
	// Rounding is "half_away_from_zero": once, to the currency's minor unit.
	Rounding string
	// FirstPurchaseAt is the customer's first purchase, for a rule of some months.
	FirstPurchaseAt *time.Time
	// EarlierPurchases, for a rule of the first purchase, is how many of the customer's
	// purchases came before this one; OtherPayments, for a rule of some payments, how
	// many others were payments when it was priced, earlier and later ones. They are
	// counted no further than the rule asks, and nil for an unknown customer.
	EarlierPurchases, OtherPayments *int64
}

// ExplainConversion explains how a conversion was credited and priced, and what became
// of its commission. Errors: ErrNotFound.
func (p *Project) ExplainConversion(ctx context.Context, id int64) (*Explanation, error) {
	now := p.engine.millis()
	var explanation *Explanation
	err := p.snapshot(ctx, "explaining a conversion", func(ctx context.Context, q db.Querier) error {
		row, err := q.GetConversion(ctx, db.GetConversionParams{ProjectID: p.id, ConversionID: id})
		if err != nil {
			return missing(err, "Conversion")
		}
		entries, err := q.ListEntriesOfConversion(ctx, db.ListEntriesOfConversionParams{ProjectID: p.id, ConversionID: id})
		if err != nil {
			return err
		}
		e := &Explanation{}
		if e.Conversion, err = storedConversion(&row, now); err != nil {
			return err
		}
		if e.Decision, err = showDecision(&row); err != nil {
			return err
		}
		for i := range entries {
			entry, err := showEntry(&entries[i])
			if err != nil {
				return err
			}
			e.Entries = append(e.Entries, *entry)
		}
		if e.Commission, err = explainCommission(ctx, q, &row); err != nil {
			return err
		}
		code, err := codeOf(ctx, q, p.id, e.Decision)
		if err != nil {
			return err
		}
		reserved, err := q.ListReservedOfConversion(ctx, db.ListReservedOfConversionParams{
			ProjectID: p.id, ConversionID: id, AffiliateID: stored.OrZero(row.AffiliateID), Currency: row.Currency,
		})
		if err != nil {
			return err
		}
		e.Sentence = e.sentence(&row, code, standingOf(ledger.BookOf(entries, &row), reserved, now))
		explanation = e
		return nil
	})
	return explanation, err
}

// codeOf is the referral code of the affiliate that a decision is about, "" for
// nobody.
func codeOf(ctx context.Context, q db.Querier, project int64, d Decision) (string, error) {
	a, err := q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: project, AffiliateID: d.Chosen})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return a.ReferralCode, err
}

func explainCommission(ctx context.Context, q db.Querier, c *db.Conversion) (CommissionExplanation, error) {
	currency, err := stored.Currency(c.PricedCurrency)
	if err != nil {
		return CommissionExplanation{}, fmt.Errorf("the price of conversion %d: %w", c.ID, err)
	}
	e := CommissionExplanation{
		RuleID: stored.OrZero(c.RuleID), Version: stored.OrZero(c.RuleVersion), Reason: CommissionReason(c.CommissionReason),
		Inputs: CommissionInputs{Currency: currency}, Value: money.New(c.Value, money.Currency(c.Currency)),
	}
	if c.PricedBaseValue != nil {
		e.Inputs.BaseValue = money.New(*c.PricedBaseValue, currency)
	}
	if c.RuleID == nil {
		return e, nil
	}
	rule, err := q.GetRule(ctx, db.GetRuleParams{ProjectID: c.ProjectID, RuleID: *c.RuleID})
	if err != nil {
		return e, err
	}
	pays, err := pricing.TermsOf(rule)
	if err != nil {
		return e, err
	}
	e.Rule, e.Scope = pays.String(), pricing.ScopeOf(rule).String()
	e.ruleOf = stored.OrZero(rule.AffiliateID)
	switch {
	case rule.CreatedAt > c.CreatedAt && rule.Version == 1:
		e.then = ", the first there is"
	case rule.CreatedAt <= c.CreatedAt && rule.EndedAt != nil && *rule.EndedAt > c.CreatedAt:
		e.then = ", which was in force on that day"
	}
	e.Inputs.Fixed, e.Inputs.Rounding = pays.Commission.Fixed, "half_away_from_zero"
	if !pays.Commission.Fixed.IsSet() {
		e.Inputs.Rate = pays.Commission.String()
	}
	e.Inputs.FirstPurchaseAt = stored.OptionalInstant(c.PricedFirstAt)
	if rule.Duration == string(pricing.FirstPurchase) {
		e.Inputs.EarlierPurchases = c.PricedBefore
	} else {
		e.Inputs.OtherPayments = c.PricedBefore
	}
	return e, nil
}

// sentence puts the explanation into words. It names no sum of 0, but the base value of a
// free sale.
func (e *Explanation) sentence(row *db.Conversion, code string, s standing) string {
	parts := append([]string{e.credit(code)}, e.Decision.remarks()...)
	parts = append(parts, e.earning())
	refund := ""
	switch c := e.Conversion; {
	case row.Reversed == 1:
		refund = "It was refunded"
	case c.Refunded.Sign() > 0:
		refund = fmt.Sprintf("%s of the sale was refunded", c.Refunded)
	}
	if refund != "" {
		if back := pricing.TakenBack(row); row.AffiliateID != nil && back > 0 {
			refund += fmt.Sprintf(", which took back %s", e.money(back))
		} else if row.AffiliateID != nil && row.Value > 0 {
			refund += ", which is too little to take anything back"
		}
		parts = append(parts, refund+".")
	}
	if row.AffiliateID != nil {
		parts = append(parts, e.outcome(s)...)
	}
	return strings.Join(parts, " ")
}

// credit says what happened, who got the credit and why.
func (e *Explanation) credit(code string) string {
	c, d := e.Conversion, e.Decision
	what := fmt.Sprintf("Conversion %d, a %s", c.ID, c.Type)
	if c.BaseValue.IsSet() {
		what += fmt.Sprintf(" of %s", c.BaseValue)
	}
	what += " on " + stored.Date(c.CreatedAt)
	if d.Chosen == 0 {
		return what + ", is credited to nobody, because " + d.why() + "."
	}
	who := "affiliate " + code
	if code == "" { // it is being deleted
		who = fmt.Sprintf("affiliate %d", d.Chosen)
	}
	what += ", is credited to " + who + ", because " + d.why() + "."
	if d.SelfReferral {
		what += " Customer and affiliate look like the same person, which was noted."
	}
	return what
}

// why puts the reason of a decision into words.
func (d Decision) why() string {
	switch d.Reason {
	case ReasonAffiliateID:
		return "the call that recorded it named the affiliate"
	case ReasonCustomer:
		return "the customer already belonged to the affiliate"
	case ReasonCoupon:
		return "the customer used the coupon " + d.code(OutcomeCredited)
	case ReasonReferralCode:
		if slices.ContainsFunc(d.Candidates, func(c Candidate) bool { return c.Claimed }) {
			return "the customer's browser said that it came through the code " + d.code(OutcomeCredited)
		}
		return "the customer came through the code " + d.code(OutcomeCredited)
	case ReasonMoved:
		for _, c := range d.Candidates {
			if c.Repeated && c.Outcome == OutcomeCredited {
				return "the signup was told again, and " + Decision{Reason: c.Source, Candidates: []Candidate{c}}.why()
			}
		}
		return "the owner of the program decided so afterwards"
	case ReasonNone:
		return "nothing named an affiliate who could be credited"
	case ReasonAffiliateInactive:
		return "the affiliate was inactive"
	case ReasonCodeUnknown:
		return "the code " + d.code(OutcomeUnknown) + " leads to no affiliate"
	case ReasonSelfReferral:
		return "customer and affiliate look like the same person"
	}
	return "of " + string(d.Reason)
}

// remarks puts the notes of a decision into words.
func (d Decision) remarks() []string {
	var remarks []string
	for _, note := range d.Notes {
		switch note.Code {
		case NoteCustomerConflict:
			name := map[string]string{"email": "email", "external_id": "external id"}[note.Field]
			remarks = append(remarks, fmt.Sprintf("The %s that was sent belongs to another customer, %d, and stays there.",
				name, note.ReferredUserID))
		case NoteEmailUnusable:
			remarks = append(remarks, "The email that was sent is no address, and was left out.")
		case NoteLeftOut:
			remarks = append(remarks, fmt.Sprintf("Something of what was sent as %s could not be used, and was left out.",
				note.Field))
		}
	}
	return remarks
}

// code is the code of the last candidate with an outcome. What was sent as a code
// and looks like an email is not repeated.
func (d Decision) code(outcome Outcome) string {
	code := ""
	for _, c := range d.Candidates {
		if c.Outcome == outcome {
			code = c.Code
		}
	}
	if strings.Contains(code, "@") {
		return "that was sent"
	}
	return code
}

// earning says where the commission comes from.
func (e *Explanation) earning() string {
	c := e.Commission
	by := fmt.Sprintf("version %d of %s", c.Version, whose(c.Scope))
	if of := c.ruleOf; of != 0 && of != e.Decision.Chosen {
		by = fmt.Sprintf("version %d of the rule of the affiliate who was credited then", c.Version)
	}
	by += c.then
	earned := "nothing"
	if !c.Value.IsZero() {
		earned = c.Value.String()
	}
	if in := c.Inputs; in.Rate == "0%" || in.Fixed.IsSet() && in.Fixed.IsZero() {
		return fmt.Sprintf("It earned nothing, because %s pays nothing.", by)
	}
	switch c.Reason {
	case CommissionByRule:
		return fmt.Sprintf("It earned %s by %s: %s.", earned, by, e.rule()) + e.unowed()
	case CommissionCustomerUnknown:
		return fmt.Sprintf("It earned %s by %s: %s. The customer is not known, so it counts as a first purchase.",
			earned, by, e.rule()) + e.unowed()
	case CommissionGiven:
		if c.Value.IsZero() {
			return "It earned nothing, because that was given, which wins over any rule."
		}
		return fmt.Sprintf("Its commission of %s was given, which wins over any rule.", c.Value) + e.unowed()
	case CommissionBeyondDuration:
		return fmt.Sprintf("It earned nothing, because %s, %s, was %s.", by, c.Rule, e.over())
	case CommissionOtherCurrency:
		return fmt.Sprintf("It earned nothing, because %s, %s, is for sales in %s only, and this one was in %s.",
			by, c.Rule, c.Inputs.Fixed.Currency(), c.Inputs.Currency)
	case CommissionUnattributed:
		if e.Decision.Chosen != 0 {
			return "It was recorded for nobody, and has no price yet: it earns nothing unless it is priced."
		}
	}
	return "So it earned nothing."
}

// unowed adds that a commission has no recipient.
func (e *Explanation) unowed() string {
	if e.Decision.Chosen != 0 || e.Commission.Value.IsZero() {
		return ""
	}
	return " It is not owed to anyone unless an affiliate is credited."
}

// whose says what a rule of a scope is for.
func whose(scope string) string {
	switch scope {
	case "affiliate":
		return "the affiliate's own rule"
	case "product":
		return "the product's rule"
	case "affiliate_product":
		return "the affiliate's own rule for the product"
	}
	return "the program's rule"
}

// rule is what the rule paid, and of what.
func (e *Explanation) rule() string {
	switch in := e.Commission.Inputs; {
	case in.Rate == "" || !in.BaseValue.IsSet():
		return e.Commission.Rule
	case in.BaseValue.IsZero():
		return e.Commission.Rule + ", of a free sale"
	default:
		return fmt.Sprintf("%s, of %s", e.Commission.Rule, in.BaseValue)
	}
}

// over says why a rule's duration was over.
func (e *Explanation) over() string {
	switch in := e.Commission.Inputs; {
	case in.FirstPurchaseAt != nil:
		return "over for this customer, whose first purchase was on " + stored.Date(*in.FirstPurchaseAt)
	case in.OtherPayments != nil && *in.OtherPayments == 1:
		return "used up for this customer by another payment"
	case in.OtherPayments != nil:
		return fmt.Sprintf("used up for this customer by %d other payments", *in.OtherPayments)
	}
	return "over for this customer, who had bought before"
}

// A standing is what became of a conversion's commission in the account that it is in.
type standing struct {
	cameBack, settled int64
	reserved          []ledger.Entry // by each pending payout, in one sum
	available, held   ledger.Entry
}

func standingOf(b *ledger.Book, reserved []db.ListReservedOfConversionRow, now int64) standing {
	s := standing{cameBack: b.CameBack(), settled: b.Settled()}
	entries := make([]ledger.Entry, len(reserved))
	for i, r := range reserved {
		entries[i] = ledger.Entry{Amount: r.Amount, Available: r.AvailableAt}
		at := slices.IndexFunc(s.reserved, func(e ledger.Entry) bool { return e.Payout == r.PayoutID })
		if at < 0 {
			at = len(s.reserved)
			s.reserved = append(s.reserved, ledger.Entry{Payout: r.PayoutID})
		}
		s.reserved[at].Amount += r.Amount
	}
	s.available, s.held = b.Open(now, entries)
	return s
}

// outcome says what became of the commission: what was paid out, what pending payouts
// have of it, and what of the rest is held or available, or is owed.
func (e *Explanation) outcome(s standing) []string {
	var parts []string
	say := func(format string, minor int64, more ...any) {
		parts = append(parts, fmt.Sprintf(format, append([]any{e.money(minor)}, more...)...))
	}
	if s.cameBack > 0 {
		say("A payment came back, with %s for it.", s.cameBack)
	}
	switch {
	case s.settled > 0:
		say("%s of it was paid out.", s.settled)
	case s.settled < 0: // a payout took a debt into account before the rest could be paid
		say("%s was taken from an earlier payout for it.", -s.settled)
	}
	for _, r := range s.reserved {
		switch {
		case r.Amount > 0:
			say("%s of it is in payout %d, which is pending.", r.Amount, r.Payout)
		case r.Amount < 0:
			say("%s for it is taken from payout %d, which is pending.", -r.Amount, r.Payout)
		}
	}
	if debt := -min(s.available.Amount, 0) - min(s.held.Amount, 0); debt > 0 {
		where := "was paid"
		if len(s.reserved) > 0 {
			where += " or is in a payout"
		}
		say("%s more than is due %s, and is taken from later earnings.", debt, where)
	}
	if s.available.Amount > 0 {
		say("%s has been available for payout since %s.", s.available.Amount, day(s.available))
	}
	if s.held.Amount > 0 {
		say("%s is held until %s.", s.held.Amount, day(s.held))
	}
	return parts
}

// day is the day on which something is available.
func day(e ledger.Entry) string { return stored.Date(stored.Instant(e.Available)) }

// money is an amount in the conversion's currency.
func (e *Explanation) money(minor int64) money.Amount {
	return money.New(minor, e.Conversion.Value.Currency())
}
