package attribution

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// A program is a database that has only affiliates and coupons.
type program struct {
	db.Querier

	affiliates   map[int64]db.Affiliate
	codes        map[string]int64 // in lower case
	coupons      map[string]db.FindCouponByCodeRow
	stripe       map[string][]int64
	lemonsqueezy map[string][]int64
}

func (p *program) FindAffiliate(_ context.Context, of db.FindAffiliateParams) (db.FindAffiliateRow, error) {
	return p.find(of.AffiliateID)
}

func (p *program) find(affiliate int64) (db.FindAffiliateRow, error) {
	a, ok := p.affiliates[affiliate]
	if !ok {
		return db.FindAffiliateRow{}, sql.ErrNoRows
	}
	return db.FindAffiliateRow{
		ID: a.ID, Email: a.Email, ReferralCode: a.ReferralCode, Status: a.Status,
		PaypalEmail: a.PaypalEmail, WiseAccountID: a.WiseAccountID, WiseEmail: a.WiseEmail,
	}, nil
}

func (p *program) FindAffiliateByCode(
	_ context.Context, of db.FindAffiliateByCodeParams,
) (db.FindAffiliateByCodeRow, error) {
	a, err := p.find(p.codes[of.Code])
	return db.FindAffiliateByCodeRow(a), err
}

func (p *program) FindCouponByCode(_ context.Context, of db.FindCouponByCodeParams) (db.FindCouponByCodeRow, error) {
	coupon, ok := p.coupons[of.CodeKey]
	if !ok {
		return coupon, sql.ErrNoRows
	}
	return coupon, nil
}

func (p *program) FindCouponsByStripeID(_ context.Context, of db.FindCouponsByStripeIDParams) ([]db.Affiliate, error) {
	return p.all(p.stripe[of.ProviderID]), nil
}

func (p *program) FindCouponsByLemonsqueezyCode(
	_ context.Context, of db.FindCouponsByLemonsqueezyCodeParams,
) ([]db.Affiliate, error) {
	return p.all(p.lemonsqueezy[of.ProviderID]), nil
}

func (p *program) all(ids []int64) (found []db.Affiliate) {
	for _, id := range ids {
		found = append(found, p.affiliates[id])
	}
	return found
}

// The affiliates of the program: two active ones, an inactive one, and one who has the
// customer's email except for a tag. nobody is an id that no affiliate has.
const (
	jane int64 = iota + 1
	joe
	idle
	self
	nobody
)

const carl = "carl@example.com"

func newProgram() *program {
	p := &program{
		affiliates: map[int64]db.Affiliate{
			jane: {ID: jane, Email: "jane@example.com", Status: "active"},
			joe:  {ID: joe, Email: "joe@example.com", Status: "active"},
			idle: {ID: idle, Email: "idle@example.com", Status: "inactive"},
			self: {ID: self, Email: "carl+refs@example.com", Status: "active"},
		},
		codes:        map[string]int64{"jane": jane, "joe": joe, "idle": idle, "self": self},
		coupons:      map[string]db.FindCouponByCodeRow{},
		stripe:       map[string][]int64{"OLD": {joe}, "TWICE": {jane, joe}, "BOTH": {joe}},
		lemonsqueezy: map[string][]int64{"BOTH": {joe}, "LEMON": {jane}},
	}
	for i, coupon := range []struct {
		code, status string
		of           int64
	}{
		{"jane10", "active", jane}, {"joe10", "active", joe}, {"idle10", "active", idle}, {"self10", "active", self},
		{"gone", "inactive", jane}, {"old", "inactive", jane},
	} {
		p.coupons[coupon.code] = db.FindCouponByCodeRow{
			ID: int64(i + 1), Status: coupon.status, Affiliate: p.affiliates[coupon.of],
		}
	}
	return p
}

// of is the row of a customer who belongs to an affiliate.
func (p *program) of(affiliate int64) *db.FindReferralRow {
	if affiliate == nobody {
		return &db.FindReferralRow{ID: 9}
	}
	a := p.affiliates[affiliate]
	return &db.FindReferralRow{ID: 9, AffiliateID: &a.ID, AffiliateEmail: &a.Email, AffiliateStatus: &a.Status}
}

