package books_test

import (
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// steps generates parts of a history. They are nested, so that a failure is
// shrunk by whole parts first, then by smaller ones, then by single steps.
func steps() *rapid.Generator[[][]step] {
	part := rapid.OneOf(
		rapid.SliceOfN(looked(operations()), 1, 24),
		rapid.Custom(drawPayday),
		rapid.SliceOfN(looked(custom(drawLongLoyal)), 1, 4),
		rapid.SliceOfN(looked(operations()), 1, 24),
		rapid.SliceOfN(looked(payingOut()), 3, 16),
	)
	return rapid.SliceOfN(part, 1, 24)
}

func looked(at *rapid.Generator[operation]) *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step { return step{at.Draw(t, "operation"), rapid.Uint32().Draw(t, "look")} })
}

// operations prefers the first ones of the list.
func operations() *rapid.Generator[operation] {
	changes, rare := changes()
	inside := rapid.OneOf(changes, rare, changes)
	return rapid.OneOf(
		changes,
		changes,
		custom(func(t *rapid.T) operation { return advanceOp{duration(t)} }),
		custom(func(t *rapid.T) operation {
			return atomicOp{rapid.SliceOfN(inside, 1, 6).Draw(t, "steps"), rapid.Bool().Draw(t, "fails")}
		}),
		changes,
		custom(func(t *rapid.T) operation {
			return releaseOp{
				rapid.IntRange(0, 30).Draw(t, "which"), time.Duration(rapid.IntRange(-1, 1).Draw(t, "off")) * time.Millisecond,
			}
		}),
		changes,
		custom(func(t *rapid.T) operation { return advanceOp{-duration(t)} }),
		rare,
		custom(drawLeap(inside)),
		custom(func(t *rapid.T) operation { return auditOp{rapid.IntRange(0, 9).Draw(t, "chance")} }),
	)
}

// changes are the operations that can be part of an atomic block: those on
// conversions, and those on everything else.
func changes() (often, rare *rapid.Generator[operation]) {
	rare = rapid.OneOf(
		custom(func(t *rapid.T) operation {
			return holdOp{rapid.SampledFrom([]int{30, 7, 0, 1, 365, 366}).Draw(t, "days")}
		}),
		custom(func(t *rapid.T) operation {
			return rulesOp{commission(t, "purchase"), commission(t, "signup"), lasting(t)}
		}),
		custom(drawOverride),
		custom(func(t *rapid.T) operation {
			return couponOp{selector(t, "affiliate"), rapid.IntRange(1, 4).Draw(t, "code")}
		}),
		custom(func(t *rapid.T) operation {
			return joinOp{rapid.SampledFrom([]string{"", "code", "email"}).Draw(t, "taken"), drawWants(t)}
		}),
		custom(drawPayee),
		custom(func(t *rapid.T) operation {
			return couponOffOp{selector(t, "coupon"), rapid.Bool().Draw(t, "inactive")}
		}),
		custom(func(t *rapid.T) operation {
			status := []refgrow.ReferralStatus{
				refgrow.ReferralPending, refgrow.ReferralConverted, refgrow.ReferralDirect, refgrow.ReferralDirectSignup,
			}
			return customerOp{
				selector(t, "customer"), maybe(t, "affiliate", 5), rapid.SampledFrom(status).Draw(t, "status"),
				rapid.IntRange(0, 5).Draw(t, "delete") == 5,
			}
		}),
		custom(func(t *rapid.T) operation { return mergeOp{selector(t, "customer"), selector(t, "from")} }),
		custom(func(t *rapid.T) operation {
			return statusOp{selector(t, "affiliate"), rapid.Bool().Draw(t, "inactive")}
		}),
		custom(drawErase),
		custom(drawErase),
		custom(func(t *rapid.T) operation { return currencyOp{currency(t)} }),
		custom(func(t *rapid.T) operation { return endOverrideOp{selector(t, "override")} }),
		custom(func(t *rapid.T) operation {
			return minimumOp{currency(t), rapid.SampledFrom([]int64{0, 1, 500, 20_000}).Draw(t, "amount")}
		}),
		custom(func(t *rapid.T) operation {
			return leaveOp{selector(t, "affiliate"), rapid.IntRange(0, 3).Draw(t, "sure")}
		}),
	)
	life := custom(func(t *rapid.T) operation {
		update := rapid.Custom(func(t *rapid.T) ofConversion {
			return drawUpdate("flip", "value", "flip", "value flip", "affiliate flip", "currency value", "type affiliate",
				"affiliate", "base", "value base", "reprice", "affiliate reprice flip")(t).(updateOp)
		})
		refund := rapid.Custom(func(t *rapid.T) ofConversion { return drawRefund(t).(refundOp) })
		run := rapid.Just[ofConversion](runOp{Minimum: -1})
		end := rapid.OneOf(
			rapid.Custom(func(t *rapid.T) ofConversion { return endPayoutOp{Paid: rapid.Bool().Draw(t, "paid")} }),
			rapid.Just[ofConversion](endPayoutOp{Paid: true}),
			rapid.Just[ofConversion](returnPayoutOp{}),
		)
		totals := rapid.Custom(func(t *rapid.T) ofConversion { return drawTotals(t).(totalsOp) })
		happens := rapid.OneOf(update, refund, update, refund, totals, run, end, rapid.Custom(drawRound))
		return lifeOp{selector(t, "conversion"), rapid.SliceOfN(happens, 2, 8).Draw(t, "steps")}
	})
	often = rapid.OneOf(
		custom(drawRecord),
		custom(drawRecord),
		life,
		custom(drawRefund),
		custom(drawTotals),
		custom(drawUpdate("value")),
		custom(drawUpdate("affiliate")),
		custom(drawUpdate("value base", "value paid", "value affiliate", "affiliate paid", "type", "reference",
			"base", "no base", "currency value", "currency value base", "currency affiliate",
			"type base value paid", "affiliate value currency base paid")),
		custom(drawUpdate("reprice", "affiliate reprice", "reprice paid", "base reprice", "type reprice", "currency reprice",
			"affiliate base type reprice paid", "value reprice")),
		custom(drawUpdate("flip")),
		custom(func(t *rapid.T) operation { return deleteOp{selector(t, "conversion")} }),
		custom(drawUpdate("currency")),
		custom(drawAdjustment),
		custom(drawRun),
		custom(drawEnd),
		custom(drawMany),
		custom(func(t *rapid.T) operation {
			return clickOp{selector(t, "affiliate"), rapid.IntRange(1, 5).Draw(t, "visits")}
		}),
		custom(drawLoyal),
		rare,
	)
	return often, rare
}

