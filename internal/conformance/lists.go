package conformance

import (
	"fmt"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func listTests() []test {
	return []test{
		{"cursors", pageByCursor},
		{"offsets", pageByOffset},
		{"while rows are added", pageWhileAdding},
		{"refused", refusePages},
		{"defaults", defaultPages},
		{"payouts", payoutLists},
		{"entries of a payout", payoutEntryLists},
		{"by name", listsByName},
	}
}

// A list is one of the engine's lists, reduced to ids.
type list struct {
	name     string
	standard int
	page     func(limit, offset int, after refgrow.Cursor) ([]int64, refgrow.Cursor, error)
	add      func(w *world, n int)
}

// lists are all of them. The ledger is that of the affiliate.
func (w *world) lists(of int64) []list {
	ctx, shop := w.Context(), w.shop
	return []list{
		{"affiliates", 20, func(limit, offset int, after refgrow.Cursor) ([]int64, refgrow.Cursor, error) {
			p, err := shop.ListAffiliates(ctx, refgrow.ListAffiliatesParams{Limit: limit, Offset: offset, After: after})
			return ids(p.Items, func(a *refgrow.Affiliate) int64 { return a.ID }), p.Next, err
		}, func(w *world, n int) { w.affiliate(fmt.Sprintf("a-%d", n)) }},
		{"coupons", 50, func(limit, offset int, after refgrow.Cursor) ([]int64, refgrow.Cursor, error) {
			p, err := shop.ListCoupons(ctx, refgrow.ListCouponsParams{Limit: limit, Offset: offset, After: after})
			return ids(p.Items, func(c *refgrow.Coupon) int64 { return c.ID }), p.Next, err
		}, func(w *world, n int) {
			must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: of, Code: fmt.Sprintf("c-%d", n)}))
		}},
		{"referrals", 20, func(limit, offset int, after refgrow.Cursor) ([]int64, refgrow.Cursor, error) {
			p, err := shop.ListReferrals(ctx, refgrow.ListReferralsParams{Limit: limit, Offset: offset, After: after})
			return ids(p.Items, func(r *refgrow.Referral) int64 { return r.ID }), p.Next, err
		}, func(w *world, n int) {
			must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: fmt.Sprint("u", n)}))
		}},
		{"conversions", 50, func(limit, offset int, after refgrow.Cursor) ([]int64, refgrow.Cursor, error) {
			p, err := shop.ListConversions(ctx, refgrow.ListConversionsParams{Limit: limit, Offset: offset, After: after})
			return conversionIDs(p.Items), p.Next, err
		}, func(w *world, _ int) { w.record(refgrow.RecordConversionParams{Type: refgrow.Signup}) }},
		{"ledger", 50, func(limit, offset int, after refgrow.Cursor) ([]int64, refgrow.Cursor, error) {
			p, err := shop.ListLedger(ctx, of, refgrow.ListLedgerParams{Limit: limit, Offset: offset, After: after})
			return ids(p.Items, func(e *refgrow.LedgerEntry) int64 { return e.ID }), p.Next, err
		}, func(w *world, _ int) {
			w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: of, Value: money.MustParse("1.00 USD")})
		}},
		{"payouts", 50, func(limit, offset int, after refgrow.Cursor) ([]int64, refgrow.Cursor, error) {
			p, err := shop.ListPayouts(ctx, refgrow.ListPayoutsParams{Limit: limit, Offset: offset, After: after})
			return payoutIDs(p.Items), p.Next, err
		}, func(w *world, _ int) {
			w.adjust(of, "1.00 EUR")
			must(w.shop.RunPayouts(ctx, refgrow.PayoutRunParams{Currency: "EUR"}))
		}},
		{"rules", 50, func(limit, offset int, after refgrow.Cursor) ([]int64, refgrow.Cursor, error) {
			p, err := shop.ListRules(ctx, refgrow.ListRulesParams{Limit: limit, Offset: offset, After: after})
			return ids(p.Items, func(r *refgrow.Rule) int64 { return r.ID }), p.Next, err
		}, func(w *world, n int) { w.rule(refgrow.CreateRuleParams{Product: fmt.Sprint("p", n)}) }},
	}
}

