package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

func listPayouts(c *call) (work, error) {
	q := c.query()
	at := q.paging(50)
	params := refgrow.ListPayoutsParams{
		Status:      refgrow.PayoutStatus(q.text("status")),
		AffiliateID: q.id("affiliate_id"),
		RunID:       q.id("run_id"),
		Limit:       at.limit, Offset: at.offset, After: at.cursor,
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.ListPayouts(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.CountPayouts(ctx, params) }, showPayout)
	}, nil
}

// keyedWork does what a call asks for, and knows itself what it did for its key before.
type keyedWork func(
	ctx context.Context, p *refgrow.Project, key refgrow.Idempotency,
) (done answer, replayed bool, err error)

// on is the work as a call's own way of doing it once.
func (do keyedWork) on(c *call) func(context.Context, refgrow.Idempotency) (answer, bool, error) {
	return func(ctx context.Context, key refgrow.Idempotency) (answer, bool, error) {
		return do(ctx, c.caller.project, key)
	}
}

// payPayouts notes many payments, each apart.
func payPayouts(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	var payouts []refgrow.PayoutPayment
	for _, inner := range b.requiredObjects("payouts", refgrow.MaxPayouts) {
		payouts = append(payouts, refgrow.PayoutPayment{
			ID: inner.requiredID("id"), ExternalReference: inner.text("external_reference"),
		})
		b.each(inner)
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	return c.each(func(
		ctx context.Context, p *refgrow.Project, key refgrow.Idempotency,
	) ([]refgrow.PayoutResult, bool, error) {
		return p.PayPayouts(ctx, refgrow.PayPayoutsParams{Payouts: payouts, Idempotency: key})
	}), nil
}

// cancelPayouts gives up many payouts, each apart.
func cancelPayouts(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	var ids []int64
	for _, inner := range b.requiredObjects("payouts", refgrow.MaxPayouts) {
		ids = append(ids, inner.requiredID("id"))
		b.each(inner)
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	return c.each(func(
		ctx context.Context, p *refgrow.Project, key refgrow.Idempotency,
	) ([]refgrow.PayoutResult, bool, error) {
		return p.CancelPayouts(ctx, refgrow.CancelPayoutsParams{IDs: ids, Idempotency: key})
	}), nil
}

type endMany func(context.Context, *refgrow.Project, refgrow.Idempotency) ([]refgrow.PayoutResult, bool, error)

// each is the work of a call that ends many payouts, with an Idempotency-Key and without.
func (c *call) each(end endMany) work {
	do := keyedWork(func(ctx context.Context, p *refgrow.Project, key refgrow.Idempotency) (answer, bool, error) {
		results, replayed, err := end(ctx, p, key)
		if err != nil {
			return answer{}, false, err
		}
		return list(http.StatusOK, results, showPayoutResult), replayed, nil
	})
	c.ownOnce = do.on(c)
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		done, _, err := do(ctx, p, refgrow.Idempotency{})
		return done, err
	}
}

func showPayoutResult(o *wire.Object, r *refgrow.PayoutResult) {
	o.Integer("id", r.ID)
	if r.Err == nil {
		o.Text("status", string(r.Status))
		return
	}
	o.Text("error", r.Err.Message)
	o.Text("code", string(r.Err.Code))
}

func retrievePayout(c *call) (work, error) {
	id, err := c.id()
	return giving(http.StatusOK, showPayout, func(ctx context.Context, p *refgrow.Project) (*refgrow.Payout, error) {
		return p.GetPayout(ctx, id)
	}), err
}

func listPayoutEntries(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	q := c.query()
	at := q.paging(50)
	if err := q.end(); err != nil {
		return nil, err
	}
	params := refgrow.ListPayoutEntriesParams{Limit: at.limit, Offset: at.offset, After: at.cursor}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.ListPayoutEntries(ctx, id, params)
		if err != nil {
			return answer{}, err
		}
		count := func() (int64, error) {
			payout, err := p.GetPayout(ctx, id)
			if err != nil {
				return 0, err
			}
			return payout.EntryCount, nil
		}
		return many(at, page, count, showEntry)
	}, nil
}

func payPayout(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.PayPayoutParams{ExternalReference: b.text("external_reference"), PaidAt: b.instant("paid_at")}
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusOK, showPayout, func(ctx context.Context, p *refgrow.Project) (*refgrow.Payout, error) {
		return p.PayPayout(ctx, id, params)
	}), nil
}

func cancelPayout(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusOK, showPayout, func(ctx context.Context, p *refgrow.Project) (*refgrow.Payout, error) {
		return p.CancelPayout(ctx, id)
	}), nil
}

func returnPayout(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.ReturnPayoutParams{Note: b.required("note")}
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusOK, showPayout, func(ctx context.Context, p *refgrow.Project) (*refgrow.Payout, error) {
		return p.ReturnPayout(ctx, id, params)
	}), nil
}

func exportPayouts(c *call) (work, error) {
	q := c.query()
	params := refgrow.ExportPayoutsParams{
		Format: refgrow.PayoutFormat(q.text("format")), Currency: money.Currency(q.text("currency")), After: q.id("after"),
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		file, err := p.ExportPayouts(ctx, params)
		if err != nil {
			return answer{}, err
		}
		name := "payouts-" + strings.ReplaceAll(string(file.Format), "_", "-") + "-" + string(file.Currency)
		last := strconv.FormatInt(file.LastID, 10)
		if file.Payouts > 0 {
			name += "-" + strconv.FormatInt(file.FirstID, 10) + "-" + last
		}
		done := csvFile(name+".csv", file.CSV)
		done.header.Set("X-Payouts-Left-Out", strconv.Itoa(file.LeftOut))
		done.header.Set("X-Payouts-Parts", strconv.Itoa(file.Parts))
		if file.Payouts > 0 {
			done.header.Set("X-Payouts-Last-Id", last)
		}
		return done, nil
	}, nil
}

func showPayout(o *wire.Object, p *refgrow.Payout) { o.Merge(p.AppendJSON) }
