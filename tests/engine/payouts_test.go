package engine_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
)

func (p *program) run(params refgrow.PayoutRunParams) []refgrow.Payout {
	p.Helper()
	preview, err := p.Shop.PreviewPayouts(p.Context(), params)
	p.OK(err)
	made, err := p.Shop.RunPayouts(p.Context(), params)
	p.OK(err)
	// A preview is what the run makes, except for what only a payout that was made has.
	shown := slices.Clone(made)
	for i := range shown {
		shown[i].ID, shown[i].CreatedAt, shown[i].RunID = 0, time.Time{}, 0
	}
	if params.Cutoff.IsZero() || !reflect.DeepEqual(preview, shown) {
		for i := range shown {
			if i < len(preview) {
				preview[i].Cutoff = shown[i].Cutoff
			}
		}
	}
	if !reflect.DeepEqual(preview, shown) {
		p.Errorf("the preview was %+v, and the run made %+v", preview, made)
	}
	return made
}

func (p *program) pay(payout refgrow.Payout) *refgrow.Payout {
	p.Helper()
	paid, err := p.Shop.PayPayout(p.Context(), payout.ID, refgrow.PayPayoutParams{ExternalReference: "wire-7"})
	p.OK(err)
	return paid
}

// summary is what payouts are about, as text.
func summary(payouts []refgrow.Payout) string {
	parts := make([]string, len(payouts))
	for i, p := range payouts {
		parts[i] = p.Amount.String() + " " + string(p.Status)
	}
	return strings.Join(parts, ", ")
}

func (p *program) made(what string, payouts []refgrow.Payout, want string) {
	p.Helper()
	if got := summary(payouts); got != want {
		p.Errorf("%s: the payouts are %q, but should be %q", what, got, want)
	}
}

func TestPayoutRun(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{
		Commission: refgrow.Percent("20"), HoldDays: 30, MinimumPayout: money.MustParse("30.00 USD"),
	})
	jane, joe, idle := p.Affiliate("jane"), p.Affiliate("joe"), p.Affiliate("idle")
	first, second := p.sell(jane, ""), p.sell(jane, "")
	p.sell(joe, "")
	p.made("while all is held", p.run(refgrow.PayoutRunParams{}), "")
	p.Clock.Advance(30 * 24 * time.Hour)
	p.sell(jane, "")
	p.made("below the minimum", p.run(refgrow.PayoutRunParams{Minimum: money.MustParse("40.01 USD")}), "")
	p.made("before the hold was over", p.run(refgrow.PayoutRunParams{Cutoff: p.Clock.Now().Add(-time.Millisecond)}), "")

	payouts := p.run(refgrow.PayoutRunParams{})
	p.made("the run", payouts, "40.00 USD pending")
	made := payouts[0]
	if made.AffiliateID != jane.ID || made.EntryCount != 2 || made.CreatedAt != p.Clock.Now() || made.PaidAt != nil ||
		made.CanceledAt != nil {
		t.Errorf("the payout is %+v", made)
	}
	b := p.Earnings(jane)[0]
	if b.Reserved != money.MustParse("40.00 USD") || !b.Payable.IsZero() || b.Eligible != money.MustParse("40.00 USD") {
		t.Errorf("the balance is %+v", b)
	}
	p.made("a second run", p.run(refgrow.PayoutRunParams{}), "")
	p.made("one for everything", p.run(refgrow.PayoutRunParams{Minimum: money.MustParse("0 USD")}), "20.00 USD pending")
	p.Verify()

	for _, change := range []refgrow.UpdateConversionParams{
		{Paid: new(true)}, {AffiliateID: refgrow.Set(joe.ID)}, {Currency: new(money.Currency("EUR"))},
	} {
		if _, err := p.Shop.UpdateConversion(t.Context(), first.ID, change); !errors.Is(err, refgrow.ErrConflict) {
			t.Errorf("a change of what is reserved returned %v", err)
		}
	}
	p.Refused("deleting an affiliate with a pending payout", p.Shop.DeleteAffiliate(t.Context(), jane.ID),
		refgrow.ErrConflict, "")

	p.Clock.Advance(time.Hour)
	paid := p.pay(made)
	if paid.Status != refgrow.PayoutPaid || paid.ExternalReference != "wire-7" || paid.PaidAt == nil ||
		*paid.PaidAt != p.Clock.Now() {
		t.Errorf("the paid payout is %+v", paid)
	}
	if found, err := p.Shop.GetPayout(t.Context(), made.ID); err != nil || !reflect.DeepEqual(found, paid) {
		t.Errorf("what is found is %+v (%v), but should be %+v", found, err, paid)
	}
	p.balance("after it was paid", jane, "60.00", "40.00", "0", "20.00", "0")
	for _, c := range []*refgrow.Conversion{first, second} {
		if got := p.found(c); !got.Paid || got.Status != refgrow.ConversionPaid {
			t.Errorf("a conversion that was paid is %+v", got)
		}
		_, err := p.Shop.UpdateConversion(t.Context(), c.ID, refgrow.UpdateConversionParams{Paid: new(false)})
		p.Refused("taking the payment back by hand", err, refgrow.ErrConflict, "paid")
		if same := p.Update(c, refgrow.UpdateConversionParams{Paid: new(true)}); !same.Paid {
			t.Error("what was already paid no longer is")
		}
	}
	_, err := p.Shop.PayPayout(t.Context(), made.ID, refgrow.PayPayoutParams{})
	p.Refused("paying twice", err, refgrow.ErrConflict, "")
	_, err = p.Shop.CancelPayout(t.Context(), made.ID)
	p.Refused("canceling a paid one", err, refgrow.ErrConflict, "")
	p.Verify()
	p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
	if _, err := p.Shop.GetPayout(t.Context(), made.ID); !errors.Is(err, refgrow.ErrNotFound) {
		t.Errorf("the payout of a deleted affiliate returned %v", err)
	}
	p.balance("an affiliate without sales", idle, "0", "0", "0", "0", "0")
	p.Verify()
}

func TestCancelPayout(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane := p.Affiliate("jane")
	sale := p.sell(jane, "")
	made := p.run(refgrow.PayoutRunParams{})[0]
	p.Clock.Advance(time.Hour)
	canceled, err := p.Shop.CancelPayout(t.Context(), made.ID)
	if err != nil || canceled.Status != refgrow.PayoutCanceled || canceled.CanceledAt == nil ||
		*canceled.CanceledAt != p.Clock.Now() {
		t.Fatalf("the canceled payout is %+v (%v)", canceled, err)
	}
	_, err = p.Shop.PayPayout(t.Context(), made.ID, refgrow.PayPayoutParams{})
	p.Refused("paying a canceled one", err, refgrow.ErrConflict, "")
	_, err = p.Shop.CancelPayout(t.Context(), made.ID)
	p.Refused("canceling twice", err, refgrow.ErrConflict, "")
	if b := p.Earnings(jane)[0]; !b.Reserved.IsZero() || b.Payable != money.MustParse("20.00 USD") {
		t.Errorf("the balance is %+v", b)
	}
	entries, err := p.Shop.ListPayoutEntries(t.Context(), made.ID, refgrow.ListPayoutEntriesParams{})
	if err != nil || len(entries.Items) != 1 || entries.Items[0].ConversionID != sale.ID {
		t.Errorf("what it would have paid is %+v (%v)", entries.Items, err)
	}
	p.Verify()
	again := p.run(refgrow.PayoutRunParams{})
	p.made("the next run", again, "20.00 USD pending")
	p.pay(again[0])
	p.balance("paid in the end", jane, "20.00", "20.00", "0", "0", "0")
	p.Verify()
}

// What happens to a reserved conversion leaves the payout as it is, and the next
// one takes it into account.
func TestChangesWhileAPayoutIsPending(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(p *program, sale *refgrow.Conversion)
		next   string // with another 50.00 that comes later
	}{
		"refunded":         {func(p *program, sale *refgrow.Conversion) { p.refund(sale, "") }, "30.00 USD pending"},
		"refunded in part": {func(p *program, sale *refgrow.Conversion) { p.refund(sale, "50.00 USD") }, "40.00 USD pending"},
		"deleted": {func(p *program, sale *refgrow.Conversion) {
			p.OK(p.Shop.DeleteConversion(p.Context(), sale.ID))
		}, "30.00 USD pending"},
		"worth less": {func(p *program, sale *refgrow.Conversion) {
			p.Update(sale, refgrow.UpdateConversionParams{Value: new(money.MustParse("15.00 USD"))})
		}, "45.00 USD pending"},
		"worth more": {func(p *program, sale *refgrow.Conversion) {
			p.Update(sale, refgrow.UpdateConversionParams{Value: new(money.MustParse("35.00 USD"))})
		}, "65.00 USD pending"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
			jane := p.Affiliate("jane")
			sale := p.sell(jane, "")
			made := p.run(refgrow.PayoutRunParams{})[0]
			c.change(p, sale)
			p.Verify()
			if paid := p.pay(made); paid.Amount != money.MustParse("20.00 USD") {
				t.Errorf("%v was paid", paid.Amount)
			}
			p.Verify()
			p.Record(shoptest.Earning(jane, money.MustParse("50.00 USD")))
			next := p.run(refgrow.PayoutRunParams{})
			p.made("the next run", next, c.next)
			p.pay(next[0])
			if b := p.Earnings(jane)[0]; !b.Unpaid.IsZero() || !b.Payable.IsZero() || b.Total != b.Paid {
				t.Errorf("in the end the balance is %+v", b)
			}
			p.Verify()
		})
	}
}