// fill adds rows to all lists in one transaction.
func (w *world) fill(of int64, from, to int) {
	w.Helper()
	w.ok(w.shop.Atomic(w.Context(), func(p *refgrow.Project) error {
		inside := *w
		inside.shop = p
		for n := from; n < to; n++ {
			for _, l := range inside.lists(of) {
				l.add(&inside, n)
			}
		}
		return nil
	}))
}

// walk gathers a list from a cursor on.
func (w *world) walk(l list, limit int, after refgrow.Cursor) (rows []int64) {
	w.Helper()
	for {
		page, next, err := l.page(limit, 0, after)
		w.ok(err)
		rows = append(rows, page...)
		if next == "" {
			return rows
		}
		if len(page) != limit || next == after {
			w.Fatalf("%s: a page of %d rows, and another one after it", l.name, len(page))
		}
		after = next
	}
}

// newestFirst reports whether ids go down.
func newestFirst(rows []int64) bool {
	return slices.IsSortedFunc(rows, func(a, b int64) int { return int(b - a) }) &&
		len(slices.Compact(slices.Clone(rows))) == len(rows)
}

// Rows of one millisecond are ordered by their ids; the last page says that it is the
// last, even if it is full.
func pageByCursor(w *world) {
	jane := w.affiliate("jane")
	w.fill(jane.ID, 0, 7) // all of one time
	w.clock.Advance(time.Second)
	w.fill(jane.ID, 7, 11)
	for _, l := range w.lists(jane.ID) {
		whole := w.walk(l, 500, "")
		if len(whole) < 11 || !newestFirst(whole) {
			w.Errorf("the list of %s is %v", l.name, whole)
		}
		for _, limit := range []int{1, 2, 3, 4, len(whole) - 1, len(whole), len(whole) + 1} {
			w.sameIDs(fmt.Sprintf("%s by %d", l.name, limit), w.walk(l, limit, ""), whole)
		}
	}
}

func pageByOffset(w *world) {
	jane := w.affiliate("jane")
	w.fill(jane.ID, 0, 9)
	for _, l := range w.lists(jane.ID) {
		whole := w.walk(l, 500, "")
		for offset := range len(whole) + 2 {
			page, _, err := l.page(4, offset, "")
			w.ok(err)
			from := min(offset, len(whole))
			w.sameIDs(fmt.Sprintf("%s from %d", l.name, offset), page, whole[from:min(from+4, len(whole))])
		}
		// A walk that begins with an offset continues by cursor.
		_, next, err := l.page(2, 3, "")
		w.ok(err)
		w.sameIDs(l.name+" after an offset", w.walk(l, 2, next), whole[5:])
	}
}

// Pages by cursor are those of the list as it was: new rows come before them.
func pageWhileAdding(w *world) {
	jane := w.affiliate("jane")
	w.fill(jane.ID, 0, 6)
	for i, l := range w.lists(jane.ID) {
		before := w.walk(l, 500, "")
		page, next, err := l.page(2, 0, "")
		w.ok(err)
		w.sameIDs("the first page of "+l.name, page, before[:2])
		l.add(w, 100+i) // at the same time
		w.clock.Advance(time.Minute)
		l.add(w, 200+i)
		w.sameIDs("the rest of "+l.name, w.walk(l, 2, next), before[2:])
		after := w.walk(l, 500, "")
		w.sameIDs("the new list of "+l.name, after[len(after)-len(before):], before)
	}
	// One that happened earlier is found on its page.
	at := w.clock.Now()
	first := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), OccurredAt: at.Add(-time.Hour * 9),
	})
	second := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), OccurredAt: at.Add(-time.Hour * 5),
	})
	params := refgrow.ListConversionsParams{Type: refgrow.Purchase, Limit: 1, To: at.Add(-time.Hour)}
	page := must(w.shop.ListConversions(w.Context(), params))
	w.sameIDs("the first page", conversionIDs(page.Items), []int64{second.ID})
	late := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), OccurredAt: at.Add(-time.Hour * 7),
	})
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), OccurredAt: at.Add(-time.Hour * 3),
	})
	params.After = page.Next
	w.sameIDs("the others", conversionIDs(collect(w, w.shop.AllConversions(w.Context(), params))),
		[]int64{late.ID, first.ID})
}

