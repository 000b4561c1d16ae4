package refgrow_test

import (
	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow"
)

// payingOut are the operations around payouts, on the newest things.
func payingOut() *rapid.Generator[operation] {
	newest := func(t *rapid.T) int { return rapid.IntRange(1, 3).Draw(t, "which") }
	return rapid.OneOf(
		rapid.Just[operation](runOp{Minimum: -1}),
		custom(drawRun),
		custom(func(t *rapid.T) operation { return endPayoutOp{newest(t), true} }),
		custom(func(t *rapid.T) operation { return endPayoutOp{newest(t), false} }),
		custom(func(t *rapid.T) operation { return reservedOp{newest(t), newest(t), onConversion().Draw(t, "step")} }),
		custom(func(t *rapid.T) operation {
			return lifeOp{newest(t), rapid.SliceOfN(onConversion(), 1, 1).Draw(t, "step")}
		}),
		custom(func(t *rapid.T) operation {
			return recordOp{
				Type: refgrow.Purchase, Affiliate: newest(t), Currency: own, Base: minor(t, "base"), Value: minor(t, "value"), External: newest(t),
			}
		}),
		custom(func(t *rapid.T) operation { return releaseOp{rapid.IntRange(0, 3).Draw(t, "which"), 0} }),
		custom(func(t *rapid.T) operation {
			return adjustOp{Affiliate: newest(t), Currency: own, Amount: minor(t, "amount")}
		}),
		custom(drawAdjustment),
	)
}

// drawPayday generates what leads to a payout to one affiliate and follows it,
// with some of it left out.
func drawPayday(t *rapid.T) []step {
	affiliate := rapid.IntRange(1, 3).Draw(t, "affiliate")
	sale := custom(func(t *rapid.T) operation {
		return recordOp{Type: refgrow.Purchase, Affiliate: affiliate, Currency: own, Base: minor(t, "base"), Value: minor(t, "value")}
	})
	bonus := custom(func(t *rapid.T) operation {
		return adjustOp{Affiliate: affiliate, Currency: own, Amount: minor(t, "amount") - 2000}
	})
	release := custom(func(t *rapid.T) operation { return releaseOp{rapid.IntRange(0, 3).Draw(t, "which"), 0} })
	change := custom(func(t *rapid.T) operation { return lifeOp{1, rapid.SliceOfN(onConversion(), 1, 2).Draw(t, "steps")} })
	after := custom(func(t *rapid.T) operation {
		return reservedOp{1, rapid.IntRange(1, 3).Draw(t, "which"), onConversion().Draw(t, "step")}
	})
	run := rapid.Just[operation](runOp{Minimum: -1})
	end := custom(func(t *rapid.T) operation { return endPayoutOp{1, rapid.IntRange(0, 3).Draw(t, "paid") < 3} })
	var steps []step
	for _, next := range []*rapid.Generator[operation]{
		sale, sale, release, sale, change, bonus, run, after, end, change, release, run, after, end, after,
	} {
		if rapid.IntRange(0, 3).Draw(t, "left out") < 3 {
			steps = append(steps, looked(next).Draw(t, "step"))
		}
	}
	return steps
}

// onConversion is what can happen to one that may be in a payout.
func onConversion() *rapid.Generator[ofConversion] {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) ofConversion { return drawRefund(t).(refundOp) }),
		rapid.Custom(func(t *rapid.T) ofConversion {
			return drawUpdate("affiliate", "value", "flip", "currency", "base", "value base")(t).(updateOp)
		}),
		rapid.Just[ofConversion](deleteOp{}),
	)
}
