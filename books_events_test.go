package refgrow_test

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
	id              int64
	email, external string
	affiliate       int64
	status          refgrow.ReferralStatus
	converted       int64 // the first purchase, 0 for none
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

// record is what a new conversion will be, but for its id and that of a customer
// not seen before.
func (m *model) record(params refgrow.RecordConversionParams) (*modelConversion, faults) {
	var f faults
	c := &modelConversion{
		kind: params.Type, currency: own, refunded: new(big.Rat), paid: params.Paid, reference: params.Reference, product: params.Product, created: m.now,
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
	f.add(refgrow.CodeConflict, m.referenceTaken(params.Reference, 0))
	customer, fault := m.customer(params.Customer)
	f.add(fault, fault != "")
	if len(f) > 0 {
		return nil, f
	}
	if customer != nil {
		c.customer = customer.id
	}
	c.affiliate = m.attribute(params, customer)
	switch {
	case params.Value.IsSet():
		c.value, c.reason = big.NewRat(params.Value.Minor(), 1), refgrow.CommissionGiven
	case c.affiliate == 0:
		c.value, c.reason = new(big.Rat), refgrow.CommissionUnattributed
	default:
		c.value, c.reason = m.price(c, params.Customer != refgrow.Customer{})
	}
	return c, nil
}

// recorded takes the conversion into the books.
func (m *model) recorded(c *modelConversion, id int64, named refgrow.Customer, customerID int64) {
	c.id = id
	if named != (refgrow.Customer{}) {
		c.customer = customerID
		m.met(c, named)
	}
	m.conversions[id] = c
	at := account{c.affiliate, c.currency}
	m.bring(c, at, c.target(), refgrow.EntryCommission, "")
	if c.paid {
		m.settle(c, at)
	}
	m.touch(c)
}

// met notes what a conversion tells of its customer.
func (m *model) met(c *modelConversion, named refgrow.Customer) {
	customer := m.customers[c.customer]
	if customer == nil {
		customer = &modelCustomer{id: c.customer, status: refgrow.ReferralDirectSignup}
		m.customers[c.customer] = customer
	}
	if customer.email == "" {
		customer.email = strings.ToLower(named.Email)
	}
	if customer.external == "" {
		customer.external = named.ExternalID
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

// customer finds the one that all names belong to.
func (m *model) customer(named refgrow.Customer) (found *modelCustomer, fault refgrow.Code) {
	if named.ID != 0 && m.customers[named.ID] == nil {
		return nil, refgrow.CodeNotFound
	}
	for _, c := range m.customers {
		if c.id != named.ID && (named.Email == "" || c.email != strings.ToLower(named.Email)) &&
			(named.ExternalID == "" || c.external != named.ExternalID) {
			continue
		}
		if found != nil {
			return nil, refgrow.CodeInvalid
		}
		found = c
	}
	return found, ""
}

// attribute decides who gets the credit, 0 for nobody.
func (m *model) attribute(params refgrow.RecordConversionParams, customer *modelCustomer) int64 {
	if params.AffiliateID != 0 {
		return params.AffiliateID // the caller decides
	}
	email := strings.ToLower(params.Customer.Email)
	if customer != nil && customer.email != "" {
		email = customer.email
	}
	credit := func(a *modelAffiliate) int64 {
		if a == nil || a.inactive || samePerson(email, a.email) {
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
	return untagged(a) == untagged(b)
}

// update changes a conversion, if it has no faults: base value, currency, type,
// value and affiliate, then paid.
func (m *model) update(id int64, u refgrow.UpdateConversionParams) faults {
	var f faults
	c := m.conversions[id]
	if c == nil {
		return faults{refgrow.CodeNotFound}
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
		if next.value.Cmp(c.value) != 0 || next.currency != c.currency {
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
	if refunded := carried(c.refunded, c.currency, next.currency); refunded != nil && refunded.Sign() > 0 {
		f.add(refgrow.CodeInvalid, next.base == nil || next.base.Cmp(refunded) < 0)
	}
	if u.AffiliateID.Given() {
		next.affiliate = orZero(u.AffiliateID.Value())
		f.add(refgrow.CodeNotFound, next.affiliate != 0 && m.affiliates[next.affiliate] == nil)
	}
	if u.Reference.Given() {
		next.reference = orZero(u.Reference.Value())
		f.add(refgrow.CodeConflict, m.referenceTaken(next.reference, id))
	}
	if u.Paid != nil {
		next.paid = *u.Paid
	}
	from, to := account{c.affiliate, c.currency}, account{next.affiliate, next.currency}
	_, settled := m.standing(c, from)
	f.add(refgrow.CodeConflict, from != to && (settled.Sign() != 0 || c.refunded.Sign() != 0 || m.inPayout(id, from) || m.inPayout(id, to)))
	f.add(refgrow.CodeConflict, next.paid != c.paid && m.inPayout(id, from))
	if len(f) == 0 {
		m.become(c, &next, from, to)
	}
	return f
}

func (m *model) become(c, next *modelConversion, from, to account) {
	kind := refgrow.EntryCorrection
	if from != to {
		m.bring(c, from, new(big.Rat), refgrow.EntryReversal, "")
		kind = refgrow.EntryCommission
	}
	wasPaid := c.paid
	*c = *next
	m.bring(c, to, c.target(), kind, "")
	switch {
	case c.paid && !wasPaid:
		m.settle(c, to)
	case !c.paid && wasPaid:
		m.unsettle(c, to)
	}
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
	delete(m.conversions, id)
	m.deleted = append(m.deleted, id)
	return nil
}

// removeAffiliate deletes an affiliate with everything of it. Other conversions
// of its customers stay, without the customer.
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
	maps.DeleteFunc(m.conversions, func(_ int64, c *modelConversion) bool { return c.affiliate == id })
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
	delete(m.customers, id)
	for _, c := range m.conversions {
		if c.customer == id {
			c.customer = 0
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
