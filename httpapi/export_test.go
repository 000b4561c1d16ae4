package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/refgrow-go/refgrow/internal/limit"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// What the tests, which are outside the package, need from inside it.

// ParseObject reads a text as a body is read, and returns the names in it.
func ParseObject(text string) (names []string, err error) {
	members, err := parseObject(text)
	for _, m := range members {
		names = append(names, m.name)
	}
	return names, err
}

// ReadObject returns all that is read from a text, in the types of encoding/json.
func ReadObject(text string) (map[string]any, error) {
	members, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	return plain(value{kind: kindObject, members: members}).(map[string]any), nil
}

func plain(v value) any {
	switch v.kind {
	case kindNull:
		return nil
	case kindBool:
		return v.text == "true"
	case kindNumber:
		return json.Number(v.text)
	case kindString:
		return v.text
	case kindArray:
		list := make([]any, len(v.members))
		for i, m := range v.members {
			list[i] = plain(m.value)
		}
		return list
	case kindObject:
		object := make(map[string]any)
		for _, m := range v.members {
			if _, twice := object[m.name]; twice {
				panic(m.name + " is given twice")
			}
			object[m.name] = plain(m.value)
		}
		return object
	}
	panic("an unknown kind")
}

// AppendText writes a JSON string.
func AppendText(b []byte, text string) []byte { return wire.AppendText(b, text) }

// MaxDepth is how deep a body may be nested.
const MaxDepth = maxDepth

// Counted is how many callers and addresses a handler of New keeps counts for, and the
// bound of both.
func Counted(h http.Handler) (callers, addresses, most int) {
	a := h.(*mounted).api
	return len(a.windows.open), a.failures.Counted(), limit.MaxCounted
}

// Routes are everything that the API answers: methods and patterns.
func Routes() [][2]string {
	var all [][2]string
	for _, r := range routes() {
		all = append(all, [2]string{r.method, r.pattern})
	}
	return all
}

// Shares are those of reads of lists.
type Shares struct{ all *shares }

// NewShares returns the shares of callers that have nothing under way.
func NewShares() Shares { return Shares{newShares()} }

// Take begins a read of a list.
func (s Shares) Take(ctx context.Context, key int64) (back func(), err error) {
	return s.all.take(ctx, callerKey{key: key}, readsOfLists)
}

// Len is how many callers are remembered.
func (s Shares) Len() int { return len(s.all.held) }

// IsShared reports whether a route is in a share.
func IsShared(method, pattern string) bool {
	return shareOf(&route{method: method, pattern: pattern}) != nil
}
