package main

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/backend"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
	"github.com/refgrow-go/refgrow/sqlite"
)

// single is an engine's store without group commit: every operation is a durable
// transaction of its own, one after another, on one connection with prepared
// statements. Everything else is that of the file that it is made of, so that the
// difference is the group commit alone.
type single struct {
	backend.Backend
	pool  *sql.DB
	conn  *sql.Conn
	stmts *base.Statements

	mu sync.Mutex // held by the operation that runs
}

// A singleStore is the store as an engine takes it.
type singleStore struct{ *single }

var _ refgrow.Store = singleStore{}

// Backend is what the engine works with.
func (s singleStore) Backend() backend.Backend { return s.single }

func openSingle(ctx context.Context, file *sqlite.DB) (*single, error) {
	pool, err := openFile(file.Path())
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &single{Backend: file.Backend(), pool: pool, conn: conn, stmts: base.NewStatements(conn, never)}, nil
}

// never: no transaction is rolled back here by SQLite itself, or the round fails.
func never() bool { return false }

func (s *single) close() error {
	return errors.Join(s.stmts.Close(), s.conn.Close(), s.pool.Close())
}

// Atomic runs one operation in a transaction of its own.
func (s *single) Atomic(ctx context.Context, work backend.Work) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	if err := s.stmts.Control(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	tx, end := backend.Operation(s.stmts, base.Database{}, make(map[any]any), s.Stats)
	defer end()
	err := work.Run(ctx, tx)
	if err == nil {
		err = tx.Take().Write(ctx, tx)
	}
	if err != nil {
		return errors.Join(err, s.stmts.Control(ctx, "ROLLBACK"))
	}
	return s.stmts.Control(ctx, "COMMIT")
}