func custom(draw func(*rapid.T) operation) *rapid.Generator[operation] { return rapid.Custom(draw) }

func drawRecord(t *rapid.T) operation {
	op := recordOp{
		Type:      rapid.SampledFrom([]refgrow.ConversionType{refgrow.Purchase, refgrow.Signup}).Draw(t, "type"),
		Affiliate: maybe(t, "affiliate", 5), Coupon: maybe(t, "coupon", 3),
		Code: maybe(t, "code", 3), Reference: maybe(t, "reference", 2),
		CustomerID: maybe(t, "customer", 1), Email: maybe(t, "email", 3), External: maybe(t, "external id", 2),
		Currency: currency(t), Base: minor(t, "base"), Value: -1,
		NoBase:        rapid.IntRange(0, 9).Draw(t, "no base") == 9,
		OtherCurrency: rapid.IntRange(0, 15).Draw(t, "other currency") == 15,
		Paid:          rapid.IntRange(0, 5).Draw(t, "paid") == 5,
	}
	if rapid.Bool().Draw(t, "value given") {
		op.Value = minor(t, "value")
	}
	if rapid.IntRange(0, 2).Draw(t, "product?") == 2 {
		op.Product = rapid.IntRange(1, 2).Draw(t, "product")
	}
	switch rapid.IntRange(0, 7).Draw(t, "when") {
	case 5, 6:
		op.Age = duration(t)
	case 7:
		op.Age = -time.Millisecond
	}
	return op
}

// drawLoyal generates purchases by one customer, priced by rules, from the end of a
// month to where durations end.
func drawLoyal(t *rapid.T) operation { return loyal(t) }

// drawLongLoyal is drawLoyal with time between the rules and the purchases, so that the
// rules were in force at those of earlier days too.
func drawLongLoyal(t *rapid.T) operation {
	return loyal(t, advanceOp{24 * time.Hour * time.Duration(rapid.IntRange(0, 75).Draw(t, "days later"))})
}

