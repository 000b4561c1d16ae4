package refgrow

import (
	"context"
	"errors"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// MaxPayouts is how many payouts one call can pay or cancel.
const MaxPayouts = 500

// A PayoutPayment is one payment that was made.
type PayoutPayment struct {
	ID int64 // the payout's
	// ExternalReference is the payment's id with the bank or service that made it.
	ExternalReference string
}

// PayPayoutsParams name payments that were made.
type PayPayoutsParams struct {
	Payouts []PayoutPayment // 1 to 500
	// Idempotency makes a call that is repeated go on where it was interrupted. The
	// zero value has no key.
	Idempotency Idempotency
}

// CancelPayoutsParams name payouts to give up.
type CancelPayoutsParams struct {
	IDs []int64 // 1 to 500
	// Idempotency makes a call that is repeated go on where it was interrupted. The
	// zero value has no key.
	Idempotency Idempotency
}

// A PayoutResult is what became of one of many payouts.
type PayoutResult struct {
	ID     int64
	Status PayoutStatus // "" if Err is set
	Err    *Error       // why it was refused, nil otherwise
}

// PayPayouts is PayPayout for many payouts: each is judged alone, and paid in a
// transaction of its own. One that is already paid with the same reference is as it
// should be. The results are in the order of params. A call that is repeated with its
// key goes on where it was interrupted, and answers with the payouts as they are now;
// it is replayed if it paid none. Errors: ErrInvalid; ErrConflict for a key that was
// used for something else. On any other error those before it are paid, and the same
// call pays the rest.
func (p *Project) PayPayouts(ctx context.Context, params PayPayoutsParams) (results []PayoutResult, replayed bool, err error) {
	many := manyPayouts{doing: "paying payouts", call: params.Idempotency, wanted: PayoutPaid}
	for _, payment := range params.Payouts {
		if err := at("external_reference", form.Text(payment.ExternalReference, form.MaxText)); err != nil {
			return nil, false, err
		}
		many.items = append(many.items, payment)
	}
	return p.eachOf(ctx, many, func(ctx context.Context, o *op, row *db.Payout, item PayoutPayment) error {
		_, err := o.payPayout(ctx, row, PayPayoutParams{ExternalReference: item.ExternalReference})
		return err
	})
}

// CancelPayouts is CancelPayout for many payouts, in the manner of PayPayouts. One that
// is canceled already is as it should be. Errors: those of PayPayouts.
func (p *Project) CancelPayouts(ctx context.Context, params CancelPayoutsParams) (results []PayoutResult, replayed bool, err error) {
	many := manyPayouts{doing: "canceling payouts", call: params.Idempotency, wanted: PayoutCanceled}
	for _, id := range params.IDs {
		many.items = append(many.items, PayoutPayment{ID: id})
	}
	return p.eachOf(ctx, many, func(ctx context.Context, o *op, row *db.Payout, _ PayoutPayment) error {
		_, err := o.cancelPayout(ctx, row)
		return err
	})
}

// manyPayouts are payouts that one call brings to a status.
type manyPayouts struct {
	doing  string
	call   Idempotency
	wanted PayoutStatus
	items  []PayoutPayment
	task   *payoutTask // nil without a key
	passed []int       // the items that an earlier call has passed, or one in another process
}

func (m *manyPayouts) check() error {
	if len(m.items) < 1 || len(m.items) > MaxPayouts {
		return invalid("payouts", "must be 1 to %d payouts", MaxPayouts)
	}
	for _, item := range m.items {
		if err := at("id", form.ID(item.ID)); err != nil {
			return err
		}
	}
	return nil
}

type endOnePayout func(ctx context.Context, o *op, row *db.Payout, item PayoutPayment) error

// eachOf ends each payout, from the mark of the call's key on, and returns what became
// of all of them.
func (p *Project) eachOf(ctx context.Context, m manyPayouts, end endOnePayout) ([]PayoutResult, bool, error) {
	if err := m.check(); err != nil {
		return nil, false, err
	}
	results := make([]PayoutResult, len(m.items))
	first := 0
	if m.call.given() {
		task, back, err := p.beginTask(ctx, m.call, m.doing, func(context.Context, *op) (*int64, error) { return nil, nil })
		if err != nil {
			return nil, false, err
		}
		defer back()
		if task.row.RunID != nil || task.row.Mark > int64(len(m.items)) { // the key is that of something else
			return nil, false, usedKey()
		}
		m.task, first = task, int(task.row.Mark)
		if task.row.Done == 1 {
			first = len(m.items)
		}
	}
	for i := range first {
		m.passed = append(m.passed, i)
	}
	made := false
	for i := first; i < len(m.items); i++ {
		done, err := p.endOne(ctx, &m, i, end)
		refused := (*Error)(nil)
		switch {
		case errors.As(err, &refused) && refused.Code != CodeBusy && refused.Code != CodeClosed:
			results[i] = PayoutResult{ID: m.items[i].ID, Err: refused}
			m.refuse(i, refused)
		case err != nil:
			return nil, false, err
		case !slices.Contains(m.passed, i):
			made = made || done
			results[i] = PayoutResult{ID: m.items[i].ID, Status: m.wanted}
		}
	}
	if err := m.finish(ctx, p, len(m.items)); err != nil {
		return nil, false, err
	}
	if err := p.reread(ctx, &m, results); err != nil {
		return nil, false, err
	}
	return results, m.task != nil && !m.task.begun && !made, nil
}

// endOne brings one payout to the wanted status, unless it has it already. It reports
// whether it changed something.
func (p *Project) endOne(ctx context.Context, m *manyPayouts, i int, end endOnePayout) (changed bool, err error) {
	item := m.items[i]
	var passed bool
	err = p.write(ctx, m.doing, func(ctx context.Context, o *op) error {
		todo, err := m.task.pass(ctx, o, int64(i+1), i+1 == len(m.items))
		if changed, passed = false, !todo; err != nil || passed {
			return err
		}
		row, err := getPayout(ctx, o, o.project, item.ID)
		switch {
		case err != nil:
			return err
		case m.isSo(row, item):
			return nil
		case PayoutStatus(row.Status) != PayoutPending:
			return conflict("", "The payout is already %s", row.Status).of(item.ID)
		}
		changed = true
		return end(ctx, o, row, item)
	})
	if passed && err == nil {
		m.passed = append(m.passed, i)
	}
	return changed && err == nil, err
}

// isSo reports whether a payout has the wanted status already, and the reference.
func (m *manyPayouts) isSo(row *db.Payout, item PayoutPayment) bool {
	return PayoutStatus(row.Status) == m.wanted && stored.OrZero(row.ExternalReference) == item.ExternalReference
}

// refuse keeps what was refused, for who repeats the call. The next step writes it
// down.
func (m *manyPayouts) refuse(i int, err *Error) {
	if m.task != nil {
		m.task.refused = append(m.task.refused, refusedPayout{At: i, Code: err.Code, Message: err.Message})
	}
}

// finish writes down what was refused at the end.
func (m *manyPayouts) finish(ctx context.Context, p *Project, all int) error {
	if m.task == nil || m.task.row.Done == 1 {
		return nil
	}
	return p.write(ctx, m.doing, func(ctx context.Context, o *op) error {
		_, err := m.task.pass(ctx, o, int64(all), true)
		return err
	})
}

// reread finds what became of the payouts that this call did not judge itself.
func (p *Project) reread(ctx context.Context, m *manyPayouts, results []PayoutResult) error {
	for _, i := range m.passed {
		results[i] = PayoutResult{ID: m.items[i].ID}
		at := slices.IndexFunc(m.task.refused, func(r refusedPayout) bool { return r.At == i })
		if at >= 0 {
			results[i].Err = &Error{Code: m.task.refused[at].Code, Message: m.task.refused[at].Message}
			continue
		}
		payout, err := p.GetPayout(ctx, results[i].ID)
		refused := (*Error)(nil)
		switch {
		case errors.As(err, &refused) && refused.Code == CodeNotFound: // its affiliate was deleted since
			results[i].Err = refused
		case err != nil:
			return err
		default:
			results[i].Status = payout.Status
		}
	}
	return nil
}
