package conformance

import (
	"errors"
	"fmt"
	"sync"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func payoutRaceTests() []test {
	return []test{
		{"runs beside each other", racingRuns},
		{"one end", racingEnds},
		{"one payout for two engines", racingEngines},
		{"runs beside all that happens", racingEverything},
		{"refunds of one sale", racingRefunds},
		{"rules", racingRules},
	}
}

// patient repeats a call that was refused because somebody else has the lock, as the
// app would.
func patient(call func() error) error {
	for {
		if err := call(); !errors.Is(err, refgrow.ErrBusy) {
			return err
		}
	}
}

// unless ignores an error of a kind that a race may cause.
func unless(err error, kinds ...error) error {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return nil
		}
	}
	return err
}

// earners are affiliates with two sales of 10.00 each.
func (w *world) earners(n int) []*refgrow.Affiliate {
	w.Helper()
	all := make([]*refgrow.Affiliate, n)
	for i := range all {
		all[i] = w.affiliate(fmt.Sprint("earner-", i))
		w.purchase(all[i].ID, "10.00 USD")
		w.purchase(all[i].ID, "10.00 USD")
	}
	return all
}

// However many runs happen at once, each affiliate gets one payout.
func racingRuns(w *world) {
	ctx := w.Context()
	const affiliates = 5
	all := w.earners(affiliates)
	var mu sync.Mutex
	made := make(map[int64]int)
	for _, err := range race(func(int) error {
		return patient(func() error {
			payouts, err := w.shop.RunPayouts(ctx, refgrow.PayoutRunParams{})
			mu.Lock()
			defer mu.Unlock()
			for _, p := range payouts { // an error comes with those that were made before it
				made[p.AffiliateID]++
			}
			return err
		})
	}) {
		w.ok(err)
	}
	for _, a := range all {
		equal(w, "the payouts that were made", made[a.ID], 1)
		equal(w, "the account", w.account(a.ID), "total 4.00 paid 0.00 eligible 4.00 held 0.00 reserved 4.00 payable 0.00")
	}
	equal(w, "the payouts", must(w.shop.CountPayouts(w.Context(), refgrow.ListPayoutsParams{})), affiliates)
	w.checkPayouts()
	w.verify()
}

// A payout is paid once, or canceled once.
func racingEnds(w *world) {
	ctx := w.Context()
	w.earners(3)
	for _, p := range w.run(refgrow.PayoutRunParams{}) {
		ended := 0
		for _, err := range race(func(racer int) error {
			return patient(func() error {
				if racer%2 == 0 {
					return errOf(w.shop.PayPayout(ctx, p.ID, refgrow.PayPayoutParams{ExternalReference: fmt.Sprint("wire-", racer)}))
				}
				return errOf(w.shop.CancelPayout(ctx, p.ID))
			})
		}) {
			if err == nil {
				ended++
			} else {
				w.refused("the end of what has ended", err, refgrow.ErrConflict, "")
			}
		}
		equal(w, "how often it ended", ended, 1)
	}
	equal(w, "the pending ones",
		must(w.shop.CountPayouts(w.Context(), refgrow.ListPayoutsParams{Status: refgrow.PayoutPending})), 0)
	w.checkPayouts()
	w.verify()
}

// engines are the shop as several engines see it: on the store, and on the file opened
// again.
func (w *world) engines() (shops []*refgrow.Project, end func()) {
	w.Helper()
	ctx := w.Context()
	var ends []func()
	for _, store := range []refgrow.Store{w.Store, w.Store, w.open(w.T, w.path).Store} {
		engine := must(refgrow.New(ctx, store, refgrow.Config{Now: w.clock.Now}))
		ends = append([]func(){func() { w.ok(engine.Close(ctx)) }}, ends...)
		shops = append(shops, must(engine.Project(ctx, "shop")))
	}
	return shops, func() {
		for _, f := range ends {
			f()
		}
	}
}