func loyal(t *rapid.T, between ...operation) operation {
	op := loyalOp{Customer: rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2, 3, 4, 5}).Draw(t, "customer")}
	n := rapid.IntRange(1, 2).Draw(t, "n")
	lasts := rapid.SampledFrom([]refgrow.CommissionDuration{
		refgrow.Months(n), refgrow.Payments(n), refgrow.FirstPurchase, refgrow.Lifetime,
	})
	affiliate, product := selector(t, "affiliate"), rapid.IntRange(0, 2).Draw(t, "product")
	override := custom(func(t *rapid.T) operation {
		o := overrideOp{
			Affiliate: affiliate, Product: product, Commission: commission(t, "commission"), Duration: lasts.Draw(t, "duration"),
		}
		switch rapid.IntRange(0, 2).Draw(t, "for") {
		case 1:
			o.Product = none
		case 2:
			o.Affiliate = none
		}
		return o
	})
	monthsAgo := rapid.SampledFrom([]int{1, 1, 2, 2, 14}).Draw(t, "months ago")
	purchase := custom(func(t *rapid.T) operation {
		bought := recordOp{
			Type: refgrow.Purchase, Affiliate: affiliate, Currency: currency(t), Base: minor(t, "base"), Value: -1,
			Product: product,
		}
		switch rapid.IntRange(0, 4).Draw(t, "when") {
		case 0:
		case 1, 2:
			bought.MonthsAgo = monthsAgo
		default:
			off := []time.Duration{0, 24 * time.Hour, -time.Millisecond, -24 * time.Hour, time.Millisecond, 48 * time.Hour}
			bought.Due, bought.Age = n, rapid.SampledFrom(off).Draw(t, "off")
		}
		return bought
	})
	lost := custom(func(t *rapid.T) operation {
		bought := purchase.Draw(t, "lost").(recordOp)
		bought.Affiliate = none
		return bought
	})
	change := custom(func(t *rapid.T) operation {
		which := rapid.SampledFrom([]int{1, 2, 3}).Draw(t, "which")
		return rapid.SampledFrom([]operation{
			updateOp{Conversion: which, Fields: "affiliate"}, updateOp{Conversion: which, Fields: "affiliate"},
			updateOp{Conversion: which, Fields: "affiliate", Affiliate: affiliate},
			updateOp{Conversion: which, Fields: "affiliate", Affiliate: affiliate},
			updateOp{Conversion: which, Fields: "reprice"}, updateOp{Conversion: which, Fields: "reprice"},
			refundOp{Conversion: which}, refundOp{Conversion: which, Undo: true}, refundOp{Conversion: which, Eighths: 7},
			updateOp{Conversion: which, Fields: "base"}, deleteOp{which},
			updateOp{Conversion: which, Fields: "type", Type: refgrow.Signup},
		}).Draw(t, "change")
	})
	op.Steps = append(append(rapid.SliceOfN(override, 1, 3).Draw(t, "overrides"), between...),
		rapid.SliceOfN(rapid.OneOf(purchase, purchase, purchase, change, lost, change), 2, 9).Draw(t, "steps")...)
	return op
}

func drawOverride(t *rapid.T) operation {
	op := overrideOp{
		Product: rapid.IntRange(0, 2).Draw(t, "product"), Commission: commission(t, "commission"), Duration: lasting(t),
	}
	op.Affiliate = maybe(t, "affiliate", 6)
	return op
}

func commission(t *rapid.T, label string) string {
	return rapid.SampledFrom([]string{
		"50%", "8.2%", "20%", "33.3333%", "100%", "0%", "5.00", "0.01", "100.0001%",
	}).Draw(t, label)
}

func lasting(t *rapid.T) refgrow.CommissionDuration {
	return rapid.SampledFrom([]refgrow.CommissionDuration{
		refgrow.Lifetime, refgrow.Months(1), refgrow.FirstPurchase, refgrow.Payments(3), refgrow.Months(2),
		refgrow.Payments(1), refgrow.Lifetime,
	}).Draw(t, "duration")
}

func drawRefund(t *rapid.T) operation {
	op := refundOp{
		Conversion: selector(t, "conversion"), Undo: rapid.IntRange(0, 3).Draw(t, "undo") == 3,
		Eighths:       rapid.SampledFrom([]int{3, 0, 1, 4, 5, 7, 8, 9, -1}).Draw(t, "eighths"),
		OtherCurrency: rapid.IntRange(0, 15).Draw(t, "other currency") == 15,
		Name:          max(0, rapid.IntRange(-3, 3).Draw(t, "name")),
		Cap:           rapid.IntRange(0, 5).Draw(t, "cap") == 5,
		ByReference:   rapid.Bool().Draw(t, "by reference"),
		Reason:        rapid.SampledFrom([]string{"", "chargeback"}).Draw(t, "reason"),
	}
	if op.Eighths < 0 {
		op.Amount = rapid.Int64Range(0, 20_000).Draw(t, "amount")
	}
	return op
}

