package conformance

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func erasureTests() []test {
	return []test{
		{"an affiliate", eraseAffiliate},
		{"a customer", eraseCustomer},
		{"many conversions", eraseMany},
		{"interrupted", interruptedErasure},
		{"in a transaction", eraseInTransaction},
		{"merged and deleted", eraseMerged},
		{"events", eraseEvents},
	}
}

// nowhere checks that a text is in no column of the engine's tables.
func (w *world) nowhere(text string) {
	w.Helper()
	for _, of := range w.columns() {
		if n := value[int](w, "SELECT COUNT(*) FROM "+of[0]+" WHERE instr(lower(CAST("+of[1]+" AS TEXT)), ?1) > 0",
			strings.ToLower(text)); n > 0 {
			w.Errorf("%s is still in %d rows of %s.%s", text, n, of[0], of[1])
		}
	}
}

// columns are those of the engine's tables.
func (w *world) columns() (all [][2]string) {
	w.Helper()
	list := value[string](w, `SELECT group_concat(t.name || ' ' || c.name, ',')
		FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name GLOB 'refgrow_*'`)
	for of := range strings.SplitSeq(list, ",") {
		table, column, _ := strings.Cut(of, " ")
		all = append(all, [2]string{table, column})
	}
	return all
}

// books is what an affiliate's books say, but for notes.
func (w *world) books(affiliate int64) string {
	w.Helper()
	a := must(w.shop.GetAffiliate(w.Context(), affiliate))
	payouts := collect(w, w.shop.AllPayouts(w.Context(), refgrow.ListPayoutsParams{AffiliateID: affiliate}))
	return fmt.Sprint(w.account(affiliate), w.ledger(affiliate), summary(payouts), a.Signups, a.Purchases, a.Clicks)
}

// What names an affiliate goes, at once and everywhere; the books stay as they are.
func eraseAffiliate(w *world) {
	ctx := w.Context()
	w.hook()
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("20"))})
	jane := must(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "jane@canary.example", ReferralCode: "CANARY-1", PartnerSlug: "canary-2",
		PayoutPreferences: refgrow.PayoutPreferences{PayPalEmail: "pay@canary.example", WiseName: "Canary"},
	}))
	joe := w.affiliate("joe")
	must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{
		AffiliateID: jane.ID, Code: "CANARY-3", StripeCouponID: "canary 4",
	}))
	w.clicked(refgrow.Click{ReferralCode: "canary-2", URL: "https://canary.example/"})
	for _, code := range []string{"canary-1", "joe.canary-1"} {
		w.record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, ReferralCode: code, CouponCode: "canary 4", BaseValue: money.MustParse("100.00 USD"),
			Customer: refgrow.Customer{ExternalID: code + " of somebody else"}, Reference: "order " + code[:3],
		})
	}
	must(w.shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
		AffiliateID: jane.ID, Amount: money.MustParse("5.00 USD"), Note: "for canary 5",
	}))
	pending := w.run(refgrow.PayoutRunParams{})
	w.refused("erasing while a payout is pending", errOf(w.shop.EraseAffiliate(ctx, jane.ID)), refgrow.ErrConflict, "")
	for _, payout := range pending {
		w.pay(payout)
	}
	must(w.shop.ReturnPayout(ctx, pending[0].ID, refgrow.ReturnPayoutParams{Note: "no canary 6 there"}))
	before, joes := w.books(jane.ID), w.books(joe.ID)
	for range 2 {
		is := must(w.shop.EraseAffiliate(ctx, jane.ID))
		shown := fmt.Sprint("erased-", jane.ID)
		equal(w, "what is left", []any{is.Email, is.ReferralCode, is.PartnerSlug, is.Status, is.PayoutsPaused},
			[]any{shown + "@erased.invalid", shown, shown, refgrow.AffiliateInactive, true})
		equal(w, "the books", w.books(jane.ID), before)
		equal(w, "the other's books", w.books(joe.ID), joes)
		w.verify()
	}
	for _, text := range []string{
		"@canary.example", "canary-2", "canary-3", "canary 4", "canary 5", "canary 6", `"canary-1"`,
	} {
		w.nowhere(text)
	}
	w.refused("a sale for it", errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID,
	})), refgrow.ErrConflict, "affiliate_id")
	for _, code := range []string{"canary-1", "CANARY-2"} {
		c := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, ReferralCode: code, CouponCode: "canary-3"})
		equal(w, "who is credited by "+code, c.AffiliateID, 0)
		w.refused("the code "+code, errOf(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
			Email: "x@example.com", ReferralCode: code,
		})), refgrow.ErrConflict, "referral_code")
	}
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))
	w.gone(jane.ID)
	w.verify()
}

// What names a customer goes; the sales stay under the id, and whoever has the names
// later is somebody new.
func eraseCustomer(w *world) {
	ctx := w.Context()
	w.hook()
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("20"))})
	jane := w.affiliate("jane")
	sale := refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("100.00 USD"),
		Customer: refgrow.Customer{Email: "carl@canary.example", ExternalID: "canary-1"}, URL: "https://example.com/canary-2",
	}
	c := w.record(sale)
	sale.Customer = refgrow.Customer{ID: c.ReferredUserID, ExternalID: "canary-3"}
	w.record(sale)
	must(w.shop.RefundConversion(ctx, c.ID, refgrow.RefundConversionParams{
		Amount: money.MustParse("10.00 USD"), Reason: "canary 4 is unhappy",
	}))
	before := w.books(jane.ID)
	for range 2 {
		is := must(w.shop.EraseReferral(ctx, c.ReferredUserID))
		equal(w, "what is left", []any{is.Email, len(is.ExternalIDs), is.AffiliateID, is.Status},
			[]any{fmt.Sprintf("erased-%d@erased.invalid", c.ReferredUserID), 0, jane.ID, refgrow.ReferralConverted})
		equal(w, "the books", w.books(jane.ID), before)
		w.nowhere("canary")
		w.verify()
	}
	w.refused("the email", errOf(w.shop.ReferralByEmail(ctx, "carl@canary.example")), refgrow.ErrNotFound, "")
	again := w.record(sale) // by the id, with a name
	equal(w, "the customer of a sale by the id", again.ReferredUserID, c.ReferredUserID)
	w.nowhere("canary-3")
	other := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: refgrow.Customer{Email: "carl@canary.example"},
	})
	if other.ReferredUserID == c.ReferredUserID || other.AffiliateID != 0 {
		w.Errorf("whoever has the email now is %+v", other)
	}
	w.verify()
}

// A customer, and an affiliate, with more conversions than one step takes.
func eraseMany(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	customers := w.career(jane.ID, many)
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		for n := range many {
			c, err := p.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("1.00 USD"),
				Value: money.MustParse("1.00 USD"), ReferralCode: "Jane", URL: "https://example.com/canary-1",
				Customer: refgrow.Customer{ID: customers[0]},
			})
			if err != nil {
				return err
			}
			if n%2 > 0 {
				continue
			}
			if err := errOf(p.RefundConversion(ctx, c.ID, refgrow.RefundConversionParams{Reason: "canary-2"})); err != nil {
				return err
			}
			if n%4 > 0 {
				continue
			}
			if err := p.DeleteConversion(ctx, c.ID); err != nil {
				return err
			}
		}
		return nil
	}))
	before := w.books(jane.ID)
	must(w.shop.EraseReferral(ctx, customers[0]))
	w.nowhere("canary")
	must(w.shop.EraseAffiliate(ctx, jane.ID))
	w.nowhere("jane")
	equal(w, "the books", w.books(jane.ID), before)
	w.verify()
}

// An erasure that is interrupted has begun: the person is found no more, nothing is wrong
// meanwhile, and the upkeep, the next engine or another erasure finishes it.
func interruptedErasure(w *world) {
	ctx := w.Context()
	for what, finish := range map[string]func(jane, carl int64) error{
		"the upkeep": func(int64, int64) error { return w.engine.Upkeep(ctx) },
		"the next engine": func(int64, int64) error {
			return must(refgrow.New(ctx, w.Store, refgrow.Config{Now: w.clock.Now})).Close(ctx)
		},
		"another erasure": func(jane, carl int64) error {
			return errors.Join(errOf(w.shop.EraseAffiliate(ctx, jane)), errOf(w.shop.EraseReferral(ctx, carl)))
		},
	} {
		jane := must(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@canary.example"}))
		sale := refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("10.00 USD"),
			Value: money.MustParse("1.00 USD"), URL: "https://example.com/canary?ref=" + jane.ReferralCode,
			Customer: refgrow.Customer{Email: "carl@canary.example"}, ReferralCode: jane.ReferralCode,
		}
		carl := w.record(sale).ReferredUserID
		w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
			for range 250 { // of which one step takes 200
				if err := errOf(p.RecordConversion(ctx, sale)); err != nil {
					return err
				}
			}
			return nil
		}))
		w.ok(w.exec(`CREATE TRIGGER stop BEFORE UPDATE OF url ON refgrow_conversions
			WHEN NEW.url IS NOT OLD.url AND (SELECT COUNT(*) FROM refgrow_conversions WHERE url IS NULL) >= 200
			BEGIN SELECT RAISE(ABORT, 'stop'); END`))
		for _, err := range []error{errOf(w.shop.EraseReferral(ctx, carl)), errOf(w.shop.EraseAffiliate(ctx, jane.ID))} {
			if err == nil {
				w.Errorf("%s: the erasure was not interrupted", what)
			}
		}
		w.refused("the email, "+what, errOf(w.shop.AffiliateByEmail(ctx, "jane@canary.example")), refgrow.ErrNotFound, "")
		w.refused("the customer, "+what, errOf(w.shop.ReferralByEmail(ctx, "carl@canary.example")), refgrow.ErrNotFound, "")
		equal(w, "erasures under way, "+what, value[int](w, "SELECT COUNT(*) FROM refgrow_erasures"), 2)
		w.verify()
		w.ok(w.exec("DROP TRIGGER stop"))
		w.ok(finish(jane.ID, carl))
		equal(w, "erasures under way, "+what, value[int](w, "SELECT COUNT(*) FROM refgrow_erasures"), 0)
		w.nowhere("canary")
		w.nowhere(jane.ReferralCode)
		w.verify()
		w.ok(w.exec("UPDATE refgrow_conversions SET url = 'x' WHERE url IS NULL"))
	}
}

