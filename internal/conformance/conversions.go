package conformance

import (
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func conversionTests() []test {
	return []test{
		{"record and find", recordConversions},
		{"refused", refuseConversions},
		{"update", updateConversions},
		{"fixed once settled", settledConversions},
		{"delete", deleteConversions},
		{"filters", filterConversions},
	}
}

func recordConversions(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com"}))
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(2)})
	happened := w.clock.Now().Add(-36 * time.Hour)
	made := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, Customer: refgrow.Customer{ID: carl.ID},
		BaseValue: money.MustParse("49.00 EUR"),
		Reference: "in_1", CouponCode: "NOBODYS", ReferralCode: "Jane", Product: "Pro",
		URL: "https://shop.example/?a=1", OccurredAt: happened,
	})
	for what, c := range map[string]*refgrow.Conversion{
		"the answer": made, "what is found": must(w.shop.GetConversion(ctx, made.ID)),
	} {
		equal(w, what+"'s names", strings.Join([]string{c.Reference, c.CouponCode, c.ReferralCode, c.Product, c.URL}, " "),
			"in_1 NOBODYS Jane Pro https://shop.example/?a=1")
		equal(w, what+"'s project", c.ProjectID, w.shop.ID())
		equal(w, what+"'s affiliate", c.AffiliateID, jane.ID)
		equal(w, what+"'s customer", c.ReferredUserID, carl.ID)
		equal(w, what+"'s value", c.Value, money.MustParse("9.80 EUR"))
		equal(w, what+"'s base value", c.BaseValue, money.MustParse("49.00 EUR"))
		equal(w, what+"'s currency", c.BaseCurrency, "EUR")
		equal(w, what+"'s refund", c.Refunded, money.MustParse("0 EUR"))
		equal(w, what+"'s time", c.CreatedAt, happened)
		equal(w, what+"'s availability", c.AvailableAt, happened.Add(48*time.Hour))
		equal(w, what+"'s status", c.Status, refgrow.ConversionHeld)
		equal(w, what+"'s type", c.Type, refgrow.Purchase)
		equal(w, what+"'s paid", c.Paid, false)
	}
	paid := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Paid: true, Value: money.MustParse("3.00 USD"),
	})
	equal(w, "the status of one that was already paid", paid.Status, refgrow.ConversionPaid)
	nobody := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Paid: true})
	equal(w, "the status of nobody's", nobody.Status, refgrow.ConversionUnattributed)
	equal(w, "the balance", w.balances(jane.ID),
		"USD total 3.00 paid 3.00 eligible 0.00 held 0.00; EUR total 9.80 paid 0.00 eligible 0.00 held 9.80")
	w.refused("an unknown id", errOf(w.shop.GetConversion(ctx, 1<<40)), refgrow.ErrNotFound, "")
	w.verify()
}

