// Sametx is an app with a SQLite database of its own. An order and the commission
// on it are written in one transaction: both become true, or neither does.
//
//	go run ./examples/sametx
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"path/filepath"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"

	_ "modernc.org/sqlite" // the app's driver; any other one for SQLite will do
)

func main() {
	dir, err := os.MkdirTemp("", "refgrow-sametx")
	if err != nil {
		log.Fatal(err)
	}
	err = run(context.Background(), os.Stdout, filepath.Join(dir, "app.db"))
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, path string) error {
	appDB, err := open(ctx, path)
	if err != nil {
		return err
	}
	defer appDB.Close()

	// The engine adds its tables, all named refgrow_*, to the app's database. It
	// does not own it, and never closes it.
	engine, err := refgrow.New(ctx, refgrow.SQLite(appDB), refgrow.Config{})
	if err != nil {
		return err
	}
	defer engine.Close(ctx)
	shop, err := engine.EnsureProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		return err
	}
	jane, err := shop.CreateAffiliate(ctx,
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		return err
	}
	app := &app{db: appDB, engine: engine, shop: shop}

	paid := func() error { return nil }
	declined := func() error { return errors.New("the card was declined") }
	for _, attempt := range []struct {
		order order
		pay   func() error
	}{
		{order{"in_1", "carl@example.com", money.MustParse("49.00 USD")}, paid},
		{order{"in_2", "dora@example.com", money.MustParse("250.00 USD")}, declined},
	} {
		outcome := "committed"
		if err := app.placeOrder(ctx, attempt.order, attempt.pay); err != nil {
			outcome = "rolled back: " + err.Error()
		}
		fmt.Fprintf(out, "order %s over %s: %s\n", attempt.order.id, attempt.order.total, outcome)
		if err := app.report(ctx, out, jane.ID); err != nil {
			return err
		}
	}
	return nil
}

// open opens the app's database. _txlock=immediate makes every transaction of
// this pool take the write lock when it begins: one that reads first and writes later
// can lose to another one, and then has to be repeated.
func open(ctx context.Context, path string) (*sql.DB, error) {
	params := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(250)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?"+params.Encode())
	if err != nil {
		return nil, err
	}
	_, err = db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS orders (
		id    TEXT PRIMARY KEY,
		email TEXT NOT NULL,
		cents INTEGER NOT NULL
	)`)
	return db, err
}