func refusePages(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.fill(jane.ID, 0, 3)
	lists := w.lists(jane.ID)
	cursors := make([]refgrow.Cursor, len(lists))
	for i, l := range lists {
		for _, c := range []struct {
			limit, offset int
			after         refgrow.Cursor
			field         string
		}{
			{-1, 0, "", "limit"}, {501, 0, "", "limit"}, {1, -1, "", "offset"},
			{1, 0, "nonsense", "cursor"}, {1, 0, "!", "cursor"}, {1, 0, refgrow.Cursor(make([]byte, 40)), "cursor"},
		} {
			_, _, err := l.page(c.limit, c.offset, c.after)
			w.refused(l.name+" by a wrong "+c.field, err, refgrow.ErrInvalid, c.field)
		}
		_, next, err := l.page(1, 0, "")
		w.ok(err)
		_, _, err = l.page(1, 1, next)
		w.refused(l.name+" by a cursor and an offset", err, refgrow.ErrInvalid, "cursor")
		cursors[i] = next
	}
	for i, l := range lists {
		for j, cursor := range cursors {
			if _, _, err := l.page(1, 0, cursor); i != j {
				w.refused(l.name+" by the cursor of "+lists[j].name, err, refgrow.ErrInvalid, "cursor")
			} else if err != nil {
				w.Error(err)
			}
		}
	}
	// With other filters; the size of the page is not a filter.
	affiliates, coupons, referrals, conversions := cursors[0], cursors[1], cursors[2], cursors[3]
	ledger, payouts, rules := cursors[4], cursors[5], cursors[6]
	now := w.clock.Now()
	for what, err := range map[string]error{
		"affiliates": errOf(w.shop.ListAffiliates(ctx,
			refgrow.ListAffiliatesParams{After: affiliates, Status: refgrow.AffiliateActive})),
		"coupons by status": errOf(w.shop.ListCoupons(ctx,
			refgrow.ListCouponsParams{After: coupons, Status: refgrow.CouponActive})),
		"coupons by affiliate": errOf(w.shop.ListCoupons(ctx,
			refgrow.ListCouponsParams{After: coupons, AffiliateID: jane.ID})),
		"coupons by code": errOf(w.shop.ListCoupons(ctx, refgrow.ListCouponsParams{After: coupons, Code: "c"})),
		"referrals by status": errOf(w.shop.ListReferrals(ctx,
			refgrow.ListReferralsParams{After: referrals, Status: refgrow.ReferralPending})),
		"referrals by affiliate": errOf(w.shop.ListReferrals(ctx,
			refgrow.ListReferralsParams{After: referrals, AffiliateID: jane.ID})),
		"conversions by type": errOf(w.shop.ListConversions(ctx,
			refgrow.ListConversionsParams{After: conversions, Type: refgrow.Signup})),
		"conversions by affiliate": errOf(w.shop.ListConversions(ctx,
			refgrow.ListConversionsParams{After: conversions, AffiliateID: jane.ID})),
		"conversions by customer": errOf(w.shop.ListConversions(ctx,
			refgrow.ListConversionsParams{After: conversions, ReferredUserID: 1})),
		"conversions that are not paid": errOf(w.shop.ListConversions(ctx,
			refgrow.ListConversionsParams{After: conversions, Paid: new(false)})),
		"conversions from": errOf(w.shop.ListConversions(ctx, refgrow.ListConversionsParams{After: conversions, From: now})),
		"conversions to":   errOf(w.shop.ListConversions(ctx, refgrow.ListConversionsParams{After: conversions, To: now})),
		"another's ledger": errOf(w.shop.ListLedger(ctx, joe.ID, refgrow.ListLedgerParams{After: ledger})),
		"payouts by status": errOf(w.shop.ListPayouts(ctx,
			refgrow.ListPayoutsParams{After: payouts, Status: refgrow.PayoutPending})),
		"payouts by affiliate": errOf(w.shop.ListPayouts(ctx,
			refgrow.ListPayoutsParams{After: payouts, AffiliateID: jane.ID})),
		"rules by affiliate": errOf(w.shop.ListRules(ctx, refgrow.ListRulesParams{After: rules, AffiliateID: jane.ID})),
		"rules by product":   errOf(w.shop.ListRules(ctx, refgrow.ListRulesParams{After: rules, Product: "p1"})),
	} {
		w.refused(what+" by the cursor of the whole list", err, refgrow.ErrInvalid, "cursor")
	}
	w.refused("affiliates by a wrong status",
		errOf(w.shop.ListAffiliates(ctx, refgrow.ListAffiliatesParams{Status: "gone"})), refgrow.ErrInvalid, "status")
	w.refused("payouts by a wrong status", errOf(w.shop.ListPayouts(ctx, refgrow.ListPayoutsParams{Status: "gone"})),
		refgrow.ErrInvalid, "status")
	w.refused("the count of payouts by a wrong status",
		errOf(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{Status: "gone"})), refgrow.ErrInvalid, "status")
	w.refused("payouts by a wrong affiliate", errOf(w.shop.ListPayouts(ctx, refgrow.ListPayoutsParams{AffiliateID: -1})),
		refgrow.ErrInvalid, "affiliate_id")
	w.refused("the count by a wrong status",
		errOf(w.shop.CountAffiliates(ctx, refgrow.ListAffiliatesParams{Status: "gone"})), refgrow.ErrInvalid, "status")
}

