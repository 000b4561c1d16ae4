package httpapi_test

import (
	"testing"

	"github.com/refgrow-go/refgrow"
)

// What paid says is what the amounts beside it say, whatever was there before; where a
// call cannot make it so, nothing of the call is done.
func TestPaidFollowsTheAmounts(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20")}, noLimit)
	for _, name := range []string{"jane", "joe"} {
		w.do(t, "POST", "/affiliates", `{"email": "`+name+`@example.com", "referral_code": "`+name+`"}`).ok(t, 201)
	}
	paid := func(what string, id, body string, want bool) {
		t.Helper()
		if got := w.do(t, "PUT", "/conversions/"+id, body).ok(t, 200).data()["paid"]; got != want {
			t.Errorf("%s: paid is %v", what, got)
		}
	}
	payable := func(affiliate, want string) {
		t.Helper()
		earned, err := w.shop.Earnings(t.Context(), map[string]int64{"jane": 1, "joe": 2}[affiliate])
		must(t, err)
		if got := earned[0].Payable.Decimal(); got != want {
			t.Errorf("%s is payable to %s, but should be %s", got, affiliate, want)
		}
	}
	// What is raised and paid in one call is paid; raised alone it is owed.
	w.do(t, "POST", "/conversions",
		`{"type": "purchase", "referral_code": "jane", "base_value": 100, "paid": true}`).ok(t, 201)
	paid("raised and paid", "1", `{"value": 25, "paid": true}`, true)
	payable("jane", "0.00")
	paid("raised", "1", `{"value": 30}`, false)
	payable("jane", "5.00")
	paid("paid once more", "1", `{"paid": true}`, true)
	paid("and again", "1", `{"paid": true}`, true)
	// What was paid while it was nobody's is owed to whom it goes, unless the call pays.
	w.do(t, "POST", "/conversions", `{"type": "purchase", "base_value": 100, "value": 20, "paid": true}`).ok(t, 201)
	paid("credited", "2", `{"affiliate_id": 2}`, false)
	payable("joe", "20.00")
	paid("moved and paid", "2", `{"affiliate_id": 1, "paid": true}`, true)
	payable("jane", "0.00")
	w.do(t, "POST", "/conversions",
		`{"type": "purchase", "base_value": 10, "value": 0, "paid": true, "affiliate_id": 1}`).ok(t, 201)
	paid("with a first value", "3", `{"affiliate_id": 2, "value": 9, "base_value": 90, "paid": true}`, true)
	payable("joe", "0.00")
	// A pending payout hinders, and one that has paid all of it cannot be taken back.
	w.do(t, "POST", "/conversions", `{"type": "purchase", "referral_code": "joe", "base_value": 100}`).ok(t, 201)
	w.do(t, "POST", "/payouts", "").ok(t, 201)
	for _, body := range []string{`{"paid": true}`, `{"value": 25, "paid": true}`} {
		w.do(t, "PUT", "/conversions/4", body).refused(t, 409, "conflict", "paid")
	}
	w.do(t, "PUT", "/conversions/4", `{"affiliate_id": 1}`).refused(t, 409, "conflict", "affiliate_id")
	w.do(t, "PUT", "/conversions/4", `{"paid": "yes"}`).refused(t, 400, "invalid", "paid")
	paid("as it is", "4", `{"paid": false}`, false)
	w.do(t, "POST", "/payouts/1/pay", "").ok(t, 200)
	w.do(t, "PUT", "/conversions/4", `{"paid": false, "reference": "x"}`).refused(t, 409, "conflict", "paid")
	if got := w.do(t, "GET", "/conversions/4", "").ok(t, 200).data(); got["paid"] != true || got["reference"] != nil ||
		number(got["value"]) != 20 {
		t.Errorf("after what was refused the conversion is %v", got)
	}
	paid("raised after the payout", "4", `{"value": 25}`, false)
	paid("the rest by hand", "4", `{"paid": true}`, true)
	paid("and back", "4", `{"paid": false}`, false)
	w.sound(t)
}
