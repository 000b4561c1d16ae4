package books_test

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow"
)

// payeeOp says how an affiliate wants to be paid, and whether runs leave it out.
type payeeOp struct {
	Affiliate     int
	Wants         refgrow.PayoutPreferences
	Given, Paused bool // Wants, or else Paused
}

func drawPayee(t *rapid.T) operation {
	return payeeOp{
		Affiliate: selector(t, "affiliate"), Wants: drawWants(t),
		Given: rapid.IntRange(0, 2).Draw(t, "given") < 2, Paused: rapid.IntRange(0, 2).Draw(t, "paused") == 2,
	}
}

// drawWants generates preferences. Some addresses are those of customers too.
func drawWants(t *rapid.T) refgrow.PayoutPreferences {
	var wants refgrow.PayoutPreferences
	address := func() string {
		name := rapid.SampledFrom([]string{"customer", "payee", "payee"}).Draw(t, "name")
		return fmt.Sprintf("%s-%d+pay@example.com", name, rapid.IntRange(0, 5).Draw(t, "address"))
	}
	switch rapid.IntRange(0, 4).Draw(t, "wants") {
	case 1:
		wants.PayPalEmail = address()
	case 2:
		wants.WiseEmail = address()
	case 3:
		wants.WiseAccountID = "4711"
	case 4:
		wants.PayPalEmail, wants.WiseEmail, wants.WiseName = address(), address(), "Jo"
	}
	return wants
}

func (op payeeOp) do(on *side) error {
	id := pick(op.Affiliate, on.model.affiliates)
	a := on.model.affiliates[id]
	params := refgrow.UpdateAffiliateParams{PayoutsPaused: &op.Paused}
	switch {
	case op.Given && op.Wants == refgrow.PayoutPreferences{}:
		params = refgrow.UpdateAffiliateParams{PayoutPreferences: refgrow.Clear[refgrow.PayoutPreferences]()}
	case op.Given:
		params = refgrow.UpdateAffiliateParams{PayoutPreferences: refgrow.Set(op.Wants)}
	}
	var f faults
	f.add(refgrow.CodeNotFound, a == nil)
	f.add(refgrow.CodeErased, a != nil && a.erased)
	_, err := on.project.UpdateAffiliate(on.ctx, id, params)
	done, err := agree(err, f)
	switch {
	case !done:
		return err
	case op.Given:
		a.wants = op.Wants
	default:
		a.paused = op.Paused
	}
	on.model.touched[id] = true
	return nil
}

// samePayee compares how an affiliate is paid.
func (a *modelAffiliate) samePayee(got *refgrow.Affiliate) error {
	if got.PayoutPreferences != a.wants || got.PayoutsPaused != a.paused {
		return fmt.Errorf("affiliate %d wants %+v, paused: %t, but should want %+v, paused: %t",
			a.id, got.PayoutPreferences, got.PayoutsPaused, a.wants, a.paused)
	}
	return nil
}
