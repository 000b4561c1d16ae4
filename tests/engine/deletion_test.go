package engine_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

type anyBackend = backend.Backend

// A steppedStore is a store that announces each write before it begins.
type steppedStore struct {
	anyBackend

	mu     sync.Mutex
	writes int
	before func(write int)
}

func (s *steppedStore) Backend() backend.Backend { return s }

func (s *steppedStore) Atomic(ctx context.Context, work backend.Work) error {
	s.mu.Lock()
	before := s.before
	if before != nil {
		s.writes++
	}
	write := s.writes
	s.mu.Unlock()
	if before != nil {
		before(write)
	}
	return s.anyBackend.Atomic(ctx, work)
}

// stepped is a program whose writes can be watched, and which gives up soon when
// somebody else holds the lock.
func stepped(t *testing.T) (*program, *steppedStore) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "refgrow.db")
	database, err := sqlite.Open(t.Context(), path, sqlite.Options{
		Durability: sqlite.Normal, LockWait: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	store := &steppedStore{anyBackend: database.Backend()}
	return programOn(t, store, shoptest.OpenApp(t, path, 2), refgrow.Settings{
		HoldDays: 10, Commission: refgrow.Percent("20"),
	}), store
}

// on starts to announce writes, counted from 1.
func (s *steppedStore) on(before func(write int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes, s.before = 0, before
}

// careerOf gives an affiliate a coupon, and paid conversions of as many customers, each
// with two entries.
func (p *program) careerOf(a *refgrow.Affiliate, conversions int) {
	p.Helper()
	p.Coupon(refgrow.CreateCouponParams{AffiliateID: a.ID, Code: fmt.Sprint("coupon-", a.ID)})
	p.OK(p.Shop.Atomic(p.Context(), func(shop *refgrow.Project) error {
		for n := range conversions {
			if _, err := shop.RecordConversion(p.Context(), refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: a.ID, BaseValue: money.MustParse("10.00 USD"), Paid: true,
				Customer: refgrow.Customer{ExternalID: fmt.Sprint("u", n)},
			}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// rowsOf counts everything that names an affiliate, except the line that remains.
func (p *program) rowsOf(a *refgrow.Affiliate) (n int) {
	p.Helper()
	for _, table := range []string{
		"codes", "coupons", "referrals", "conversions", "ledger_entries", "accounts", "commission_rules",
	} {
		n += p.Count("SELECT COUNT(*) FROM refgrow_"+table+" WHERE affiliate_id = ?", a.ID)
	}
	return n + p.Count("SELECT COUNT(*) FROM refgrow_affiliates WHERE id = ?", a.ID)
}

// A deletion whose later steps cannot be done is done nevertheless: nothing shows the
// affiliate, nothing is wrong in the meantime, and the rest goes as soon as it can.
func TestDeletionThatHasToWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		conversions, locked int // locked is the write before which somebody takes the lock
		resume              func(p *program, store refgrow.Store) error
	}{
		"before its first step, until the upkeep":      {20, 2, upkeep},
		"after its first step, until the upkeep":       {600, 3, upkeep},
		"before its first step, until the next engine": {20, 2, nextEngine},
		"after its first step, until the next engine":  {600, 3, nextEngine},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, store := stepped(t)
			jane, joe, other := p.Affiliate("jane"), p.Affiliate("joe"), p.Affiliate("other")
			p.careerOf(jane, c.conversions)
			p.Record(refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: joe.ID, BaseValue: money.MustParse("10.00 USD"),
				Customer: refgrow.Customer{ExternalID: "u0"},
			})
			var lock *sql.Tx
			store.on(func(write int) {
				if write == c.locked {
					lock = p.lock()
				}
			})
			p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
			store.on(nil)
			if lock == nil {
				t.Fatal("the deletion did not come as far as the lock")
			}
			left := p.rowsOf(jane)
			// A conversion has a customer and two entries.
			if all := 1 + 4*c.conversions; left == 0 || (left == all) != (c.locked == 2) {
				t.Errorf("%d of %d rows are left", left, all)
			}
			p.hidden(jane)
			p.Verify()
			p.OK(lock.Rollback())
			if now := p.rowsOf(jane); now != left {
				t.Errorf("%d rows are left, and %d after nothing but the end of the lock", left, now)
			}
			p.Verify()

			// Another deletion is none of its business.
			p.OK(p.Shop.DeleteAffiliate(t.Context(), other.ID))
			if now := p.rowsOf(jane); now != left {
				t.Errorf("%d rows are left, and %d after the deletion of another affiliate", left, now)
			}
			p.OK(c.resume(p, store))
			if left := p.rowsOf(jane); left != 0 {
				t.Errorf("%d rows were not removed", left)
			}
			p.hidden(jane)
			p.Verify()
			if n, err := p.Shop.CountConversions(t.Context(), refgrow.ListConversionsParams{}); n != 1 || err != nil {
				t.Errorf("there are %d conversions (%v)", n, err)
			}
			if n := p.Count("SELECT COUNT(*) FROM refgrow_deletions WHERE affiliate_id = ?", jane.ID); n != 1 {
				t.Errorf("%d lines remain of the affiliate", n)
			}
		})
	}
}

func upkeep(p *program, _ refgrow.Store) error { return p.Engine.Upkeep(p.Context()) }

func nextEngine(p *program, store refgrow.Store) error {
	refgrowtest.On(p.T, store)
	return nil
}

// lock takes the database's write lock, as another process would.
func (p *program) lock() *sql.Tx {
	p.Helper()
	tx, err := p.App.BeginTx(p.Context(), nil)
	p.OK(err)
	return tx
}

// hidden checks that nobody can see an affiliate, and that its names are free.
func (p *program) hidden(a *refgrow.Affiliate) {
	p.Helper()
	ctx := p.Context()
	_, err := p.Shop.GetAffiliate(ctx, a.ID)
	p.Refused("the affiliate", err, refgrow.ErrNotFound, "")
	_, err = p.Shop.AffiliateByCode(ctx, a.ReferralCode)
	p.Refused("the affiliate by its code", err, refgrow.ErrNotFound, "")
	_, err = p.Shop.Earnings(ctx, a.ID)
	p.Refused("its earnings", err, refgrow.ErrNotFound, "")
	for shown, err := range p.Shop.AllAffiliates(ctx, refgrow.ListAffiliatesParams{}) {
		p.OK(err)
		if shown.ID == a.ID {
			p.Errorf("the list shows %+v", shown)
		}
	}
	for coupon, err := range p.Shop.AllCoupons(ctx, refgrow.ListCouponsParams{}) {
		p.OK(err)
		if coupon.AffiliateID == a.ID {
			p.Errorf("there is the coupon %+v", coupon)
		}
	}
}

// As long as no part of a deletion is done, it is refused, and may be repeated.
func TestDeletionThatCannotBegin(t *testing.T) {
	t.Parallel()
	p, store := stepped(t)
	jane := p.Affiliate("jane")
	p.careerOf(jane, 3)
	before := p.rowsOf(jane)
	var lock *sql.Tx
	store.on(func(int) { lock = p.lock() })
	p.Refused("the deletion", p.Shop.DeleteAffiliate(t.Context(), jane.ID), refgrow.ErrBusy, "")
	store.on(nil)
	p.OK(lock.Rollback())
	if _, err := p.Shop.GetAffiliate(t.Context(), jane.ID); err != nil || p.rowsOf(jane) != before {
		t.Errorf("%d of %d rows are left (%v)", p.rowsOf(jane), before, err)
	}
	p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
	if left := p.rowsOf(jane); left != 0 {
		t.Errorf("%d rows are left", left)
	}
	p.Refused("the deletion again", p.Shop.DeleteAffiliate(t.Context(), jane.ID), refgrow.ErrNotFound, "")
	p.Verify()
}

// A deletion that has begun is finished even if the caller does not wait for it.
func TestDeletionOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	for _, write := range []int{2, 3} {
		t.Run(fmt.Sprint("write ", write), func(t *testing.T) {
			t.Parallel()
			p, store := stepped(t)
			jane := p.Affiliate("jane")
			p.careerOf(jane, 260) // 520 entries: two steps
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			store.on(func(n int) {
				if n == write {
					cancel()
				}
			})
			p.OK(p.Shop.DeleteAffiliate(ctx, jane.ID))
			if left := p.rowsOf(jane); ctx.Err() == nil || left != 0 {
				t.Errorf("%d rows are left (%v)", left, ctx.Err())
			}
			p.Verify()
		})
	}
}

// In a transaction of the app's, all of a deletion is done, or nothing.
func TestDeletionInATransaction(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	p := inAppsFile(t, 2, refgrow.Settings{})
	jane := p.Affiliate("jane")
	p.careerOf(jane, 260) // 520 entries: two steps
	before := p.rowsOf(jane)
	tx := p.lock()
	p.OK(p.Shop.WithTx(tx).DeleteAffiliate(t.Context(), jane.ID))
	p.OK(tx.Rollback())
	if left := p.rowsOf(jane); left != before {
		t.Errorf("%d of %d rows are left after the rollback", left, before)
	}
	p.Verify()
	p.OK(p.withTx(func(shop *refgrow.Project) error { return shop.DeleteAffiliate(t.Context(), jane.ID) }))
	if left := p.rowsOf(jane); left != 0 {
		t.Errorf("%d rows are left after the commit", left)
	}
	p.Verify()
}

// An affiliate that is still being deleted, with some of the entries of its payouts
// gone, is not a difference either.
func TestVerifyOfADeletionWithPayouts(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	p, store := stepped(t)
	jane := p.Affiliate("jane")
	p.careerOf(jane, 600)
	for _, value := range []string{"5.00 USD", "6.00 USD"} { // the last entries of the ledger
		p.Record(shoptest.Earning(jane, money.MustParse(value)))
	}
	p.Clock.Advance(10 * 24 * time.Hour)
	made, err := p.Shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})
	p.OK(err)
	_, err = p.Shop.PayPayout(t.Context(), made[0].ID, refgrow.PayPayoutParams{})
	p.OK(err)
	p.Verify()

	steps := 0
	store.on(func(write int) {
		steps = write
		p.Verify()
	})
	p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
	store.on(nil)
	if steps < 4 {
		t.Errorf("the deletion took %d steps", steps)
	}
	p.Verify()
	if n := p.Count("SELECT COUNT(*) FROM refgrow_payouts") +
		p.Count("SELECT COUNT(*) FROM refgrow_payout_entries"); n != 0 {
		t.Errorf("%d rows of payouts are left", n)
	}
}
