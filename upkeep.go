package refgrow

import (
	"context"
	"math"

	"github.com/refgrow-go/refgrow/internal/db"
)

// upkeepStep is how many accounts one transaction of the upkeep rolls forward, so that
// nobody waits long behind it.
const upkeepStep = 200

// Upkeep does what makes reading fast and keeps the file small, where the passing of
// time alone has left something to do: the balances of accounts that nothing was
// posted to take in what has become available since, and old clicks are pruned
// (PruneClicks). No answer changes by it. It goes in small transactions, and is meant
// to be called once an hour or so; "refgrow serve" does. Errors: that of ctx,
// ErrBusy, ErrClosed.
func (e *Engine) Upkeep(ctx context.Context) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if more, err = e.PruneClicks(ctx); err != nil {
			return err
		}
	}
	projects, err := e.Projects(ctx)
	if err != nil {
		return err
	}
	for _, p := range projects {
		for after := int64(0); after < math.MaxInt64; {
			if after, err = p.rollAccounts(ctx, after); err != nil {
				return err
			}
		}
	}
	return nil
}

// rollAccounts rolls some accounts forward, from behind an affiliate on, and gives the
// last affiliate that was looked at.
func (p *Project) rollAccounts(ctx context.Context, after int64) (last int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	due, err := read(p, "looking for balances to roll forward", func(q db.Querier) ([]int64, error) {
		return q.ListAccountsToRoll(ctx, db.ListAccountsToRollParams{
			ProjectID: p.id, AfterID: after, Instant: p.engine.millis(), AtMost: upkeepStep,
		})
	})
	if err != nil || len(due) == 0 {
		return math.MaxInt64, err
	}
	if last, err = onward(after, due[len(due)-1]); err != nil {
		return after, err
	}
	return last, p.write(ctx, "rolling balances forward", func(ctx context.Context, o *op) error {
		stamp := o.stamp()
		// Those that are there: one may have been deleted since.
		accounts, err := o.ListAccounts(ctx, db.ListAccountsParams{ProjectID: o.project, AffiliateIDs: jsonIDs(due), Instant: stamp})
		if err != nil {
			return err
		}
		for _, a := range accounts {
			if err := o.PostToAccount(ctx, db.PostToAccountParams{
				AffiliateID: a.AffiliateID, Currency: a.Currency, ProjectID: o.project, RolledTo: stamp,
			}); err != nil {
				return err
			}
		}
		return nil
	})
}
