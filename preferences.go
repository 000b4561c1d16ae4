package refgrow

// PayoutPreferences say where an affiliate wants to be paid.
type PayoutPreferences struct {
	PayPalEmail   string
	WiseAccountID string
	WiseEmail     string
}

// check refuses, beside what is no address, what a spreadsheet would take for a
// formula.
func (pp PayoutPreferences) check() (PayoutPreferences, error) {
	for _, a := range []struct {
		field string
		email *string
	}{{"payout_preferences.paypal_email", &pp.PayPalEmail}, {"payout_preferences.wise_details.email", &pp.WiseEmail}} {
		if *a.email == "" {
			continue
		}
		email, err := address(a.field, *a.email)
		if err != nil {
			return pp, err
		}
		if startsFormula(email) {
			return pp, invalid(a.field, "must not begin with =, +, - or @")
		}
		*a.email = email
	}
	if err := optionalText("payout_preferences.wise_details.accountId", pp.WiseAccountID, 64); err != nil {
		return pp, err
	}
	if startsFormula(pp.WiseAccountID) {
		return pp, invalid("payout_preferences.wise_details.accountId", "must not begin with =, +, - or @")
	}
	return pp, nil
}

func startsFormula(text string) bool {
	return text != "" && (text[0] == '=' || text[0] == '+' || text[0] == '-' || text[0] == '@')
}