func refuseConversions(w *world) {
	ctx := w.Context()
	long := strings.Repeat("x", 256)
	first := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "Order 1"})
	for _, c := range []struct {
		params refgrow.RecordConversionParams
		kind   error
		field  string
	}{
		{refgrow.RecordConversionParams{}, refgrow.ErrInvalid, "type"},
		{refgrow.RecordConversionParams{Type: refgrow.Signup, Currency: "XX"}, refgrow.ErrInvalid, "base_value_currency"},
		{refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: -1}, refgrow.ErrInvalid, "affiliate_id"},
		{refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: 1 << 40}, refgrow.ErrNotFound, ""},
		{refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: refgrow.Customer{ID: -1}},
			refgrow.ErrInvalid, "referred_user_id"},
		{refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: refgrow.Customer{ID: 1 << 40}},
			refgrow.ErrNotFound, ""},
		{refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: long}, refgrow.ErrInvalid, "reference"},
		{refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "a\x00b"}, refgrow.ErrInvalid, "reference"},
		{refgrow.RecordConversionParams{Type: refgrow.Signup, LeftOut: []string{"type"}}, refgrow.ErrInvalid, "left_out"},
		{refgrow.RecordConversionParams{Type: refgrow.Signup, OccurredAt: w.clock.Now().Add(time.Millisecond)},
			refgrow.ErrInvalid, "occurred_at"},
		{refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "Order 1"}, refgrow.ErrConflict, "reference"},
		// A refused one creates no customer.
		{refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "Order 1",
			Customer: refgrow.Customer{Email: "new@example.com"}}, refgrow.ErrConflict, "reference"},
	} {
		w.refused("recording one", errOf(w.shop.RecordConversion(ctx, c.params)), c.kind, c.field)
	}
	// another one: references are exact
	second := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "order 1"})
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, OccurredAt: w.clock.Now()})
	equal(w, "the count of conversions", must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{})), 3)
	equal(w, "the count of customers", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 0)

	// What merely decorates or credits a sale does not cost it.
	for _, params := range []refgrow.RecordConversionParams{
		{Customer: refgrow.Customer{Email: "no"}}, {Customer: refgrow.Customer{ExternalID: long}}, {CouponCode: long},
		{ReferralCode: "a\x00b"}, {Product: "\xff"}, {URL: strings.Repeat("x", 2049)}, {LeftOut: []string{"email"}},
	} {
		params.Type = refgrow.Signup
		c := w.record(params)
		equal(w, "the notes", len(must(c.Decision()).Notes), 1)
		equal(w, "the customer", c.ReferredUserID, 0)
	}

	for field, u := range map[string]refgrow.UpdateConversionParams{
		"type":                {Type: new(refgrow.ConversionType("refund"))},
		"affiliate_id":        {AffiliateID: refgrow.Set(int64(-1))},
		"base_value_currency": {Currency: new(money.Currency("XX"))},
		"value":               {Value: new(money.New(-1, "USD"))},
		"base_value":          {Type: new(refgrow.Purchase)}, // without one
		"reference":           {Reference: refgrow.Set("")},
		"coupon_code_used":    {CouponCode: refgrow.Set(long)},
	} {
		w.refused("a wrong "+field, errOf(w.shop.UpdateConversion(ctx, first.ID, u)), refgrow.ErrInvalid, field)
	}
	w.refused("a value in another currency", errOf(w.shop.UpdateConversion(ctx, first.ID, refgrow.UpdateConversionParams{
		Value: new(money.MustParse("1.00 EUR")),
	})), refgrow.ErrInvalid, "value")
	w.takenBy("a taken reference", errOf(w.shop.UpdateConversion(ctx, first.ID, refgrow.UpdateConversionParams{
		Reference: refgrow.Set("order 1"),
	})), "reference", second.ID)
	known := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: refgrow.Customer{Email: "c@example.com"},
	})
	for _, customer := range []refgrow.Customer{
		{}, {Email: "new@example.com"}, {ID: known.ReferredUserID, ExternalID: "u1"},
	} {
		w.takenBy("recording one of a taken reference", errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Signup, Reference: "Order 1", Customer: customer,
		})), "reference", first.ID)
	}
	w.refused("an unknown affiliate", errOf(w.shop.UpdateConversion(ctx, first.ID, refgrow.UpdateConversionParams{
		AffiliateID: refgrow.Set(int64(1 << 40)),
	})), refgrow.ErrNotFound, "")
	w.refused("an unknown conversion",
		errOf(w.shop.UpdateConversion(ctx, 1<<40, refgrow.UpdateConversionParams{})), refgrow.ErrNotFound, "")
	w.verify()
}

// Only what a change names changes.
func updateConversions(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	c := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("50.00 USD"),
		Reference: "r1", CouponCode: "SAVE",
	})
	check := func(what, want, balance string, u refgrow.UpdateConversionParams) {
		w.Helper()
		w.update(c, u)
		got, err := w.shop.GetConversion(ctx, c.ID)
		w.ok(err)
		equal(w, what, strings.Join([]string{
			string(got.Type), got.Value.String(), got.BaseValue.String(), got.Reference, got.CouponCode,
		}, " "), want)
		equal(w, what+"'s balance", w.balances(jane.ID), balance)
	}
	const ten = "USD total 10.00 paid 0.00 eligible 10.00 held 0.00"
	check("nothing", "purchase 10.00 USD 50.00 USD r1 SAVE", ten, refgrow.UpdateConversionParams{})
	check("a base value", "purchase 10.00 USD 70.00 USD r1 SAVE", ten, refgrow.UpdateConversionParams{
		BaseValue: refgrow.Set(money.MustParse("70.00 USD")),
	})
	check("a reference", "purchase 10.00 USD 70.00 USD r2 SAVE", ten, refgrow.UpdateConversionParams{
		Reference: refgrow.Set("r2"),
	})
	check("no coupon", "purchase 10.00 USD 70.00 USD r2 ", ten, refgrow.UpdateConversionParams{
		CouponCode: refgrow.Clear[string](),
	})
	check("a value", "purchase 12.50 USD 70.00 USD r2 ", "USD total 12.50 paid 0.00 eligible 12.50 held 0.00",
		refgrow.UpdateConversionParams{Value: new(money.MustParse("12.50 USD"))})
	equal(w, "the reason of a value that was given",
		w.decision(must(w.shop.GetConversion(ctx, c.ID))).CommissionReason, refgrow.CommissionGiven)
	check("a currency", "purchase 12.50 EUR 70.00 EUR r2 ", "EUR total 12.50 paid 0.00 eligible 12.50 held 0.00",
		refgrow.UpdateConversionParams{Currency: new(money.Currency("eur"))})
	w.refused("a currency that the numbers do not fit",
		errOf(w.shop.UpdateConversion(ctx, c.ID, refgrow.UpdateConversionParams{
			Currency: new(money.Currency("JPY")),
		})), refgrow.ErrInvalid, "base_value_currency")
	check("a currency and a value", "purchase 13 JPY 70 JPY r2 ", "JPY total 13 paid 0 eligible 13 held 0",
		refgrow.UpdateConversionParams{Currency: new(money.Currency("JPY")), Value: new(money.MustParse("13 JPY"))})
	w.refused("a purchase without a base value", errOf(w.shop.UpdateConversion(ctx, c.ID, refgrow.UpdateConversionParams{
		BaseValue: refgrow.Clear[money.Amount](),
	})), refgrow.ErrInvalid, "base_value")
	check("a signup without one", "signup 13 JPY  r2 ", "JPY total 13 paid 0 eligible 13 held 0",
		refgrow.UpdateConversionParams{Type: new(refgrow.Signup), BaseValue: refgrow.Clear[money.Amount]()})
	a := must(w.shop.GetAffiliate(ctx, jane.ID))
	equal(w, "the signups and purchases", [2]int64{a.Signups, a.Purchases}, [2]int64{1, 0})
	check("no reference", "signup 13 JPY   ", "JPY total 13 paid 0 eligible 13 held 0", refgrow.UpdateConversionParams{
		Reference: refgrow.Clear[string](),
	})
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "r1"}) // both references are free again
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "r2"})
	w.verify()
}