// A refund after the payout leaves a debt, in the next runs too, until there are
// earnings that make up for it.
func TestDebtIsCarriedOver(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane := p.Affiliate("jane")
	sale := p.sell(jane, "")
	p.pay(p.run(refgrow.PayoutRunParams{})[0])
	p.refund(sale, "")
	p.balance("after the refund", jane, "0", "20.00", "-20.00", "0", "-20.00")
	p.made("with nothing but a debt", p.run(refgrow.PayoutRunParams{}), "")
	p.sell(jane, "")
	p.made("with as much as the debt", p.run(refgrow.PayoutRunParams{}), "")
	p.sell(jane, "")
	last := p.run(refgrow.PayoutRunParams{})
	p.made("with more", last, "20.00 USD pending")
	if last[0].EntryCount != 3 {
		t.Errorf("the payout has %d entries", last[0].EntryCount)
	}
	p.pay(last[0])
	p.balance("in the end", jane, "40.00", "40.00", "0", "0", "0")
	p.Verify()
}

// Each currency is paid out separately; where the project has no minimum in it, only
// one that is given holds.
func TestPayoutCurrencies(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{MinimumPayout: money.MustParse("50.00 USD")})
	jane := p.Affiliate("jane")
	for _, amount := range []string{"20.00 USD", "3.00 EUR", "700 JPY", "1.250 KWD"} {
		p.Record(shoptest.Earning(jane, money.MustParse(amount)))
	}
	p.made("dollars", p.run(refgrow.PayoutRunParams{}), "")
	p.made("euros, too few", p.run(refgrow.PayoutRunParams{Currency: "EUR", Minimum: money.MustParse("3.01 EUR")}), "")
	p.made("euros", p.run(refgrow.PayoutRunParams{Currency: "eur"}), "3.00 EUR pending")
	p.made("yen", p.run(refgrow.PayoutRunParams{Currency: "JPY"}), "700 JPY pending")
	p.made("dinars", p.run(refgrow.PayoutRunParams{Currency: "KWD"}), "1.250 KWD pending")
	_, err := p.Shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{
		Currency: "EUR", Minimum: money.MustParse("1.00 USD"),
	})
	p.Refused("a minimum in another currency", err, refgrow.ErrInvalid, "minimum")
	_, err = p.Shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{Currency: "XXX"})
	p.Refused("no currency", err, refgrow.ErrInvalid, "currency")
	_, err = p.Shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{Minimum: money.MustParse("-1.00 USD")})
	p.Refused("a negative minimum", err, refgrow.ErrInvalid, "minimum")
	_, err = p.Shop.PreviewPayouts(t.Context(), refgrow.PayoutRunParams{Cutoff: p.Clock.Now().Add(time.Millisecond)})
	p.Refused("a cut-off in the future", err, refgrow.ErrInvalid, "cutoff")
	p.Verify()
}

