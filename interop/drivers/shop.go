package drivers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// What the test binary is told when it runs as the shop.
const (
	fileVariable        = "REFGROW_DRIVERS_FILE"
	journalVariable     = "REFGROW_DRIVERS_JOURNAL"
	connectionsVariable = "REFGROW_DRIVERS_CONNECTIONS"
	roundVariable       = "REFGROW_DRIVERS_ROUND"
)

// Main runs the tests of a driver's package, or the shop that they kill.
func Main(m *testing.M, d Driver) {
	if os.Getenv(fileVariable) == "" {
		os.Exit(m.Run())
	}
	if err := runShop(context.Background(), d, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A shop is an app with orders of its own in the database that it shares with the
// engine.
type shop struct {
	pool    *sql.DB
	engine  *refgrow.Engine
	project *refgrow.Project
}

const code = "JANE"

// openShop opens the file, and makes what is missing in it: the shop may have been
// killed at any instant.
func openShop(ctx context.Context, pool *sql.DB) (*shop, error) {
	if _, err := pool.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS orders (
		id TEXT PRIMARY KEY, returned INTEGER NOT NULL DEFAULT 0) STRICT`); err != nil {
		return nil, err
	}
	engine, err := refgrow.New(ctx, refgrow.SQLite(pool), refgrow.Config{})
	if err != nil {
		return nil, err
	}
	project, err := engine.EnsureProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		return nil, err
	}
	_, err = project.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: code})
	if err != nil && !errors.Is(err, refgrow.ErrExists) {
		return nil, err
	}
	return &shop{pool: pool, engine: engine, project: project}, nil
}

// runShop takes orders until it is killed, and acknowledges each once it is there.
func runShop(ctx context.Context, d Driver, acknowledged io.Writer) error {
	s := usual()
	s.Journal = os.Getenv(journalVariable)
	connections, err := strconv.Atoi(os.Getenv(connectionsVariable))
	if err != nil {
		return err
	}
	s.Connections = connections
	pool, err := d.pool(os.Getenv(fileVariable), s)
	if err != nil {
		return err
	}
	shop, err := openShop(ctx, pool)
	if err != nil {
		return err
	}
	const clerks = 4
	failed := make(chan error)
	var writing sync.Mutex
	for clerk := range clerks {
		go func() {
			failed <- shop.serve(ctx, os.Getenv(roundVariable)+"-"+strconv.Itoa(clerk), func(what, id string) error {
				writing.Lock()
				defer writing.Unlock()
				_, err := fmt.Fprintln(acknowledged, what, id)
				return err
			})
		}()
	}
	return <-failed
}

// What a clerk does with an order.
const (
	ordered  = "ordered"
	returned = "returned"
)

// What is undone in the middle, on purpose, has a name that ends like this.
const undone = "-undone"

// serve takes orders, all of which have names of their own. Of every six, one is undone
// before it is committed, and two are returned later.
func (s *shop) serve(ctx context.Context, clerk string, acknowledge func(what, id string) error) error {
	for n := 0; ; n++ {
		id := clerk + "-" + strconv.Itoa(n)
		if n%6 == 5 {
			id += undone
		}
		var sold int64
		err := s.inTx(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES (?1)", id); err != nil {
				return err
			}
			c, err := s.project.WithTx(tx).RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, ReferralCode: code, BaseValue: money.MustParse("10.00 USD"), Reference: id,
				Customer: refgrow.Customer{ExternalID: clerk + "-" + strconv.Itoa(n%7)},
			})
			if err != nil {
				return err
			}
			sold = c.ID
			if strings.HasSuffix(id, undone) {
				return errUndone
			}
			return nil
		})
		if errors.Is(err, errUndone) {
			continue
		}
		if err != nil {
			return fmt.Errorf("order %s: %w", id, err)
		}
		if err := acknowledge(ordered, id); err != nil {
			return err
		}
		if n%3 != 0 {
			continue
		}
		if err := s.inTx(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "UPDATE orders SET returned = 1 WHERE id = ?1", id); err != nil {
				return err
			}
			_, err := s.project.WithTx(tx).RefundConversion(ctx, sold, refgrow.RefundConversionParams{})
			return err
		}); err != nil {
			return fmt.Errorf("return of order %s: %w", id, err)
		}
		if err := acknowledge(returned, id); err != nil {
			return err
		}
	}
}

var errUndone = errors.New("undone")

// inTx is one of the app's own transactions.
func (s *shop) inTx(ctx context.Context, work func(tx *sql.Tx) error) error {
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