// drawTotals generates totals that are told in an order of their own, some of them again.
func drawTotals(t *rapid.T) operation {
	total := rapid.Custom(func(t *rapid.T) toldTotal {
		told := toldTotal{
			Eighths: rapid.IntRange(0, 10).Draw(t, "eighths"), Lower: rapid.IntRange(0, 5).Draw(t, "lower") == 5,
		}
		if rapid.IntRange(0, 3).Draw(t, "when") > 0 {
			told.After = time.Duration(rapid.IntRange(1, 6).Draw(t, "hours")) * time.Hour
		}
		return told
	})
	return totalsOp{
		Conversion: selector(t, "conversion"), Totals: rapid.SliceOfN(total, 1, 4).Draw(t, "totals"),
		Order: rapid.SliceOfN(rapid.IntRange(0, 7), 1, 8).Draw(t, "order"),
	}
}

func drawAdjustment(t *rapid.T) operation {
	op := adjustOp{
		Affiliate: selector(t, "affiliate"), Currency: currency(t), Amount: minor(t, "amount"),
		NoNote: rapid.IntRange(0, 15).Draw(t, "no note") == 15,
	}
	if rapid.Bool().Draw(t, "negative") {
		op.Amount = -op.Amount
	}
	return op
}

func drawEnd(t *rapid.T) operation {
	return endPayoutOp{selector(t, "payout"), rapid.Bool().Draw(t, "paid")}
}

// drawUpdate generates an update of one of several sets of fields.
func drawUpdate(fields ...string) func(t *rapid.T) operation {
	return func(t *rapid.T) operation {
		return updateOp{
			Conversion: selector(t, "conversion"), Fields: rapid.SampledFrom(fields).Draw(t, "fields"),
			Type: rapid.SampledFrom([]refgrow.ConversionType{refgrow.Purchase, refgrow.Signup}).Draw(t, "type"),
			Base: minor(t, "base"), Value: minor(t, "value"),
			OtherCurrency: rapid.IntRange(0, 15).Draw(t, "other currency") == 15,
			Currency:      currency(t), Affiliate: maybe(t, "affiliate", 6),
			Paid: rapid.Bool().Draw(t, "paid"), Reference: maybe(t, "reference", 4),
		}
	}
}

func (op updateOp) has(field string) bool { return strings.Contains(" "+op.Fields+" ", " "+field+" ") }

// selector picks the newest things more often.
func selector(t *rapid.T, label string) int { return rapid.IntRange(1, unknown).Draw(t, label) }

// maybe is a selector in of8 of 8 cases.
func maybe(t *rapid.T, label string, of8 int) int {
	if rapid.IntRange(0, 7).Draw(t, label+"?") < 8-of8 {
		return none
	}
	return selector(t, label)
}

func currency(t *rapid.T) money.Currency {
	return rapid.SampledFrom([]money.Currency{"USD", "EUR", "KWD", "JPY"}).Draw(t, "currency")
}

// minor is an amount in minor units: mostly small, with odd ones for the rounding and
// next to nothing among them, and sometimes as large as possible.
func minor(t *rapid.T, label string) int64 {
	switch rapid.IntRange(0, 15).Draw(t, label+" size") {
	case 9, 10, 11, 12, 13:
		return rapid.Int64Range(0, 3).Draw(t, label)
	case 14:
		return rapid.Int64Range(0, money.MaxMinor).Draw(t, label)
	case 15:
		return 100 * rapid.Int64Range(0, 50).Draw(t, label)
	}
	return rapid.Int64Range(0, 20_000).Draw(t, label)
}

// duration is from a millisecond to two months, the short ones more often.
func duration(t *rapid.T) time.Duration {
	unit := rapid.SampledFrom([]time.Duration{time.Hour, time.Millisecond, 24 * time.Hour, time.Second}).Draw(t, "unit")
	return unit * time.Duration(rapid.IntRange(1, 60).Draw(t, "units"))
}