// The currency cannot change while anything is settled; everything else can. What was
// settled by hand stays with the affiliate who got it.
func settledConversions(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	c := w.purchase(jane.ID, "50.00 USD")
	w.update(c, refgrow.UpdateConversionParams{Paid: new(true)})
	for _, u := range []refgrow.UpdateConversionParams{
		{Currency: new(money.Currency("EUR"))},
		{Currency: new(money.Currency("EUR")), AffiliateID: refgrow.Set(joe.ID), Paid: new(false)},
	} {
		w.refused("another currency of a settled one", errOf(w.shop.UpdateConversion(ctx, c.ID, u)),
			refgrow.ErrConflict, "base_value_currency")
	}
	moved := w.update(c, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	equal(w, "whether it is paid, moved", moved.Paid, false)
	equal(w, "the debt of who got it", w.balances(jane.ID), "USD total 0.00 paid 10.00 eligible -10.00 held 0.00")
	equal(w, "what the other one gets", w.balances(joe.ID), "USD total 10.00 paid 0.00 eligible 10.00 held 0.00")
	moved = w.update(c, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	equal(w, "whether it is paid, moved back", moved.Paid, true)
	// what is already so
	w.update(c, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID), Currency: new(money.Currency("USD"))})
	got := must(w.shop.GetConversion(ctx, c.ID))
	equal(w, "the value", got.Value, money.MustParse("10.00 USD"))
	equal(w, "the payment", got.Paid, true)
	w.update(c, refgrow.UpdateConversionParams{Paid: new(false)})
	w.update(c, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID), Currency: new(money.Currency("EUR"))})
	equal(w, "the first one's balance", w.balances(jane.ID), "")
	equal(w, "the second one's balance", w.balances(joe.ID), "EUR total 10.00 paid 0.00 eligible 10.00 held 0.00")
	w.verify()
}

func deleteConversions(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	c := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("50.00 USD"), Reference: "r1",
		Customer: refgrow.Customer{Email: "carl@example.com"},
	})
	w.ok(w.shop.DeleteConversion(ctx, c.ID))
	w.refused("a second deletion", w.shop.DeleteConversion(ctx, c.ID), refgrow.ErrNotFound, "")
	w.refused("the conversion", errOf(w.shop.GetConversion(ctx, c.ID)), refgrow.ErrNotFound, "")
	equal(w, "the balance", w.balances(jane.ID), "")
	equal(w, "the purchases", must(w.shop.GetAffiliate(ctx, jane.ID)).Purchases, 0)
	equal(w, "the customer's status", must(w.shop.ReferralByEmail(ctx, "carl@example.com")).Status,
		refgrow.ReferralConverted)
	again := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "r1"})
	if again.ID <= c.ID {
		w.Errorf("the id %d was used again as %d", c.ID, again.ID)
	}
	// Its entries stay in the ledger.
	ledger := must(w.shop.ListLedger(ctx, jane.ID, refgrow.ListLedgerParams{}))
	if len(ledger.Items) != 2 || ledger.Items[0].Kind != refgrow.EntryReversal ||
		ledger.Items[1].Kind != refgrow.EntryCommission ||
		ledger.Items[0].ConversionID != c.ID || ledger.Items[1].ConversionID != c.ID {
		w.Errorf("the ledger is %+v", ledger.Items)
	}
	w.verify()
}