func TestPayoutLists(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	p.Affiliate("idle")
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	var all []refgrow.Payout
	for range 3 {
		p.sell(jane, "")
		p.sell(joe, "")
		all = append(all, p.run(refgrow.PayoutRunParams{})...)
		p.Clock.Advance(time.Hour)
	}
	p.pay(all[0])
	_, err := p.Shop.CancelPayout(t.Context(), all[1].ID)
	p.OK(err)
	for what, c := range map[string]struct {
		params refgrow.ListPayoutsParams
		want   []int
	}{
		"all":             {refgrow.ListPayoutsParams{}, []int{5, 4, 3, 2, 1, 0}},
		"pending":         {refgrow.ListPayoutsParams{Status: refgrow.PayoutPending}, []int{5, 4, 3, 2}},
		"paid":            {refgrow.ListPayoutsParams{Status: refgrow.PayoutPaid}, []int{0}},
		"canceled":        {refgrow.ListPayoutsParams{Status: refgrow.PayoutCanceled}, []int{1}},
		"Jane's":          {refgrow.ListPayoutsParams{AffiliateID: jane.ID}, []int{4, 2, 0}},
		"Joe's canceled":  {refgrow.ListPayoutsParams{AffiliateID: joe.ID, Status: refgrow.PayoutCanceled}, []int{1}},
		"nobody's":        {refgrow.ListPayoutsParams{AffiliateID: 99}, nil},
		"of a run":        {refgrow.ListPayoutsParams{RunID: 2}, []int{3, 2}},
		"Jane's of one":   {refgrow.ListPayoutsParams{RunID: 2, AffiliateID: jane.ID}, []int{2}},
		"Joe's of one":    {refgrow.ListPayoutsParams{RunID: 2, AffiliateID: joe.ID}, []int{3}},
		"the paid of one": {refgrow.ListPayoutsParams{RunID: 1, Status: refgrow.PayoutPaid}, []int{0}},
		"of no run":       {refgrow.ListPayoutsParams{RunID: 99}, nil},
	} {
		c.params.Limit = 1
		var got []int
		for payout, err := range p.Shop.AllPayouts(t.Context(), c.params) {
			p.OK(err)
			got = append(got, slices.IndexFunc(all, func(one refgrow.Payout) bool { return one.ID == payout.ID }))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s are %v, but should be %v", what, got, c.want)
		}
		if n, err := p.Shop.CountPayouts(t.Context(), c.params); err != nil || n != int64(len(c.want)) {
			t.Errorf("%s are counted as %d (%v)", what, n, err)
		}
	}
	_, err = p.Shop.ListPayouts(t.Context(), refgrow.ListPayoutsParams{Status: "late"})
	p.Refused("an unknown status", err, refgrow.ErrInvalid, "status")

	other, err := p.Engine.CreateProject(t.Context(), "other", refgrow.Settings{})
	p.OK(err)
	id := all[5].ID
	for what, call := range map[string]func() error{
		"get":    func() error { _, err := other.GetPayout(t.Context(), id); return err },
		"pay":    func() error { _, err := other.PayPayout(t.Context(), id, refgrow.PayPayoutParams{}); return err },
		"cancel": func() error { _, err := other.CancelPayout(t.Context(), id); return err },
		"entries": func() error {
			_, err := other.ListPayoutEntries(t.Context(), id, refgrow.ListPayoutEntriesParams{})
			return err
		},
	} {
		p.Refused(what+" of another project", call(), refgrow.ErrNotFound, "")
	}
	p.Verify()
}

// Reserved and payable are right as of any instant, too.
func TestReservedAsOf(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 1})
	jane := p.Affiliate("jane")
	var moments []time.Time
	var answers [][]refgrow.Balance
	note := func() {
		p.Clock.Advance(time.Minute)
		moments = append(moments, p.Clock.Now())
		answers = append(answers, p.Earnings(jane))
	}
	old := p.sell(jane, "")
	p.Clock.Advance(25 * time.Hour)
	note()
	held := p.sell(jane, "")
	note()
	p.refund(held, "50.00 USD")
	note()
	first := p.run(refgrow.PayoutRunParams{})
	p.made("with a held sale that was refunded in part", first, "20.00 USD pending")
	note()
	_, err := p.Shop.CancelPayout(t.Context(), first[0].ID)
	p.OK(err)
	note()
	p.refund(old, "10.00 USD")
	second := p.run(refgrow.PayoutRunParams{})
	p.made("with a debt", second, "18.00 USD pending")
	note()
	p.Clock.Advance(25 * time.Hour)
	note()
	p.pay(second[0])
	note()
	p.made("what was held", p.run(refgrow.PayoutRunParams{}), "10.00 USD pending")
	note()
	p.Clock.Advance(1000 * time.Hour)
	for i, at := range moments {
		got := p.Earnings(jane, refgrow.AsOf(at))
		for b := range got { // which an answer without an instant has not
			got[b].ClosedUntil = time.Time{}
		}
		if !reflect.DeepEqual(got, answers[i]) {
			t.Errorf("at moment %d the balance was %+v, and as of it is %+v", i, answers[i], got)
		}
	}
	p.Verify()
}

