package books_test

import (
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// What can happen to the model. Each method lists the faults of a request: the
// engine has to refuse it with one of them, or to do it if there are none.

type modelCustomer struct {
	id        int64
	email     string
	ids       []string // the app's own ids, the first one first
	affiliate int64
	status    refgrow.ReferralStatus
	converted int64 // the first purchase, 0 for none
	erased    bool
}

type modelCoupon struct {
	id, affiliate int64
	code          string
	inactive      bool
}

type faults []refgrow.Code

func (f *faults) add(code refgrow.Code, when bool) {
	if when {
		*f = append(*f, code)
	}
}

// record is what a new conversion will be, apart from its id and that of a customer not
// seen before.
func (m *model) record(params refgrow.RecordConversionParams) (*modelConversion, faults) {
	var f faults
	c := &modelConversion{
		kind: params.Type, currency: own, refunded: new(big.Rat), paid: params.Paid, reference: params.Reference,
		product: params.Product, created: m.now,
	}
	named := slices.DeleteFunc([]money.Currency{params.BaseValue.Currency(), params.Currency, params.Value.Currency()},
		func(c money.Currency) bool { return c == "" })
	if len(named) > 0 {
		c.currency = named[0]
	}
	f.add(refgrow.CodeInvalid, slices.ContainsFunc(named, func(other money.Currency) bool { return other != c.currency }))
	if params.BaseValue.IsSet() {
		c.base = big.NewRat(params.BaseValue.Minor(), 1)
	}
	f.add(refgrow.CodeInvalid, c.kind == refgrow.Purchase && c.base == nil)
	if !params.OccurredAt.IsZero() {
		c.created = params.OccurredAt.UnixMilli()
	}
	f.add(refgrow.CodeInvalid, c.created > m.now)
	c.available = c.created + m.hold.Milliseconds()
	f.add(refgrow.CodeNotFound, params.AffiliateID != 0 && m.affiliates[params.AffiliateID] == nil)
	f.add(refgrow.CodeErased, m.isErased(params.AffiliateID))
	f.add(refgrow.CodeConflict, m.referenceTaken(params.Reference, 0))
	customer, conflicts := m.customer(params.Customer)
	f.add(refgrow.CodeNotFound, params.Customer.ID != 0 && customer == nil)
	if len(f) > 0 {
		return nil, f
	}
	if customer != nil {
		c.customer = customer.id
	}
	c.conflicts = conflicts
	c.affiliate = m.attribute(params, customer)
	if c.repeats = m.signupOf(c); c.repeats != nil {
		return c, m.repeat(c)
	}
	if params.Value.IsSet() {
		c.value, c.reason = big.NewRat(params.Value.Minor(), 1), refgrow.CommissionGiven
	} else {
		c.value, c.reason = m.price(c, params.Customer != refgrow.Customer{})
	}
	return c, nil
}

// signupOf is the signup that the customer of a new one has already, nil for none.
func (m *model) signupOf(c *modelConversion) *modelConversion {
	var first *modelConversion
	for _, known := range m.conversions {
		if c.kind == refgrow.Signup && c.customer != 0 && known.customer == c.customer && known.kind == refgrow.Signup &&
			(first == nil || known.created < first.created || known.created == first.created && known.id < first.id) {
			first = known
		}
	}
	return first
}

// repeat moves the first signup to the affiliate that a repeated one leads to, if
// nobody has it, and nobody has decided so.
func (m *model) repeat(c *modelConversion) faults {
	if c.moves = c.repeats.affiliate == 0 && !c.repeats.decided && c.affiliate != 0; !c.moves {
		return nil
	}
	return m.update(c.repeats.id, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(c.affiliate)})
}

// recorded takes the conversion into the books.
func (m *model) recorded(c *modelConversion, id int64, named refgrow.Customer, customerID int64) {
	if named != (refgrow.Customer{}) {
		c.customer = customerID
		m.named(c, named)
		m.met(c)
	}
	if c.repeats != nil {
		m.touch(c.repeats)
		return
	}
	c.id = id
	m.conversions[id] = c
	at := account{c.affiliate, c.currency}
	before := len(m.entries[at.affiliate])
	m.bring(c, at, c.target(), refgrow.EntryCommission, "")
	for _, e := range m.entries[at.affiliate][before:] {
		e.recorded = true
	}
	if c.paid {
		m.settle(c, at)
	}
	m.judge(c, new(c.paid))
	m.touch(c)
}

