package main

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/refgrow-go/refgrow/benchmarks/population"
)

// fill makes a data folder with the collections, one superuser and a shop. The rows are
// written straight into PocketBase's file, since the API would take hours.
func fill(dir string, world *population.World) error {
	app, err := open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(quiet(app), makeCollections(app), addSuperuser(app), app.ResetBootstrapState()); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "data.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=cache_size(-200000)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	tx, err := db.Begin()
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if err := insertShop(tx, world); err != nil {
		return errors.Join(err, tx.Rollback(), db.Close())
	}
	if err := tx.Commit(); err != nil {
		return errors.Join(err, db.Close())
	}
	// PocketBase does so once a day.
	_, err = db.Exec("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)")
	return errors.Join(err, db.Close())
}

func addSuperuser(app core.App) error {
	superusers, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return err
	}
	admin := core.NewRecord(superusers)
	admin.SetEmail(superuser)
	admin.SetPassword("of no use to anybody")
	return app.Save(admin)
}

// A balance is what one affiliate has in one currency.
type balance struct{ total, purchases int64 }

type account struct {
	affiliate int
	currency  string
}

func insertShop(tx *sql.Tx, world *population.World) error {
	affiliates, err := tx.Prepare("INSERT INTO affiliates (id, email, referral_code, status, clicks, created) " +
		"VALUES (?, ?, ?, 'active', 0, ?)")
	if err != nil {
		return err
	}
	defer func() { _ = affiliates.Close() }() // the transaction ends it too
	for rank := world.Affiliates - 1; rank >= 0; rank-- {
		_, err := affiliates.Exec(affiliateID(rank), population.AffiliateEmail(rank), population.Code(rank),
			stamp(world.AppliedAt(rank)))
		if err != nil {
			return err
		}
	}
	customers, err := tx.Prepare("INSERT INTO customers (id, email, affiliate, status, conversion_date, created) " +
		"VALUES (?, ?, ?, 'converted', ?, ?)")
	if err != nil {
		return err
	}
	defer func() { _ = customers.Close() }() // the transaction ends it too
	for i := range world.Customers {
		at := world.JoinedAt(i)
		_, err := customers.Exec(population.RecordID('c', i), population.CustomerEmail(i),
			affiliateID(world.AffiliateOf(i)), at.UnixMilli(), stamp(at))
		if err != nil {
			return err
		}
	}
	balances, err := insertHistory(tx, world)
	if err != nil {
		return err
	}
	n := 0
	for of, b := range balances {
		_, err := tx.Exec("INSERT INTO balances (id, affiliate, currency, total, paid, signups, purchases) "+
			"VALUES (?, ?, ?, ?, 0, 0, ?)",
			population.RecordID('b', n), affiliateID(of.affiliate), of.currency, b.total, b.purchases)
		if err != nil {
			return err
		}
		n++
	}
	return nil
}

func insertHistory(tx *sql.Tx, world *population.World) (map[account]balance, error) {
	purchase, err := tx.Prepare(`INSERT INTO conversions
		(id, type, affiliate, customer, currency, value, base_value, refunded, paid, reference, available_at, created)
		VALUES (?, 'purchase', ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = purchase.Close() }() // the transaction ends it too
	refund, err := tx.Prepare("UPDATE conversions SET refunded = ?, value = value - ? WHERE id = ?")
	if err != nil {
		return nil, err
	}
	defer func() { _ = refund.Close() }() // the transaction ends it too
	balances := make(map[account]balance)
	for e := range world.History() {
		id := population.RecordID('p', e.Number)
		of := account{e.Credited(), e.Currency}
		b := balances[of]
		if e.Refunded > 0 {
			taken := e.Commission() * e.Refunded / e.Base
			b.total -= taken
			_, err = refund.Exec(e.Refunded, taken, id)
		} else {
			value := e.Commission()
			if of.affiliate == population.Nobody {
				value = 0
			}
			b.total += value
			b.purchases++
			paid := e.At.Before(population.End.AddDate(0, -6, 0))
			_, err = purchase.Exec(id, affiliateID(of.affiliate), population.RecordID('c', e.Customer),
				e.Currency, value, e.Base, paid, fmt.Sprintf("past_%d", e.Number),
				e.At.AddDate(0, 0, population.HoldDays).UnixMilli(), stamp(e.At))
		}
		if err != nil {
			return nil, err
		}
		if of.affiliate != population.Nobody {
			balances[of] = b
		}
	}
	return balances, nil
}

// affiliateID is the id of an affiliate's record; "" for nobody.
func affiliateID(rank int) string {
	if rank == population.Nobody {
		return ""
	}
	return population.RecordID('a', rank)
}

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }
