package conformance

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func concurrencyTests() []test {
	return []test{
		{"unique names", oneWinner},
		{"one customer", oneCustomer},
		{"one change a key", oneChange},
		{"edits of one conversion", racingEdits},
		{"deletion", racingDeletion},
		{"projects", racingProjects},
	}
}

// racers is how many goroutines do the same thing at the same time, and crowded how
// many where nothing but the crowd matters.
const (
	racers  = 8
	crowded = 50
)

// race starts f in goroutines that wait for each other, and returns their errors.
func race(f func(racer int) error) []error { return crowd(racers, f) }

// crowd is a race of size goroutines.
func crowd(size int, f func(racer int) error) []error {
	errs := make([]error, size)
	var start, end sync.WaitGroup
	start.Add(1)
	for i := range size {
		end.Go(func() {
			start.Wait()
			errs[i] = f(i)
		})
	}
	start.Done()
	end.Wait()
	return errs
}

// What is unique is given to exactly one, however many ask for it at once; the others
// are told which name is taken, and nothing that they asked for remains.
func oneWinner(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	references, others, size := 100, 6, crowded
	if w.DB != nil { // each waits for all those before it, and for the disk
		references, size = 25, 2*racers
	}
	if testing.Short() {
		references, others, size = 10, 2, 2*racers
	}
	for _, c := range []struct {
		what, field string
		names       int
		do          func(racer, n int) error
	}{
		{"references", "reference", references, func(_, n int) error {
			return errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("10.00 USD"),
				Reference: fmt.Sprint("r", n),
			}))
		}},
		{"emails", "email", others, func(racer, n int) error {
			return errOf(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
				Email: fmt.Sprintf("e%d@example.com", n), ReferralCode: fmt.Sprintf("E-%d-%d", n, racer),
			}))
		}},
		{"referral codes", "referral_code", others, func(racer, n int) error {
			return errOf(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
				Email: fmt.Sprintf("c%d-%d@example.com", n, racer), ReferralCode: fmt.Sprintf("C-%d", n),
			}))
		}},
		{"slugs", "partner_slug", others, func(racer, n int) error {
			return errOf(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
				Email: fmt.Sprintf("s%d-%d@example.com", n, racer), PartnerSlug: fmt.Sprintf("s-%d", n),
			}))
		}},
		{"coupons", "coupon_code", others, func(_, n int) error {
			return errOf(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{
				AffiliateID: jane.ID, Code: fmt.Sprintf("SAVE-%d", n),
			}))
		}},
		{"customers", "external_id", others, func(_, n int) error {
			return errOf(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: fmt.Sprint("u", n)}))
		}},
		{"customers' emails", "email", others, func(_, n int) error {
			return errOf(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: fmt.Sprintf("u%d@example.com", n)}))
		}},
	} {
		won := make([]atomic.Int64, c.names)
		for _, err := range crowd(size, func(racer int) error {
			var wrong error
			for i := range c.names {
				// Half of them ask for the same at the same time, half in other orders.
				n := (i + racer%2*racer) % c.names
				err := c.do(racer, n)
				var own *refgrow.Error
				switch {
				case err == nil:
					won[n].Add(1)
				case !errors.Is(err, refgrow.ErrConflict) || !errors.As(err, &own) || own.Field != c.field:
					wrong = errors.Join(wrong, err)
				}
			}
			return wrong
		}) {
			if err != nil {
				w.Errorf("%s: %v", c.what, err)
			}
		}
		for n := range won {
			if times := won[n].Load(); times != 1 {
				w.Errorf("number %d of the %s was assigned %d times", n, c.what, times)
			}
		}
	}
	equal(w, "the balance", w.balances(jane.ID),
		fmt.Sprintf("USD total %d.00 paid 0.00 eligible %[1]d.00 held 0.00", 2*references))
	equal(w, "the count of conversions",
		must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{})), int64(references))
	equal(w, "the count of affiliates",
		must(w.shop.CountAffiliates(ctx, refgrow.ListAffiliatesParams{})), int64(1+3*others))
	equal(w, "the count of coupons", must(w.shop.CountCoupons(ctx, refgrow.ListCouponsParams{})), int64(others))
	equal(w, "the count of customers", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), int64(2*others))
	w.verify()
}

