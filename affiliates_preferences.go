package refgrow

import (
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/payfile"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// PayoutPreferences say where an affiliate wants to be paid. None may begin with =, +,
// - or @, which a spreadsheet takes for a formula.
type PayoutPreferences struct {
	PayPalEmail string
	// WiseAccountID is the id of a saved recipient at Wise: a positive integer, or a
	// UUID.
	WiseAccountID string
	WiseEmail     string
	// WiseName is the name in the templates of Wise, of at most 140 characters.
	WiseName string
}

// check refuses what is not an address, and what a spreadsheet would take for a
// formula.
func (pp PayoutPreferences) check() (PayoutPreferences, error) {
	for _, a := range []struct {
		field string
		email *string
	}{{"payout_preferences.paypal_email", &pp.PayPalEmail}, {"payout_preferences.wise_details.email", &pp.WiseEmail}} {
		if *a.email == "" {
			continue
		}
		email, err := newEmailAt(a.field, *a.email)
		if err != nil {
			return pp, err
		}
		*a.email = email
	}
	for _, a := range []struct{ field, text string }{
		{"payout_preferences.paypal_email", pp.PayPalEmail},
		{"payout_preferences.wise_details.email", pp.WiseEmail},
		{"payout_preferences.wise_name", pp.WiseName},
	} {
		if form.Formula(a.text) {
			return pp, invalid(a.field, "must not begin with =, +, - or @")
		}
	}
	return pp, at("payout_preferences.wise_name", form.Text(pp.WiseName, 140))
}

// keepIn puts preferences that were checked into an affiliate's row. An account id that
// is kept already stays, even one from before there was a rule about ids.
func (pp PayoutPreferences) keepIn(row *db.Affiliate) error {
	if pp.WiseAccountID != "" && pp.WiseAccountID != stored.OrZero(row.WiseAccountID) {
		if err := at("payout_preferences.wise_details.accountId", payfile.AccountID(pp.WiseAccountID)); err != nil {
			return err
		}
	}
	row.PaypalEmail = stored.TextOrNull(pp.PayPalEmail)
	row.WiseAccountID = stored.TextOrNull(pp.WiseAccountID)
	row.WiseEmail = stored.TextOrNull(pp.WiseEmail)
	row.WiseName = stored.TextOrNull(pp.WiseName)
	return nil
}
