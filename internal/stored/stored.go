// Package stored says how a column of the database keeps a value: absent values,
// booleans, currencies and lists. Instants and days are in time.go. It knows no table.
package stored

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/money"
)

// ErrDamaged is the error for a value that no operation writes.
var ErrDamaged = backend.ErrDamaged

// OrZero returns the value, or the zero value where the column is NULL.
func OrZero[T any](value *T) T {
	if value == nil {
		var zero T
		return zero
	}
	return *value
}

// IDOrNull keeps an optional id: 0 is NULL.
func IDOrNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

// NumberOrNull keeps an optional number: 0 is NULL.
func NumberOrNull(n int) *int64 { return IDOrNull(int64(n)) }

// TextOrNull keeps an optional text: "" is NULL.
func TextOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Flag keeps a boolean as 1 or 0.
func Flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Currency reads a currency, which is stored as its code in capitals. Errors:
// ErrDamaged.
func Currency(text string) (money.Currency, error) {
	currency, err := money.ParseCurrency(text)
	if err != nil || string(currency) != text {
		return "", fmt.Errorf("%w: the currency %q", ErrDamaged, text)
	}
	return currency, nil
}

// Billion is what the first of the two columns of a sum that may exceed an int64 counts.
const Billion = 1_000_000_000

// Billions reads such a sum.
func Billions(billions, rest int64) *big.Int {
	sum := big.NewInt(billions)
	return sum.Mul(sum, big.NewInt(Billion)).Add(sum, big.NewInt(rest))
}

// IDs formats a list of ids for json_each.
func IDs(ids []int64) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(id, 10))
	}
	b.WriteByte(']')
	return b.String()
}

// Texts keeps a list of texts, such as sites, also for json_each.
func Texts(list []string) (string, error) {
	text, err := json.Marshal(list)
	return string(text), err
}

// Origins reads a list of sites. Errors: ErrDamaged.
func Origins(text string) ([]string, error) {
	list := []string{}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("%w: the allowed origins: %w", ErrDamaged, err)
	}
	return list, nil
}

// Onward returns the id to continue after: that of the last of some rows. It must be
// greater than the previous one: if it is not, the index is damaged and the loop might
// never end. Errors: ErrDamaged.
func Onward(before, last int64) (int64, error) {
	if last <= before {
		return before, fmt.Errorf("%w: %d is followed by %d", ErrDamaged, before, last)
	}
	return last, nil
}