// A customer that many calls bring for the first time is created once.
func oneCustomer(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for _, err := range race(func(racer int) error {
		return errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, ReferralCode: "jane", BaseValue: money.MustParse("10.00 USD"),
			Reference: fmt.Sprint("r", racer), Customer: refgrow.Customer{Email: "carl@example.com", ExternalID: "u_1"},
		}))
	}) {
		w.ok(err)
	}
	equal(w, "the count of customers", must(w.shop.CountReferrals(w.Context(), refgrow.ListReferralsParams{})), 1)
	carl := must(w.shop.ReferralByEmail(w.Context(), "carl@example.com"))
	equal(w, "the customer's affiliate", carl.AffiliateID, jane.ID)
	equal(w, "its conversions",
		must(w.shop.CountConversions(w.Context(), refgrow.ListConversionsParams{ReferredUserID: carl.ID})), racers)
	equal(w, "the balance", w.balances(jane.ID), "USD total 16.00 paid 0.00 eligible 16.00 held 0.00")
	w.verify()
}

// Calls with one Idempotency key make one change and get one answer.
func oneChange(w *world) {
	answers, replays := make([]string, crowded), make([]bool, crowded)
	for _, err := range crowd(crowded, func(racer int) error {
		answer, replayed, err := w.create("k", "POST /a")
		answers[racer], replays[racer] = string(answer.Body), replayed
		return err
	}) {
		w.ok(err)
	}
	anew := 0
	for i := range answers {
		equal(w, "an answer", answers[i], answers[0])
		if !replays[i] {
			anew++
		}
	}
	equal(w, "the calls that were done", anew, 1)
	equal(w, "the count of customers", must(w.shop.CountReferrals(w.Context(), refgrow.ListReferralsParams{})), 1)
	w.verify()
}

// Edits of one conversion come one after the other, and the books follow.
func racingEdits(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	c := w.purchase(jane.ID, "50.00 USD")
	for _, err := range race(func(racer int) error {
		for i := range 4 {
			u := []refgrow.UpdateConversionParams{
				{Paid: new(i%2 == 0)},
				{Value: new(money.New(int64(1000+100*racer+i), "USD"))},
				{AffiliateID: refgrow.Set([]int64{jane.ID, joe.ID}[i%2])},
			}[(racer+i)%3]
			if err := errOf(w.shop.UpdateConversion(ctx, c.ID, u)); err != nil && !errors.Is(err, refgrow.ErrConflict) {
				return err
			}
		}
		return nil
	}) {
		w.ok(err)
	}
	for _, a := range []int64{jane.ID, joe.ID} { // what was settled by hand stays with who got it
		w.update(c, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(a), Paid: new(false)})
	}
	got := w.update(c, refgrow.UpdateConversionParams{Value: new(money.MustParse("7.00 USD"))})
	for _, a := range []int64{jane.ID, joe.ID} {
		want := ""
		if a == got.AffiliateID {
			want = "USD total 7.00 paid 0.00 eligible 7.00 held 0.00"
		}
		equal(w, "the balance", w.balances(a), want)
	}
	w.verify()
}

// An affiliate that is deleted while sales come in takes with it all that it was
// credited with.
func racingDeletion(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for _, err := range race(func(racer int) error {
		if racer == racers-1 {
			return w.shop.DeleteAffiliate(ctx, jane.ID)
		}
		for i := range 4 {
			err := errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("10.00 USD"),
				Customer: refgrow.Customer{ExternalID: fmt.Sprintf("u-%d", i)},
			}))
			if err != nil && !errors.Is(err, refgrow.ErrNotFound) {
				return err
			}
			err = errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Signup, ReferralCode: "jane", Reference: fmt.Sprintf("%d-%d", racer, i),
			}))
			if err != nil {
				return err
			}
		}
		return nil
	}) {
		w.ok(err)
	}
	for _, c := range collect(w, w.shop.AllConversions(w.Context(), refgrow.ListConversionsParams{})) {
		if c.AffiliateID != 0 || c.Type != refgrow.Signup {
			w.Errorf("conversion %d of affiliate %d is left", c.ID, c.AffiliateID)
		}
	}
	for _, r := range collect(w, w.shop.AllReferrals(w.Context(), refgrow.ListReferralsParams{})) {
		equal(w, "the affiliate of a customer", r.AffiliateID, 0)
	}
	w.verify()
}

func racingProjects(w *world) {
	ctx := w.Context()
	created := 0
	for _, err := range race(func(int) error { return errOf(w.engine.CreateProject(ctx, "new", refgrow.Settings{})) }) {
		switch {
		case err == nil:
			created++
		case !errors.Is(err, refgrow.ErrConflict):
			w.Error(err)
		}
	}
	equal(w, "the projects that were created", created, 1)
	w.verify()
}
