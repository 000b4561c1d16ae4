package books_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// A side is where operations are done: on the engine and on the model, the same request
// on each.
type side struct {
	ctx     context.Context
	engine  *refgrow.Engine
	project *refgrow.Project
	clock   *refgrowtest.Clock
	breaker *breaker
	model   *model
	audit   func() error
	before  int64 // the newest stamp before the step
	inside  bool  // of a block
}

// agree compares what the engine answered with the faults that the model found.
func agree(err error, f faults) (done bool, disagreement error) {
	var refused *refgrow.Error
	switch {
	case err == nil && len(f) == 0:
		return true, nil
	case err == nil:
		return false, fmt.Errorf("was done, but should have been refused as %v", f)
	case !errors.As(err, &refused) || !slices.Contains(f, refused.Code):
		return false, fmt.Errorf("should be refused as %v, but returned: %w", f, err)
	}
	return false, nil
}

// pick returns the id that a selector means, counted from the newest or from the oldest
// one. Which one that is depends on as little else as possible, so that other
// operations can be left out when a failure shrinks.
func pick[V any](selector int, rows map[int64]V) int64 {
	const fromOldest = 25
	switch {
	case selector == none:
		return 0
	case selector == unknown || len(rows) == 0:
		return 1 << 40
	}
	ids := slices.Sorted(maps.Keys(rows))
	if selector >= fromOldest {
		return ids[min(selector-fromOldest, len(ids)-1)]
	}
	return ids[max(len(ids)-selector, 0)]
}

func (op recordOp) params(on *side) refgrow.RecordConversionParams {
	p := refgrow.RecordConversionParams{
		Type: op.Type, AffiliateID: pick(op.Affiliate, on.model.affiliates), Currency: op.Currency, Paid: op.Paid,
		Customer: refgrow.Customer{ID: pick(op.CustomerID, on.model.customers)},
	}
	if op.Reference != none {
		p.Reference = reference(op.Reference)
	}
	p.Product = product(op.Product)
	if op.Coupon != none {
		p.CouponCode = fmt.Sprintf("save-%d", op.Coupon%5)
	}
	if op.Code != none {
		p.ReferralCode = "nobody"
		if a := on.model.affiliates[pick(op.Code, on.model.affiliates)]; a != nil {
			p.ReferralCode = strings.ToLower(a.code)
		}
	}
	if op.External != none {
		p.Customer.ExternalID = fmt.Sprintf("user-%d", op.External%5)
	}
	if op.ExternalID != "" {
		p.Customer.ExternalID = op.ExternalID
	}
	switch {
	case op.Email == unknown && len(on.model.affiliates) > 0: // an affiliate buys through their own link
		for _, id := range slices.Backward(slices.Sorted(maps.Keys(on.model.affiliates))) {
			if a := on.model.affiliates[id]; !a.erased {
				p.Customer.Email = strings.Replace(strings.ToUpper(a.email), "@", "+shop@", 1)
			}
		}
	case op.Email != none:
		p.Customer.Email = fmt.Sprintf("Customer-%d@example.com", op.Email%6)
	}
	if !op.NoBase {
		p.BaseValue, p.Currency = money.New(op.Base, op.Currency), ""
	}
	if op.Value >= 0 {
		p.Value = money.New(op.Value, other(op.Currency, op.OtherCurrency))
	}
	switch {
	case op.MonthsAgo != 0:
		p.OccurredAt = endOfMonth(on.clock.Now(), op.MonthsAgo)
	case op.Due != 0:
		p.OccurredAt = on.model.due(p.Customer, op.Due, on.clock.Now()).Add(op.Age)
	case op.Age != 0:
		p.OccurredAt = on.clock.Now().Add(-op.Age)
	}
	return p
}

func reference(selector int) string { return fmt.Sprintf("order-%d", selector%25) }

// other returns a currency other than c, if one is wanted.
func other(c money.Currency, wanted bool) money.Currency {
	switch {
	case !wanted:
		return c
	case c == "EUR":
		return "USD"
	}
	return "EUR"
}

func (op recordOp) do(on *side) error {
	params := op.params(on)
	c, f := on.model.record(params)
	got, err := on.project.RecordConversion(on.ctx, params)
	done, err := agree(err, f)
	if !done {
		return err
	}
	if known := on.model.customers[got.ReferredUserID]; c.customer != got.ReferredUserID &&
		(c.customer != 0 || known != nil) {
		return fmt.Errorf("the customer is %d, but should be %d", got.ReferredUserID, c.customer)
	}
	if first := c.repeats; got.Repeated != (first != nil) || first != nil && got.ID != first.id {
		return fmt.Errorf("it is conversion %d, repeated: %t, but should be %+v", got.ID, got.Repeated, first)
	}
	on.model.recorded(c, got.ID, params.Customer, got.ReferredUserID)
	return sameConflicts(got, c)
}

// sameConflicts compares the notes on a conversion that was just recorded with the
// customers who have a name of the call. A repeated one's are kept with older ones.
func sameConflicts(got *refgrow.Conversion, c *modelConversion) error {
	d, err := got.Decision()
	if err != nil {
		return err
	}
	var noted []int64
	for _, note := range d.Notes {
		noted = append(noted, note.ReferredUserID)
	}
	missing := slices.ContainsFunc(c.conflicts, func(id int64) bool { return !slices.Contains(noted, id) })
	if c.repeats == nil && !slices.Equal(noted, c.conflicts) || missing && len(noted) < 20 {
		return fmt.Errorf("the notes are about %v, but should be about %v", noted, c.conflicts)
	}
	return nil
}