// A run inside an atomic block is undone with it.
func TestPayoutRunInATransaction(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p := inAppsFile(t, 2, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane := p.Affiliate("jane")
	p.sell(jane, "")
	for _, rollback := range []bool{true, false} {
		err := p.Shop.Atomic(t.Context(), func(shop *refgrow.Project) error {
			made, err := shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})
			p.OK(err)
			p.made("inside", made, "20.00 USD pending")
			_, err = shop.PayPayout(t.Context(), made[0].ID, refgrow.PayPayoutParams{})
			p.OK(err)
			if rollback {
				return refgrow.ErrBusy
			}
			return nil
		})
		if rollback != (err != nil) {
			t.Error(err)
		}
		p.Verify()
	}
	p.balance("in the end", jane, "20.00", "20.00", "0", "0", "0")
}

// A currency in which everything was taken back, but a payout is pending, is shown.
func TestReservedCurrencyIsShown(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	sale := p.Record(shoptest.Earning(jane, money.MustParse("10.00 EUR")))
	p.run(refgrow.PayoutRunParams{Currency: "EUR"})
	p.refund(sale, "")
	balances := p.Earnings(jane)
	if len(balances) != 2 || balances[1].Reserved != money.MustParse("10.00 EUR") ||
		balances[1].Payable != money.MustParse("-10.00 EUR") {
		t.Errorf("the balances are %+v", balances)
	}
}

// What was moved to another affiliate is not paid by a payout to the one who had it.
func TestAPayoutDoesNotPayWhatWasMovedAway(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	p.Record(shoptest.Earning(jane, money.MustParse("50.00 USD")))
	p.Clock.Advance(20 * 24 * time.Hour)
	moved := p.Record(shoptest.Earning(jane, money.MustParse("10.00 USD")))
	p.Update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	for range 2 {
		p.Clock.Advance(20 * 24 * time.Hour)
		for _, made := range p.run(refgrow.PayoutRunParams{}) {
			if made.AffiliateID == jane.ID {
				p.pay(made)
				continue
			}
			_, err := p.Shop.CancelPayout(t.Context(), made.ID)
			p.OK(err)
		}
		if p.found(moved).Paid {
			t.Error("joe was paid nothing, but joe's conversion counts as paid")
		}
		p.Verify()
	}
	// It is Joe's, to be paid by hand or to be moved on.
	p.Update(moved, refgrow.UpdateConversionParams{Paid: new(true)})
	p.Update(moved, refgrow.UpdateConversionParams{Paid: new(false)})
	// Jane was paid nothing of it either.
	p.Update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	p.Update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(p.Affiliate("kim").ID)})
	for _, made := range p.run(refgrow.PayoutRunParams{}) {
		p.pay(made)
	}
	_, err := p.Shop.UpdateConversion(t.Context(), moved.ID, refgrow.UpdateConversionParams{
		AffiliateID: refgrow.Set(jane.ID),
	})
	p.Refused("away from the affiliate it was paid to", err, refgrow.ErrConflict, "affiliate_id")
	p.Verify()
}

func TestClockGoesBackInARun(t *testing.T) {
	t.Parallel()
	p, store := stepped(t)
	p.Record(shoptest.Earning(p.Affiliate("jane"), money.MustParse("50.00 USD")))
	p.Clock.Advance(20 * 24 * time.Hour)
	store.on(func(int) { p.Clock.Advance(-time.Hour) })
	_, err := p.Shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})
	p.OK(err)
	store.on(nil)
	p.Verify()
}

// While the clock is back, what a pending payout reserves is not available by that
// clock, and takes nothing from what is.
func TestPayableWhileTheClockIsBack(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 10})
	jane := p.Affiliate("jane")
	began := p.Clock.Now()
	sale := p.sell(jane, "")
	p.Clock.Set(sale.AvailableAt)
	p.made("the first run", p.run(refgrow.PayoutRunParams{}), "20.00 USD pending")
	p.Clock.Set(began.Add(time.Hour))
	_, err := p.Shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
		AffiliateID: jane.ID, Amount: money.MustParse("15.00 USD"), Note: "a bonus",
	})
	p.OK(err)
	if b := p.Earnings(jane)[0]; b.Payable != money.MustParse("15.00 USD") || b.Reserved != money.MustParse("20.00 USD") {
		t.Errorf("the balance is %+v", b)
	}
	p.made("a run by the clock that is back", p.run(refgrow.PayoutRunParams{}), "15.00 USD pending")
	p.Verify()
}

