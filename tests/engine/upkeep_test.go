package engine_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// Accounts that nothing is posted to take in what has become available, so that reads
// no longer have to add it up; what they say stays the same.
func TestUpkeepRollsAccountsForward(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30, Commission: refgrow.Percent("20")})
	const affiliates = 450 // more than two transactions roll
	sale := func(id int64, value string) {
		t.Helper()
		p.Record(refgrow.RecordConversionParams{Type: refgrow.Purchase, AffiliateID: id, BaseValue: money.MustParse(value)})
	}
	var ids []int64
	for i := range affiliates {
		a := p.Affiliate(fmt.Sprint("partner", i))
		ids = append(ids, a.ID)
		sale(a.ID, "100.00 USD")
	}
	sale(ids[7], "10.00 EUR")
	p.Clock.Advance(24 * time.Hour)
	sale(ids[8], "50.00 USD") // is released a day later
	p.Clock.Advance(29*24*time.Hour - time.Millisecond)

	waiting := func() int {
		return p.Count("SELECT COUNT(*) FROM refgrow_accounts WHERE next_release_at <= ?", p.Clock.Now().UnixMilli())
	}
	p.OK(p.Engine.Upkeep(ctx))
	if n := p.Count("SELECT COUNT(*) FROM refgrow_accounts WHERE rolled_to = ?", p.Clock.Now().UnixMilli()); n != 0 ||
		waiting() != 0 {
		t.Errorf("%d accounts were rolled before anything was due", n)
	}
	p.Clock.Advance(time.Millisecond)
	if n := waiting(); n != affiliates+1 {
		t.Fatalf("%d accounts wait", n)
	}
	balances := func() (all [][]refgrow.Balance) {
		t.Helper()
		for _, id := range ids {
			earned, err := p.Shop.Earnings(ctx, id)
			p.OK(err)
			all = append(all, earned)
		}
		return all
	}
	before := balances()
	p.OK(p.Shop.DeleteAffiliate(ctx, ids[0]))
	ids, before = ids[1:], before[1:]
	p.OK(p.Engine.Upkeep(ctx))
	if after := balances(); !reflect.DeepEqual(after, before) {
		t.Errorf("the balances were\n%v, and are\n%v", before, after)
	}
	if n := waiting(); n != 0 {
		t.Errorf("%d accounts still wait", n)
	}
	if n := p.Count("SELECT COUNT(*) FROM refgrow_accounts WHERE next_release_at IS NOT NULL"); n != 1 {
		t.Errorf("%d accounts have something held, but one should", n)
	}
	p.Verify()

	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.Engine.Upkeep(over); !errors.Is(err, context.Canceled) {
		t.Errorf("an upkeep that nobody waits for returned %v", err)
	}
}