func (op updateOp) do(on *side) error {
	return op.to(on, pick(op.Conversion, on.model.conversions))
}

func (op lifeOp) do(on *side) error {
	id := pick(op.Conversion, on.model.conversions)
	for _, s := range op.Steps {
		if err := s.to(on, id); err != nil {
			return err
		}
	}
	return nil
}

func (op loyalOp) do(on *side) error {
	name := fmt.Sprintf("user-%d", op.Customer)
	if op.Customer == 0 {
		name = fmt.Sprintf("loyal-%d", pick(1, on.model.customers))
	}
	for _, s := range op.Steps {
		if purchase, ok := s.(recordOp); ok {
			purchase.ExternalID = name
			s = purchase
		}
		if err := s.do(on); err != nil {
			return err
		}
	}
	return nil
}

func (op reservedOp) do(on *side) error {
	conversions := make(map[int64]bool)
	if p := on.model.payouts[pick(op.Payout, on.model.payouts)]; p != nil {
		for _, e := range p.entries {
			if e.conversion != 0 {
				conversions[e.conversion] = true
			}
		}
	}
	return op.Step.to(on, pick(op.Conversion, conversions))
}

func (op updateOp) to(on *side, id int64) error {
	var currency money.Currency
	if c := on.model.conversions[id]; c != nil {
		currency = c.currency
	}
	var u refgrow.UpdateConversionParams
	if op.has("currency") {
		currency = op.Currency
		u.Currency = &currency
	}
	currency = other(cmp.Or(currency, own), op.OtherCurrency)
	if op.has("type") {
		u.Type = &op.Type
	}
	if op.has("value") {
		u.Value = new(money.New(op.Value, currency))
	}
	if op.has("base") {
		u.BaseValue = refgrow.Set(money.New(op.Base, currency))
		if op.has("no") {
			u.BaseValue = refgrow.Clear[money.Amount]()
		}
	}
	if op.has("affiliate") {
		u.AffiliateID = refgrow.Clear[int64]()
		if to := pick(op.Affiliate, on.model.affiliates); to != 0 {
			u.AffiliateID = refgrow.Set(to)
		}
	}
	u.Reprice = op.has("reprice")
	if op.has("paid") {
		u.Paid = &op.Paid
	}
	if c := on.model.conversions[id]; op.has("flip") && c != nil {
		u.Paid = new(!c.paid)
	}
	if op.has("reference") {
		u.Reference = refgrow.Clear[string]()
		if op.Reference != none {
			u.Reference = refgrow.Set(reference(op.Reference))
		}
	}
	f := on.model.update(id, u)
	_, err := on.project.UpdateConversion(on.ctx, id, u)
	_, err = agree(err, f)
	return err
}

func (op mergeOp) do(on *side) error {
	id, from := pick(op.Customer, on.model.customers), pick(op.From, on.model.customers)
	_, err := on.project.MergeReferrals(on.ctx, id, from)
	_, err = agree(err, on.model.merge(id, from))
	return err
}

func (op deleteOp) do(on *side) error {
	return op.to(on, pick(op.Conversion, on.model.conversions))
}

func (op deleteOp) to(on *side, id int64) error {
	_, err := agree(on.project.DeleteConversion(on.ctx, id), on.model.remove(id))
	return err
}

var errHalfWay = errors.New("half-way")

// An atomic block that fails leaves the model as it was, but what it was about is still
// looked at.
func (op atomicOp) do(on *side) error {
	var inside side
	var disagreement error
	err := on.project.Atomic(on.ctx, func(p *refgrow.Project) error {
		inside = *on
		inside.project, inside.model, inside.inside = p, on.model.copy(), true
		for _, s := range op.Steps {
			if disagreement = s.do(&inside); disagreement != nil {
				return fmt.Errorf("%s: %w", brief(reflect.ValueOf(s)), disagreement)
			}
		}
		for id := range inside.model.touched {
			if disagreement = inside.affiliate(id); disagreement != nil {
				return disagreement
			}
		}
		if op.Fails {
			return errHalfWay
		}
		return nil
	})
	switch {
	case disagreement != nil:
		return fmt.Errorf("inside: %w", err)
	case op.Fails:
		maps.Copy(on.model.touched, inside.model.touched)
		maps.Copy(on.model.changed, inside.model.changed)
		maps.Copy(on.model.moved, inside.model.moved)
		if !errors.Is(err, errHalfWay) {
			return fmt.Errorf("a block that failed returned: %w", err)
		}
		return nil
	}
	if err == nil {
		*on.model = *inside.model
	}
	return err
}

func (op advanceOp) do(on *side) error {
	on.turn(on.clock.Now().Add(op.By))
	return nil
}

// release goes to the end of a hold, or to the milliseconds around it.
func (op releaseOp) do(on *side) error {
	var ends []int64
	for _, entries := range on.model.entries {
		for _, e := range entries {
			if e.available > on.model.now {
				ends = append(ends, e.available)
			}
		}
	}
	if len(ends) > 0 {
		slices.Sort(ends)
		on.turn(time.UnixMilli(ends[op.Which%len(ends)]).Add(op.Off))
	}
	return nil
}

// turn sets the clock. What time alone changes is looked at for everyone.
func (on *side) turn(to time.Time) {
	on.clock.Set(to)
	on.model.now = to.UnixMilli()
	on.model.written = max(on.model.written, on.model.now)
	for id := range on.model.affiliates {
		on.model.touched[id] = true
	}
}

func (op auditOp) do(on *side) error {
	if op.Chance < 9 {
		return nil
	}
	return on.audit()
}