// In a transaction all of an erasure is done, or nothing.
func eraseInTransaction(w *world) {
	ctx := w.Context()
	w.hook()
	jane := w.affiliate("jane")
	carl := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Customer: refgrow.Customer{Email: "carl@canary.example"},
	}).ReferredUserID
	half := errors.New("half-way")
	for _, end := range []error{half, nil} {
		err := w.shop.Atomic(ctx, func(p *refgrow.Project) error {
			return errors.Join(errOf(p.EraseReferral(ctx, carl)), errOf(p.EraseAffiliate(ctx, jane.ID)), end)
		})
		if !errors.Is(err, end) {
			w.Errorf("the transaction ends with %v", err)
		}
		found := must(w.shop.GetReferral(ctx, carl)).Email == "carl@canary.example"
		equal(w, fmt.Sprint("the customer is there after ", end), found, end != nil)
		w.verify()
	}
	w.nowhere("canary")
	w.nowhere("jane")
}

// Notes of conversions that are deleted go with their customer, also of one who was merged
// into another; whoever was erased is not merged with anybody.
func eraseMerged(w *world) {
	ctx := w.Context()
	w.hook()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	for _, end := range []func(customer int64) error{
		func(id int64) error { return errOf(w.shop.EraseReferral(ctx, id)) },
		func(id int64) error { return w.shop.DeleteReferral(ctx, id) },
		func(int64) error { return w.shop.DeleteAffiliate(ctx, jane.ID) },
	} {
		sale := refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: joe.ID, BaseValue: money.MustParse("10.00 USD"),
			Value: money.MustParse("1.00 USD"), Customer: refgrow.Customer{Email: "twin@canary.example"},
		}
		undone := w.record(sale)
		must(w.shop.RefundConversion(ctx, undone.ID, refgrow.RefundConversionParams{Reason: "the canary sent it back"}))
		w.ok(w.shop.DeleteConversion(ctx, undone.ID))
		carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{
			Email: "carl@canary.example", AffiliateID: jane.ID,
		}))
		must(w.shop.MergeReferrals(ctx, carl.ID, undone.ReferredUserID))
		// One of the affiliate's own, with a note in another one's books.
		sale.Customer, sale.AffiliateID = refgrow.Customer{ID: carl.ID}, joe.ID
		moved := w.record(sale)
		must(w.shop.RefundConversion(ctx, moved.ID, refgrow.RefundConversionParams{
			Amount: money.MustParse("1.00 USD"), Reason: "the canary again",
		}))
		w.update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
		before := w.books(joe.ID)
		w.ok(end(carl.ID))
		w.nowhere("canary")
		equal(w, "the books", w.books(joe.ID), before)
		equal(w, "whose conversions are kept", value[int](w, "SELECT COUNT(*) FROM refgrow_deleted_conversions"), 0)
		w.verify()
	}
	one := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "one@example.com"}))
	two := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: "two"}))
	must(w.shop.EraseReferral(ctx, one.ID))
	for _, ids := range [][2]int64{{one.ID, two.ID}, {two.ID, one.ID}} {
		w.refused("merging with somebody erased", errOf(w.shop.MergeReferrals(ctx, ids[0], ids[1])),
			refgrow.ErrConflict, "from")
	}
}

// Nothing is sent of who was erased; of others' events that named the person the rest is.
func eraseEvents(w *world) {
	ctx := w.Context()
	hook := w.hook()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.purchase(jane.ID, "10.00 USD")
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: joe.ID, ReferralCode: "joe.JANE", BaseValue: money.MustParse("7.00 USD"),
	})
	tried := w.lease(hook)
	if len(tried) == 0 {
		w.Fatal("nothing is sent")
	}
	must(w.shop.EraseAffiliate(ctx, jane.ID))
	for _, a := range tried {
		w.ok(w.engine.Outbox().Finish(ctx, a, refgrow.AttemptResult{
			Outcome: refgrow.AttemptRetry, RetryAt: w.clock.Now(), Error: "cannot do " + string(a.Body),
		}))
	}
	w.nowhere("jane")
	w.clock.Advance(time.Hour)
	var bodies strings.Builder
	for attempts := w.lease(hook); len(attempts) > 0; attempts = w.lease(hook) {
		for _, a := range attempts {
			bodies.Write(a.Body)
			w.finish(a, refgrow.AttemptSucceeded)
		}
	}
	shown := fmt.Sprintf(`"referral_code":"joe.erased-%d"`, jane.ID)
	if sent := strings.ToLower(bodies.String()); strings.Contains(sent, "jane") || !strings.Contains(sent, shown) ||
		strings.Contains(sent, `"base_value":10`) {
		w.Errorf("what is sent is %s", sent)
	}
}
