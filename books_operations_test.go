package refgrow_test

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// An operation is a plain value that means something in any state of the books:
// what it is about it names by a selector, not by an id. So any of them can be
// left out, and a failure shrinks.
type operation interface {
	do(on *side) error
}

// A step is an operation, and which instant of the past is looked at after it.
type step struct {
	operation

	look uint32
}

// GoString is how a failure shows the step: without the fields that are zero.
func (s step) GoString() string {
	return fmt.Sprintf("%s look %d", brief(reflect.ValueOf(s.operation)), s.look)
}

func brief(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Interface:
		return brief(v.Elem())
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = brief(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Struct:
		parts := []string{strings.TrimSuffix(v.Type().Name(), "Op")}
		for field, value := range v.Fields() {
			if !value.IsZero() {
				parts = append(parts, field.Name+":"+brief(value))
			}
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return fmt.Sprint(v.Interface())
}

// selectors that pick nothing, and something that does not exist.
const (
	none    = 0
	unknown = 31
)

type (
	recordOp struct {
		Type                               refgrow.ConversionType
		Affiliate, Coupon, Code, Reference int // none, or a selector
		CustomerID, Email, External        int
		Currency                           money.Currency
		NoBase                             bool
		Base                               int64
		Value                              int64 // below 0: by the rule
		OtherCurrency                      bool  // the value comes in another one than the base value
		Paid                               bool
		Age                                time.Duration // below 0: in the future
	}
	updateOp struct {
		Conversion    int
		Fields        string // which of the following are given; "flip": the other value of paid
		Type          refgrow.ConversionType
		Base, Value   int64
		OtherCurrency bool // the amounts come in another one than the conversion's
		Currency      money.Currency
		Affiliate     int
		Paid          bool
		Reference     int
	}
	// lifeOp updates one conversion several times.
	lifeOp struct {
		Conversion int
		Updates    []updateOp
	}
	deleteOp struct{ Conversion int }
	atomicOp struct {
		Steps []operation
		Fails bool
	}
	advanceOp struct{ By time.Duration }
	releaseOp struct {
		Which int
		Off   time.Duration
	}
	holdOp     struct{ Days int }
	rulesOp    struct{ Purchase, Signup string }
	currencyOp struct{ Currency money.Currency }
	joinOp     struct{ Taken string } // "email" or "code": with one that is taken
	statusOp   struct {
		Affiliate int
		Inactive  bool
	}
	leaveOp  struct{ Affiliate, Sure int }
	couponOp struct{ Affiliate, Code int }
	// customerOp changes a referred user, or deletes it.
	customerOp struct {
		Customer, Affiliate int
		Status              refgrow.ReferralStatus
		Delete              bool
	}
	couponOffOp struct {
		Coupon   int
		Inactive bool
	}
	auditOp struct{ Chance int }
)

// steps generates parts of a history. They are nested, so that a failure is
// shrunk by whole parts first, then by smaller ones, then by single steps.
func steps() *rapid.Generator[[][]step] {
	one := rapid.Custom(func(t *rapid.T) step {
		return step{operations().Draw(t, "operation"), rapid.Uint32().Draw(t, "look")}
	})
	return rapid.SliceOfN(rapid.SliceOfN(one, 1, 24), 1, 24)
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
			return releaseOp{rapid.IntRange(0, 30).Draw(t, "which"), time.Duration(rapid.IntRange(-1, 1).Draw(t, "off")) * time.Millisecond}
		}),
		changes,
		custom(func(t *rapid.T) operation { return advanceOp{-duration(t)} }),
		rare,
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
			commission := rapid.SampledFrom([]string{"50%", "8.2%", "20%", "33.3333%", "100%", "0%", "5.00", "0.01", "100.0001%"})
			return rulesOp{commission.Draw(t, "purchase"), commission.Draw(t, "signup")}
		}),
		custom(func(t *rapid.T) operation {
			return couponOp{selector(t, "affiliate"), rapid.IntRange(1, 4).Draw(t, "code")}
		}),
		custom(func(t *rapid.T) operation {
			return joinOp{rapid.SampledFrom([]string{"", "code", "email"}).Draw(t, "taken")}
		}),
		custom(func(t *rapid.T) operation {
			return couponOffOp{selector(t, "coupon"), rapid.Bool().Draw(t, "inactive")}
		}),
		custom(func(t *rapid.T) operation {
			status := []refgrow.ReferralStatus{refgrow.ReferralPending, refgrow.ReferralConverted, refgrow.ReferralDirect, refgrow.ReferralDirectSignup}
			return customerOp{
				selector(t, "customer"), maybe(t, "affiliate", 5), rapid.SampledFrom(status).Draw(t, "status"), rapid.IntRange(0, 5).Draw(t, "delete") == 5,
			}
		}),
		custom(func(t *rapid.T) operation {
			return statusOp{selector(t, "affiliate"), rapid.Bool().Draw(t, "inactive")}
		}),
		custom(func(t *rapid.T) operation { return currencyOp{currency(t)} }),
		custom(func(t *rapid.T) operation {
			return leaveOp{selector(t, "affiliate"), rapid.IntRange(0, 3).Draw(t, "sure")}
		}),
	)
	life := custom(func(t *rapid.T) operation {
		update := rapid.Custom(func(t *rapid.T) updateOp {
			return drawUpdate("flip", "value", "flip", "value flip", "affiliate flip", "currency value", "type affiliate", "affiliate")(t).(updateOp)
		})
		return lifeOp{selector(t, "conversion"), rapid.SliceOfN(update, 2, 8).Draw(t, "updates")}
	})
	often = rapid.OneOf(
		custom(drawRecord),
		custom(drawRecord),
		life,
		custom(drawUpdate("value")),
		custom(drawUpdate("affiliate")),
		custom(drawUpdate("value base", "value paid", "value affiliate", "affiliate paid", "type", "reference", "base", "no base",
			"currency value", "currency value base", "currency affiliate", "type base value paid", "affiliate value currency base paid")),
		custom(drawUpdate("flip")),
		custom(func(t *rapid.T) operation { return deleteOp{selector(t, "conversion")} }),
		custom(drawUpdate("currency")),
		rare,
	)
	return often, rare
}

