package books_test

import (
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A model is the books as they ought to be: what the documentation says, written down a
// second time without a look at the engine. It keeps no sums and no counts; whatever is
// asked is added up from all rows. Amounts are fractions in minor units, so that
// nothing can be rounded except where the rules say so.
type model struct {
	now     int64 // what the clock shows, Unix milliseconds
	written int64 // the latest instant of any operation so far
	stamped int64 // the newest entry's stamp
	asked   int64 // the latest instant of the past that an answer was given for
	// What resets of the last stamp have opened again, each after one instant up to another.
	reopened [][2]int64

	joined int // affiliates so far
	hold   time.Duration
	least  *big.Rat // the minimum of a payout
	rules  map[refgrow.ConversionType]modelRule
	terms  map[ruleOf][]newTerms // every change of every rule, in the order in which they were made

	overrides map[int64]*modelOverride
	versions  map[scope]int64 // of overrides, including those that ended

	affiliates  map[int64]*modelAffiliate
	customers   map[int64]*modelCustomer
	coupons     map[int64]*modelCoupon
	conversions map[int64]*modelConversion
	deleted     []int64                 // conversions that no longer exist
	deletedOf   map[int64]int64         // the customers of these
	silent      map[*modelEntry]bool    // entries whose notes are gone
	retired     map[string]bool         // coupons of affiliates who were erased
	entries     map[int64][]*modelEntry // by affiliate, oldest first
	unstamped   map[int64]int           // how many of the newest entries the engine has not been asked about yet
	payouts     map[int64]*modelPayout
	runs        map[int64]*modelRun
	tasks       map[int64]*modelTask // by the number of their key

	// What the operation was about, to be looked at afterwards.
	touched map[int64]bool // affiliates
	changed map[int64]bool // conversions
	moved   map[int64]bool // payouts
}

type modelAffiliate struct {
	id          int64
	email, code string
	inactive    bool
	clicks      []int64 // when they were
	wants       refgrow.PayoutPreferences
	paused      bool
	erased      bool
}

type modelConversion struct {
	id                  int64
	kind                refgrow.ConversionType
	affiliate, customer int64 // 0 for nobody
	currency            money.Currency
	value, base         *big.Rat // base is nil for none
	refunded            *big.Rat
	reversed            bool // a free one that was refunded
	refunds             map[string]modelRefund
	totals              []modelTotal
	reason              refgrow.CommissionReason
	paid                bool
	reference, product  string
	created, available  int64
	decided             bool // it was moved

	// Of one that was not recorded, because it repeats a signup: the first one, and
	// whether it was moved.
	repeats   *modelConversion
	moves     bool
	conflicts []int64 // customers who have a name of the call
}

// A modelEntry never changes once it has a stamp.
type modelEntry struct {
	account
	conversion, payout int64
	returned           bool // it came back with its payout
	kind               refgrow.EntryKind
	amount             *big.Rat
	note               string
	available          int64
	id, stamp          int64 // as the engine says
	created            int64 // when its conversion happened
	recorded           bool  // it is what recording the conversion earned
}

type account struct {
	affiliate int64
	currency  money.Currency
}

// own is the project's currency.
const own money.Currency = "USD"

// decimals of the currencies that the test uses.
var decimals = map[money.Currency]int64{"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}

func newModel() *model {
	return &model{
		least:     new(big.Rat),
		rules:     make(map[refgrow.ConversionType]modelRule),
		terms:     make(map[ruleOf][]newTerms),
		overrides: make(map[int64]*modelOverride), versions: make(map[scope]int64),
		affiliates: make(map[int64]*modelAffiliate), customers: make(map[int64]*modelCustomer),
		coupons: make(map[int64]*modelCoupon), conversions: make(map[int64]*modelConversion),
		entries: make(map[int64][]*modelEntry), unstamped: make(map[int64]int), payouts: make(map[int64]*modelPayout),
		runs: make(map[int64]*modelRun), tasks: make(map[int64]*modelTask),
		deletedOf: make(map[int64]int64), silent: make(map[*modelEntry]bool), retired: make(map[string]bool),
		touched: make(map[int64]bool), changed: make(map[int64]bool), moved: make(map[int64]bool),
	}
}

// copy returns an independent model, for what may have to be undone.
func (m *model) copy() *model {
	c := *m
	c.rules, c.affiliates, c.customers = maps.Clone(m.rules), copied(m.affiliates), copied(m.customers)
	c.coupons, c.conversions, c.deleted = copied(m.coupons), copied(m.conversions), slices.Clone(m.deleted)
	c.entries, c.unstamped = maps.Clone(m.entries), maps.Clone(m.unstamped)
	for affiliate, entries := range c.entries {
		c.entries[affiliate] = slices.Clip(entries)
	}
	c.terms = maps.Clone(m.terms)
	for of, changes := range c.terms {
		c.terms[of] = slices.Clip(changes)
	}
	c.overrides, c.versions, c.payouts = copied(m.overrides), maps.Clone(m.versions), copied(m.payouts)
	c.runs, c.tasks = copied(m.runs), copied(m.tasks)
	c.deletedOf, c.silent, c.retired = maps.Clone(m.deletedOf), maps.Clone(m.silent), maps.Clone(m.retired)
	c.touched, c.changed, c.moved = maps.Clone(m.touched), maps.Clone(m.changed), maps.Clone(m.moved)
	return &c
}

func copied[V any](rows map[int64]*V) map[int64]*V {
	c := make(map[int64]*V, len(rows))
	for id, row := range rows {
		value := *row
		c[id] = &value
	}
	return c
}

// enter writes an entry, unless its amount is zero; what is beyond the largest amount
// comes in several.
func (m *model) enter(e modelEntry) {
	for left := e.amount; left.Sign() != 0; {
		part := e
		part.amount = big.NewRat(int64(left.Sign())*money.MaxMinor, 1)
		if new(big.Rat).Abs(left).Cmp(new(big.Rat).Abs(part.amount)) < 0 {
			part.amount = left
		}
		m.entries[e.affiliate] = append(m.entries[e.affiliate], &part)
		m.unstamped[e.affiliate]++
		left = new(big.Rat).Sub(left, part.amount)
	}
	m.touched[e.affiliate] = true
}

// target is what a conversion has to bring its account: its value, less the part
// of it that goes with what was refunded.
func (c *modelConversion) target() *big.Rat {
	switch {
	case c.affiliate == 0, c.reversed:
		return new(big.Rat)
	case c.refunded.Sign() == 0:
		return c.value
	}
	share := new(big.Rat).Mul(c.value, c.refunded)
	return new(big.Rat).Sub(c.value, rounded(share.Quo(share, c.base)))
}

// about returns what an account's entries say about a conversion.
func (m *model) about(conversion int64, at account) []*modelEntry {
	var found []*modelEntry
	for _, e := range m.entries[at.affiliate] {
		if e.account == at && e.conversion == conversion {
			found = append(found, e)
		}
	}
	return found
}

// standing is what a conversion has brought an account, and how much of that is
// settled.
func (m *model) standing(c *modelConversion, at account) (brought, settled *big.Rat) {
	brought, settled = new(big.Rat), new(big.Rat)
	for _, e := range m.about(c.id, at) {
		if e.kind == refgrow.EntrySettlement {
			settled.Sub(settled, e.amount)
		} else {
			brought.Add(brought, e.amount)
		}
	}
	return brought, settled
}

// bring enters the difference between what a conversion has to bring an account
// and what it has brought so far.
func (m *model) bring(c *modelConversion, at account, target *big.Rat, kind refgrow.EntryKind, note string) {
	if at.affiliate == 0 {
		return
	}
	brought, _ := m.standing(c, at)
	difference := new(big.Rat).Sub(target, brought)
	m.shift(modelEntry{account: at, conversion: c.id, kind: kind, note: note, created: c.created}, difference, c.available)
}

// shift enters an amount where it belongs. What takes something away takes what is there,
// the latest first, and then it is owed from now on. What gives something ends what is
// owed, the oldest first, and then it is available with the commission.
func (m *model) shift(e modelEntry, amount *big.Rat, commission int64) {
	left, standing := new(big.Rat).Set(amount), m.heap(e.conversion, e.account)
	order := slices.Sorted(maps.Keys(standing))
	rest := commission
	if amount.Sign() < 0 {
		slices.Reverse(order)
		rest = m.now
	}
	for _, available := range order {
		there := standing[available]
		if there.Sign()*left.Sign() >= 0 { // nothing of the other sign, or nothing left
			continue
		}
		part := new(big.Rat).Neg(there)
		if new(big.Rat).Abs(part).Cmp(new(big.Rat).Abs(left)) > 0 {
			part.Set(left)
		}
		e.amount, e.available = part, available
		m.enter(e)
		left.Sub(left, part)
	}
	e.amount, e.available = left, rest
	m.enter(e)
}

// heap is what a conversion's entries in an account come to at each availability.
func (m *model) heap(conversion int64, at account) map[int64]*big.Rat {
	sums := make(map[int64]*big.Rat)
	for _, e := range m.about(conversion, at) {
		if sums[e.available] == nil {
			sums[e.available] = new(big.Rat)
		}
		sums[e.available].Add(sums[e.available], e.amount)
	}
	return sums
}

// settle enters that everything unsettled was paid, one entry for each availability.
func (m *model) settle(c *modelConversion, at account) {
	if brought, settled := m.standing(c, at); brought.Cmp(settled) <= 0 {
		return
	}
	standing := m.heap(c.id, at)
	for _, available := range slices.Sorted(maps.Keys(standing)) {
		m.enter(modelEntry{
			account: at, conversion: c.id, kind: refgrow.EntrySettlement, amount: new(big.Rat).Neg(standing[available]),
			available: available, created: c.created,
		})
	}
}

// unsettle gives back what was settled by hand.
func (m *model) unsettle(c *modelConversion, at account) {
	m.shift(modelEntry{account: at, conversion: c.id, kind: refgrow.EntrySettlement, created: c.created},
		m.byHand(c.id, at), c.available)
}

func (m *model) byHand(conversion int64, at account) *big.Rat {
	sum := new(big.Rat)
	for _, e := range m.about(conversion, at) {
		if e.kind == refgrow.EntrySettlement && e.payout == 0 {
			sum.Sub(sum, e.amount)
		}
	}
	return sum
}

// judge sets what a conversion is after something was entered for it: where it has to
// bring its account something, paid if as much is settled there; otherwise what a call
// says, or what it was.
func (m *model) judge(c *modelConversion, said *bool) {
	brought, settled := m.standing(c, account{c.affiliate, c.currency})
	switch {
	case c.target().Sign() > 0:
		c.paid = settled.Cmp(brought) >= 0
	case said != nil:
		c.paid = *said
	}
}

// balance is what an account comes to.
type balance struct {
	total, paid, eligible, held *big.Rat
	reserved, payable           *big.Rat
	next                        int64 // when the next part of held is released, 0 for never
}

func newBalance() *balance {
	return &balance{
		total: new(big.Rat), paid: new(big.Rat), eligible: new(big.Rat), held: new(big.Rat), reserved: new(big.Rat),
		payable: new(big.Rat),
	}
}

// empty reports whether there is nothing in any part.
func (b *balance) empty() bool {
	return !slices.ContainsFunc([]*big.Rat{b.total, b.paid, b.eligible, b.held, b.reserved, b.payable},
		func(part *big.Rat) bool { return part.Sign() != 0 })
}

// all is before no instant: it counts every entry.
const all = int64(1<<63 - 1)

// balances adds up the entries of an affiliate that are stamped before an
// instant, as of an instant.
func (m *model) balances(affiliate, stampedBefore, at int64) map[money.Currency]*balance {
	balances := make(map[money.Currency]*balance)
	releases := make(map[money.Currency]map[int64]*big.Rat)
	for _, e := range m.entries[affiliate] {
		if e.stamp >= stampedBefore {
			continue
		}
		b := balances[e.currency]
		if b == nil {
			b = newBalance()
			balances[e.currency], releases[e.currency] = b, make(map[int64]*big.Rat)
		}
		if e.kind == refgrow.EntrySettlement {
			b.paid.Sub(b.paid, e.amount)
		} else {
			b.total.Add(b.total, e.amount)
		}
		if e.available <= at {
			b.eligible.Add(b.eligible, e.amount)
			continue
		}
		b.held.Add(b.held, e.amount)
		sum := releases[e.currency][e.available]
		if sum == nil {
			sum = new(big.Rat)
			releases[e.currency][e.available] = sum
		}
		sum.Add(sum, e.amount)
	}
	for _, p := range m.payouts {
		if p.affiliate == affiliate && p.madeBefore(stampedBefore) && !p.endedBefore(stampedBefore) {
			reserved := balances[p.currency].reserved
			reserved.Add(reserved, p.amount)
		}
	}
	for _, e := range m.payable(affiliate, stampedBefore, at) {
		balances[e.currency].payable.Add(balances[e.currency].payable, e.amount)
	}
	for currency, b := range balances {
		for available, sum := range releases[currency] {
			if b.held.Sign() != 0 && sum.Sign() != 0 && (b.next == 0 || available < b.next) {
				b.next = available
			}
		}
	}
	return balances
}

// rounded returns an amount, which is 0 or more, in whole minor units: half away from
// zero is half up.
func rounded(amount *big.Rat) *big.Rat {
	up := new(big.Rat).Add(amount, big.NewRat(1, 2))
	return new(big.Rat).SetInt(new(big.Int).Div(up.Num(), up.Denom()))
}

// carried returns the same decimal number in another currency, nil if it has too many
// decimals or digits for it.
func carried(amount *big.Rat, from, to money.Currency) *big.Rat {
	shift := func(places int64) *big.Rat {
		return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(places), nil))
	}
	same := new(big.Rat).Mul(amount, shift(decimals[to]))
	same.Quo(same, shift(decimals[from]))
	if !same.IsInt() || same.Cmp(new(big.Rat).SetInt64(money.MaxMinor)) > 0 {
		return nil
	}
	return same
}

// amountOf is a model's amount as the engine shows it.
func amountOf(amount *big.Rat, currency money.Currency) money.Amount {
	if !amount.IsInt() || !amount.Num().IsInt64() {
		panic("the model came to a part of a minor unit: " + amount.String())
	}
	return money.New(amount.Num().Int64(), currency)
}
