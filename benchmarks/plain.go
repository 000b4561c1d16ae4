package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// A plainTable is what an app would write without any engine: one prepared insert of a
// row as large as a conversion's, durable, in a transaction of its own.
type plainTable struct {
	db     *sql.DB
	insert *sql.Stmt
}

func openPlain(ctx context.Context, file string) (*plainTable, error) {
	db, err := openFile(file)
	if err != nil {
		return nil, err
	}
	_, err = db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS conversions (
		id INTEGER PRIMARY KEY, affiliate_id INTEGER NOT NULL, type TEXT NOT NULL, value INTEGER NOT NULL,
		base_value INTEGER NOT NULL, currency TEXT NOT NULL, reference TEXT NOT NULL UNIQUE,
		created_at INTEGER NOT NULL) STRICT`)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	insert, err := db.PrepareContext(ctx, `INSERT INTO conversions
		(affiliate_id, type, value, base_value, currency, reference, created_at) VALUES (?, 'purchase', ?, ?, ?, ?, ?)`)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &plainTable{db, insert}, nil
}

func (p *plainTable) close() error { return errors.Join(p.insert.Close(), p.db.Close()) }

func (p *plainTable) record(ctx context.Context, base int64, currency, reference string) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	inside := tx.StmtContext(ctx, p.insert) //nolint:sqlclosecheck // ends with the transaction
	if _, err := inside.ExecContext(ctx, base%1000+1, base/5, base, currency, reference,
		time.Now().UnixMilli()); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// servePlain serves such a table with a handler that does nothing else.
func servePlain(ctx context.Context, s servant) (err error) {
	table, err := openPlain(ctx, s.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.close()) }()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/conversions", func(w http.ResponseWriter, r *http.Request) {
		var c recording
		err := json.NewDecoder(r.Body).Decode(&c)
		base, wrong := c.base()
		if err = errors.Join(err, wrong); err == nil {
			err = table.record(context.WithoutCancel(r.Context()), base, c.Currency, c.Reference)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"success":true}`)
	})
	return listen(mux, "")
}