// Engines that do not know about each other pay nobody twice either.
func racingEngines(w *world) {
	ctx := w.Context()
	const affiliates, rounds = 4, 3
	all := w.earners(affiliates)
	shops, end := w.engines()
	defer end()
	for round := range rounds {
		var mu sync.Mutex
		made := 0
		for _, err := range race(func(racer int) error {
			shop := shops[racer%len(shops)]
			return patient(func() error {
				payouts, err := shop.RunPayouts(ctx, refgrow.PayoutRunParams{})
				mu.Lock()
				made += len(payouts)
				mu.Unlock()
				for _, p := range payouts {
					if err := patient(func() error {
						return errOf(shop.PayPayout(ctx, p.ID, refgrow.PayPayoutParams{}))
					}); err != nil {
						return err
					}
				}
				return err
			})
		}) {
			w.ok(err)
		}
		equal(w, "the payouts that were made", made, affiliates)
		for _, a := range all {
			b := must(w.shop.Earnings(w.Context(), a.ID))[0]
			equal(w, "what is paid", b.Paid.Minor(), int64(400+100*round))
			equal(w, "what is left", b.Unpaid.Minor()+b.Payable.Minor(), 0)
			w.adjust(a.ID, "1.00 USD")
		}
		w.checkPayouts()
	}
	w.verify()
}

// Runs go on while sales come in, are refunded, changed and deleted, payouts are
// paid and canceled, and affiliates come and go: nothing is paid twice, and
// everything adds up.
func racingEverything(w *world) {
	ctx := w.Context()
	all := w.earners(4)
	leaver := w.affiliate("leaver")
	w.purchase(leaver.ID, "10.00 USD")
	sales := func() ([]refgrow.Conversion, error) {
		page, err := w.shop.ListConversions(ctx, refgrow.ListConversionsParams{Limit: 20})
		return page.Items, err
	}
	const rounds = 6
	// on does something to one of the newest sales in every round.
	on := func(racer int, do func(round int, c *refgrow.Conversion) error) error {
		for round := range rounds {
			if err := patient(func() error {
				list, err := sales()
				if err != nil || len(list) == 0 {
					return err
				}
				return unless(do(round, &list[(racer+3*round)%len(list)]), refgrow.ErrConflict, refgrow.ErrNotFound)
			}); err != nil {
				return err
			}
		}
		return nil
	}
	jobs := []func(racer int) error{
		func(int) error { // runs, and pays all that is pending
			for range rounds {
				if err := patient(func() error {
					made, err := w.shop.RunPayouts(ctx, refgrow.PayoutRunParams{})
					for _, p := range made {
						if err := patient(func() error {
							return errOf(w.shop.PayPayout(ctx, p.ID, refgrow.PayPayoutParams{}))
						}); unless(err, refgrow.ErrConflict, refgrow.ErrNotFound) != nil {
							return err
						}
					}
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		},
		func(int) error { // runs, and leaves it to others
			for range rounds {
				if err := patient(func() error { return errOf(w.shop.RunPayouts(ctx, refgrow.PayoutRunParams{})) }); err != nil {
					return err
				}
			}
			return nil
		},
		func(int) error { // cancels what is pending
			for range rounds {
				if err := patient(func() error {
					page, err := w.shop.ListPayouts(ctx, refgrow.ListPayoutsParams{Status: refgrow.PayoutPending, Limit: 2})
					if err != nil || len(page.Items) == 0 {
						return err
					}
					return unless(errOf(w.shop.CancelPayout(ctx, page.Items[0].ID)), refgrow.ErrConflict, refgrow.ErrNotFound)
				}); err != nil {
					return err
				}
			}
			return nil
		},
		func(racer int) error { // sells
			for round := range rounds {
				a := all[(racer+round)%len(all)]
				if err := patient(func() error {
					return errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
						Type: refgrow.Purchase, AffiliateID: a.ID, BaseValue: money.New(int64(1000+round), "USD"),
						Reference: fmt.Sprint("r", round),
					}))
				}); err != nil {
					return err
				}
			}
			return nil
		},
		func(racer int) error { // refunds
			return on(racer, func(_ int, c *refgrow.Conversion) error {
				return errOf(w.shop.RefundConversion(ctx, c.ID, refgrow.RefundConversionParams{}))
			})
		},
		func(racer int) error { // deletes and edits
			return on(racer, func(round int, c *refgrow.Conversion) error {
				if round%2 == 0 {
					return w.shop.DeleteConversion(ctx, c.ID)
				}
				return errOf(w.shop.UpdateConversion(ctx, c.ID, refgrow.UpdateConversionParams{
					Value: new(money.New(int64(90+round), "USD")),
				}))
			})
		},
		func(racer int) error { // settles manually, and undoes refunds
			return on(racer, func(round int, c *refgrow.Conversion) error {
				if round%2 == 0 {
					return errOf(w.shop.UpdateConversion(ctx, c.ID, refgrow.UpdateConversionParams{Paid: new(round%4 == 0)}))
				}
				return errOf(w.shop.UndoRefund(ctx, c.ID, refgrow.RefundConversionParams{}))
			})
		},
		func(racer int) error { // adjusts, and deletes an affiliate
			for round := range rounds {
				if err := patient(func() error {
					return errOf(w.shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
						AffiliateID: all[(racer+round)%len(all)].ID, Amount: money.New(int64(70-30*round), "USD"), Note: "a bonus",
					}))
				}); err != nil {
					return err
				}
				if err := patient(func() error {
					return unless(w.shop.DeleteAffiliate(ctx, leaver.ID), refgrow.ErrConflict, refgrow.ErrNotFound)
				}); err != nil {
					return err
				}
			}
			return nil
		},
	}
	errs := make([]error, len(jobs))
	var end sync.WaitGroup
	for i, job := range jobs {
		end.Go(func() { errs[i] = job(i) })
	}
	end.Wait()
	for i, err := range errs {
		if err != nil {
			w.Errorf("job %d: %v", i, err)
		}
	}
	w.checkPayouts()
	w.verify()
	// What is left is paid at the end; only debts remain.
	for _, p := range collect(w, w.shop.AllPayouts(w.Context(), refgrow.ListPayoutsParams{
		Status: refgrow.PayoutPending,
	})) {
		w.pay(p)
	}
	w.payNow(refgrow.PayoutRunParams{})
	for _, a := range all {
		if b := must(w.shop.Earnings(w.Context(), a.ID))[0]; b.Payable.Sign() > 0 ||
			!b.Reserved.IsZero() || b.Unpaid != b.Payable {
			w.Errorf("at the end the balance is %+v", b)
		}
	}
	w.checkPayouts()
	w.verify()
}

