package books_test

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// An operation is a plain value that means something in any state of the books: it
// names what it is about by a selector, not by an id. So any of them can be left out,
// and a failure shrinks.
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
		ExternalID                         string // instead of External
		Product                            int
		Currency                           money.Currency
		NoBase                             bool
		Base                               int64
		Value                              int64 // below 0: by the rule
		OtherCurrency                      bool  // the value is in another one than the base value
		Paid                               bool
		Age                                time.Duration // below 0: in the future
		MonthsAgo                          int           // at the end of an earlier month instead
		Due                                int           // months after the customer's first purchase instead, plus Age
	}
	updateOp struct {
		Conversion    int
		Fields        string // which of the following are given; "flip": the other value of paid
		Type          refgrow.ConversionType
		Base, Value   int64
		OtherCurrency bool // the amounts are in another one than the conversion's
		Currency      money.Currency
		Affiliate     int
		Paid          bool
		Reference     int
	}
	// lifeOp is what happens to one conversion.
	lifeOp struct {
		Conversion int
		Steps      []ofConversion
	}
	ofConversion interface {
		to(on *side, conversion int64) error
	}
	// reservedOp is what happens to one of the conversions that a payout has.
	reservedOp struct {
		Payout, Conversion int
		Step               ofConversion
	}
	// loyalOp is what happens around one customer: everything recorded is theirs.
	loyalOp struct {
		Customer int // 0 for a new one
		Steps    []operation
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
	holdOp  struct{ Days int }
	rulesOp struct {
		Purchase, Signup string
		Duration         refgrow.CommissionDuration
	}
	currencyOp struct{ Currency money.Currency }
	joinOp     struct {
		Taken string // "email" or "code": with one that is taken
		Wants refgrow.PayoutPreferences
	}
	statusOp struct {
		Affiliate int
		Inactive  bool
	}
	leaveOp  struct{ Affiliate, Sure int }
	couponOp struct{ Affiliate, Code int }
	// customerOp changes a referred user, or deletes them.
	customerOp struct {
		Customer, Affiliate int
		Status              refgrow.ReferralStatus
		Delete              bool
	}
	// mergeOp joins a referred user into another one.
	mergeOp     struct{ Customer, From int }
	couponOffOp struct {
		Coupon   int
		Inactive bool
	}
	auditOp struct{ Chance int }
)