func custom(draw func(*rapid.T) operation) *rapid.Generator[operation] { return rapid.Custom(draw) }

func drawRecord(t *rapid.T) operation {
	op := recordOp{
		Type:      rapid.SampledFrom([]refgrow.ConversionType{refgrow.Purchase, refgrow.Signup}).Draw(t, "type"),
		Affiliate: maybe(t, "affiliate", 5), Coupon: maybe(t, "coupon", 3), Code: maybe(t, "code", 3), Reference: maybe(t, "reference", 2),
		CustomerID: maybe(t, "customer", 1), Email: maybe(t, "email", 3), External: maybe(t, "external id", 2),
		Currency: currency(t), Base: minor(t, "base"), Value: -1,
		NoBase:        rapid.IntRange(0, 9).Draw(t, "no base") == 9,
		OtherCurrency: rapid.IntRange(0, 15).Draw(t, "other currency") == 15,
		Paid:          rapid.IntRange(0, 5).Draw(t, "paid") == 5,
	}
	if rapid.Bool().Draw(t, "value given") {
		op.Value = minor(t, "value")
	}
	switch rapid.IntRange(0, 7).Draw(t, "when") {
	case 5, 6:
		op.Age = duration(t)
	case 7:
		op.Age = -time.Millisecond
	}
	return op
}

// drawUpdate generates an update of one of some sets of fields.
func drawUpdate(fields ...string) func(t *rapid.T) operation {
	return func(t *rapid.T) operation {
		return updateOp{
			Conversion: selector(t, "conversion"), Fields: rapid.SampledFrom(fields).Draw(t, "fields"),
			Type: rapid.SampledFrom([]refgrow.ConversionType{refgrow.Purchase, refgrow.Signup}).Draw(t, "type"),
			Base: minor(t, "base"), Value: minor(t, "value"), OtherCurrency: rapid.IntRange(0, 15).Draw(t, "other currency") == 15,
			Currency: currency(t), Affiliate: maybe(t, "affiliate", 6), Paid: rapid.Bool().Draw(t, "paid"), Reference: maybe(t, "reference", 4),
		}
	}
}

func (op updateOp) has(field string) bool { return strings.Contains(" "+op.Fields+" ", " "+field+" ") }

// selector picks the newest things more often.
func selector(t *rapid.T, label string) int { return rapid.IntRange(1, unknown).Draw(t, label) }

// maybe is a selector in so many of 8 cases.
func maybe(t *rapid.T, label string, of8 int) int {
	if rapid.IntRange(0, 7).Draw(t, label+"?") < 8-of8 {
		return none
	}
	return selector(t, label)
}

func currency(t *rapid.T) money.Currency {
	return rapid.SampledFrom([]money.Currency{"USD", "EUR", "KWD", "JPY"}).Draw(t, "currency")
}

// minor is an amount in minor units: mostly small, odd ones for the rounding
// among them, and sometimes as large as can be.
func minor(t *rapid.T, label string) int64 {
	switch rapid.IntRange(0, 15).Draw(t, label+" size") {
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
