package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// conn is a connection taken from a borrowed pool, to be returned as it was: in no
// transaction and with its own busy timeout. If that is impossible, the pool is made to
// discard the connection.
type conn struct {
	*sql.Conn
	timeout time.Duration // the host's, to be restored; 0: not changed
	spoiled bool
}

// conn waits for a connection until wait ends; ctx is the caller's.
func (b *Backend) conn(ctx, wait context.Context) (*conn, error) {
	c, err := b.pool.Conn(wait)
	switch {
	case err == nil:
		return &conn{Conn: c}, nil
	case ctx.Err() != nil:
		return nil, backend.GaveUp(ctx)
	case wait.Err() != nil:
		return nil, fmt.Errorf("%w: no connection of the pool was free: %w", backend.ErrBusy, err)
	}
	return nil, Classify(err)
}

// reading waits for a connection to read from. Where the pool sets options on a new
// one, a lock may already be in the way there.
func (b *Backend) reading(ctx context.Context) (c *conn, err error) {
	err = patiently(ctx, func() error {
		c, err = b.conn(ctx, ctx)
		return err
	})
	return c, err
}

// write runs work in an IMMEDIATE transaction. It waits for its turn, a connection and
// the lock until ctx ends or Patience runs out; work itself is not cancelled.
//
// Only the operation whose turn it is asks for the lock. SQLite has no queue: if all
// asked, each on a connection of its own, most of the time would go by between the
// attempts, and some would never get it.
func (b *Backend) write(ctx context.Context, work func(context.Context, db.DBTX) error) error {
	if err := b.reentry.Refuse(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return backend.GaveUp(ctx)
	}
	joined := time.Now()
	wait, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	select {
	case b.gate <- struct{}{}:
		defer func() { <-b.gate }()
	case <-wait.Done():
		if ctx.Err() != nil {
			return backend.GaveUp(ctx)
		}
		return fmt.Errorf("%w: other operations are ahead of it", backend.ErrBusy)
	}
	var done error // the outcome of work, once it has begun
	err := Retry(wait, func() error {
		began, err := b.try(ctx, wait, func(ctx context.Context, on db.DBTX) error {
			b.waited.Add(int64(time.Since(joined)))
			return work(ctx, on)
		})
		if began {
			done, err = err, nil
		}
		return err
	})
	switch {
	case err == nil:
		return Classify(done)
	case IsBusy(err) && ctx.Err() != nil:
		return backend.GaveUp(ctx)
	}
	return Classify(err)
}

// try makes one attempt. A connection is not kept between the attempts: it may
// be the pool's only one.
func (b *Backend) try(ctx, wait context.Context, work func(context.Context, db.DBTX) error) (began bool, err error) {
	conn, err := b.conn(ctx, wait)
	if err != nil {
		return false, err
	}
	defer conn.release()
	inside := context.WithoutCancel(ctx)
	conn.shorten(inside)
	if _, err := conn.ExecContext(inside, "BEGIN IMMEDIATE"); err != nil {
		return false, err
	}
	committed := false
	defer func() {
		// After an error, a panic, or the end of the goroutine.
		if !committed {
			conn.rollback(inside)
		}
	}()
	if err := work(inside, &guarded{on: conn}); err != nil {
		return true, err
	}
	if err := conn.commit(inside, wait); err != nil {
		if IsBusy(err) && ctx.Err() != nil {
			err = backend.GaveUp(ctx)
		}
		return true, err
	}
	committed = true
	return true, nil
}

// commit repeats a COMMIT that a reader's lock stands in the way of, which happens only
// without WAL: the transaction stays open meanwhile. A COMMIT that finds no transaction
// shows that SQLite rolled back by itself.
func (c *conn) commit(ctx, wait context.Context) error {
	return lostOr(Retry(wait, func() error {
		_, err := c.ExecContext(ctx, "COMMIT")
		return err
	}))
}

// rollback leaves the transaction, if there still is one: the answer that none
// is active has the plain error code.
func (c *conn) rollback(ctx context.Context) {
	_, err := c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	if code, ok := Code(err); err != nil && (!ok || code&0xff != codeError) {
		c.spoiled = true
	}
}

// shorten sets a short busy timeout while the connection is ours: under the
// host's, which may be minutes, a driver may not notice the end of a context.
func (c *conn) shorten(ctx context.Context) {
	var ms int64
	if err := c.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&ms); err != nil {
		return
	}
	if timeout := time.Duration(ms) * time.Millisecond; timeout > BusyTimeout {
		c.timeout = timeout
		c.setTimeout(ctx, BusyTimeout)
	}
}

func (c *conn) setTimeout(ctx context.Context, d time.Duration) {
	query := "PRAGMA busy_timeout = " + strconv.FormatInt(d.Milliseconds(), 10)
	if _, err := c.ExecContext(ctx, query); err != nil {
		c.spoiled = true
	}
}

// release returns the connection to the pool.
func (c *conn) release() {
	if c.timeout > 0 && !c.spoiled {
		c.setTimeout(context.Background(), c.timeout)
	}
	if c.spoiled {
		// The pool closes a connection that calls itself bad; the error that
		// Raw passes on is this one.
		_ = c.Raw(func(any) error { return driver.ErrBadConn })
	}
	// Fails only if the connection is already gone.
	_ = c.Close()
}
