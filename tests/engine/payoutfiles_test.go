package engine_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
)

func TestPayoutFiles(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	prefer := func(name string, preferences refgrow.PayoutPreferences) *refgrow.Affiliate {
		a := p.Affiliate(name)
		_, err := p.Shop.UpdateAffiliate(t.Context(), a.ID, refgrow.UpdateAffiliateParams{
			PayoutPreferences: refgrow.Set(preferences),
		})
		p.OK(err)
		p.sell(a, "")
		return a
	}
	prefer("jane", refgrow.PayoutPreferences{
		PayPalEmail: "jane@pay.example.com", WiseAccountID: "4711", WiseEmail: "jane@wise.example.com",
		WiseName: "Jane Doe",
	})
	prefer("joe", refgrow.PayoutPreferences{WiseEmail: "joe@wise.example.com"})
	eve := prefer("eve", refgrow.PayoutPreferences{PayPalEmail: "eve@example.com"})
	p.Record(shoptest.Earning(eve, money.MustParse("5.00 EUR")))
	p.sell(p.Affiliate("none"), "")
	p.run(refgrow.PayoutRunParams{})
	p.run(refgrow.PayoutRunParams{Currency: "EUR"})
	const saved = "recipientId,name,recipientEmail,sourceCurrency,targetCurrency,amountCurrency,amount,paymentReference\n"
	const byEmail = "name,recipientEmail,paymentReference,receiverType," +
		"amountCurrency,amount,sourceCurrency,targetCurrency\n"
	for what, c := range map[string]struct {
		format   refgrow.PayoutFormat
		currency money.Currency
		csv      string
		leftOut  int
	}{
		"PayPal": {refgrow.PayPalFile, "", "jane@pay.example.com,20.00,USD,payout-1,Affiliate payout 1\n" +
			"eve@example.com,20.00,USD,payout-3,Affiliate payout 3\n", 2},
		"PayPal in euros": {refgrow.PayPalFile, "eur", "eve@example.com,5.00,EUR,payout-5,Affiliate payout 5\n", 0},
		"Wise": {refgrow.WiseFile, "USD",
			saved + "4711,Jane Doe,jane@wise.example.com,USD,USD,target,20.00,Payout 1\n", 3},
		"Wise by email": {refgrow.WiseEmailFile, "USD", byEmail +
			"Jane Doe,jane@wise.example.com,Payout 1,PERSON,target,20.00,USD,USD\n" +
			"joe@wise.example.com,joe@wise.example.com,Payout 2,PERSON,target,20.00,USD,USD\n", 2},
		"nothing": {refgrow.PayPalFile, "JPY", "", 0},
	} {
		file, err := p.Shop.ExportPayouts(t.Context(), refgrow.ExportPayoutsParams{Format: c.format, Currency: c.currency})
		if err != nil || string(file.CSV) != c.csv || file.LeftOut != c.leftOut ||
			file.Parts != min(1, file.Payouts) {
			t.Errorf("%s is %+v (%v), but should be\n%s", what, file, err, c.csv)
		}
	}
	export := func(format refgrow.PayoutFormat, currency money.Currency) error {
		_, err := p.Shop.ExportPayouts(t.Context(), refgrow.ExportPayoutsParams{Format: format, Currency: currency})
		return err
	}
	p.Refused("an unknown format", export("cash", ""), refgrow.ErrInvalid, "format")
	p.Refused("an unknown currency", export(refgrow.WiseFile, "XXX"), refgrow.ErrInvalid, "currency")
	p.Refused("a currency that the service does not take", export(refgrow.PayPalFile, "KWD"), refgrow.ErrInvalid,
		"currency")

	// What a spreadsheet would take for a formula is refused where it comes in, and left
	// out if it is there nevertheless.
	change := func(preferences refgrow.PayoutPreferences) error {
		_, err := p.Shop.UpdateAffiliate(t.Context(), eve.ID, refgrow.UpdateAffiliateParams{
			PayoutPreferences: refgrow.Set(preferences),
		})
		return err
	}
	for _, formula := range []string{"=cmd@example.com", "+1@example.com", "-1@example.com", "@example.com"} {
		for field, preferences := range map[string]refgrow.PayoutPreferences{
			"payout_preferences.paypal_email":           {PayPalEmail: formula},
			"payout_preferences.wise_details.email":     {WiseEmail: formula},
			"payout_preferences.wise_details.accountId": {WiseAccountID: formula},
			"payout_preferences.wise_name":              {WiseName: formula},
		} {
			p.Refused(formula, change(preferences), refgrow.ErrInvalid, field)
		}
	}
	p.Exec("UPDATE refgrow_affiliates SET paypal_email = '=cmd@example.com', wise_account_id = 'W-1'")
	for _, format := range []refgrow.PayoutFormat{refgrow.PayPalFile, refgrow.WiseFile} {
		file, err := p.Shop.ExportPayouts(t.Context(), refgrow.ExportPayoutsParams{Format: format})
		if err != nil || file.Payouts != 0 || file.LeftOut != 4 || file.Parts != 0 {
			t.Errorf("the file is %+v (%v)", file, err)
		}
	}
	// An account id from before there was a rule about ids can stay, and is in no file.
	p.OK(change(refgrow.PayoutPreferences{WiseAccountID: "W-1", WiseName: "Eve"}))
	p.Refused("another one", change(refgrow.PayoutPreferences{WiseAccountID: "W-2"}),
		refgrow.ErrInvalid, "payout_preferences.wise_details.accountId")
}

// A service takes only so many payouts in one file. Parts go by ids: what is paid or
// canceled meanwhile moves nothing, and each payout is in one of them or counted as left
// out in one.
func TestPartsOfPayoutFiles(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	const all = 2210
	p.OK(p.Shop.Atomic(t.Context(), func(shop *refgrow.Project) error {
		for i := range all {
			a, err := shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
				Email: fmt.Sprintf("a%d@example.com", i), ReferralCode: fmt.Sprintf("A-%d", i),
			})
			if err != nil {
				return err
			}
			if i%10 != 9 && i < 2205 {
				_, err = shop.UpdateAffiliate(t.Context(), a.ID, refgrow.UpdateAffiliateParams{
					PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{WiseAccountID: strconv.FormatInt(a.ID, 10)}),
				})
			}
			if err == nil {
				_, err = shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
					AffiliateID: a.ID, Amount: money.MustParse("1.00 USD"), Note: "a bonus",
				})
			}
			if err != nil {
				return err
			}
		}
		_, err := shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})
		return err
	}))
	params := refgrow.ExportPayoutsParams{Format: refgrow.WiseFile}
	var got []string
	for parts := 2; parts > 1; {
		file, err := p.Shop.ExportPayouts(t.Context(), params)
		p.OK(err)
		lines := strings.Count(string(file.CSV), "\n") - 1
		got = append(got, fmt.Sprintf("%d of %d to %d, %d left out, %d parts",
			lines, file.FirstID, file.LastID, file.LeftOut, file.Parts))
		if file.Payouts != lines {
			t.Errorf("%d lines of %d payouts", lines, file.Payouts)
		}
		for _, id := range []int64{file.FirstID, file.LastID} {
			_, err := p.Shop.PayPayout(t.Context(), id, refgrow.PayPayoutParams{})
			p.OK(err)
		}
		params.After, parts = file.LastID, file.Parts
	}
	want := []string{
		"1000 of 1 to 1111, 111 left out, 2 parts", "985 of 1112 to 2205, 114 left out, 1 parts",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the parts are %q, want %q", got, want)
	}
}
