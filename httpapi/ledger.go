package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

func retrieveEarnings(c *call) (work, error) {
	q := c.query()
	var options []refgrow.EarningsOption
	if asOf := q.instant("as_of"); !asOf.IsZero() {
		options = append(options, refgrow.AsOf(asOf))
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		a, err := c.affiliate(ctx, p)
		if err != nil {
			return answer{}, err
		}
		balances, err := p.Earnings(ctx, a.ID, options...)
		if err != nil {
			return answer{}, err
		}
		return list(http.StatusOK, balances, showBalance), nil
	}, nil
}

func listLedger(c *call) (work, error) {
	q := c.query()
	at := q.paging(50)
	if err := q.end(); err != nil {
		return nil, err
	}
	params := refgrow.ListLedgerParams{Limit: at.limit, Offset: at.offset, After: at.cursor}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		a, err := c.affiliate(ctx, p)
		if err != nil {
			return answer{}, err
		}
		page, err := p.ListLedger(ctx, a.ID, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.CountLedger(ctx, a.ID) }, showEntry)
	}, nil
}

func createAdjustment(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.CreateAdjustmentParams{AffiliateID: b.requiredID("affiliate_id")}
	number := b.requiredNumber("amount")
	currency := b.currency("currency")
	params.Note = b.required("note")
	if err := b.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (done answer, err error) {
		err = p.Atomic(ctx, func(p *refgrow.Project) error {
			in, err := ownCurrency(ctx, p, currency)
			if err != nil {
				return err
			}
			params := params
			if params.Amount, err = amount("amount", number, in); err != nil {
				return err
			}
			written, err := p.CreateAdjustment(ctx, params)
			if err != nil {
				return err
			}
			done = one(http.StatusCreated, written, showEntryOf)
			return nil
		})
		return done, err
	}, nil
}

func showBalance(o *wire.Object, b *refgrow.Balance) { o.Merge(b.AppendJSON) }

// showClosed shows until when no entry will be stamped any more, null where nobody asked.
func showClosed(o *wire.Object, until time.Time) {
	if until.IsZero() {
		o.Null("closed_until")
		return
	}
	o.Instant("closed_until", until)
}

func showEntry(o *wire.Object, e *refgrow.LedgerEntry) { o.Merge(e.AppendJSON) }

// showEntryOf is showEntry where the call does not say whose the entry is.
func showEntryOf(o *wire.Object, e *refgrow.LedgerEntry) {
	showEntry(o, e)
	o.Integer("affiliate_id", e.AffiliateID)
}
