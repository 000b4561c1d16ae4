package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/refgrow-go/refgrow/benchmarks/population"
)

// doEqualWork makes the creation of a conversion do what our engine does for a
// purchase, all in one transaction: it finds the customer or adds it, credits the
// affiliate, computes the commission, adds it to the balance, and writes a row into the
// outbox. SQL does what PocketBase's own records would do more slowly.
func doEqualWork(app core.App) {
	app.OnRecordCreate("conversions").BindFunc(func(e *core.RecordEvent) error {
		outside := e.App
		defer func() { e.App = outside }()
		return outside.RunInTransaction(func(tx core.App) error {
			e.App = tx
			if err := credit(tx, e.Record); err != nil {
				return err
			}
			if err := e.Next(); err != nil {
				return err
			}
			return book(tx, e.Record)
		})
	})
}

// credit fills in customer, affiliate and commission.
func credit(tx core.App, c *core.Record) error {
	var affiliate string
	if code := c.GetString("referral_code"); code != "" {
		var found struct {
			ID string `db:"id"`
		}
		err := tx.DB().NewQuery("SELECT id FROM affiliates WHERE referral_code = {:code} AND status = 'active'").
			Bind(dbx.Params{"code": code}).One(&found)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		affiliate = found.ID
	}
	var customer struct {
		ID        string `db:"id"`
		Affiliate string `db:"affiliate"`
	}
	err := tx.DB().NewQuery("SELECT id, affiliate FROM customers WHERE email = {:email}").
		Bind(dbx.Params{"email": c.GetString("email")}).One(&customer)
	now := time.Now()
	switch {
	case errors.Is(err, sql.ErrNoRows):
		customer.ID = core.GenerateDefaultRandomId()
		_, err = tx.DB().NewQuery(`INSERT INTO customers (id, email, affiliate, status, conversion_date, created)
			VALUES ({:id}, {:email}, {:affiliate}, 'converted', {:now}, {:created})`).
			Bind(dbx.Params{
				"id": customer.ID, "email": c.GetString("email"), "affiliate": affiliate,
				"now": now.UnixMilli(), "created": now.UTC().Format(timeFormat),
			}).Execute()
		if err != nil {
			return err
		}
	case err != nil:
		return err
	case customer.Affiliate != "":
		affiliate = customer.Affiliate
	}
	c.Set("customer", customer.ID)
	c.Set("affiliate", affiliate)
	c.Set("available_at", now.AddDate(0, 0, population.HoldDays).UnixMilli())
	c.Set("value", 0)
	if affiliate != "" {
		c.Set("value", (c.GetInt("base_value")*population.CommissionPercent+50)/100)
	}
	return nil
}

// book adds the commission to the balance and writes to the outbox.
func book(tx core.App, c *core.Record) error {
	if affiliate := c.GetString("affiliate"); affiliate != "" {
		_, err := tx.DB().NewQuery(`INSERT INTO balances (id, affiliate, currency, total, paid, signups, purchases)
			VALUES ({:id}, {:affiliate}, {:currency}, {:value}, 0, 0, 1)
			ON CONFLICT (affiliate, currency) DO UPDATE SET total = total + excluded.total, purchases = purchases + 1`).
			Bind(dbx.Params{
				"id": core.GenerateDefaultRandomId(), "affiliate": affiliate, "currency": c.GetString("currency"),
				"value": c.GetInt("value"),
			}).Execute()
		if err != nil {
			return err
		}
	}
	data, err := json.Marshal(c.PublicExport())
	if err != nil {
		return err
	}
	_, err = tx.DB().NewQuery("INSERT INTO outbox (id, kind, conversion, data, created) " +
		"VALUES ({:id}, 'purchase_recorded', {:conversion}, {:data}, {:created})").
		Bind(dbx.Params{
			"id": core.GenerateDefaultRandomId(), "conversion": c.Id, "data": string(data),
			"created": time.Now().UTC().Format(timeFormat),
		}).Execute()
	return err
}

// timeFormat is PocketBase's.
const timeFormat = "2006-01-02 15:04:05.000Z"
