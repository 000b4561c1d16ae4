package httpapi

import (
	"net/http"

	"github.com/refgrow-go/refgrow/internal/limit"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// What the tests outside look at from within.

// ParseObject reads a text as a body is read, and gives the names in it.
func ParseObject(text string) (names []string, err error) {
	members, err := parseObject(text)
	for _, m := range members {
		names = append(names, m.name)
	}
	return names, err
}

// AppendText writes a JSON string.
func AppendText(b []byte, text string) []byte { return wire.AppendText(b, text) }

// MaxDepth is how deep a body may be nested.
const MaxDepth = maxDepth

// Counted is how many callers and addresses a handler of New counts for, and the
// bound of both.
func Counted(h http.Handler) (callers, addresses, most int) {
	a := h.(*mounted).api
	return len(a.windows.open), a.failures.Counted(), limit.MaxCounted
}
