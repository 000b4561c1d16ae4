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
	"github.com/refgrow-go/refgrow/money"
)

// An Explanation answers why somebody was, or was not, credited with a
// conversion, and what became of the commission.
type Explanation struct {
	Conversion *Conversion
	Decision   Decision
	Commission CommissionExplanation
	// Entries are what the ledger says of the conversion, in the order in which
	// they were written.
	Entries []LedgerEntry
	// Sentence is the answer in plain English, for the person who asked. It names
	// affiliates and coupons by their codes, and nobody's email.
	Sentence string
}

// A CommissionExplanation tells where a conversion's value comes from.
type CommissionExplanation struct {
	// Rule is what the rule paid, in the version of then, such as "8.2% for life";
	// "" where none was applied.
	Rule            string
	RuleID, Version int64
	// Scope is what the rule is for: "project", "affiliate", "product" or
	// "affiliate_product"; "" where none was applied.
	Scope  string
	Reason CommissionReason
	Inputs CommissionInputs
	// Value is the commission as it is now, gross of refunds.
	Value money.Amount
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
	// EarlierPurchases, for a rule of the first purchase, and EarlierPayments, for
	// one of some payments, are how many there were before, counted no further than
	// the rule asks. They are nil for an unknown customer.
	EarlierPurchases, EarlierPayments *int64
}

// ExplainConversion tells how a conversion was credited and priced, and what
// became of its commission. Errors: ErrNotFound.
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
		if e.Decision, err = decisionOf(&row); err != nil {
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
		e.Sentence = e.sentence(&row, code, bookOf(entries, &row), now)
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
	currency, err := storedCurrency(c.PricedCurrency)
	if err != nil {
		return CommissionExplanation{}, fmt.Errorf("the price of conversion %d: %w", c.ID, err)
	}
	e := CommissionExplanation{
		RuleID: orZero(c.RuleID), Version: orZero(c.RuleVersion), Reason: CommissionReason(c.CommissionReason),
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
	pays, err := termsOf(rule)
	if err != nil {
		return e, err
	}
	e.Rule, e.Scope = pays.String(), scopeOf(rule).String()
	e.Inputs.Fixed, e.Inputs.Rounding = pays.commission.fixed, "half_away_from_zero"
	if !pays.commission.fixed.IsSet() {
		e.Inputs.Rate = pays.commission.String()
	}
	e.Inputs.FirstPurchaseAt = optionalInstant(c.PricedFirstAt)
	if rule.Duration == string(FirstPurchase) {
		e.Inputs.EarlierPurchases = c.PricedBefore
	} else {
		e.Inputs.EarlierPayments = c.PricedBefore
	}
	return e, nil
}

// String is what a rule pays and for how long, such as "8.2% for life".
func (p terms) String() string {
	switch p.duration {
	case Lifetime:
		return p.commission.String() + " for life"
	case FirstPurchase:
		return p.commission.String() + " for the first purchase"
	}
	return p.commission.String() + " for " + string(p.duration)
}

func (s scope) String() string {
	switch {
	case s.affiliate != 0 && s.product != "":
		return "affiliate_product"
	case s.affiliate != 0:
		return "affiliate"
	case s.product != "":
		return "product"
	}
	return "project"
}

// sentence puts the explanation into words.
func (e *Explanation) sentence(row *db.Conversion, code string, b *book, now int64) string {
	parts := []string{e.credit(code), e.earning()}
	if c := e.Conversion; c.Refunded.Sign() > 0 {
		refund := fmt.Sprintf("%s of the sale was refunded", c.Refunded)
		if row.AffiliateID != nil {
			refund += fmt.Sprintf(", which took back %s", e.money(takenBack(row)))
		}
		parts = append(parts, refund+".")
	}
	if row.AffiliateID != nil {
		parts = append(parts, e.outcome(row, b, now)...)
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
	what += " on " + day(c.CreatedAt)
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
		return "the customer already was one of the affiliate's"
	case ReasonCoupon:
		return "the customer used the coupon " + d.code(OutcomeCredited)
	case ReasonReferralCode:
		if slices.ContainsFunc(d.Candidates, func(c Candidate) bool { return c.Claimed }) {
			return "the customer's browser said that it came by the code " + d.code(OutcomeCredited)
		}
		return "the customer came by the code " + d.code(OutcomeCredited)
	case ReasonMoved:
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
	if e.Decision.Reason == ReasonMoved && strings.HasPrefix(c.Scope, "affiliate") {
		by = fmt.Sprintf("version %d of the rule of the affiliate who was credited then", c.Version)
	}
	switch c.Reason {
	case CommissionByRule:
		return fmt.Sprintf("It earned %s by %s: %s.", c.Value, by, e.rule()) + e.inVain()
	case CommissionCustomerUnknown:
		return fmt.Sprintf("It earned %s by %s: %s. The customer is not known, so it counts as a first purchase.", c.Value, by, e.rule()) + e.inVain()
	case CommissionGiven:
		return fmt.Sprintf("Its commission of %s was given, which wins over any rule.", c.Value) + e.inVain()
	case CommissionBeyondDuration:
		return fmt.Sprintf("It earned nothing, because %s, %s, was over for this customer%s.", by, c.Rule, e.since())
	case CommissionOtherCurrency:
		return fmt.Sprintf("It earned nothing, because %s, %s, is for sales in %s only, and this one was in %s.",
			by, c.Rule, c.Inputs.Fixed.Currency(), c.Inputs.Currency)
	case CommissionUnattributed:
	}
	return "So it earned nothing."
}

// inVain is for a commission that there is, but nobody to have it.
func (e *Explanation) inVain() string {
	if e.Decision.Chosen != 0 || e.Commission.Value.IsZero() {
		return ""
	}
	return " Nobody has it as long as nobody is credited."
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
	if in := e.Commission.Inputs; in.Rate != "" && in.BaseValue.IsSet() {
		return fmt.Sprintf("%s, of %s", e.Commission.Rule, in.BaseValue)
	}
	return e.Commission.Rule
}

// since says why a rule's duration was over.
func (e *Explanation) since() string {
	switch in := e.Commission.Inputs; {
	case in.FirstPurchaseAt != nil:
		return ", whose first purchase was on " + day(*in.FirstPurchaseAt)
	case in.EarlierPayments != nil:
		return fmt.Sprintf(" after %d payments", *in.EarlierPayments)
	}
	return ", who had bought before"
}

// outcome says what became of the commission.
func (e *Explanation) outcome(row *db.Conversion, b *book, now int64) []string {
	var parts []string
	settled, left := b.settled(), b.earned()-b.settled()
	switch {
	case settled > 0:
		parts = append(parts, fmt.Sprintf("%s of it was paid out.", e.money(settled)))
	case settled < 0: // a payout took a debt into account before the rest could be paid
		parts = append(parts, fmt.Sprintf("%s was taken from an earlier payout for it.", e.money(-settled)))
	}
	switch {
	case left < 0:
		parts = append(parts, fmt.Sprintf("%s more than is due was paid, and is taken from later earnings.", e.money(-left)))
	case left == 0:
	case row.AvailableAt > now:
		parts = append(parts, fmt.Sprintf("%s is held until %s.", e.money(left), day(instant(row.AvailableAt))))
	default:
		parts = append(parts, fmt.Sprintf("%s has been available for payout since %s.", e.money(left), day(instant(row.AvailableAt))))
	}
	return parts
}

// money is an amount in the conversion's currency.
func (e *Explanation) money(minor int64) money.Amount {
	return money.New(minor, e.Conversion.Value.Currency())
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
