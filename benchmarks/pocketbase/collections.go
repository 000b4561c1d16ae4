package main

import (
	"github.com/pocketbase/pocketbase/core"
)

// quiet turns request logs and rate limits off.
func quiet(app core.App) error {
	settings := app.Settings()
	settings.Logs.MaxDays = 0
	settings.RateLimits.Enabled = false
	return app.Save(settings)
}

// makeCollections makes collections for what our tables keep about affiliates,
// customers, conversions, accounts and the outbox, with the same indexes. Amounts are
// whole minor units.
func makeCollections(app core.App) error {
	affiliates := core.NewBaseCollection("affiliates")
	affiliates.Fields.Add(text("email", true), text("referral_code", true), text("status", true),
		number("clicks"), created())
	affiliates.AddIndex("affiliates_by_email", true, "email", "")
	affiliates.AddIndex("affiliates_by_code", true, "referral_code", "")
	affiliates.AddIndex("affiliates_by_time", false, "created", "")
	if err := app.Save(affiliates); err != nil {
		return err
	}

	customers := core.NewBaseCollection("customers")
	customers.Fields.Add(text("email", true), relation("affiliate", affiliates, false), text("status", true),
		number("conversion_date"), created())
	customers.AddIndex("customers_by_email", true, "email", "")
	customers.AddIndex("customers_by_time", false, "created", "")
	customers.AddIndex("customers_by_affiliate", false, "affiliate, created", "affiliate != ''")
	if err := app.Save(customers); err != nil {
		return err
	}

	conversions := core.NewBaseCollection("conversions")
	conversions.Fields.Add(
		&core.SelectField{Name: "type", Values: []string{"purchase", "signup"}, MaxSelect: 1, Required: true},
		relation("affiliate", affiliates, false), relation("customer", customers, false), text("email", false),
		text("currency", true), number("value"), number("base_value"), number("refunded"), &core.BoolField{Name: "paid"},
		text("reference", false), text("coupon_code", false), text("referral_code", false),
		text("product", false), text("url", false), number("available_at"), created(),
	)
	conversions.AddIndex("conversions_by_reference", true, "reference", "reference != ''")
	conversions.AddIndex("conversions_by_time", false, "created", "")
	conversions.AddIndex("conversions_by_affiliate", false, "affiliate, created", "affiliate != ''")
	conversions.AddIndex("conversions_by_customer", false, "customer, created", "customer != ''")
	if err := app.Save(conversions); err != nil {
		return err
	}

	balances := core.NewBaseCollection("balances")
	balances.Fields.Add(relation("affiliate", affiliates, true), text("currency", true),
		number("total"), number("paid"), number("signups"), number("purchases"))
	balances.AddIndex("balances_by_affiliate", true, "affiliate, currency", "")
	if err := app.Save(balances); err != nil {
		return err
	}

	outbox := core.NewBaseCollection("outbox")
	outbox.Fields.Add(text("kind", true), text("conversion", true), &core.JSONField{Name: "data"}, created())
	if err := app.Save(outbox); err != nil {
		return err
	}

	// What a list with every statistic is made from where no hook maintains them.
	totals := core.NewViewCollection("affiliates_with_totals")
	totals.ViewQuery = `SELECT a.id, a.email, a.referral_code, a.status, a.clicks, a.created,
		(SELECT COUNT(*) FROM conversions c WHERE c.affiliate = a.id AND c.type = 'signup') AS signups,
		(SELECT COUNT(*) FROM conversions c WHERE c.affiliate = a.id AND c.type = 'purchase') AS purchases,
		(SELECT SUM(c.value) FROM conversions c WHERE c.affiliate = a.id AND c.currency = 'USD') AS total_usd,
		(SELECT SUM(c.value) FROM conversions c WHERE c.affiliate = a.id AND c.currency = 'EUR') AS total_eur,
		(SELECT SUM(c.value) FROM conversions c WHERE c.affiliate = a.id AND c.available_at > unixepoch() * 1000) AS held
		FROM affiliates a`
	return app.Save(totals)
}

func text(name string, required bool) core.Field {
	return &core.TextField{Name: name, Required: required}
}

func number(name string) core.Field { return &core.NumberField{Name: name, OnlyInt: true} }

func created() core.Field { return &core.AutodateField{Name: "created", OnCreate: true} }

func relation(name string, to *core.Collection, required bool) core.Field {
	return &core.RelationField{Name: name, CollectionId: to.Id, MaxSelect: 1, Required: required}
}
