package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
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
		a, err := p.AffiliateByEmail(ctx, c.value)
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
		a, err := p.AffiliateByEmail(ctx, c.value)
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

func showBalance(o *object, b *refgrow.Balance) {
	o.text("currency", string(b.Currency))
	o.decimal("total", b.Total)
	o.decimal("paid", b.Paid)
	o.decimal("unpaid", b.Unpaid)
	o.decimal("eligible", b.Eligible)
	o.decimal("held", b.Held)
	o.decimal("reserved", b.Reserved)
	o.decimal("payable", b.Payable)
	o.optionalInstant("next_release_date", b.NextRelease)
}

func showEntry(o *object, e *refgrow.LedgerEntry) {
	o.integer("id", e.ID)
	o.text("kind", string(e.Kind))
	o.number("amount", e.Amount)
	o.text("currency", string(e.Amount.Currency()))
	o.instant("available_at", e.AvailableAt)
	o.instant("created_at", e.CreatedAt)
	o.id("conversion_id", e.ConversionID)
	o.id("payout_id", e.PayoutID)
	o.optional("note", e.Note)
}

// showEntryOf is showEntry where the call does not tell whose the entry is.
func showEntryOf(o *object, e *refgrow.LedgerEntry) {
	showEntry(o, e)
	o.integer("affiliate_id", e.AffiliateID)
}