// A rule whose product comes after any other text is listed like any other.
func TestEveryRuleIsListed(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	rule := p.rule(refgrow.CreateRuleParams{Product: "\U0010FFFFx", Commission: refgrow.Percent("90")})
	page, err := p.Shop.ListRules(t.Context(), refgrow.ListRulesParams{})
	if err != nil || len(page.Items) != 1 || page.Items[0] != *rule {
		t.Errorf("the rules are %+v (%v)", page.Items, err)
	}
}

// What a payout took back of a sale that is still on hold is given again once the refund
// is undone, also when further payouts were made in between.
func TestWhatIsGivenAgainAfterAPayoutTookIt(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30})
	jane := p.Affiliate("jane")
	sale := p.sell(jane, "")
	p.Update(sale, refgrow.UpdateConversionParams{Paid: new(true)})
	p.refund(sale, "")
	p.adjust(jane, "50.00 USD")
	p.made("what the refund leaves", p.run(refgrow.PayoutRunParams{}), "30.00 USD pending")
	p.pay(p.payoutsOf(jane)[0])
	_, err := p.Shop.UndoRefund(t.Context(), sale.ID, refgrow.RefundConversionParams{})
	p.OK(err)
	for range 2 {
		p.adjust(jane, "5.00 USD")
		p.made("the bonus", p.run(refgrow.PayoutRunParams{}), "5.00 USD pending")
		p.pay(p.payoutsOf(jane)[0])
	}
	p.Verify()
	p.Clock.Advance(31 * 24 * time.Hour)
	p.made("what is given again", p.run(refgrow.PayoutRunParams{}), "20.00 USD pending")
	p.Verify()
}

// A payout of a preview was not made at any time, and says so.
func TestPreviewedPayoutAsJSON(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	p.adjust(p.Affiliate("jane"), "5.00 USD")
	preview, err := p.Shop.PreviewPayouts(t.Context(), refgrow.PayoutRunParams{})
	p.OK(err)
	const want = `{"id":null,"affiliate_id":1,"amount":5,"currency":"USD","status":"pending","entry_count":1,` +
		`"cutoff":"2026-01-15T12:00:00.000Z","external_reference":null,"created_at":null,"paid_at":null,` +
		`"canceled_at":null,"returned_at":null,"return_note":null,"run_id":null}`
	if got := string(preview[0].AppendJSON(nil)); got != want {
		t.Errorf("it is\n%s, but should be\n%s", got, want)
	}
}

// What comes back to a sale, of which an earlier payout was canceled and made again and
// another one took a refund, is paid by the next run, also when a run with an earlier
// cut-off went past it.
func TestWhatComesBackAfterCanceledPayouts(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 10})
	ctx := t.Context()
	jane, began := p.Affiliate("jane"), p.Clock.Now()
	sale := p.sell(jane, "")
	p.Clock.Advance(11 * 24 * time.Hour)
	first := p.run(refgrow.PayoutRunParams{})[0]
	p.refund(sale, "")
	p.adjust(jane, "50.00 USD")
	second := p.run(refgrow.PayoutRunParams{})[0]
	p.made("the bonus, less the refund", []refgrow.Payout{second}, "30.00 USD pending")
	_, err := p.Shop.CancelPayout(ctx, first.ID)
	p.OK(err)
	third := p.run(refgrow.PayoutRunParams{})[0]
	p.made("the sale again", []refgrow.Payout{third}, "20.00 USD pending")
	p.pay(second)
	p.pay(third)
	_, err = p.Shop.UndoRefund(ctx, sale.ID, refgrow.RefundConversionParams{})
	p.OK(err)
	// A sale that is told late is available before the cut-off; what came back is not.
	p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("25.00 USD"),
		OccurredAt: began.Add(-6 * 24 * time.Hour),
	})
	early := p.run(refgrow.PayoutRunParams{Cutoff: began.Add(5 * 24 * time.Hour)})
	p.made("until the cut-off", early, "5.00 USD pending")
	p.made("what came back", p.run(refgrow.PayoutRunParams{}), "20.00 USD pending")
	p.Verify()
}
