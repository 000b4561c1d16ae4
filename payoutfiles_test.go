package refgrow_test

import (
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func TestPayoutFiles(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	prefer := func(name string, preferences refgrow.PayoutPreferences) *refgrow.Affiliate {
		a := p.affiliate(name)
		_, err := p.shop.UpdateAffiliate(t.Context(), a.ID, refgrow.UpdateAffiliateParams{PayoutPreferences: refgrow.Set(preferences)})
		p.ok(err)
		p.sell(a, "")
		return a
	}
	prefer("jane", refgrow.PayoutPreferences{PayPalEmail: "jane@pay.example.com", WiseAccountID: "4711", WiseEmail: "jane@wise.example.com"})
	prefer("joe", refgrow.PayoutPreferences{WiseEmail: "joe@wise.example.com"})
	eve := prefer("eve", refgrow.PayoutPreferences{PayPalEmail: "eve@example.com"})
	p.record(earning(eve, money.MustParse("5.00 EUR")))
	p.sell(p.affiliate("none"), "")
	p.run(refgrow.PayoutRunParams{})
	p.run(refgrow.PayoutRunParams{Currency: "EUR"})
	for what, c := range map[string]struct {
		format   refgrow.PayoutFormat
		currency money.Currency
		csv      string
		leftOut  int
	}{
		"PayPal": {refgrow.PayPalFile, "", "jane@pay.example.com,20.00,USD,payout-1,Affiliate payout 1\n" +
			"eve@example.com,20.00,USD,payout-3,Affiliate payout 3\n", 2},
		"PayPal in euros": {refgrow.PayPalFile, "eur", "eve@example.com,5.00,EUR,payout-5,Affiliate payout 5\n", 0},
		"Wise": {refgrow.WiseFile, "USD", "recipientId,recipientEmail,sourceCurrency,targetCurrency,amountCurrency,amount,paymentReference\n" +
			"4711,jane@wise.example.com,USD,USD,target,20.00,Payout 1\n,joe@wise.example.com,USD,USD,target,20.00,Payout 2\n", 2},
		"nothing": {refgrow.PayPalFile, "JPY", "", 0},
	} {
		file, err := p.shop.ExportPayouts(t.Context(), c.format, c.currency)
		if err != nil || string(file.CSV) != c.csv || file.LeftOut != c.leftOut {
			t.Errorf("%s is %+v (%v), but should be\n%s", what, file, err, c.csv)
		}
	}
	_, err := p.shop.ExportPayouts(t.Context(), "cash", "")
	p.refused("an unknown format", err, refgrow.ErrInvalid, "format")
	_, err = p.shop.ExportPayouts(t.Context(), refgrow.WiseFile, "XXX")
	p.refused("an unknown currency", err, refgrow.ErrInvalid, "currency")

	// What a spreadsheet would take for a formula is refused where it comes in, and
	// left out should it be there all the same.
	for _, formula := range []string{"=cmd@example.com", "+1@example.com", "-1@example.com", "@example.com"} {
		for field, preferences := range map[string]refgrow.PayoutPreferences{
			"payout_preferences.paypal_email":           {PayPalEmail: formula},
			"payout_preferences.wise_details.email":     {WiseEmail: formula},
			"payout_preferences.wise_details.accountId": {WiseAccountID: formula},
		} {
			_, err := p.shop.UpdateAffiliate(t.Context(), eve.ID, refgrow.UpdateAffiliateParams{PayoutPreferences: refgrow.Set(preferences)})
			p.refused(formula, err, refgrow.ErrInvalid, field)
		}
	}
	p.exec("UPDATE refgrow_affiliates SET paypal_email = '=cmd@example.com', wise_account_id = '=1'")
	file, err := p.shop.ExportPayouts(t.Context(), refgrow.PayPalFile, "")
	if err != nil || len(file.CSV) != 0 || file.LeftOut != 4 {
		t.Errorf("the file is %+v (%v)", file, err)
	}
}