func filterConversions(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com"}))
	start := w.clock.Now()
	minute := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	made := make(map[int64]rune) // named a, b, c, ... in the order of their times, a minute apart
	for i, params := range []refgrow.RecordConversionParams{
		{Type: refgrow.Signup, AffiliateID: jane.ID, Customer: refgrow.Customer{ID: carl.ID}},
		{Type: refgrow.Purchase, AffiliateID: jane.ID, Customer: refgrow.Customer{ID: carl.ID}, Paid: true},
		{Type: refgrow.Purchase, AffiliateID: joe.ID, Customer: refgrow.Customer{ID: carl.ID}},
		{Type: refgrow.Signup, AffiliateID: joe.ID, Paid: true},
		{Type: refgrow.Purchase},
		{Type: refgrow.Purchase, AffiliateID: jane.ID},
	} {
		if params.Type == refgrow.Purchase {
			params.BaseValue = money.MustParse("10.00 USD")
		}
		made[w.record(params).ID] = rune('a' + i)
		w.clock.Advance(time.Minute)
	}
	type filter = refgrow.ListConversionsParams
	for _, c := range []struct {
		params filter
		want   string
	}{
		{filter{}, "fedcba"},
		{filter{Type: refgrow.Signup}, "da"},
		{filter{Type: refgrow.Purchase}, "fecb"},
		{filter{Paid: new(true)}, "db"},
		{filter{Paid: new(false)}, "feca"},
		{filter{Type: refgrow.Purchase, Paid: new(true)}, "b"},
		{filter{AffiliateID: jane.ID}, "fba"},
		{filter{AffiliateID: jane.ID, Type: refgrow.Purchase, Paid: new(false)}, "f"},
		{filter{ReferredUserID: carl.ID}, "cba"},
		{filter{ReferredUserID: carl.ID, AffiliateID: jane.ID}, "ba"},
		{filter{ReferredUserID: carl.ID, AffiliateID: jane.ID, Type: refgrow.Signup}, "a"},
		{filter{AffiliateID: 1 << 40}, ""},
		{filter{ReferredUserID: 1 << 40}, ""},
		{filter{From: minute(2)}, "fedc"}, // inclusive
		{filter{From: minute(2).Add(time.Nanosecond)}, "fed"},
		{filter{To: minute(2)}, "ba"}, // exclusive
		{filter{To: minute(2).Add(time.Millisecond)}, "cba"},
		{filter{To: minute(2).Add(time.Nanosecond)}, "cba"},
		{filter{From: minute(1), To: minute(4)}, "dcb"},
		{filter{From: minute(1).In(time.FixedZone("", 7200)), To: minute(4), Type: refgrow.Purchase}, "cb"},
		{filter{From: minute(2), To: minute(2)}, ""},
		{filter{From: minute(1), To: minute(6), AffiliateID: jane.ID}, "fb"},
		{filter{From: minute(1), To: minute(2), ReferredUserID: carl.ID}, "b"},
	} {
		for _, limit := range []int{0, 1, 2} { // the pages do not matter
			c.params.Limit = limit
			var got string
			for _, id := range conversionIDs(collect(w, w.shop.AllConversions(ctx, c.params))) {
				got += string(made[id])
			}
			equal(w, "the list", got, c.want)
		}
		equal(w, "the count of "+c.want, must(w.shop.CountConversions(ctx, c.params)), int64(len(c.want)))
	}
	for field, params := range map[string]filter{
		"from": {From: minute(2), To: minute(1)}, "type": {Type: "refund"}, "affiliate_id": {AffiliateID: -1},
		"referred_user_id": {ReferredUserID: -1},
	} {
		w.refused("a list by a wrong "+field, errOf(w.shop.ListConversions(ctx, params)), refgrow.ErrInvalid, field)
		w.refused("a count by a wrong "+field, errOf(w.shop.CountConversions(ctx, params)), refgrow.ErrInvalid, field)
	}
	rest := conversionIDs(collect(w, w.shop.AllConversions(ctx, filter{Offset: 4})))
	if got := slices.Sorted(slices.Values(rest)); len(got) != 2 {
		w.Errorf("the list from an offset of 4 is %v", got)
	}
	w.verify()
}
