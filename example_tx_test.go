package refgrow_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"path/filepath"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"

	_ "modernc.org/sqlite"
)

// An order in the app's own table and its commission, in one transaction of the app's
// database.
func ExampleProject_WithTx() {
	ctx := context.Background()
	path, remove := exampleFile()
	defer remove()
	appDB, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_txlock=immediate&_pragma=journal_mode(WAL)")
	if err != nil {
		log.Fatal(err)
	}
	defer appDB.Close()
	if _, err := appDB.ExecContext(ctx, "CREATE TABLE orders (id TEXT PRIMARY KEY, email TEXT NOT NULL)"); err != nil {
		log.Fatal(err)
	}
	engine, err := refgrow.New(ctx, refgrow.SQLite(appDB), refgrow.Config{})
	if err != nil {
		log.Fatal(err)
	}
	shop, err := engine.EnsureProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		log.Fatal(err)
	}
	_, err = shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		log.Fatal(err)
	}

	order := func(id, email string, commit bool) error {
		tx, err := appDB.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id, email) VALUES (?, ?)", id, email); err != nil {
			return err
		}
		if _, err := shop.WithTx(tx).RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, ReferralCode: "JANE", Reference: id,
			Customer: refgrow.Customer{Email: email}, BaseValue: money.MustParse("49.00 USD"),
		}); err != nil {
			return err
		}
		if !commit {
			return nil
		}
		defer engine.Wake()
		return tx.Commit()
	}
	for _, commit := range []bool{true, false} {
		if err := order(fmt.Sprintf("order, commit %t", commit), "carl@example.com", commit); err != nil {
			log.Fatal(err)
		}
	}
	for sale, err := range shop.AllConversions(ctx, refgrow.ListConversionsParams{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(sale.Reference, sale.Value)
	}
	// Output: order, commit true 9.80 USD
}
