package httpapi

import (
	"context"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// A problem is an answer that says what is wrong.
type problem struct {
	status     int
	code       string // a stable machine word
	field      string // what is at fault, or ""
	message    string // for people
	allow      string // the header Allow, or ""
	retryAfter int64  // seconds, or 0
	requestID  string // shown where the person has to ask those who run the app
	id         int64  // of the thing that the problem is about, where a client needs it, or 0
	cause      error  // for the log alone
}

func (p *problem) Error() string { return p.message }

// wrong is a problem with a field of the request.
func wrong(field, message string) *problem {
	return &problem{status: http.StatusBadRequest, code: string(refgrow.CodeInvalid), field: field, message: message}
}

// statusOf is the only place that turns the engine's error codes into statuses.
func statusOf(code refgrow.Code) int {
	switch code {
	case refgrow.CodeInvalid:
		return http.StatusBadRequest
	case refgrow.CodeUnauthorized:
		return http.StatusUnauthorized
	case refgrow.CodeNotFound:
		return http.StatusNotFound
	case refgrow.CodeConflict, refgrow.CodeErased:
		return http.StatusConflict
	case refgrow.CodeBusy, refgrow.CodeTooSlow, refgrow.CodeClosed:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// retrySoon is the Retry-After, in seconds, of a database that takes no writes: nobody
// knows when it will again.
const retrySoon = 1

// problemOf is the only place that decides what a caller learns about an error. What is
// unexpected goes to the log.
func problemOf(err error) *problem {
	if known, ok := errors.AsType[*problem](err); ok {
		return known
	}
	own := engineError(err)
	if own == nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			own = &refgrow.Error{Code: refgrow.CodeBusy,
				Message: "the request ended before its turn came; nothing was changed"}
		} else {
			return internal(err)
		}
	}
	p := &problem{status: statusOf(own.Code), code: string(own.Code), field: own.Field, message: own.Message, id: own.ID}
	switch {
	case p.status == http.StatusInternalServerError:
		return internal(err)
	case own.Code == refgrow.CodeBusy, own.Code == refgrow.CodeTooSlow:
		p.retryAfter = retrySoon
	}
	return p
}

func internal(cause error) *problem {
	return &problem{status: http.StatusInternalServerError, code: "internal", message: "internal error", cause: cause}
}

// engineError finds the engine's error in err, nil if there is none. A host's own
// functions may return the bare sentinels.
func engineError(err error) *refgrow.Error {
	if own, ok := errors.AsType[*refgrow.Error](err); ok {
		return own
	}
	for _, bare := range []struct {
		sentinel error
		code     refgrow.Code
	}{
		{refgrow.ErrUnauthorized, refgrow.CodeUnauthorized}, {refgrow.ErrNotFound, refgrow.CodeNotFound},
		{refgrow.ErrConflict, refgrow.CodeConflict}, {refgrow.ErrInvalid, refgrow.CodeInvalid},
		{refgrow.ErrBusy, refgrow.CodeBusy}, {refgrow.ErrTooSlow, refgrow.CodeTooSlow},
		{refgrow.ErrClosed, refgrow.CodeClosed},
	} {
		if errors.Is(err, bare.sentinel) {
			return &refgrow.Error{Code: bare.code, Message: bare.sentinel.Error()}
		}
	}
	return nil
}

// renamed returns the engine's error about a field under the name that the field has in
// the call.
func renamed(err error, field, name string) error {
	own, ok := errors.AsType[*refgrow.Error](err)
	if !ok || own.Field != field {
		return err
	}
	same := *own
	same.Field = name
	return &same
}

// body is the JSON of a problem. The field is named in the text too, for clients
// that show nothing else.
func (p *problem) body() []byte {
	message := p.message
	if p.field != "" {
		message = p.field + ": " + message
	}
	o := wire.Begin(make([]byte, 0, 256))
	o.Flag("success", false)
	o.Text("error", message)
	o.Text("code", p.code)
	if p.field != "" {
		o.Text("field", p.field)
	}
	if p.id != 0 {
		o.Integer("id", p.id)
	}
	if p.requestID != "" {
		o.Text("request_id", p.requestID)
	}
	return o.End()
}

// shortened is untrusted text for a message: as much of it as people can use.
func shortened(text string) string {
	const most = 64
	if text == "" {
		return `""` // a name too, and people have to see it
	}
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
