package refgrow

import (
	"errors"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/sqlite"
)

// What went wrong, for control flow with errors.Is. The errors that methods
// return say more: most are an *Error.
var (
	// ErrNotFound: there is no such thing in this project. Another project's
	// things count as not there.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the change collides with what is there, such as an email that
	// is taken, or a state that does not allow it.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: the input is wrong; Error.Field names what.
	ErrInvalid = errors.New("invalid input")
	// ErrBusy: the database takes no writes at the moment, because somebody else
	// holds its lock or the disk is full. Nothing was changed; the same call may
	// be repeated. Inside a caller's transaction that began with a read, the whole
	// transaction has to be repeated.
	ErrBusy = backend.ErrBusy
	// ErrClosed: the engine or its database was closed.
	ErrClosed = backend.ErrClosed
	// ErrUnauthorized: the API key is malformed, unknown or revoked.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrSchema: the database's schema is newer than this version of the package,
	// or older and Config.Migrate is MigrateCheck.
	ErrSchema = backend.ErrSchema
	// ErrDamaged: the file is damaged, or no database at all.
	ErrDamaged = backend.ErrDamaged
)

// A Code is the stable machine word of an Error; HTTP clients see it as "code".
type Code string

// The codes, each of the sentinel that an Error with it matches.
const (
	CodeNotFound     Code = "not_found"
	CodeConflict     Code = "conflict"
	CodeInvalid      Code = "invalid"
	CodeBusy         Code = "busy"
	CodeClosed       Code = "closed"
	CodeUnauthorized Code = "unauthorized"
)

func (c Code) sentinel() error {
	switch c {
	case CodeNotFound:
		return ErrNotFound
	case CodeConflict:
		return ErrConflict
	case CodeInvalid:
		return ErrInvalid
	case CodeBusy:
		return ErrBusy
	case CodeClosed:
		return ErrClosed
	case CodeUnauthorized:
		return ErrUnauthorized
	}
	return nil
}

// An Error tells the person who must fix it what was wrong and what would be
// right. errors.Is matches it with the sentinel of its Code. It is the same for
// Go callers and for HTTP clients.
type Error struct {
	Code Code
	// Field is the input at fault, by the name the REST API has for it
	// ("base_value"), or "".
	Field   string
	Message string

	cause error
}

// Error gives the message, with the field where there is one.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Is reports whether target is the sentinel of e's code.
func (e *Error) Is(target error) bool { return target == e.Code.sentinel() }

// Unwrap gives the error of the database that led to this one, if any.
func (e *Error) Unwrap() error { return e.cause }

func invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

func conflict(field, format string, args ...any) *Error {
	return &Error{Code: CodeConflict, Field: field, Message: fmt.Sprintf(format, args...)}
}

func notFound(what string) *Error {
	return &Error{Code: CodeNotFound, Message: what + " not found"}
}

// failed turns the error of an operation into what callers see: an *Error stays
// as it is, a state of the database becomes its sentinel, and anything else is
// wrapped with what was being done.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = sqlite.Classify(err)
	var own *Error
	var bound *balanceError
	switch {
	case errors.As(err, &bound) && errors.Is(err, backend.ErrConstraint):
		return &Error{Code: CodeInvalid, Field: bound.field, cause: err,
			Message: "the affiliate's account would be beyond 9 * 10^18 minor units"}
	case errors.As(err, &own):
		return err
	case errors.Is(err, backend.ErrBusy):
		return &Error{Code: CodeBusy, Message: "the database is locked by another writer; try again", cause: err}
	case errors.Is(err, backend.ErrFull):
		return &Error{Code: CodeBusy, Message: "the disk is full; the change was not made", cause: err}
	case errors.Is(err, backend.ErrClosed):
		return &Error{Code: CodeClosed, Message: "the database is closed", cause: err}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
