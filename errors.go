package refgrow

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/ledger"
)

// What went wrong, for control flow with errors.Is. The errors that methods return say
// more: most are of type *Error.
var (
	// ErrNotFound: there is no such thing in this project. What belongs to another
	// project does not count.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the change collides with something that already exists, such as an
	// email that is taken, or with a state that does not allow it.
	ErrConflict = errors.New("conflict")
	// ErrExists is the ErrConflict with something that already exists: the reference,
	// email, code, external id or name is taken, and Error.ID says by what. A call that
	// is repeated because nobody knows whether it was done gets it if it was; it does
	// not compare the two.
	ErrExists = fmt.Errorf("%w: it already exists", ErrConflict)
	// ErrInvalid: the input is wrong; Error.Field names it.
	ErrInvalid = errors.New("invalid input")
	// ErrBusy: the database takes no writes at the moment, because another writer holds
	// its lock or the disk is full. Nothing was changed, and the same call may be
	// repeated. Inside a caller's transaction that began with a read, the whole
	// transaction has to be repeated.
	ErrBusy = backend.ErrBusy
	// ErrTooSlow: a statement that reads took longer than Config.Timeout. The error's
	// message says what would make it faster.
	ErrTooSlow = backend.ErrTooSlow
	// ErrClosed: the engine or its database was closed.
	ErrClosed = backend.ErrClosed
	// ErrUnauthorized: the API key is malformed, unknown or revoked.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrSchema: the database's schema is newer than this version of the package,
	// or older and Config.Migrate is MigrateCheck. A SchemaError says which.
	ErrSchema = backend.ErrSchema
	// ErrDamaged: the file is damaged, or is not a database at all.
	ErrDamaged = backend.ErrDamaged
	// ErrUnknown: the connection to PostgreSQL ended before it answered a commit.
	// Nobody knows whether the change was made. Whoever repeats it with the same
	// reference or Idempotency makes it once.
	ErrUnknown = backend.ErrUnknown
	// ErrUnsupported: the store's database does not offer that, and the message says
	// what does.
	ErrUnsupported = backend.ErrUnsupported
)

// A SchemaError is an ErrSchema that knows both versions: the database's, and the one
// that this package is for.
type SchemaError = backend.SchemaError

// A Code is the stable machine-readable word for an Error; HTTP clients see it as
// "code".
type Code string

// The codes. An Error with a code matches the sentinel of the same name, but for
// CodeErased.
const (
	CodeNotFound     Code = "not_found"
	CodeConflict     Code = "conflict"
	CodeInvalid      Code = "invalid"
	CodeBusy         Code = "busy"
	CodeTooSlow      Code = "too_slow"
	CodeClosed       Code = "closed"
	CodeUnauthorized Code = "unauthorized"
	// CodeErased is that of an ErrConflict with somebody who was erased or deleted.
	CodeErased Code = "erased"
)

func (c Code) sentinel() error {
	switch c {
	case CodeNotFound:
		return ErrNotFound
	case CodeConflict, CodeErased:
		return ErrConflict
	case CodeInvalid:
		return ErrInvalid
	case CodeBusy:
		return ErrBusy
	case CodeTooSlow:
		return ErrTooSlow
	case CodeClosed:
		return ErrClosed
	case CodeUnauthorized:
		return ErrUnauthorized
	}
	return nil
}

// An Error tells the person who must fix it what was wrong and what would be right.
// errors.Is matches it with the sentinel of its Code, and with ErrExists. Go callers
// and HTTP clients get the same one.
type Error struct {
	Code Code
	// Field is the input at fault, by its name in the REST API ("base_value"), or "".
	Field   string
	Message string
	// ID is that of the thing in the way, where a conflict is with something that
	// exists already, or whose state does not allow it; else 0.
	ID int64

	exists bool // it is an ErrExists
	cause  error
}

// Error returns the message, after the field where there is one.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Is reports whether target is the sentinel of e's code, or ErrExists and e is one.
func (e *Error) Is(target error) bool {
	return target == e.Code.sentinel() || e.exists && target == ErrExists
}

// Unwrap returns the error of the database that led to this one, if any.
func (e *Error) Unwrap() error { return e.cause }

func invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// at adds the name of the input to what is wrong with it. It returns nil if nothing is.
func at(field string, wrong error) error {
	if wrong == nil {
		return nil
	}
	return &Error{Code: CodeInvalid, Field: field, Message: wrong.Error()}
}

func conflict(field, format string, args ...any) *Error {
	return &Error{Code: CodeConflict, Field: field, Message: fmt.Sprintf(format, args...)}
}

// taken is a conflict with the thing of an id, which exists already.
func taken(id int64, field, format string, args ...any) *Error {
	e := conflict(field, format, args...).of(id)
	e.exists = true
	return e
}

// of adds the id of the thing that is in the way, or whose state does not allow it.
func (e *Error) of(id int64) *Error {
	e.ID = id
	return e
}

// erased is a conflict with somebody of whom nothing is kept.
func erased(field, message string) *Error {
	e := conflict(field, "%s", message)
	e.Code = CodeErased
	return e
}

func notFound(what string) *Error {
	return &Error{Code: CodeNotFound, Message: what + " not found"}
}

// failed turns the error of an operation into what callers see: an *Error stays
// as it is, a state of the database becomes its sentinel, and anything else is
// wrapped with what was being done.
func (e *Engine) failed(doing string, err error) error { return failed(e.backend, doing, err) }

func failed(b backend.Backend, doing string, err error) error {
	if err == nil {
		return nil
	}
	err = b.Classify(err)
	var own *Error
	var bound *ledger.BoundError
	switch {
	case errors.As(err, &bound) && errors.Is(err, backend.ErrConstraint):
		return &Error{Code: CodeInvalid, Field: bound.Field, cause: err,
			Message: "the affiliate's account would exceed 9 * 10^18 minor units"}
	case errors.As(err, &own):
		return err
	case errors.Is(err, backend.ErrBusy):
		return &Error{Code: CodeBusy, Message: "the database is locked by another writer; try again", cause: err}
	case errors.Is(err, backend.ErrFull):
		return &Error{Code: CodeBusy, Message: "the disk is full; the change was not made", cause: err}
	case errors.Is(err, backend.ErrTooSlow):
		return &Error{Code: CodeTooSlow, cause: err, Message: doing + " took too long; it is faster with a shorter " +
			"time (from and to), a smaller limit, or a cursor in place of an offset"}
	case errors.Is(err, backend.ErrClosed):
		return &Error{Code: CodeClosed, Message: "the database is closed", cause: err}
	}
	return while(doing, err)
}

// while adds what was being done to an error that is none of a database.
func while(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// missing turns an empty result into "... not found".
func missing(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return notFound(what)
	}
	return err
}

// needed turns a result that is unexpectedly empty, and other errors of reading that
// only damage can cause, into ErrDamaged.
func (e *Engine) needed(err error) error { return needed(e.backend, err) }

func needed(b backend.Backend, err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: a row that must exist is missing: %w", ErrDamaged, err)
	case !errors.Is(err, ErrDamaged) && b.SaysDamaged(err):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// ignoring returns err, or nil if it is the one that is not a failure.
func ignoring(err, fine error) error {
	if errors.Is(err, fine) {
		return nil
	}
	return err
}