func defaultPages(w *world) {
	jane := w.affiliate("jane")
	w.fill(jane.ID, 0, 51)
	for _, l := range w.lists(jane.ID) {
		page, next, err := l.page(0, 0, "")
		w.ok(err)
		equal(w, "the default page of "+l.name, len(page), l.standard)
		if next == "" {
			w.Errorf("the default page of %s is called the last", l.name)
		}
		_, _, err = l.page(refgrow.MaxLimit, 0, "")
		w.ok(err)
	}
	w.verify()
}

func payoutIDs(items []refgrow.Payout) []int64 {
	return ids(items, func(p *refgrow.Payout) int64 { return p.ID })
}

// Payouts are listed and counted by status and affiliate, page by page.
func payoutLists(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	var all []int64
	for range 4 {
		w.adjust(jane.ID, "1.00 USD")
		w.adjust(joe.ID, "2.00 USD")
		all = append(all, payoutIDs(w.run(refgrow.PayoutRunParams{}))...)
	}
	w.pay(*must(w.shop.GetPayout(ctx, all[0])))
	w.pay(*must(w.shop.GetPayout(ctx, all[3])))
	w.cancel(*must(w.shop.GetPayout(ctx, all[4])))
	for what, c := range map[string]struct {
		params refgrow.ListPayoutsParams
		want   []int
	}{
		"all":            {refgrow.ListPayoutsParams{}, []int{7, 6, 5, 4, 3, 2, 1, 0}},
		"pending":        {refgrow.ListPayoutsParams{Status: refgrow.PayoutPending}, []int{7, 6, 5, 2, 1}},
		"paid":           {refgrow.ListPayoutsParams{Status: refgrow.PayoutPaid}, []int{3, 0}},
		"canceled":       {refgrow.ListPayoutsParams{Status: refgrow.PayoutCanceled}, []int{4}},
		"Jane's":         {refgrow.ListPayoutsParams{AffiliateID: jane.ID}, []int{6, 4, 2, 0}},
		"Joe's pending":  {refgrow.ListPayoutsParams{AffiliateID: joe.ID, Status: refgrow.PayoutPending}, []int{7, 5, 1}},
		"Joe's canceled": {refgrow.ListPayoutsParams{AffiliateID: joe.ID, Status: refgrow.PayoutCanceled}, nil},
		"nobody's":       {refgrow.ListPayoutsParams{AffiliateID: 1 << 40}, nil},
		"from the third": {refgrow.ListPayoutsParams{Offset: 2}, []int{5, 4, 3, 2, 1, 0}},
	} {
		var want []int64
		for _, i := range c.want {
			want = append(want, all[i])
		}
		for _, limit := range []int{1, 3, 500} {
			c.params.Limit = limit
			w.sameIDs(fmt.Sprintf("%s by %d", what, limit), payoutIDs(collect(w, w.shop.AllPayouts(ctx, c.params))), want)
		}
		equal(w, "the count of "+what, must(w.shop.CountPayouts(ctx, c.params)), int64(len(want)+c.params.Offset))
	}
	w.checkPayouts()
	w.verify()
}

