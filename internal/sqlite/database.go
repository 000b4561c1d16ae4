package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// Database is what operations have to know about SQLite.
type Database struct{}

var _ backend.Database = Database{}

// Classify goes by the result codes of SQLite.
func (Database) Classify(err error) error { return Classify(err) }

// SaysDamaged goes by the result codes of SQLite.
func (Database) SaysDamaged(err error) bool { return SaysDamaged(err) }

// Lock turns a transaction that began deferred into a writing one before anything is
// read: one that reads first is refused (517) as soon as anybody else has written. The
// statement changes nothing. In a schema without the table of versions there is nothing
// to take the lock with, and the operation's first write has to take it.
func (Database) Lock(ctx context.Context, on db.DBTX, _ int64) error {
	_, err := on.ExecContext(ctx, "DELETE FROM refgrow_migrations WHERE 0")
	if code, ok := Code(err); ok && code&0xff == codeError {
		return nil
	}
	return err
}

// Gone explains the error of a savepoint that is no longer there.
func (Database) Gone(err error) error { return lostOr(err) }

// lostOr explains the error of a statement that needs the transaction, where there is
// none.
func lostOr(err error) error {
	if errors.Is(err, backend.ErrLost) {
		return err
	}
	if code, ok := Code(err); ok && code&0xff == codeError {
		return fmt.Errorf("%w; all of it must be repeated: %w", backend.ErrLost, err)
	}
	return err
}
