package books_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// TestBooksTogether lets operations that succeed, that are refused before they
// write anything, and that are refused after they have, commit together: each of
// the last kind makes its whole batch run again, and must leave nothing behind.
func TestBooksTogether(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	engine, _ := refgrowtest.New(t)
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{HoldDays: 7})
	if err != nil {
		t.Fatal(err)
	}
	join := func(name string) int64 {
		a, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: name + "@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		return a.ID
	}
	sale := func(affiliate int64, value money.Amount, reference string) refgrow.RecordConversionParams {
		return refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: affiliate, BaseValue: value, Value: value, Reference: reference,
			Customer: refgrow.Customer{ExternalID: reference},
		}
	}
	// A thousand of the largest amounts are the largest balance.
	rich, other := join("rich"), join("other")
	const full = money.MaxBalance / money.MaxMinor
	if err := shop.Atomic(ctx, func(p *refgrow.Project) error {
		for range full {
			if _, err := p.RecordConversion(ctx, sale(rich, money.New(money.MaxMinor, money.USD), "")); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	const callers, each = 8, 12
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				reference := fmt.Sprintf("order-%d-%d", caller, i)
				made, err := shop.RecordConversion(ctx, sale(other, money.New(5, money.USD), reference))
				if err != nil {
					t.Error(err)
					return
				}
				_, err = shop.RecordConversion(ctx, sale(rich, money.New(1, money.USD), reference+"-too-much"))
				if !errors.Is(err, refgrow.ErrInvalid) {
					t.Errorf("a balance beyond the largest returned %v", err)
				}
				_, err = shop.RecordConversion(ctx, sale(other, money.New(1, money.USD), reference))
				if !errors.Is(err, refgrow.ErrConflict) {
					t.Errorf("a reference that is already taken returned %v", err)
				}
				if _, err := shop.UpdateConversion(ctx, made.ID, refgrow.UpdateConversionParams{Paid: new(true)}); err != nil {
					t.Error(err)
				}
				if i%2 == 0 {
					continue
				}
				if err := shop.DeleteConversion(ctx, made.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()

	left := int64(callers * each / 2)
	for _, c := range []struct {
		affiliate   int64
		purchases   int64
		total, paid int64
	}{{rich, full, money.MaxBalance, 0}, {other, left, 5 * left, 5 * callers * each}} {
		got, err := shop.GetAffiliate(ctx, c.affiliate)
		if err != nil {
			t.Fatal(err)
		}
		b := got.Earnings[0]
		if got.Purchases != c.purchases || b.Total.Minor() != c.total || b.Paid.Minor() != c.paid {
			t.Errorf("%s has %d purchases and %s, but should have %d, %d earned and %d paid",
				got.Email, got.Purchases, showBalance(b), c.purchases, c.total, c.paid)
		}
	}
	conversions, err := shop.CountConversions(ctx, refgrow.ListConversionsParams{})
	if err != nil || conversions != full+left {
		t.Errorf("%d conversions are counted, but there should be %d: %v", conversions, full+left, err)
	}
	// The customer of a refused sale never existed; that of a deleted one stays.
	customers, err := shop.CountReferrals(ctx, refgrow.ListReferralsParams{})
	if err != nil || customers != callers*each {
		t.Errorf("%d customers are counted, but there should be %d: %v", customers, callers*each, err)
	}
	report, err := engine.Verify(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range report.Differences {
		t.Errorf("Verify: %v", d)
	}
}
