package main

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"

	"github.com/refgrow-go/refgrow"

	_ "modernc.org/sqlite" // the app's driver; any other one for SQLite will do
)

// The tables of the app. Those of the affiliate program are next to them in the same
// file, and are all named refgrow_*.
const schema = `
CREATE TABLE IF NOT EXISTS customers (
	id           INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: the program knows customers by it
	email        TEXT NOT NULL UNIQUE COLLATE NOCASE,
	salt         BLOB NOT NULL,
	password     BLOB NOT NULL,                     -- its hash
	affiliate_id INTEGER                            -- null unless the customer is a partner
);
CREATE TABLE IF NOT EXISTS sessions (
	token       BLOB PRIMARY KEY,                   -- the hash of what is in the cookie
	customer_id INTEGER NOT NULL REFERENCES customers,
	ends_at     INTEGER NOT NULL                    -- Unix seconds
);
CREATE TABLE IF NOT EXISTS coupons (
	code    TEXT PRIMARY KEY COLLATE NOCASE,
	percent INTEGER NOT NULL                        -- off the price
);
CREATE TABLE IF NOT EXISTS orders (
	id            TEXT PRIMARY KEY,
	customer_id   INTEGER NOT NULL REFERENCES customers,
	product       TEXT NOT NULL,
	coupon        TEXT NOT NULL,
	amount        INTEGER NOT NULL,                 -- in the minor unit of the currency
	currency      TEXT NOT NULL,
	conversion_id INTEGER NOT NULL,
	ordered_at    INTEGER NOT NULL,                 -- Unix seconds
	refunded      INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS orders_of_customer ON orders (customer_id, ordered_at);
`

// open opens the app's database. _txlock=immediate makes every transaction of this
// pool take the write lock when it begins, so that what it has read is still true when
// it writes.
func open(ctx context.Context, path string) (*sql.DB, error) {
	params := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?"+params.Encode())
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// together runs work in one transaction of the app and the affiliate program: all of it
// becomes true, or nothing does.
func (s *shop) together(ctx context.Context, work func(tx *sql.Tx, project *refgrow.Project) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after the commit
	if err := work(tx, s.project.WithTx(tx)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.engine.Wake() // webhooks of what was committed can be sent
	return nil
}