// named gives a customer the names of a call that nobody has: one email, and any number
// of the app's own ids.
func (m *model) named(c *modelConversion, named refgrow.Customer) {
	free := func(is func(*modelCustomer) bool) bool {
		for _, other := range m.customers {
			if is(other) {
				return false
			}
		}
		return true
	}
	customer := m.customers[c.customer]
	if customer == nil {
		customer = &modelCustomer{id: c.customer, status: refgrow.ReferralDirectSignup}
		m.customers[c.customer] = customer
	}
	email := strings.ToLower(named.Email)
	if customer.erased {
		return
	}
	if customer.email == "" && free(func(other *modelCustomer) bool { return other.email == email && email != "" }) {
		customer.email = email
	}
	if id := named.ExternalID; id != "" &&
		free(func(other *modelCustomer) bool { return slices.Contains(other.ids, id) }) {
		customer.ids = append(slices.Clip(customer.ids), id)
	}
}

// met notes what a conversion says about its customer. A repeated signup says something
// only where it has moved the first one.
func (m *model) met(c *modelConversion) {
	customer := m.customers[c.customer]
	if c.repeats != nil && !c.moves {
		return
	}
	if customer.affiliate == 0 {
		customer.affiliate = c.affiliate
	}
	switch {
	case c.kind == refgrow.Purchase && c.affiliate != 0:
		customer.status = refgrow.ReferralConverted
	case c.kind == refgrow.Purchase && customer.status != refgrow.ReferralConverted:
		customer.status = refgrow.ReferralDirect
	case c.kind == refgrow.Signup && c.affiliate != 0 && customer.status == refgrow.ReferralDirectSignup:
		customer.status = refgrow.ReferralPending
	}
	if c.kind == refgrow.Purchase && customer.converted == 0 {
		customer.converted = c.created
	}
}

// customer finds the one that the first name belongs to that somebody has: the id, the
// app's own id, the email. The others with a name of the call keep it.
func (m *model) customer(named refgrow.Customer) (found *modelCustomer, conflicts []int64) {
	for _, is := range []func(*modelCustomer) bool{
		func(c *modelCustomer) bool { return named.ID != 0 && c.id == named.ID },
		func(c *modelCustomer) bool { return named.ExternalID != "" && slices.Contains(c.ids, named.ExternalID) },
		func(c *modelCustomer) bool { return named.Email != "" && c.email == strings.ToLower(named.Email) },
	} {
		for _, c := range m.customers {
			switch {
			case !is(c):
			case found == nil && (named.ID == 0 || c.id == named.ID):
				found = c
			case found != nil && found != c:
				conflicts = append(conflicts, c.id)
			}
		}
	}
	return found, conflicts
}

// attribute decides who gets the credit, 0 for nobody.
func (m *model) attribute(params refgrow.RecordConversionParams, customer *modelCustomer) int64 {
	if params.AffiliateID != 0 {
		return params.AffiliateID // the caller decides
	}
	emails := []string{params.Customer.Email}
	if customer != nil {
		emails = append(emails, customer.email)
	}
	credit := func(a *modelAffiliate) int64 {
		if a == nil || a.inactive ||
			slices.ContainsFunc(emails, func(email string) bool {
				return samePerson(email, a.email) || samePerson(email, a.wants.PayPalEmail) || samePerson(email, a.wants.WiseEmail)
			}) {
			return 0
		}
		return a.id
	}
	if customer != nil && customer.affiliate != 0 {
		return credit(m.affiliates[customer.affiliate])
	}
	for _, coupon := range m.coupons {
		a := m.affiliates[coupon.affiliate]
		if strings.EqualFold(coupon.code, params.CouponCode) && !coupon.inactive && !a.inactive {
			return credit(a)
		}
	}
	for _, a := range m.affiliates {
		if strings.EqualFold(a.code, params.ReferralCode) {
			return credit(a)
		}
	}
	return 0
}

// samePerson compares addresses without case and +tags.
func samePerson(a, b string) bool {
	untagged := func(email string) string {
		name, domain, _ := strings.Cut(strings.ToLower(email), "@")
		name, _, _ = strings.Cut(name, "+")
		return name + "@" + domain
	}
	return a != "" && b != "" && untagged(a) == untagged(b)
}

