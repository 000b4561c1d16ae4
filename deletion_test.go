package refgrow_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

type anyBackend = backend.Backend

// A steppedStore is a store that tells of each write before it begins.
type steppedStore struct {
	anyBackend
	writes int
	before func(write int)
}

func (s *steppedStore) Backend() backend.Backend { return s }

func (s *steppedStore) Atomic(ctx context.Context, work backend.Work) error {
	if s.before != nil {
		s.writes++
		s.before(s.writes)
	}
	return s.anyBackend.Atomic(ctx, work)
}

// stepped is a program whose writes can be watched, and which gives up soon when
// somebody else holds the lock.
func stepped(t *testing.T) (*program, *steppedStore) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "refgrow.db")
	database, err := sqlite.Open(t.Context(), path, sqlite.Options{Durability: sqlite.Normal, LockWait: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	store := &steppedStore{anyBackend: database.Backend()}
	return programOn(t, store, openApp(t, path, 2), refgrow.Settings{HoldDays: 10, Commission: refgrow.Percent("20")}), store
}

// on starts to tell of writes, counted from 1.
func (s *steppedStore) on(before func(write int)) { s.writes, s.before = 0, before }

// careerOf gives an affiliate paid conversions of as many customers, each with two
// entries.
func (p *program) careerOf(a *refgrow.Affiliate, conversions int) {
	p.Helper()
	p.coupon(refgrow.CreateCouponParams{AffiliateID: a.ID, Code: fmt.Sprint("coupon-", a.ID)})
	p.ok(p.shop.Atomic(p.Context(), func(shop *refgrow.Project) error {
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

// rowsOf counts everything that names an affiliate, but for the line that remains.
func (p *program) rowsOf(a *refgrow.Affiliate) (n int) {
	p.Helper()
	for _, table := range []string{"codes", "coupons", "referrals", "conversions", "ledger_entries", "accounts", "commission_rules"} {
		n += p.count("SELECT COUNT(*) FROM refgrow_"+table+" WHERE affiliate_id = ?", a.ID)
	}
	return n + p.count("SELECT COUNT(*) FROM refgrow_affiliates WHERE id = ?", a.ID)
}

// A deletion whose later steps cannot be done is done all the same: nothing shows
// the affiliate, nothing is wrong meanwhile, and the rest goes as soon as it can.
func TestDeletionThatHasToWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		conversions, locked int // locked is the write before which somebody takes the lock
		resume              func(p *program, store refgrow.Store, other *refgrow.Affiliate) error
	}{
		"before its first step, until the next deletion": {20, 2, deleteAnother},
		"after its first step, until the next deletion":  {600, 3, deleteAnother},
		"before its first step, until the next engine":   {20, 2, nextEngine},
		"after its first step, until the next engine":    {600, 3, nextEngine},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, store := stepped(t)
			jane, joe, other := p.affiliate("jane"), p.affiliate("joe"), p.affiliate("other")
			p.careerOf(jane, c.conversions)
			p.record(refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: joe.ID, BaseValue: money.MustParse("10.00 USD"), Customer: refgrow.Customer{ExternalID: "u0"},
			})
			var lock *sql.Tx
			store.on(func(write int) {
				if write == c.locked {
					lock = p.lock()
				}
			})
			p.ok(p.shop.DeleteAffiliate(t.Context(), jane.ID))
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
			p.verify()
			p.ok(lock.Rollback())
			if now := p.rowsOf(jane); now != left {
				t.Errorf("%d rows are left, and %d after nothing but the end of the lock", left, now)
			}
			p.verify()

			p.ok(c.resume(p, store, other))
			if left := p.rowsOf(jane); left != 0 {
				t.Errorf("%d rows were not removed", left)
			}
			p.hidden(jane)
			p.verify()
			if n, err := p.shop.CountConversions(t.Context(), refgrow.ListConversionsParams{}); n != 1 || err != nil {
				t.Errorf("there are %d conversions (%v)", n, err)
			}
			if n := p.count("SELECT COUNT(*) FROM refgrow_deletions WHERE affiliate_id = ?", jane.ID); n != 1 {
				t.Errorf("%d lines remain of the affiliate", n)
			}
		})
	}
}

func deleteAnother(p *program, _ refgrow.Store, other *refgrow.Affiliate) error {
	return p.shop.DeleteAffiliate(p.Context(), other.ID)
}

func nextEngine(p *program, store refgrow.Store, _ *refgrow.Affiliate) error {
	refgrowtest.On(p.T, store)
	return nil
}

// lock takes the database's write lock, as another process would.
func (p *program) lock() *sql.Tx {
	p.Helper()
	tx, err := p.app.BeginTx(p.Context(), nil)
	p.ok(err)
	return tx
}