// coupon returns whom a coupon code names, and the outcome of the candidate if the code
// alone decides it.
func (p *program) coupon(code string) (int64, Outcome) {
	switch code {
	case "JANE10", "LEMON":
		return jane, ""
	case "joe10", "OLD", "BOTH": // OLD is also the code of an inactive coupon
		return joe, ""
	case "self10":
		return self, ""
	case "idle10":
		return idle, OutcomeInactive
	case "gone":
		return jane, OutcomeInactive
	case "TWICE":
		return 0, OutcomeAmbiguous
	}
	return 0, OutcomeUnknown
}

// expected is the decision, derived from the evidence in the order of judgement.
func (p *program) expected(policy Policy, e Evidence) Decision {
	type named struct {
		Candidate
		reason Reason // why nobody is credited from here on
	}
	var call, customer, coupon, code []named
	if e.AffiliateID != 0 {
		call = []named{{Candidate{Source: ReasonAffiliateID, AffiliateID: e.AffiliateID}, ""}}
	}
	if e.Customer != nil && e.Customer.AffiliateID != nil {
		c := named{Candidate{Source: ReasonCustomer, AffiliateID: *e.Customer.AffiliateID}, ""}
		if c.AffiliateID == idle {
			c.Outcome, c.reason = OutcomeInactive, ReasonAffiliateInactive
		}
		customer = []named{c}
	}
	if e.CouponCode != "" {
		c := named{Candidate{Source: ReasonCoupon, Code: e.CouponCode}, ""}
		c.AffiliateID, c.Outcome = p.coupon(e.CouponCode)
		coupon = []named{c}
	}
	leads := false
	look := func(text string, claimed bool) {
		c := named{Candidate{Source: ReasonReferralCode, Code: text, Claimed: claimed}, ""}
		switch text {
		case "Jane":
			c.AffiliateID = jane
		case "JOE":
			c.AffiliateID = joe
		case "self":
			c.AffiliateID = self
		case "idle":
			c.AffiliateID, c.Outcome, c.reason = idle, OutcomeInactive, ReasonAffiliateInactive
		default:
			c.Outcome, c.reason = OutcomeUnknown, ReasonCodeUnknown
		}
		leads = leads || c.Outcome == ""
		code = append(code, c)
	}
	if e.ReferralCode != "" {
		codes := strings.Split(e.ReferralCode, ".")
		if strings.HasSuffix(e.ReferralCode, ".") { // no list
			codes = []string{e.ReferralCode}
		}
		codes = codes[:min(len(codes), 6)]
		if policy.FirstTouch {
			slices.Reverse(codes)
		}
		for i, c := range codes {
			if slices.Index(codes, c) == i {
				look(c, false)
			}
		}
	}
	if e.Claim != nil && !leads {
		look(e.Claim.Code, true)
	}
	for i := range code {
		if leads {
			code[i].reason = ""
		}
	}
	inOrder := slices.Concat(call, customer, coupon, code)
	if policy.CouponFirst {
		inOrder = slices.Concat(call, coupon, customer, code)
	}
	d := Decision{Candidates: []Candidate{}}
	for _, c := range inOrder {
		known := e.Customer != nil && e.Customer.Email != nil && *e.Customer.Email == carl
		looksLike := c.AffiliateID == self && (known || e.Email == carl) && policy.SelfReferral != SelfReferralAllow
		switch {
		case c.Outcome != "":
			if d.Reason == "" {
				d.Reason = c.reason
			}
		case d.Reason != "":
			c.Outcome = OutcomeOutranked
		case looksLike && policy.SelfReferral == SelfReferralRefuse && c.Source != ReasonAffiliateID:
			c.Outcome, c.SelfReferral, d.Reason = OutcomeRefused, true, ReasonSelfReferral
		default:
			c.Outcome, c.SelfReferral = OutcomeCredited, looksLike
			d.Reason, d.Chosen, d.SelfReferral = c.Source, c.AffiliateID, looksLike
		}
		d.Candidates = append(d.Candidates, c.Candidate)
	}
	if d.Reason == "" {
		d.Reason = ReasonNone
	}
	return d
}

func policies(t *rapid.T) Policy {
	return Policy{
		Project: 3, CouponFirst: rapid.Bool().Draw(t, "coupon first"), FirstTouch: rapid.Bool().Draw(t, "first touch"),
		SelfReferral: rapid.SampledFrom([]SelfReferral{
			SelfReferralRefuse, SelfReferralFlag, SelfReferralAllow,
		}).Draw(t, "self-referral"),
	}
}