// update changes a conversion, if it has no faults: base value, currency, type,
// value, affiliate and price, then paid.
func (m *model) update(id int64, u refgrow.UpdateConversionParams) faults {
	var f faults
	c := m.conversions[id]
	f.add(refgrow.CodeInvalid, u.Reprice && u.Value != nil)
	if c == nil {
		return append(f, refgrow.CodeNotFound)
	}
	m.touch(c)
	next := *c
	if u.Currency != nil {
		next.currency = *u.Currency
	}
	if u.Type != nil {
		next.kind = *u.Type
	}
	given := func(amount *money.Amount) *big.Rat {
		f.add(refgrow.CodeInvalid, amount.Currency() != next.currency)
		return big.NewRat(amount.Minor(), 1)
	}
	if u.Value != nil {
		next.value = given(u.Value)
		if next.value.Cmp(c.value) != 0 || next.currency != c.currency || c.reason == refgrow.CommissionUnattributed {
			next.reason = refgrow.CommissionGiven
		}
	} else {
		next.value = carried(c.value, c.currency, next.currency)
		f.add(refgrow.CodeInvalid, next.value == nil)
	}
	switch base := u.BaseValue; {
	case base.Value() != nil:
		next.base = given(base.Value())
	case base.Given():
		next.base = nil
	case c.base != nil:
		next.base = carried(c.base, c.currency, next.currency)
		f.add(refgrow.CodeInvalid, next.base == nil)
	}
	f.add(refgrow.CodeInvalid, next.kind == refgrow.Purchase && next.base == nil)
	if was, is := orNothing(c.base), orNothing(next.base); next.currency == c.currency && is.Cmp(was) != 0 {
		f.add(refgrow.CodeInvalid, c.refunded.Sign() > 0 && is.Cmp(c.refunded) <= 0)
		f.add(refgrow.CodeConflict, c.reversed && is.Sign() > 0)
	}
	if u.AffiliateID.Given() {
		next.affiliate = orZero(u.AffiliateID.Value())
		next.decided = c.decided || next.affiliate != c.affiliate
		f.add(refgrow.CodeNotFound, next.affiliate != 0 && m.affiliates[next.affiliate] == nil)
		f.add(refgrow.CodeErased, next.affiliate != c.affiliate && m.isErased(next.affiliate))
	}
	if u.Reference.Given() {
		next.reference = orZero(u.Reference.Value())
		f.add(refgrow.CodeConflict, m.referenceTaken(next.reference, id))
	}
	from, to := account{c.affiliate, c.currency}, account{next.affiliate, next.currency}
	for _, at := range []account{from, to} {
		if from == to || at.affiliate == 0 {
			continue
		}
		has := m.parts(id, at)
		_, settled := m.standing(c, at)
		f.add(refgrow.CodeConflict, has[refgrow.PayoutPending] || has[refgrow.PayoutPaid] ||
			from.currency != to.currency && settled.Sign() != 0)
	}
	f.add(refgrow.CodeConflict, from.currency != to.currency && (c.refunded.Sign() != 0 || c.reversed))
	f.add(refgrow.CodeInvalid, u.Reprice && u.Value != nil)
	if len(f) > 0 {
		return f
	}
	late := c.affiliate == 0 && next.affiliate != 0
	if u.Reprice || late && next.reason == refgrow.CommissionUnattributed {
		next.value, next.reason = m.price(&next, next.customer != 0)
	}
	f.add(refgrow.CodeConflict, u.Paid != nil && m.refusesPaid(&next, to, *u.Paid))
	if len(f) == 0 {
		if late {
			m.creditedLate(&next)
		}
		m.become(c, &next, from, to, u.Paid)
	}
	return f
}

// creditedLate notes what it says about a customer that somebody is credited after all.
func (m *model) creditedLate(c *modelConversion) {
	customer := m.customers[c.customer]
	if customer == nil {
		return
	}
	if customer.affiliate == 0 {
		customer.affiliate = c.affiliate
	}
	switch {
	case c.kind == refgrow.Purchase && customer.status == refgrow.ReferralDirect:
		customer.status = refgrow.ReferralConverted
	case c.kind == refgrow.Signup && customer.status == refgrow.ReferralDirectSignup:
		customer.status = refgrow.ReferralPending
	}
}

// orNothing is an amount, 0 for none.
func orNothing(amount *big.Rat) *big.Rat {
	if amount == nil {
		return new(big.Rat)
	}
	return amount
}

// refusesPaid reports whether what a call says of a conversion would not become so.
func (m *model) refusesPaid(c *modelConversion, at account, paid bool) bool {
	if at.affiliate == 0 {
		return false
	}
	settled, byPayouts := new(big.Rat), new(big.Rat)
	for _, e := range m.about(c.id, at) {
		if e.kind == refgrow.EntrySettlement {
			settled.Sub(settled, e.amount)
			if e.payout != 0 {
				byPayouts.Sub(byPayouts, e.amount)
			}
		}
	}
	if paid {
		return c.target().Cmp(settled) > 0 && m.parts(c.id, at)[refgrow.PayoutPending]
	}
	return c.target().Sign() > 0 && byPayouts.Cmp(c.target()) >= 0
}

