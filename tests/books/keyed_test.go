package books_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow"
)

// Work on payouts that is asked for with a key: runs, and payouts that are paid or
// canceled many at a time. It may be broken off, and is repeated.

type (
	// keyed says how such work is asked for.
	keyed struct {
		Key    int  // none; newKey; or a selector of a key that was used
		Again  bool // ask for what the key was used for
		Breaks int  // break it off when the clock is asked for the so many-th time; 0 for never
	}

	// A modelTask is what a key was used for.
	modelTask struct {
		request string

		// Of a run.
		params refgrow.PayoutRunParams
		run    int64
		mark   int64 // the last affiliate for whom it made a payout
		done   bool

		// Of payouts that were paid or canceled.
		pays    bool
		items   []refgrow.PayoutPayment
		refused map[int]refgrow.Code // by their place in items
	}

	// manyOp pays payouts, or cancels them.
	manyOp struct {
		Pays    bool
		Payouts []manyItem

		keyed
	}
	manyItem struct {
		Payout int
		Other  bool // another reference than the usual one
	}
)

const newKey = -1

func drawKeyed(t *rapid.T) keyed {
	var k keyed
	switch rapid.IntRange(0, 5).Draw(t, "key?") {
	case 3, 4:
		k.Key = newKey
	case 5:
		k.Key, k.Again = rapid.IntRange(1, 4).Draw(t, "key"), rapid.IntRange(0, 3).Draw(t, "again") < 3
	}
	if rapid.IntRange(0, 2).Draw(t, "breaks?") == 2 {
		k.Breaks = rapid.IntRange(1, 12).Draw(t, "breaks")
	}
	return k
}

// number is that of the key, 0 for none.
func (k keyed) number(m *model) int64 {
	if k.Key == newKey || k.Key != none && len(m.tasks) == 0 {
		return int64(len(m.tasks) + 1)
	}
	return pick(k.Key, m.tasks)
}

func callOf(number int64, request string) refgrow.Idempotency {
	return refgrow.Idempotency{Caller: "a caller", Key: fmt.Sprint("key ", number), Request: []byte(request)}
}

// A breaker breaks work off at one of the instants at which the engine asks what time it
// is.
type breaker struct {
	mu     sync.Mutex
	left   int
	cancel func()
}

// asked is called whenever the engine asks for the time.
func (b *breaker) asked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left--; b.left == 0 {
		b.cancel()
	}
}

// breaking returns a context that ends when the clock is asked for the n-th time, never
// for 0, and whether it has. What is inside of a block is not broken off.
func (on *side) breaking(n int) (ctx context.Context, broken func() bool) {
	if n == 0 || on.inside {
		return on.ctx, func() bool { return false }
	}
	ctx, cancel := context.WithCancel(on.ctx)
	on.breaker.mu.Lock()
	defer on.breaker.mu.Unlock()
	on.breaker.left, on.breaker.cancel = n, cancel
	return ctx, func() bool {
		on.breaker.mu.Lock()
		defer on.breaker.mu.Unlock()
		on.breaker.left = 0
		defer cancel()
		return ctx.Err() != nil
	}
}

func (op manyOp) do(on *side) error {
	m := on.model
	var items []refgrow.PayoutPayment
	for _, item := range op.Payouts {
		id, reference := pick(item.Payout, m.payouts), ""
		if op.Pays {
			reference = fmt.Sprintf("transfer-%d", id)
		}
		if op.Pays && item.Other {
			reference = "another one"
		}
		items = append(items, refgrow.PayoutPayment{ID: id, ExternalReference: reference})
	}
	pays, number := op.Pays, op.number(m)
	if task := m.tasks[number]; op.Again && task != nil && task.run == 0 {
		pays, items = task.pays, task.items
	}
	return on.many(pays, items, number, op.Breaks)
}

// many pays or cancels payouts, with the key of a number, 0 for without one.
func (on *side) many(pays bool, items []refgrow.PayoutPayment, number int64, breaks int) error {
	m := on.model
	request := fmt.Sprint(pays, items)
	var f faults
	f.add(refgrow.CodeInvalid, len(items) == 0)
	task := m.tasks[number]
	f.add(refgrow.CodeConflict, task != nil && task.request != request)
	var call refgrow.Idempotency
	if number != 0 {
		call = callOf(number, request)
	}
	ask := func(ctx context.Context) ([]refgrow.PayoutResult, bool, error) {
		if pays {
			return on.project.PayPayouts(ctx, refgrow.PayPayoutsParams{Payouts: items, Idempotency: call})
		}
		params := refgrow.CancelPayoutsParams{Idempotency: call}
		for _, item := range items {
			params.IDs = append(params.IDs, item.ID)
		}
		return on.project.CancelPayouts(ctx, params)
	}
	if len(f) > 0 {
		breaks = 0
	}
	ctx, broken := on.breaking(breaks)
	got, replayed, err := ask(ctx)
	again := broken() && err != nil
	if again { // what was done stays done, and the same call does the rest
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("payouts that were broken off returned: %w", err)
		}
		got, replayed, err = ask(on.ctx)
	}
	if done, err := agree(err, f); !done {
		return err
	}
	repeated := task != nil
	if !repeated {
		task = &modelTask{request: request, pays: pays, items: items, refused: make(map[int]refgrow.Code)}
		m.endMany(task)
		if number != 0 {
			m.tasks[number] = task
		}
	}
	if !again && replayed != repeated {
		return fmt.Errorf("replayed is %t, but should be %t", replayed, repeated)
	}
	return m.sameResults(got, task)
}

// endMany judges each payout alone. One that is so already is as it should be.
func (m *model) endMany(task *modelTask) {
	for i, item := range task.items {
		wanted := refgrow.PayoutCanceled
		if task.pays {
			wanted = refgrow.PayoutPaid
		}
		if p := m.payouts[item.ID]; p != nil && p.status == wanted && p.reference == item.ExternalReference {
			m.moved[p.id] = true
			continue
		}
		if f := m.end(item.ID, task.pays, item.ExternalReference); len(f) > 0 {
			task.refused[i] = f[0]
		}
	}
}

// sameResults compares what became of many payouts. A repeated call says how they are
// now, and again why it refused what it did.
func (m *model) sameResults(got []refgrow.PayoutResult, task *modelTask) error {
	var shown, wanted []string
	for _, r := range got {
		code := refgrow.Code("")
		if r.Err != nil {
			code = r.Err.Code
		}
		shown = append(shown, fmt.Sprint(r.ID, r.Status, code))
	}
	for i, item := range task.items {
		status, code := refgrow.PayoutStatus(""), task.refused[i]
		switch p := m.payouts[item.ID]; {
		case code != "":
		case p == nil: // its affiliate was deleted since
			code = refgrow.CodeNotFound
		default:
			status = p.status
		}
		wanted = append(wanted, fmt.Sprint(item.ID, status, code))
	}
	if !slices.Equal(shown, wanted) {
		return fmt.Errorf("the payouts became %q, but should have become %q", shown, wanted)
	}
	return nil
}