func (p *program) evidence(t *rapid.T) Evidence {
	codes := rapid.SampledFrom([]string{"", "Jane", "JOE", "idle", "self", "nobodys"})
	e := Evidence{
		AffiliateID: rapid.SampledFrom([]int64{0, 0, 0, jane, idle, self}).Draw(t, "call"),
		Email:       rapid.SampledFrom([]string{"", carl, "dora@example.com"}).Draw(t, "email"),
		CouponCode: rapid.SampledFrom([]string{
			"", "", "JANE10", "joe10", "idle10", "self10", "gone", "OLD", "TWICE", "BOTH", "LEMON", "nobodys",
		}).Draw(t, "coupon"),
		ReferralCode: codes.Draw(t, "code"),
	}
	if of := rapid.SampledFrom([]int64{0, 0, jane, joe, idle, self, nobody}).Draw(t, "customer of"); of != 0 {
		e.Customer = p.of(of)
		e.Customer.Email = stored.TextOrNull(rapid.SampledFrom([]string{"", carl, "dora@example.com"}).Draw(t, "known email"))
	}
	for e.ReferralCode != "" && rapid.Bool().Draw(t, "more codes") {
		e.ReferralCode += "." + codes.Draw(t, "older code")
		if strings.HasSuffix(e.ReferralCode, ".") {
			break
		}
	}
	if claimed := codes.Draw(t, "claimed"); claimed != "" {
		e.Claim = &db.Claim{Email: e.Email, Code: claimed}
	}
	return e
}

// Whatever the call, the customer and the browser name: the first who can be credited
// is, unless an inactive affiliate, an unknown code or a refused self-referral comes
// before; and the decision says what became of each.
func TestAttribute(t *testing.T) {
	t.Parallel()
	p := newProgram()
	rapid.Check(t, func(t *rapid.T) {
		policy, e := policies(t), p.evidence(t)
		d, chosen, err := policy.Attribute(t.Context(), p, e)
		if err != nil {
			t.Fatal(err)
		}
		if want := p.expected(policy, e); d.Reason != want.Reason || d.Chosen != want.Chosen ||
			d.SelfReferral != want.SelfReferral || !slices.Equal(d.Candidates, want.Candidates) {
			t.Fatalf("%+v with %+v\nis %+v,\nwant %+v", policy, e, d, want)
		}
		if (chosen == nil) != (d.Chosen == 0) ||
			chosen != nil && (chosen.ID != d.Chosen || chosen.Email != p.affiliates[d.Chosen].Email) {
			t.Fatalf("%d is chosen, and the affiliate is %+v", d.Chosen, chosen)
		}
	})
}

// A decision says the same as its candidates: at most one is credited, and it is the
// chosen one; and an inactive affiliate is credited only if the call names it.
func TestDecisionAgreesWithItsCandidates(t *testing.T) {
	t.Parallel()
	p := newProgram()
	rapid.Check(t, func(t *rapid.T) {
		policy := policies(t)
		d, _, err := policy.Attribute(t.Context(), p, p.evidence(t))
		if err != nil {
			t.Fatal(err)
		}
		credited := slices.DeleteFunc(slices.Clone(d.Candidates), func(c Candidate) bool {
			return c.Outcome != OutcomeCredited
		})
		switch {
		case len(credited) == 0:
			if d.Chosen != 0 || d.Reason.names() {
				t.Fatalf("nobody is credited, and the decision is %+v", d)
			}
		case len(credited) > 1 || credited[0].AffiliateID != d.Chosen || credited[0].Source != d.Reason:
			t.Fatalf("%+v are credited, and the decision is %+v", credited, d)
		case p.affiliates[d.Chosen].Status != active && d.Reason != ReasonAffiliateID:
			t.Fatalf("an inactive affiliate is credited: %+v", d)
		}
		text, err := Text(d.Candidates)
		if err != nil || !Known(text) {
			t.Fatalf("%s is not known, %v", text, err)
		}
		again, err := Of(&db.Conversion{Reason: string(d.Reason), AffiliateID: &d.Chosen, Candidates: text})
		if err != nil || again.Reason != d.Reason || again.Chosen != d.Chosen || again.SelfReferral != d.SelfReferral ||
			!slices.Equal(again.Candidates, d.Candidates) {
			t.Fatalf("%+v is read back as %+v, %v", d, again, err)
		}
	})
}

