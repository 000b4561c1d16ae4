package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// one is the answer with one thing in it.
func one[T any](status int, thing T, show func(*wire.Object, T)) answer {
	o := wire.Begin(make([]byte, 0, 768))
	o.Flag("success", true)
	o.Member("data")
	data := wire.Begin(o.B)
	show(&data, thing)
	o.B = data.End()
	return answer{status: status, body: o.End()}
}

// list is the answer with all of a list that has no pages.
func list[T any](status int, things []T, show func(*wire.Object, *T)) answer {
	o := wire.Begin(make([]byte, 0, 256+256*len(things)))
	o.Flag("success", true)
	o.Member("data")
	o.B = wire.AppendList(o.B, things, show)
	return answer{status: status, body: o.End()}
}

// showTexts is a member that is an array of strings.
func showTexts[T ~string](o *wire.Object, name string, texts []T) {
	o.Member(name)
	o.B = append(o.B, '[')
	for i, text := range texts {
		if i > 0 {
			o.B = append(o.B, ',')
		}
		o.B = wire.AppendText(o.B, string(text))
	}
	o.B = append(o.B, ']')
}

// giving is the work of a call whose answer has one thing in it.
func giving[T any](status int, show func(*wire.Object, T), do func(context.Context, *refgrow.Project) (T, error)) work {
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		thing, err := do(ctx, p)
		if err != nil {
			return answer{}, err
		}
		return one(status, thing, show), nil
	}
}

// many is the answer with a page of a list. count is called only when the page alone
// does not show how many there are.
func many[T any](
	at paging, page refgrow.Page[T], count func() (int64, error), show func(*wire.Object, *T),
) (answer, error) {
	total, err := at.total(len(page.Items), page.Next != "", count)
	if err != nil {
		return answer{}, err
	}
	o := wire.Begin(make([]byte, 0, 256+512*len(page.Items)))
	o.Flag("success", true)
	o.Member("data")
	o.B = wire.AppendList(o.B, page.Items, show)
	o.Member("pagination")
	p := wire.Begin(o.B)
	p.Integer("limit", int64(at.limit))
	p.Integer("offset", int64(at.offset))
	if at.cursor == "" {
		p.Integer("total", total)
	} else {
		p.Null("total")
	}
	p.Flag("has_more", page.Next != "")
	p.Optional("next_cursor", string(page.Next))
	o.B = p.End()
	return answer{status: http.StatusOK, body: o.End()}, nil
}
