package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// runPayouts makes each payout in a transaction of its own, with an Idempotency-Key too.
func runPayouts(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.PayoutRunParams{
		Cutoff: b.instant("cutoff"), Currency: b.currency("currency"), By: c.caller.scope(),
		Without: b.ids("without"), DetailsOnly: b.flag("details_only"),
	}
	minimum := b.number("minimum")
	preview := b.flag("preview")
	one := b.forWhom(&params)
	if err := b.end(); err != nil {
		return nil, err
	}
	run := keyedWork(func(ctx context.Context, p *refgrow.Project, key refgrow.Idempotency) (answer, bool, error) {
		params := params
		params.Idempotency = key
		if minimum != nil {
			currency, err := ownCurrency(ctx, p, params.Currency)
			if err != nil {
				return answer{}, false, err
			}
			if params.Minimum, err = amount("minimum", *minimum, currency); err != nil {
				return answer{}, false, err
			}
		}
		status, run := http.StatusCreated, p.PayoutRuns().MakeReport
		if preview {
			status, run = http.StatusOK, p.PayoutRuns().PreviewReport
		}
		report, err := run(ctx, params)
		if err != nil {
			return answer{}, false, asNamed(err, one)
		}
		return answer{status: status, pages: func(w io.Writer) error {
			return writePayoutReport(ctx, w, report, preview)
		}}, report.Replayed, nil
	})
	c.ownOnce = run.on(c)
	if preview { // it writes nothing: there is nothing to do once, and no answer to keep
		c.ownOnce = func(ctx context.Context, _ refgrow.Idempotency) (answer, bool, error) {
			return run(ctx, c.caller.project, refgrow.Idempotency{})
		}
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		done, _, err := run(ctx, p, refgrow.Idempotency{})
		return done, err
	}, nil
}

// forWhom reads whom a run is for: one affiliate, or some.
func (b *body) forWhom(params *refgrow.PayoutRunParams) (named bool) {
	one := b.id("affiliate_id")
	params.AffiliateIDs = b.ids("affiliate_ids")
	if one == 0 {
		return false
	}
	if params.AffiliateIDs != nil {
		b.fail("affiliate_id", "cannot be used together with affiliate_ids")
	}
	params.AffiliateIDs = []int64{one}
	return true
}

// asNamed is what is wrong with a run, by the field that named its one affiliate.
func asNamed(err error, one bool) error {
	if own := (*refgrow.Error)(nil); one && errors.As(err, &own) && own.Field == "affiliate_ids" {
		renamed := *own
		renamed.Field = "affiliate_id"
		return &renamed
	}
	return err
}

// writePayoutReport writes what a run made, or would make.
func writePayoutReport(ctx context.Context, w io.Writer, r *refgrow.PayoutReport, preview bool) error {
	o := wire.Begin(nil)
	o.Flag("success", true)
	o.Member("data")
	var err error
	o.B, err = writeList(w, o.B, r.AllPayouts(ctx), func(o *wire.Object, p *refgrow.ReportedPayout) {
		showPayout(o, &p.Payout)
		if preview {
			o.Flag("no_details", p.NoDetails)
		}
	})
	if err != nil {
		return err
	}
	if r.Run == nil {
		o.Null("run")
	} else {
		o.Member("run")
		run := wire.Begin(o.B)
		showPayoutRun(&run, r.Run)
		o.B = run.End()
	}
	o.Member("left_out")
	if o.B, err = writeList(w, o.B, r.AllLeftOut(), showLeftOut); err != nil {
		return err
	}
	_, err = w.Write(o.End())
	return err
}

func showLeftOut(o *wire.Object, l *refgrow.LeftOut) {
	o.Integer("affiliate_id", l.AffiliateID)
	o.Number("amount", l.Amount)
	o.Text("reason", string(l.Reason))
}

func showPayoutRun(o *wire.Object, r *refgrow.PayoutRun) {
	o.Integer("id", r.ID)
	o.Instant("created_at", r.CreatedAt)
	o.Optional("by", r.By)
	o.Instant("cutoff", r.Cutoff)
	o.Text("currency", string(r.Currency))
	o.Number("minimum", r.Minimum)
	o.Integer("count", r.Count)
	o.Number("total", r.Total)
}

func listPayoutRuns(c *call) (work, error) {
	q := c.query()
	at := q.paging(50)
	if err := q.end(); err != nil {
		return nil, err
	}
	params := refgrow.ListPayoutRunsParams{Limit: at.limit, Offset: at.offset, After: at.cursor}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.PayoutRuns().List(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.PayoutRuns().Count(ctx) }, showPayoutRun)
	}, nil
}

func retrievePayoutRun(c *call) (work, error) {
	id, err := c.id()
	return giving(http.StatusOK, showPayoutRun, func(ctx context.Context, p *refgrow.Project) (*refgrow.PayoutRun, error) {
		return p.PayoutRuns().Get(ctx, id)
	}), err
}
