package refgrow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// sentence puts the explanation into words. It names no sum of 0, but the base value of
// a free sale.
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
		return "the customer used the coupon " + d.first(ReasonCoupon, OutcomeCredited).code()
	case ReasonReferralCode:
		by := d.first(ReasonReferralCode, OutcomeCredited)
		if by.Claimed {
			return "the customer's browser said that it came through the code " + by.code()
		}
		return "the customer came through the code " + by.code()
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
		return "the code " + d.first(ReasonReferralCode, OutcomeUnknown).code() + " leads to no affiliate"
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

// first is the candidate of a source with an outcome that decided: those of a repeated
// signup come after it.
func (d Decision) first(source Reason, outcome Outcome) Candidate {
	at := slices.IndexFunc(d.Candidates, func(c Candidate) bool { return c.Source == source && c.Outcome == outcome })
	if at < 0 {
		return Candidate{}
	}
	return d.Candidates[at]
}

// code is the code of a candidate. What was sent as one and looks like an email is not
// repeated.
func (c Candidate) code() string {
	if strings.Contains(c.Code, "@") {
		return "that was sent"
	}
	return c.Code
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