// The entries of a payout are listed page by page, even if it is canceled.
func payoutEntryLists(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	var entries []int64
	for range 5 {
		entries = append([]int64{w.adjust(jane.ID, "1.00 USD").ID}, entries...)
	}
	first := w.run(refgrow.PayoutRunParams{})[0]
	w.cancel(first)
	second := w.run(refgrow.PayoutRunParams{})[0]
	w.pay(second)
	w.adjust(jane.ID, "1.00 USD") // in neither
	entryIDs := func(items []refgrow.LedgerEntry) []int64 {
		return ids(items, func(e *refgrow.LedgerEntry) int64 { return e.ID })
	}
	for _, p := range []refgrow.Payout{first, second} {
		for _, limit := range []int{1, 2, 4, 5, 6} {
			got := collect(w, w.shop.AllPayoutEntries(ctx, p.ID, refgrow.ListPayoutEntriesParams{Limit: limit}))
			w.sameIDs(fmt.Sprintf("the entries by %d", limit), entryIDs(got), entries)
		}
		page := must(w.shop.ListPayoutEntries(ctx, p.ID, refgrow.ListPayoutEntriesParams{Offset: 3}))
		w.sameIDs("the entries from the fourth", entryIDs(page.Items), entries[3:])
		equal(w, "whether there are more", page.Next, "")
	}
	next := must(w.shop.ListPayoutEntries(ctx, first.ID, refgrow.ListPayoutEntriesParams{Limit: 1})).Next
	for field, params := range map[string]refgrow.ListPayoutEntriesParams{
		"limit": {Limit: 501}, "offset": {Offset: -1}, "cursor": {After: "nonsense"},
	} {
		w.refused("a wrong "+field, errOf(w.shop.ListPayoutEntries(ctx, first.ID, params)), refgrow.ErrInvalid, field)
	}
	w.refused("a cursor of another payout",
		errOf(w.shop.ListPayoutEntries(ctx, second.ID, refgrow.ListPayoutEntriesParams{After: next})),
		refgrow.ErrInvalid, "cursor")
	ledger := must(w.shop.ListLedger(ctx, jane.ID, refgrow.ListLedgerParams{Limit: 1})).Next
	w.refused("a cursor of the ledger",
		errOf(w.shop.ListPayoutEntries(ctx, first.ID, refgrow.ListPayoutEntriesParams{After: ledger})),
		refgrow.ErrInvalid, "cursor")
}

