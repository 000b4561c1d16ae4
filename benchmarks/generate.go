package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/benchmarks/population"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// together is how many operations a generator does at one reading of its clock, and
// callers how many of them concurrently.
const (
	together = 1000
	callers  = 128
)

// A generator lives through the year of a world with an engine whose clock it sets.
type generator struct {
	world *population.World
	shop  *refgrow.Project
	clock atomic.Int64 // Unix milliseconds
	ids   []int64      // of the conversions, in the order of their purchases
	log   func(format string, args ...any)
}

// generate makes the database of a world in a new file, through the public API
// alone.
func generate(ctx context.Context, world *population.World, file string,
	log func(format string, args ...any)) (err error) {
	// After a power cut here one generates again; a long log means few checkpoints.
	db, err := sqlite.Open(ctx, file, sqlite.Options{
		Durability: sqlite.Normal, CheckpointPages: 64_000, CacheKiB: 128 << 10,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	g := &generator{world: world, log: log}
	g.at(population.Start.AddDate(0, 0, -8))
	engine, err := refgrow.New(ctx, db, refgrow.Config{Now: func() time.Time { return time.UnixMilli(g.clock.Load()) }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close(ctx)) }()
	g.shop, err = engine.CreateProject(ctx, projectName, refgrow.Settings{
		Commission: refgrow.Percent(fmt.Sprint(population.CommissionPercent)), HoldDays: population.HoldDays,
	})
	if err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{{"affiliates", g.affiliates}, {"customers", g.customers}, {"the year", g.year}, {"the end", g.finish}} {
		begun := time.Now()
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("generating %s: %w", step.what, err)
		}
		log("%-12s %8.1f s", step.what, time.Since(begun).Seconds())
	}
	return nil
}

func (g *generator) at(t time.Time) { g.clock.Store(t.UnixMilli()) }

// batches runs n operations in their order, some in each transaction.
func (g *generator) batches(ctx context.Context, n int, do func(p *refgrow.Project, i int) error) error {
	for begin := 0; begin < n; begin += together {
		err := g.shop.Atomic(ctx, func(p *refgrow.Project) error {
			for i := begin; i < min(begin+together, n); i++ {
				if err := do(p, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *generator) affiliates(ctx context.Context) error {
	return g.batches(ctx, g.world.Affiliates, func(p *refgrow.Project, i int) error {
		rank := g.world.Affiliates - 1 - i
		g.at(g.world.AppliedAt(rank))
		a, err := p.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
			Email: population.AffiliateEmail(rank), ReferralCode: population.Code(rank),
		})
		if err == nil && a.ID != affiliateID(g.world, rank) {
			err = fmt.Errorf("affiliate %d has the id %d", rank, a.ID)
		}
		return err
	})
}

// sideBySide runs n operations from many goroutines, so that those that coincide commit
// together. It is faster than one transaction made of savepoints, but the order in
// which they get their ids differs each time. The clock stands still meanwhile.
func (g *generator) sideBySide(n int, do func(i int) error) error {
	var next atomic.Int64
	failures := make([]error, callers)
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failures[c] == nil; i = int(next.Add(1)) - 1 {
				failures[c] = do(i)
			}
		})
	}
	group.Wait()
	return errors.Join(failures...)
}

// customers are all known as buyers from the beginning, so that a purchase costs
// the same in an empty shop and in one with a history.
func (g *generator) customers(ctx context.Context) error {
	for begin := 0; begin < g.world.Customers; begin += together {
		n := min(together, g.world.Customers-begin)
		g.at(g.world.JoinedAt(begin))
		err := g.sideBySide(n, func(i int) error {
			i += begin
			params := refgrow.CreateReferralParams{Email: population.CustomerEmail(i), Status: refgrow.ReferralConverted}
			if rank := g.world.AffiliateOf(i); rank != population.Nobody {
				params.AffiliateID = affiliateID(g.world, rank)
			}
			_, err := g.shop.CreateReferral(ctx, params)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// year records the history, with a run of payouts every quarter.
func (g *generator) year(ctx context.Context) error {
	g.ids = make([]int64, g.world.Conversions)
	events := make([]population.Event, 0, together)
	quarter := 1
	for e := range g.world.History() {
		if e.At.After(population.Start.AddDate(0, 3*quarter, 0)) {
			if err := g.record(ctx, events); err != nil {
				return err
			}
			events = events[:0]
			if err := g.payOut(ctx, quarter); err != nil {
				return err
			}
			quarter++
		}
		if events = append(events, e); len(events) == together {
			if err := g.record(ctx, events); err != nil {
				return err
			}
			events = events[:0]
			if done := e.Number + 1; done*10/g.world.Conversions != (done-together)*10/g.world.Conversions {
				g.log("%9d of %d conversions", done, g.world.Conversions)
			}
		}
	}
	return g.record(ctx, events)
}

// record does some events that follow each other: the purchases, and then the
// refunds.
func (g *generator) record(ctx context.Context, events []population.Event) error {
	if len(events) == 0 {
		return nil
	}
	g.at(events[len(events)-1].At)
	err := g.sideBySide(len(events), func(i int) error {
		e := events[i]
		if e.Refunded > 0 {
			return nil
		}
		params := recordParams(e.Purchase, fmt.Sprintf("past_%d", e.Number), population.CustomerEmail(e.Customer))
		params.OccurredAt = e.At
		c, err := g.shop.RecordConversion(ctx, params)
		if err == nil {
			g.ids[e.Number] = c.ID
		}
		return err
	})
	if err != nil {
		return err
	}
	refunds := slices.DeleteFunc(events, func(e population.Event) bool { return e.Refunded == 0 })
	return g.sideBySide(len(refunds), func(i int) error {
		e := refunds[i]
		_, err := g.shop.RefundConversion(ctx, g.ids[e.Number], refgrow.RefundConversionParams{
			Amount: money.New(e.Refunded, money.Currency(e.Currency)), Reason: "returned",
		})
		return err
	})
}

// payOut pays everybody who has earned a hundred by now; half of the last run is still
// pending at the end.
func (g *generator) payOut(ctx context.Context, quarter int) error {
	for _, currency := range []money.Currency{money.USD, money.EUR} {
		var made []refgrow.Payout
		err := g.shop.Atomic(ctx, func(p *refgrow.Project) (err error) {
			made, err = p.RunPayouts(ctx, refgrow.PayoutRunParams{Currency: currency, Minimum: money.New(10_000, currency)})
			if quarter == 3 {
				made = made[:len(made)/2]
			}
			return err
		})
		if err != nil {
			return err
		}
		err = g.batches(ctx, len(made), func(p *refgrow.Project, i int) error {
			_, err := p.PayPayout(ctx, made[i].ID, refgrow.PayPayoutParams{
				ExternalReference: fmt.Sprintf("transfer_%d", made[i].ID),
			})
			return err
		})
		if err != nil {
			return err
		}
		g.log("%9d payouts in %s", len(made), currency)
	}
	return nil
}

// finish adds the endpoint of a webhook, so that from now on every change also goes
// into the outbox, and sets the clock to the end of the year.
func (g *generator) finish(ctx context.Context) error {
	g.at(population.End)
	_, err := g.shop.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: "https://example.com/webhook"})
	return err
}

// verify checks the books of a file.
func verify(ctx context.Context, file string) (err error) {
	db, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	engine, err := refgrow.New(ctx, db, refgrow.Config{Now: func() time.Time { return population.End }})
	if err != nil {
		return err
	}
	report, err := engine.Verify(ctx)
	if err != nil {
		return err
	}
	if n := len(report.Differences); n > 0 {
		return fmt.Errorf("%s has %d differences, the first: %s", file, n, report.Differences[0])
	}
	return nil
}