func (m *model) become(c, next *modelConversion, from, to account, paid *bool) {
	kind := refgrow.EntryCorrection
	if from != to {
		m.bring(c, from, new(big.Rat), refgrow.EntryReversal, "")
		kind = refgrow.EntryCommission
	}
	*c = *next
	m.bring(c, to, c.target(), kind, "")
	switch {
	case paid == nil:
	case *paid:
		m.settle(c, to)
	default:
		m.unsettle(c, to)
	}
	m.judge(c, paid)
	m.touch(c)
}

// remove deletes a conversion; its entries stay, with what takes them back.
func (m *model) remove(id int64) faults {
	c := m.conversions[id]
	if c == nil {
		return faults{refgrow.CodeNotFound}
	}
	m.touch(c)
	m.bring(c, account{c.affiliate, c.currency}, new(big.Rat), refgrow.EntryReversal, "")
	m.gone(c)
	m.deleted = append(m.deleted, id)
	return nil
}

// removeAffiliate deletes an affiliate and everything that belongs to it. Other
// conversions of its customers stay, without the customer.
func (m *model) removeAffiliate(id int64) faults {
	m.touched[id] = true
	if m.affiliates[id] == nil {
		return faults{refgrow.CodeNotFound}
	}
	for _, p := range m.payouts {
		if p.affiliate == id && p.status == refgrow.PayoutPending {
			return faults{refgrow.CodeConflict}
		}
	}
	delete(m.affiliates, id)
	delete(m.entries, id)
	delete(m.unstamped, id)
	maps.DeleteFunc(m.payouts, func(_ int64, p *modelPayout) bool { return p.affiliate == id })
	maps.DeleteFunc(m.overrides, func(_ int64, o *modelOverride) bool { return o.affiliate == id })
	maps.DeleteFunc(m.coupons, func(_ int64, c *modelCoupon) bool { return c.affiliate == id })
	for _, c := range m.customers {
		if c.affiliate == id {
			m.silence(c.id)
		}
	}
	for _, c := range m.conversions {
		if c.affiliate == id {
			m.gone(c)
		}
	}
	maps.DeleteFunc(m.customers, func(_ int64, c *modelCustomer) bool { return c.affiliate == id })
	for _, c := range m.conversions {
		if m.customers[c.customer] == nil {
			c.customer = 0
		}
	}
	return nil
}

// removeCustomer deletes a customer, whose conversions stay.
func (m *model) removeCustomer(id int64) faults {
	if m.customers[id] == nil {
		return faults{refgrow.CodeNotFound}
	}
	m.silence(id)
	delete(m.customers, id)
	for _, c := range m.conversions {
		if c.customer == id {
			c.customer = 0
		}
	}
	return nil
}

// merge joins a customer into another one. The books do not change.
func (m *model) merge(id, from int64) faults {
	into, gone := m.customers[id], m.customers[from]
	switch {
	case into == nil:
		return faults{refgrow.CodeNotFound}
	case id == from:
		return faults{refgrow.CodeInvalid}
	case gone == nil:
		return faults{refgrow.CodeNotFound}
	case into.erased, gone.erased:
		return faults{refgrow.CodeErased}
	}
	for conversion, of := range m.deletedOf {
		if of == from {
			m.deletedOf[conversion] = id
		}
	}
	delete(m.customers, from)
	into.ids = slices.Concat(into.ids, gone.ids)
	if into.email == "" {
		into.email = gone.email
	}
	if into.affiliate == 0 {
		into.affiliate = gone.affiliate
	}
	if into.converted == 0 || gone.converted != 0 && gone.converted < into.converted {
		into.converted = gone.converted
	}
	furthest := []refgrow.ReferralStatus{
		refgrow.ReferralConverted, refgrow.ReferralDirect, refgrow.ReferralPending, refgrow.ReferralDirectSignup,
	}
	into.status = furthest[min(slices.Index(furthest, into.status), slices.Index(furthest, gone.status))]
	for _, c := range m.conversions {
		if c.customer == from {
			c.customer = id
			m.touch(c)
		}
	}
	return nil
}

func (m *model) referenceTaken(reference string, but int64) bool {
	for id, c := range m.conversions {
		if reference != "" && c.reference == reference && id != but {
			return true
		}
	}
	return false
}

// touch notes what the operation is about.
func (m *model) touch(c *modelConversion) {
	if c.affiliate != 0 {
		m.touched[c.affiliate] = true
	}
	m.changed[c.id] = true
}

func orZero[T any](value *T) T {
	if value == nil {
		var zero T
		return zero
	}
	return *value
}
