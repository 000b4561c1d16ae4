package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"strings"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// The primary result codes of SQLite that mean something here. An extended code
// carries its primary one in the low byte.
const (
	codeError      = 1
	codeBusy       = 5
	codeLocked     = 6
	codeInterrupt  = 9
	codeCorrupt    = 11
	codeFull       = 13
	codeTooBig     = 18
	codeConstraint = 19
	codeMismatch   = 20
	codeRange      = 25
	codeNotADB     = 26
)

// codeShmSize is an extended code: the shared memory next to the file could not be
// enlarged, which takes room on the disk like the file itself.
const codeShmSize = 4874

// Classify makes an error that comes from the database match the sentinel of package
// backend that says what it means, and keeps the original wrapped. Every other error,
// sql.ErrNoRows included, is returned as it is.
//
// A statement is interrupted by the end of its context. Most drivers then return the
// context's own error, but glebarez returns the code, which does not say whether it was
// a deadline: it matches context.Canceled.
//
// It goes by result codes alone and knows no driver: modernc and glebarez have the
// extended code in a method Code, mattn in a struct field ExtendedCode, ncruces in a
// method ExtendedCode, or its error is the code itself.
func Classify(err error) error {
	kind := kindOf(err)
	if kind == nil || errors.Is(err, kind) {
		return err
	}
	return &classified{kind: kind, err: err}
}

// Code returns the extended result code of the SQLite error in err's tree.
func Code(err error) (code int, ok bool) {
	for err != nil {
		if code, ok := driverCode(err); ok {
			return code, true
		}
		switch wrapped := err.(type) {
		case interface{ Unwrap() error }:
			err = wrapped.Unwrap()
		case interface{ Unwrap() []error }:
			for _, e := range wrapped.Unwrap() {
				if code, ok := Code(e); ok {
					return code, true
				}
			}
			return 0, false
		default:
			return 0, false
		}
	}
	return 0, false
}

// IsBusy reports whether err says that another connection holds the lock.
func IsBusy(err error) bool { return kindOf(err) == backend.ErrBusy }

// KeepsTransaction reports whether err, an error of the database, undid no more than
// the statement it belongs to. After any other error the transaction cannot be trusted,
// even when SQLite has not rolled it back.
func KeepsTransaction(err error) bool {
	code, ok := Code(err)
	if !ok {
		return false
	}
	switch code & 0xff {
	case codeConstraint, codeError, codeTooBig, codeMismatch, codeRange:
		return true
	}
	return false
}

// FromDatabase reports whether err comes from the database or its connection,
// and not from the rules that used it.
func FromDatabase(err error) bool {
	if _, ok := Code(err); ok {
		return true
	}
	return errors.Is(err, backend.ErrLost) || errors.Is(err, sql.ErrTxDone) || kindOf(err) == backend.ErrClosed
}

// SaysDamaged reports whether err, from a statement of our own that never varies, can
// only come from a damaged file: a value that is not of its column's type, though all
// tables are STRICT, or a schema that is not the one we made. It says nothing about the
// statements of others.
func SaysDamaged(err error) bool {
	if code, ok := Code(err); ok {
		return code&0xff == codeError || kindOf(err) == backend.ErrDamaged
	}
	for ; err != nil; err = errors.Unwrap(err) {
		// The standard library has no type for it.
		if strings.HasPrefix(err.Error(), "sql: Scan error on column index ") {
			return true
		}
	}
	return false
}

func kindOf(err error) error {
	if err == nil {
		return nil
	}
	if code, ok := Code(err); ok {
		if code == codeShmSize {
			return backend.ErrFull
		}
		switch code & 0xff {
		case codeBusy, codeLocked:
			return backend.ErrBusy
		case codeFull:
			return backend.ErrFull
		case codeConstraint:
			return backend.ErrConstraint
		case codeInterrupt:
			return context.Canceled
		case codeCorrupt, codeNotADB:
			return backend.ErrDamaged
		}
		return nil
	}
	if errors.Is(err, sql.ErrConnDone) || saysClosed(err) {
		return backend.ErrClosed
	}
	return nil
}

// saysClosed knows the two errors of database/sql (not of a driver) for a
// closed pool; the standard library does not export them.
func saysClosed(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		switch err.Error() {
		case "sql: database is closed", "sql: statement is closed":
			return true
		}
	}
	return false
}

// driverCode reads the code of err itself. Only types of a package that names SQLite
// count: an app's own error may have a Code too.
func driverCode(err error) (int, bool) {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return 0, false
		}
		v = v.Elem()
	}
	if !strings.Contains(v.Type().PkgPath(), "sqlite") {
		return 0, false
	}
	if v.Kind() != reflect.Struct {
		return number(v)
	}
	// The names are written out because for one that it cannot see, the linker keeps
	// every method in the binary.
	for _, method := range [...]reflect.Value{
		reflect.ValueOf(err).MethodByName("ExtendedCode"), reflect.ValueOf(err).MethodByName("Code"),
	} {
		if method.IsValid() && method.Type().NumIn() == 0 && method.Type().NumOut() == 1 {
			if code, ok := number(method.Call(nil)[0]); ok {
				return code, true
			}
		}
	}
	for _, name := range [...]string{"ExtendedCode", "Code"} {
		if code, ok := number(v.FieldByName(name)); ok {
			return code, true
		}
	}
	return 0, false
}

// number returns a result code of whatever integer type; 0 is no error.
func number(v reflect.Value) (int, bool) {
	code := 0
	switch {
	case v.CanInt():
		code = int(v.Int())
	case v.CanUint():
		code = int(v.Uint()) //nolint:gosec // no code is that long
	}
	return code, code != 0
}

type classified struct{ kind, err error }

func (c *classified) Error() string   { return c.kind.Error() + ": " + c.err.Error() }
func (c *classified) Unwrap() []error { return []error{c.kind, c.err} }
