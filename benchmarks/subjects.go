package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	_ "modernc.org/sqlite"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// affiliates is how many there are to credit, in turn.
const affiliates = 1000

// openPlain opens a durable database with one writer and a table of the size of
// a conversion's own row: what an app would write without any engine.
func openPlain(ctx context.Context, folder string) (*sql.DB, *sql.Stmt, error) {
	dsn := "file:" + url.PathEscape(filepath.Join(folder, "plain.db")) +
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, `CREATE TABLE conversions (id INTEGER PRIMARY KEY, affiliate_id INTEGER NOT NULL,
		type TEXT NOT NULL, value INTEGER NOT NULL, base_value INTEGER NOT NULL, currency TEXT NOT NULL,
		reference TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL) STRICT`)
	if err != nil {
		return nil, nil, err
	}
	insert, err := db.PrepareContext(ctx, `INSERT INTO conversions
		(affiliate_id, type, value, base_value, currency, reference, created_at) VALUES (?, 'purchase', ?, ?, 'USD', ?, ?)`)
	return db, insert, err
}

func insertPlain(ctx context.Context, db *sql.DB, insert *sql.Stmt, n int64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	inside := tx.StmtContext(ctx, insert) //nolint:sqlclosecheck // ends with the transaction
	if _, err := inside.ExecContext(ctx, n%affiliates+1, 980, 4900, "in_"+strconv.FormatInt(n, 10), time.Now().UnixMilli()); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// plainInsert is one prepared insert in a transaction of its own.
func plainInsert(ctx context.Context, folder string) (running, error) {
	db, insert, err := openPlain(ctx, folder)
	if err != nil {
		return running{}, err
	}
	return running{
		do:   func(ctx context.Context, _ int, n int64) error { return insertPlain(ctx, db, insert, n) },
		stop: db.Close,
	}, nil
}

// plainInsertHTTP is the same behind a handler that does nothing else.
func plainInsertHTTP(ctx context.Context, folder string) (running, error) {
	db, insert, err := openPlain(ctx, folder)
	if err != nil {
		return running{}, err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.Header.Get("X-N"), 10, 64)
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
		}
		if err == nil {
			err = insertPlain(context.WithoutCancel(r.Context()), db, insert, n)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"success":true}`)
	})
	return overHTTP(handler, "", db.Close), nil
}

// open makes a shop with affiliates in a durable file of its own.
func open(ctx context.Context, folder string) (*sqlite.DB, *refgrow.Engine, *refgrow.Project, error) {
	db, err := sqlite.Open(ctx, filepath.Join(folder, "refgrow.db"), sqlite.Options{})
	if err != nil {
		return nil, nil, nil, err
	}
	engine, err := refgrow.New(ctx, db, refgrow.Config{})
	if err != nil {
		return nil, nil, nil, err
	}
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30})
	if err != nil {
		return nil, nil, nil, err
	}
	err = shop.Atomic(ctx, func(p *refgrow.Project) error {
		for i := range affiliates {
			if _, err := p.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
				Email: fmt.Sprintf("affiliate%d@example.com", i), ReferralCode: code(int64(i)),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return db, engine, shop, err
}

func code(n int64) string { return fmt.Sprintf("CODE%d", n%affiliates) }

// recordInProcess records purchases of new customers that came by a code.
func recordInProcess(ctx context.Context, folder string) (running, error) {
	db, _, shop, err := open(ctx, folder)
	if err != nil {
		return running{}, err
	}
	base := money.MustParse("49.00 USD")
	return running{
		do: func(ctx context.Context, _ int, n int64) error {
			_, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, ReferralCode: code(n), Reference: fmt.Sprintf("in_%d", n), BaseValue: base,
				Customer: refgrow.Customer{Email: fmt.Sprintf("customer%d@example.com", n)},
			})
			return err
		},
		stop: db.Close,
	}, nil
}

// recordHTTP is the same through the REST API, with a key and without a limit.
func recordHTTP(ctx context.Context, folder string) (running, error) {
	db, engine, shop, err := open(ctx, folder)
	if err != nil {
		return running{}, err
	}
	token, _, err := engine.CreateKey(ctx, shop, refgrow.CreateKeyParams{})
	if err != nil {
		return running{}, err
	}
	return overHTTP(httpapi.New(engine, httpapi.Options{RateLimit: -1}), token, db.Close), nil
}

// overHTTP serves a handler on loopback and posts purchases to it.
func overHTTP(handler http.Handler, token string, stop func() error) running {
	server := httptest.NewServer(handler)
	transport := &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024}
	client := &http.Client{Transport: transport}
	return running{
		do: func(ctx context.Context, _ int, n int64) error {
			body := fmt.Appendf(nil, `{"type":"purchase","referral_code":%q,"reference":"in_%d","email":"customer%d@example.com","base_value":49.00,"base_value_currency":"USD"}`,
				code(n), n, n)
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/conversions", bytes.NewReader(body))
			if err != nil {
				return err
			}
			request.Header.Set("Authorization", "Bearer "+token)
			request.Header.Set("X-N", strconv.FormatInt(n, 10))
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			if err == nil && response.StatusCode != http.StatusCreated {
				err = fmt.Errorf("status %d: %s", response.StatusCode, answer)
			}
			return err
		},
		stop: func() error {
			transport.CloseIdleConnections()
			server.Close()
			return stop()
		},
	}
}