// No more is refunded than the sale is worth.
func racingRefunds(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "4.00 USD")
	refunded := 0
	for _, err := range race(func(int) error {
		return patient(func() error {
			return errOf(w.shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{
				Amount: money.MustParse("1.00 USD"),
			}))
		})
	}) {
		if err == nil {
			refunded++
		} else {
			w.refused("one part too many", err, refgrow.ErrConflict, "amount")
		}
	}
	equal(w, "the parts", refunded, 4)
	equal(w, "the balance", w.balances(jane.ID), "")
	w.verify()
}

// An override has one version in force, whoever sets it.
func racingRules(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for _, err := range race(func(racer int) error {
		return patient(func() error {
			return errOf(w.shop.CreateRule(ctx, refgrow.CreateRuleParams{
				AffiliateID: jane.ID, Commission: refgrow.Fixed(money.New(int64(100+racer), "USD")),
			}))
		})
	}) {
		w.ok(err)
	}
	rules := collect(w, w.shop.AllRules(w.Context(), refgrow.ListRulesParams{}))
	equal(w, "the rules in force", len(rules), 1)
	equal(w, "the version", rules[0].Version, racers)
	equal(w, "what a sale earns", w.purchase(jane.ID, "10.00 USD").Value.String(), rules[0].Commission.String())
	w.verify()
}
