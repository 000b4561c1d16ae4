package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// manyAffiliates makes n more affiliates of the project "shop". Their ids begin with 1
// and have no gaps.
func (p *commandLine) manyAffiliates(n int64) {
	p.t.Helper()
	p.inShop(func(shop *refgrow.Project) {
		before, err := shop.CountAffiliates(p.t.Context(), refgrow.ListAffiliatesParams{})
		if err != nil {
			p.t.Fatal(err)
		}
		if err := shop.Atomic(p.t.Context(), func(shop *refgrow.Project) error {
			for id := before + 1; id <= before+n; id++ {
				email := fmt.Sprintf("a%d@example.com", id)
				_, err := shop.CreateAffiliate(p.t.Context(), refgrow.CreateAffiliateParams{Email: email})
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			p.t.Fatal(err)
		}
	})
}

// manySales gives each affiliate of the project "shop" 10.00 plus a cent for each unit
// of its id, and takes 1.00 away: two ledger entries.
func (p *commandLine) manySales() {
	p.t.Helper()
	p.inShop(func(shop *refgrow.Project) {
		affiliates, err := shop.CountAffiliates(p.t.Context(), refgrow.ListAffiliatesParams{})
		if err != nil {
			p.t.Fatal(err)
		}
		if err := shop.Atomic(p.t.Context(), func(shop *refgrow.Project) error {
			for id := int64(1); id <= affiliates; id++ {
				p.sale(shop, id, money.New(1000+id, money.USD).String(), time.Time{})
				if _, err := shop.CreateAdjustment(p.t.Context(), refgrow.CreateAdjustmentParams{
					AffiliateID: id, Amount: money.New(-100, money.USD), Note: "for the stickers",
				}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			p.t.Fatal(err)
		}
	})
}

// runPayouts starts "refgrow payout run" as a process. The function that it returns
// waits for its end.
func (p *commandLine) runPayouts() (ended func() []payoutJSON) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), os.Args[0], "payout", "run", "--json", "--db", p.db)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return func() []payoutJSON {
		p.t.Helper()
		if err := cmd.Wait(); err != nil {
			p.t.Fatalf("%v: %s", err, &stderr)
		}
		return decode[[]payoutJSON](p.t, stdout.String())
	}
}

// Two processes that run payouts at once make each payout once.
func TestPayoutRunsTogether(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("is long, and about two processes, between which the race detector sees nothing")
	}
	p := setup(t)
	p.must("project", "create", "shop")
	const (
		more         = 200
		fewestRounds = 3
		mostRounds   = 30
	)
	affiliates, payouts, total, together := 0, 0, int64(0), 0
	for round := 1; round <= fewestRounds || together == 0; round++ {
		if round > mostRounds {
			t.Fatal("one of the two always made all payouts")
		}
		// One of them may finish before the other has begun. So there is more to do in
		// each round, until both have had a share in it.
		if together == 0 {
			p.manyAffiliates(more)
			affiliates += more
		}
		p.manySales()
		first, second := p.runPayouts(), p.runPayouts()
		ones, others := first(), second()
		t.Logf("round %d: the two made %d and %d payouts", round, len(ones), len(others))
		if len(ones) > 0 && len(others) > 0 {
			together++
		}

		made := make(map[int64]bool)
		for _, payout := range append(ones, others...) {
			if made[payout.AffiliateID] {
				t.Errorf("affiliate %d has two payouts", payout.AffiliateID)
			}
			made[payout.AffiliateID] = true
			want := money.New(900+payout.AffiliateID, money.USD)
			if payout.Amount != want.Decimal() || payout.EntryCount != 2 {
				t.Errorf("affiliate %d is paid %s, in %d entries", payout.AffiliateID, payout.Amount, payout.EntryCount)
			}
			total += want.Minor()
		}
		if len(made) != affiliates {
			t.Errorf("%d of %d affiliates have a payout", len(made), affiliates)
		}
		payouts += affiliates
		if third := p.runPayouts()(); len(third) != 0 {
			t.Errorf("a third run made %d payouts", len(third))
		}
	}
	p.eachEntryOnce(total, payouts)
	p.must("verify")
}

// eachEntryOnce checks that there are n payouts, of total cents together, and that
// every ledger entry is in exactly one.
func (p *commandLine) eachEntryOnce(total int64, n int) {
	p.t.Helper()
	p.inShop(func(shop *refgrow.Project) {
		sum, payouts := int64(0), 0
		in := make(map[int64]int64) // the payout of an entry
		for payout, err := range shop.AllPayouts(p.t.Context(), refgrow.ListPayoutsParams{Limit: refgrow.MaxLimit}) {
			if err != nil {
				p.t.Fatal(err)
			}
			payouts++
			sum += payout.Amount.Minor()
			entries := int64(0)
			for entry, err := range shop.AllPayoutEntries(p.t.Context(), payout.ID, refgrow.ListPayoutEntriesParams{}) {
				if err != nil {
					p.t.Fatal(err)
				}
				if other, twice := in[entry.ID]; twice {
					p.t.Errorf("entry %d is in the payouts %d and %d", entry.ID, other, payout.ID)
				}
				in[entry.ID] = payout.ID
				entries += entry.Amount.Minor()
			}
			if entries != payout.Amount.Minor() {
				p.t.Errorf("payout %d of %v has entries of %d cents", payout.ID, payout.Amount, entries)
			}
		}
		if sum != total || payouts != n || len(in) != 2*n {
			p.t.Errorf("%d payouts of %d cents, with %d entries, want %d of %d", payouts, sum, len(in), n, total)
		}
	})
}