// hidden checks that an affiliate is there for nobody, and its names are free.
func (p *program) hidden(a *refgrow.Affiliate) {
	p.Helper()
	ctx := p.Context()
	_, err := p.shop.GetAffiliate(ctx, a.ID)
	p.refused("the affiliate", err, refgrow.ErrNotFound, "")
	_, err = p.shop.AffiliateByCode(ctx, a.ReferralCode)
	p.refused("the affiliate by its code", err, refgrow.ErrNotFound, "")
	_, err = p.shop.Earnings(ctx, a.ID)
	p.refused("its earnings", err, refgrow.ErrNotFound, "")
	for shown, err := range p.shop.AllAffiliates(ctx, refgrow.ListAffiliatesParams{}) {
		p.ok(err)
		if shown.ID == a.ID {
			p.Errorf("the list shows %+v", shown)
		}
	}
	for coupon, err := range p.shop.AllCoupons(ctx, refgrow.ListCouponsParams{}) {
		p.ok(err)
		if coupon.AffiliateID == a.ID {
			p.Errorf("there is the coupon %+v", coupon)
		}
	}
}

// As long as nothing of a deletion is done, it is refused, and may be repeated.
func TestDeletionThatCannotBegin(t *testing.T) {
	t.Parallel()
	p, store := stepped(t)
	jane := p.affiliate("jane")
	p.careerOf(jane, 3)
	before := p.rowsOf(jane)
	var lock *sql.Tx
	store.on(func(int) { lock = p.lock() })
	p.refused("the deletion", p.shop.DeleteAffiliate(t.Context(), jane.ID), refgrow.ErrBusy, "")
	store.on(nil)
	p.ok(lock.Rollback())
	if _, err := p.shop.GetAffiliate(t.Context(), jane.ID); err != nil || p.rowsOf(jane) != before {
		t.Errorf("%d of %d rows are left (%v)", p.rowsOf(jane), before, err)
	}
	p.ok(p.shop.DeleteAffiliate(t.Context(), jane.ID))
	if left := p.rowsOf(jane); left != 0 {
		t.Errorf("%d rows are left", left)
	}
	p.refused("the deletion again", p.shop.DeleteAffiliate(t.Context(), jane.ID), refgrow.ErrNotFound, "")
	p.verify()
}

// Who does not wait for a deletion that has begun gets it done all the same.
func TestDeletionOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	for _, write := range []int{2, 3} {
		t.Run(fmt.Sprint("write ", write), func(t *testing.T) {
			t.Parallel()
			p, store := stepped(t)
			jane := p.affiliate("jane")
			p.careerOf(jane, 260) // 520 entries: two steps
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			store.on(func(n int) {
				if n == write {
					cancel()
				}
			})
			p.ok(p.shop.DeleteAffiliate(ctx, jane.ID))
			if left := p.rowsOf(jane); ctx.Err() == nil || left != 0 {
				t.Errorf("%d rows are left (%v)", left, ctx.Err())
			}
			p.verify()
		})
	}
}

// In a transaction of the app's, all of a deletion is done, or nothing.
func TestDeletionInATransaction(t *testing.T) {
	single(t)
	t.Parallel()
	p := inAppsFile(t, 2, refgrow.Settings{})
	jane := p.affiliate("jane")
	p.careerOf(jane, 260) // 520 entries: two steps
	before := p.rowsOf(jane)
	tx := p.lock()
	p.ok(p.shop.WithTx(tx).DeleteAffiliate(t.Context(), jane.ID))
	p.ok(tx.Rollback())
	if left := p.rowsOf(jane); left != before {
		t.Errorf("%d of %d rows are left after the rollback", left, before)
	}
	p.verify()
	p.ok(p.withTx(func(shop *refgrow.Project) error { return shop.DeleteAffiliate(t.Context(), jane.ID) }))
	if left := p.rowsOf(jane); left != 0 {
		t.Errorf("%d rows are left after the commit", left)
	}
	p.verify()
}

// A byte that makes an affiliate look as if it were being deleted does not take its
// books away: a deletion that was begun has taken its accounts.
func TestDamageIsNoDeletion(t *testing.T) {
	single(t)
	t.Parallel()
	p := copyOf(t, damageable(t))
	before := p.count("SELECT COUNT(*) FROM refgrow_ledger_entries")
	p.exec("UPDATE refgrow_affiliates SET deleted_at = 0 WHERE id = 5")
	var log bytes.Buffer
	engine, err := refgrow.New(t.Context(), refgrow.SQLite(p.app), refgrow.Config{Now: p.clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	p.ok(err)
	p.engine = engine
	if now := p.count("SELECT COUNT(*) FROM refgrow_ledger_entries"); now != before {
		t.Errorf("%d ledger entries are left of %d", now, before)
	}
	if !strings.Contains(log.String(), "affiliate 5 has its accounts") {
		t.Errorf("the log has %s", &log)
	}
	p.names("project totals: active affiliates")
	// Others can be deleted all the same.
	p.shop, err = engine.Project(t.Context(), "shop")
	p.ok(err)
	p.ok(p.shop.DeleteAffiliate(t.Context(), 8))
	if n := p.count("SELECT COUNT(*) FROM refgrow_affiliates WHERE id = 8"); n != 0 {
		t.Error("the other affiliate is still there")
	}
}