// Each source gives way to those before it, and a coupon can come before the customer's
// own affiliate.
func TestOrderOfJudgement(t *testing.T) {
	t.Parallel()
	p := newProgram()
	all := Evidence{AffiliateID: idle, Customer: p.of(jane), CouponCode: "joe10", ReferralCode: "self"}
	for _, c := range []struct {
		reason      Reason
		couponFirst bool
		without     func(*Evidence)
	}{
		{ReasonAffiliateID, true, func(*Evidence) {}},
		{ReasonCustomer, false, func(e *Evidence) { e.AffiliateID = 0 }},
		{ReasonCoupon, true, func(e *Evidence) { e.AffiliateID = 0 }},
		{ReasonCoupon, false, func(e *Evidence) { e.AffiliateID, e.Customer = 0, nil }},
		{ReasonReferralCode, false, func(e *Evidence) { e.AffiliateID, e.Customer, e.CouponCode = 0, nil, "" }},
		{ReasonNone, false, func(e *Evidence) { *e = Evidence{Customer: p.of(nobody), CouponCode: "nobodys"} }},
	} {
		e := all
		c.without(&e)
		d, _, err := (Policy{CouponFirst: c.couponFirst}).Attribute(t.Context(), p, e)
		if err != nil || d.Reason != c.reason {
			t.Errorf("%+v is %+v, %v, want %s", e, d, err, c.reason)
		}
	}
}

// A call that names an affiliate who does not exist is the caller's mistake.
func TestUnknownAffiliateOfTheCall(t *testing.T) {
	t.Parallel()
	d, _, err := (Policy{}).Attribute(t.Context(), newProgram(), Evidence{AffiliateID: nobody})
	if !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("it is %+v, %v", d, err)
	}
}

// Addresses belong to one person if only their case and their tags differ.
func TestSamePerson(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[a-z0-9._-]{1,9}`)
	address := func(t *rapid.T, local, domain string) string {
		if rapid.Bool().Draw(t, "tagged") {
			local += "+" + rapid.StringMatching(`[a-z0-9+]{0,5}`).Draw(t, "tag")
		}
		if rapid.Bool().Draw(t, "upper") {
			return strings.ToUpper(local + "@" + domain)
		}
		return local + "@" + domain
	}
	same := func(a, b string) bool { return SamePerson(&db.Affiliate{Email: a}, b) }
	rapid.Check(t, func(t *rapid.T) {
		local, other, domain := word.Draw(t, "local"), word.Draw(t, "other"), word.Draw(t, "domain")
		a, b := address(t, local, domain), address(t, other, domain)
		elsewhere := address(t, local, domain+".org")
		if !same(a, address(t, local, domain)) || same(a, b) != (local == other) || same(a, elsewhere) {
			t.Fatalf("%s and %s: %t", a, b, same(a, b))
		}
	})
}

// All of an affiliate's addresses are compared with all of a customer's. Gmail ignores
// dots and has two names; no other domain does.
func TestSameMailbox(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	a := &db.Affiliate{
		Email: "jane@example.com", PaypalEmail: text("Jane.Doe+pay@gmail.com"), WiseEmail: text("j.d@wise.example"),
	}
	for _, c := range []struct {
		customer []string
		same     bool
	}{
		{[]string{"JANE+shop@example.com"}, true},
		{[]string{"janedoe@googlemail.com"}, true},
		{[]string{"j.a.n.e.d.o.e+x+y@GMAIL.com"}, true},
		{[]string{"j.d@wise.example"}, true},
		{[]string{"jd@wise.example"}, false},
		{[]string{"janedoe@gmail.com.example"}, false},
		{[]string{"jane@gmail.com"}, false},
		{[]string{"", "carl@example.com", "j.d+1@wise.example"}, true},
		{[]string{"", ""}, false},
		{[]string{"+@example.com", "+jane@example.com"}, false},
		{nil, false},
	} {
		if SamePerson(a, c.customer...) != c.same {
			t.Errorf("that %q is the affiliate is not %t", c.customer, c.same)
		}
	}
	if SamePerson(&db.Affiliate{Email: "+a@example.com"}, "+b@example.com") {
		t.Error("addresses of nothing but different tags are one")
	}
}
