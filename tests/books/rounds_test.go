package books_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow"
)

// roundOp does something to a conversion and takes it back at once, which leaves the
// balances as they were.
type roundOp struct {
	Conversion int
	What       string // "refund", "paid" or "move"
	Eighths    int    // of a refund
	Affiliate  int    // where to
}

func drawRound(t *rapid.T) ofConversion {
	return roundOp{
		What:    rapid.SampledFrom([]string{"refund", "paid", "move"}).Draw(t, "round"),
		Eighths: rapid.IntRange(0, 8).Draw(t, "eighths"), Affiliate: rapid.IntRange(1, 3).Draw(t, "affiliate"),
	}
}

func (op roundOp) do(on *side) error { return op.to(on, pick(op.Conversion, on.model.conversions)) }

func (op roundOp) to(on *side, id int64) error {
	m := on.model
	c := m.conversions[id]
	if c == nil || c.affiliate == 0 {
		return nil
	}
	affiliate, compared := c.affiliate, m.returns(c)
	both := []int64{affiliate}
	if to := pick(op.Affiliate, m.affiliates); op.What == "move" && m.affiliates[to] != nil {
		both = append(both, to)
	}
	before, err := on.balancesOf(both)
	if err != nil {
		return err
	}
	switch op.What {
	case "refund":
		refunded := c.refunded
		if err := (refundOp{Eighths: op.Eighths}).to(on, id); err != nil || c.refunded.Cmp(refunded) == 0 {
			return err
		}
		more := c.refunded.Num().Int64() - refunded.Num().Int64()
		err = (refundOp{Undo: true, Eighths: -1, Amount: more}).to(on, id)
	case "paid":
		compared = compared && m.byHand(c.id, account{c.affiliate, c.currency}).Sign() == 0
		if err = (updateOp{Fields: "paid", Paid: true}).to(on, id); err == nil {
			err = (updateOp{Fields: "paid"}).to(on, id)
		}
	case "move":
		if err = (updateOp{Fields: "affiliate", Affiliate: op.Affiliate}).to(on, id); err == nil {
			there := slices.Index(slices.Sorted(maps.Keys(m.affiliates)), affiliate)
			err = (updateOp{Fields: "affiliate", Affiliate: len(m.affiliates) - there}).to(on, id)
		}
		compared = compared && c.affiliate == affiliate && len(m.affiliates) < 20
	}
	if err != nil || !compared {
		return err
	}
	after, err := on.balancesOf(both)
	if err != nil {
		return err
	}
	if after != before {
		return fmt.Errorf("after a %s of conversion %d and back the earnings are\n\t%s\nbut before they were\n\t%s",
			op.What, id, after, before)
	}
	return nil
}

// balancesOf are the balances of some affiliates, as text.
func (on *side) balancesOf(affiliates []int64) (string, error) {
	var text strings.Builder
	for _, id := range affiliates {
		earned, err := on.project.Earnings(on.ctx, id)
		if err != nil {
			return "", err
		}
		for _, b := range earned {
			if b.Currency == own || b.Total.Minor() != 0 || b.Paid.Minor() != 0 || b.Unpaid.Minor() != 0 {
				fmt.Fprintf(&text, "%d: total %v paid %v eligible %v held %v payable %v; ",
					id, b.Total, b.Paid, b.Eligible, b.Held, b.Payable)
			}
		}
	}
	return text.String(), nil
}

// returns reports whether what is taken from a conversion and given back comes back to
// where it was. It does not where a payout has settled a debt of it while it is held: then
// a part of it is available before its commission is.
func (m *model) returns(c *modelConversion) bool {
	if c.available <= m.now {
		return true
	}
	for available, sum := range m.heap(c.id, account{c.affiliate, c.currency}) {
		if available <= m.now && sum.Sign() > 0 {
			return false
		}
	}
	return true
}

// crossed reports a debt of a conversion beside something unsettled of it, in one
// account, that no payout can have left: one that was changed between the payout and
// its payment.
func (m *model) crossed(conversion int64) error {
	for affiliate, entries := range m.entries {
		accounts := make(map[account]bool)
		for _, e := range entries {
			if e.conversion == conversion {
				accounts[e.account] = true
			}
		}
		for at := range accounts {
			owed, open := false, false
			for _, sum := range m.heap(conversion, at) {
				owed, open = owed || sum.Sign() < 0, open || sum.Sign() > 0
			}
			if owed && open && !m.changedInPayout(conversion, at) {
				return fmt.Errorf("conversion %d has a debt beside something unsettled with affiliate %d", conversion, affiliate)
			}
		}
	}
	return nil
}

// changedInPayout reports whether something was entered for a conversion while a payout
// that was paid later had a part of it.
func (m *model) changedInPayout(conversion int64, at account) bool {
	for _, p := range m.payouts {
		if p.account != at || p.status == refgrow.PayoutPending || p.status == refgrow.PayoutCanceled ||
			!slices.ContainsFunc(p.entries, func(e *modelEntry) bool { return e.conversion == conversion }) {
			continue
		}
		if slices.ContainsFunc(m.about(conversion, at), func(e *modelEntry) bool {
			return e.payout != p.id && !slices.Contains(p.entries, e) &&
				e.stamp >= p.created && (p.ended == 0 || e.stamp <= p.ended)
		}) {
			return true
		}
	}
	return false
}
