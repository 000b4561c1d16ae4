package books_test

import (
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"

	"github.com/refgrow-go/refgrow"
)

// What a sentence says of the account that a conversion is in.
var (
	noSum    = regexp.MustCompile(`\b0(\.0+)? [A-Z]{3}\b`)
	freeSale = regexp.MustCompile(`^(Conversion \d+, a \w+) of 0(\.0+)? [A-Z]{3} on `)
	accounts = map[string]*regexp.Regexp{
		"paid":      regexp.MustCompile(`\. (\S+ \S+) of it was paid out\.`),
		"taken":     regexp.MustCompile(`\. (\S+ \S+) was taken from an earlier payout for it\.`),
		"owed":      regexp.MustCompile(`\. (\S+ \S+) more than is due was paid( or is in a payout)?, and is taken from `),
		"available": regexp.MustCompile(`\. (\S+ \S+) has been available for payout since `),
		"held":      regexp.MustCompile(`\. (\S+ \S+) is held until `),
		"came back": regexp.MustCompile(`\. A payment came back, with (\S+ \S+) for it\.`),
	}
	pendingIn = regexp.MustCompile(`\. (\S+ \S+) (?:of it is in|for it is taken from) payout (\d+), which is pending`)
)

// sentence compares what the explanation of a conversion says with the books, and that
// it names no sum which is not there.
func (on *side) sentence(c *modelConversion, said string) error {
	if c.base != nil && c.base.Sign() == 0 {
		said = freeSale.ReplaceAllString(said, "$1 on ")
	}
	if found := noSum.FindString(said); found != "" {
		return fmt.Errorf("conversion %d: %q is named: %s", c.id, found, said)
	}
	got := make(map[string]string)
	for what, by := range accounts {
		if found := by.FindStringSubmatch(said); found != nil {
			got[what] = found[1]
		}
	}
	for _, found := range pendingIn.FindAllStringSubmatch(said, -1) {
		got["pending in "+found[2]] = found[1]
	}
	if want := on.model.worded(c); !maps.Equal(got, want) {
		return fmt.Errorf("conversion %d is %v, but should be %v: %s", c.id, got, want, said)
	}
	return nil
}

// worded is what became of a conversion's commission, as a sentence names it.
func (m *model) worded(c *modelConversion) map[string]string {
	words := make(map[string]string)
	name := func(what string, amount *big.Rat) {
		if amount.Sign() > 0 {
			words[what] = amountOf(amount, c.currency).String()
		}
	}
	at := account{c.affiliate, c.currency}
	if c.affiliate == 0 {
		return words
	}
	_, settled := m.standing(c, at)
	name("paid", settled)
	name("taken", new(big.Rat).Neg(settled))
	available, held, back := new(big.Rat), new(big.Rat), new(big.Rat)
	for _, e := range m.about(c.id, at) {
		sum := available
		if e.available > m.now {
			sum = held
		}
		sum.Add(sum, e.amount)
		if e.returned {
			back.Add(back, e.amount)
		}
	}
	for _, p := range m.payoutsOf(c.id, refgrow.PayoutPending) {
		pending := new(big.Rat)
		for _, e := range p.entries {
			if e.account != at || e.conversion != c.id {
				continue
			}
			pending.Add(pending, e.amount)
			sum := available
			if e.available > m.now {
				sum = held
			}
			sum.Sub(sum, e.amount)
		}
		name(fmt.Sprint("pending in ", p.id), new(big.Rat).Abs(pending))
	}
	name("available", available)
	name("held", held)
	name("came back", back)
	owed := new(big.Rat)
	for _, sum := range []*big.Rat{available, held} {
		if sum.Sign() < 0 {
			owed.Sub(owed, sum)
		}
	}
	name("owed", owed)
	return words
}

// auditSentences reads what is said of some conversions, others in each audit.
func (w *world) auditSentences() error {
	for _, id := range turns(slices.Sorted(maps.Keys(w.model.conversions)), w.audits, 200) {
		if err := w.explained(id); err != nil {
			return err
		}
	}
	return nil
}
