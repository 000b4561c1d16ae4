package books_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow"
)

// payingOut are the operations around payouts, on the newest things.
func payingOut() *rapid.Generator[operation] {
	newest := func(t *rapid.T) int { return rapid.IntRange(1, 3).Draw(t, "which") }
	return rapid.OneOf(
		rapid.Just[operation](runOp{Minimum: -1}),
		custom(drawRun),
		custom(drawMany),
		custom(drawRepeat),
		custom(drawPayee),
		custom(func(t *rapid.T) operation { return endPayoutOp{newest(t), true} }),
		custom(func(t *rapid.T) operation { return endPayoutOp{newest(t), false} }),
		custom(func(t *rapid.T) operation { return returnPayoutOp{newest(t)} }),
		custom(func(t *rapid.T) operation { return reservedOp{newest(t), newest(t), onConversion().Draw(t, "step")} }),
		custom(func(t *rapid.T) operation {
			return lifeOp{newest(t), rapid.SliceOfN(onConversion(), 1, 1).Draw(t, "step")}
		}),
		custom(func(t *rapid.T) operation {
			return recordOp{
				Type: refgrow.Purchase, Affiliate: newest(t), Currency: own, Base: minor(t, "base"), Value: minor(t, "value"),
				External: newest(t),
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
		return recordOp{
			Type: refgrow.Purchase, Affiliate: affiliate, Currency: own, Base: minor(t, "base"), Value: minor(t, "value"),
		}
	})
	bonus := custom(func(t *rapid.T) operation {
		return adjustOp{Affiliate: affiliate, Currency: own, Amount: minor(t, "amount") - 2000}
	})
	release := custom(func(t *rapid.T) operation { return releaseOp{rapid.IntRange(0, 3).Draw(t, "which"), 0} })
	change := custom(func(t *rapid.T) operation {
		return lifeOp{1, rapid.SliceOfN(onConversion(), 1, 2).Draw(t, "steps")}
	})
	after := custom(func(t *rapid.T) operation {
		return reservedOp{1, rapid.IntRange(1, 3).Draw(t, "which"), onConversion().Draw(t, "step")}
	})
	run := rapid.OneOf(
		rapid.Just[operation](runOp{Minimum: -1}),
		custom(func(t *rapid.T) operation { return runOp{Minimum: -1, keyed: drawKeyed(t)} }),
		custom(drawRepeat),
	)
	end := rapid.OneOf(
		custom(func(t *rapid.T) operation { return endPayoutOp{1, rapid.IntRange(0, 3).Draw(t, "paid") < 3} }),
		custom(drawMany),
	)
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

func drawRun(t *rapid.T) operation {
	op := runOp{
		Currency: currency(t), Minimum: -1, PreviewOnly: rapid.IntRange(0, 3).Draw(t, "preview only") == 3,
		keyed: drawKeyed(t), DetailsOnly: rapid.IntRange(0, 3).Draw(t, "details only") == 3,
	}
	switch rapid.IntRange(0, 7).Draw(t, "what") {
	case 4, 5:
		op.Earlier = duration(t)
	case 6:
		op.Minimum = rapid.SampledFrom([]int64{500, 0, 1, 20_000}).Draw(t, "minimum")
		op.Other = rapid.IntRange(0, 3).Draw(t, "other") == 3
	case 7:
		op.Earlier = -time.Millisecond
	case 0:
		op.Currency = ""
	}
	some := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 8), rapid.IntRange(1, 8), rapid.IntRange(1, unknown)), 1, 3)
	switch rapid.IntRange(0, 7).Draw(t, "whom") {
	case 5:
		op.Without = some.Draw(t, "without")
	case 6:
		op.For = some.Draw(t, "for")
	case 7:
		op.For, op.Without = some.Draw(t, "for"), some.Draw(t, "without")
	}
	return op
}

// drawRepeat generates runs that are broken off or repeat what their key was used for.
func drawRepeat(t *rapid.T) operation {
	op := runOp{Minimum: -1}
	op.Key = rapid.SampledFrom([]int{newKey, 1, 1, 2}).Draw(t, "key")
	op.Again = op.Key != newKey
	op.Breaks = max(0, rapid.IntRange(-3, 8).Draw(t, "breaks"))
	return op
}

func drawMany(t *rapid.T) operation {
	item := rapid.Custom(func(t *rapid.T) manyItem {
		which := rapid.OneOf(rapid.IntRange(1, 4), rapid.IntRange(1, 4), rapid.IntRange(1, unknown)).Draw(t, "payout")
		return manyItem{which, rapid.IntRange(0, 7).Draw(t, "other") == 7}
	})
	return manyOp{
		Pays: rapid.IntRange(0, 3).Draw(t, "pays") < 3, keyed: drawKeyed(t),
		Payouts: rapid.SliceOfN(item, 0, 6).Draw(t, "payouts"),
	}
}

// onConversion is what can happen to one that may be in a payout.
func onConversion() *rapid.Generator[ofConversion] {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) ofConversion { return drawRefund(t).(refundOp) }),
		rapid.Custom(func(t *rapid.T) ofConversion {
			return drawUpdate("affiliate", "value", "flip", "currency", "base", "value base")(t).(updateOp)
		}),
		rapid.Just[ofConversion](deleteOp{}),
		rapid.Custom(drawRound),
	)
}