// A list by a unique name has one thing or none, beside other filters and at any place.
func listsByName(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.affiliate("bob")
	u1 := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: "u1", AffiliateID: jane.ID}))
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: "u2"}))
	sale := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "in_1", AffiliateID: jane.ID,
		Customer: refgrow.Customer{ID: u1.ID}})
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "in_2"})
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	now := w.clock.Now()

	equal(w, "the one found by its reference", must(w.shop.ConversionByReference(ctx, "in_1")).ID, sale.ID)
	for _, unknown := range []string{"", "in_3", "IN_1"} {
		w.refused("finding "+unknown, errOf(w.shop.ConversionByReference(ctx, unknown)), refgrow.ErrNotFound, "")
	}
	for _, c := range []struct {
		params refgrow.ListConversionsParams
		found  bool
	}{
		{refgrow.ListConversionsParams{}, true},
		{refgrow.ListConversionsParams{Type: refgrow.Signup, AffiliateID: jane.ID, ReferredUserID: u1.ID,
			Paid: new(false), From: now, To: now.Add(1), Limit: 1}, true},
		{refgrow.ListConversionsParams{Type: refgrow.Purchase}, false},
		{refgrow.ListConversionsParams{AffiliateID: jane.ID + 1}, false},
		{refgrow.ListConversionsParams{ReferredUserID: u1.ID + 1}, false},
		{refgrow.ListConversionsParams{Paid: new(true)}, false},
		{refgrow.ListConversionsParams{From: now.Add(1)}, false},
		{refgrow.ListConversionsParams{To: now}, false},
	} {
		c.params.Reference = new("in_1")
		page := must(w.shop.ListConversions(ctx, c.params))
		equal(w, fmt.Sprintf("the conversions of %+v", c.params),
			len(page.Items) == 1 && page.Items[0].ID == sale.ID, c.found)
		equal(w, "whether more follow", page.Next, "")
		count := must(w.shop.CountConversions(ctx, c.params))
		equal(w, fmt.Sprintf("their count for %+v", c.params), count == 1, c.found)
		c.params.Offset = 1
		equal(w, "those after the first one", len(must(w.shop.ListConversions(ctx, c.params)).Items), 0)
	}
	for _, none := range []string{"", "in_3"} {
		equal(w, "what "+none+" finds", len(must(w.shop.ListConversions(ctx,
			refgrow.ListConversionsParams{Reference: new(none)})).Items), 0)
		equal(w, "what "+none+" counts", must(w.shop.CountConversions(ctx,
			refgrow.ListConversionsParams{Reference: new(none)})), 0)
	}

	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{ReferralCode: new("JANET")}))
	for _, c := range []struct {
		code   string
		status refgrow.AffiliateStatus
		found  bool
	}{
		{"janet", "", true}, {"JANE", refgrow.AffiliateActive, true}, // a former code still leads to her
		{"JANE", refgrow.AffiliateInactive, false}, {"", "", false}, {"nobody", "", false},
	} {
		params := refgrow.ListAffiliatesParams{ReferralCode: &c.code, Status: c.status}
		page := must(w.shop.ListAffiliates(ctx, params))
		equal(w, fmt.Sprintf("the affiliates of %+v", c), len(page.Items) == 1 && page.Items[0].ID == jane.ID, c.found)
		equal(w, fmt.Sprintf("their count for %+v", c), must(w.shop.CountAffiliates(ctx, params)) == 1, c.found)
	}
	for _, c := range []struct {
		id        string
		affiliate int64
		status    refgrow.ReferralStatus
		found     bool
	}{
		{"u1", 0, "", true}, {"u1", jane.ID, refgrow.ReferralPending, true},
		{"u1", jane.ID + 1, "", false}, {"u1", 0, refgrow.ReferralDirect, false}, {"", 0, "", false}, {"u3", 0, "", false},
	} {
		params := refgrow.ListReferralsParams{ExternalID: &c.id, AffiliateID: c.affiliate, Status: c.status}
		page := must(w.shop.ListReferrals(ctx, params))
		equal(w, fmt.Sprintf("the referrals of %+v", c), len(page.Items) == 1 && page.Items[0].ID == u1.ID, c.found)
		equal(w, fmt.Sprintf("their count for %+v", c), must(w.shop.CountReferrals(ctx, params)) == 1, c.found)
	}
}
