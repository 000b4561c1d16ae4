package conformance

import (
	"errors"
	"path/filepath"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func lifecycleTests() []test {
	return []test{
		{"close", closeEngine},
		{"migrate", migrateStore},
		{"wrong configurations", wrongConfigurations},
	}
}

// A closed engine refuses everything; its store belongs to whoever opened it.
func closeEngine(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "10.00 USD")
	made := w.run(refgrow.PayoutRunParams{})[0]
	for range 2 {
		w.ok(w.engine.Close(ctx))
	}
	once := func() error {
		_, _, err := w.shop.Once(refgrow.Idempotency{Key: "k"}).Do(ctx, nil)
		return err
	}
	authenticate := func() error {
		_, _, err := w.engine.Authenticate(ctx, "rgk_")
		return err
	}
	createKey := func() error {
		_, _, err := w.engine.CreateKey(ctx, w.shop, refgrow.CreateKeyParams{})
		return err
	}
	var all error
	for _, err := range w.shop.AllAffiliates(ctx, refgrow.ListAffiliatesParams{}) {
		all = errors.Join(all, err)
	}
	for what, err := range map[string]error{
		"CreateProject":    errOf(w.engine.CreateProject(ctx, "new", refgrow.Settings{})),
		"EnsureProject":    errOf(w.engine.EnsureProject(ctx, "shop", refgrow.Settings{})),
		"Project":          errOf(w.engine.Project(ctx, "shop")),
		"Projects":         errOf(w.engine.Projects(ctx)),
		"Keys":             errOf(w.engine.Keys(ctx)),
		"CreateKey":        createKey(),
		"RevokeKey":        w.engine.RevokeKey(ctx, 1),
		"Authenticate":     authenticate(),
		"Verify":           errOf(w.engine.Verify(ctx)),
		"Backup":           w.engine.Backup(ctx, filepath.Join(w.TempDir(), "copy.db")),
		"Settings":         errOf(w.shop.Settings(ctx)),
		"UpdateSettings":   errOf(w.shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{})),
		"Atomic":           w.shop.Atomic(ctx, func(*refgrow.Project) error { return nil }),
		"Once":             once(),
		"CreateAffiliate":  errOf(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "a@example.com"})),
		"GetAffiliate":     errOf(w.shop.GetAffiliate(ctx, jane.ID)),
		"DeleteAffiliate":  w.shop.DeleteAffiliate(ctx, jane.ID),
		"AllAffiliates":    all,
		"RecordConversion": errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})),
		"ListConversions":  errOf(w.shop.ListConversions(ctx, refgrow.ListConversionsParams{})),
		"CountReferrals":   errOf(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})),
		"ListCoupons":      errOf(w.shop.ListCoupons(ctx, refgrow.ListCouponsParams{})),
		"Earnings":         errOf(w.shop.Earnings(ctx, jane.ID)),
		"ListLedger":       errOf(w.shop.ListLedger(ctx, jane.ID, refgrow.ListLedgerParams{})),
		"CountLedger":      errOf(w.shop.CountLedger(ctx, jane.ID)),
		"Earnings as of":   errOf(w.shop.Earnings(ctx, jane.ID, refgrow.AsOf(w.clock.Now()))),
		"MergeReferrals":   errOf(w.shop.MergeReferrals(ctx, 1, 2)),
		"Statement":        errOf(w.shop.Statement(ctx, jane.ID, 2026, 1)),
		"Rename":           w.shop.Rename(ctx, "store"),
		"RefundConversion": errOf(w.shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{})),
		"UndoRefund":       errOf(w.shop.UndoRefund(ctx, sale.ID, refgrow.RefundConversionParams{})),
		"Explain":          errOf(w.shop.ExplainConversion(ctx, sale.ID)),
		"CreateAdjustment": errOf(w.shop.CreateAdjustment(ctx,
			refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: money.New(1, "USD"), Note: "x"})),
		"CreateRule":        errOf(w.shop.CreateRule(ctx, refgrow.CreateRuleParams{AffiliateID: jane.ID})),
		"GetRule":           errOf(w.shop.GetRule(ctx, 1)),
		"DeleteRule":        w.shop.DeleteRule(ctx, 1),
		"ListRules":         errOf(w.shop.ListRules(ctx, refgrow.ListRulesParams{})),
		"CountRules":        errOf(w.shop.CountRules(ctx, refgrow.ListRulesParams{})),
		"PreviewPayouts":    errOf(w.shop.PreviewPayouts(ctx, refgrow.PayoutRunParams{})),
		"RunPayouts":        errOf(w.shop.RunPayouts(ctx, refgrow.PayoutRunParams{})),
		"PayPayout":         errOf(w.shop.PayPayout(ctx, made.ID, refgrow.PayPayoutParams{})),
		"CancelPayout":      errOf(w.shop.CancelPayout(ctx, made.ID)),
		"GetPayout":         errOf(w.shop.GetPayout(ctx, made.ID)),
		"ListPayouts":       errOf(w.shop.ListPayouts(ctx, refgrow.ListPayoutsParams{})),
		"CountPayouts":      errOf(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{})),
		"ListPayoutEntries": errOf(w.shop.ListPayoutEntries(ctx, made.ID, refgrow.ListPayoutEntriesParams{})),
		"ExportPayouts":     errOf(w.shop.ExportPayouts(ctx, refgrow.ExportPayoutsParams{Format: refgrow.PayPalFile})),
	} {
		w.refused(what, err, refgrow.ErrClosed, "")
	}
	again := must(refgrow.New(ctx, w.Store, refgrow.Config{Now: w.clock.Now}))
	shop := must(again.Project(ctx, "shop"))
	equal(w, "what is there for the next engine", must(shop.GetAffiliate(ctx, jane.ID)).Earnings[0].Total,
		money.MustParse("2.00 USD"))
	w.ok(again.Close(ctx))
}

// MigrateCheck changes nothing, and a schema of the future is refused.
func migrateStore(w *world) {
	ctx := w.Context()
	empty := w.open(w.T, filepath.Join(w.TempDir(), "empty.db"))
	check := refgrow.Config{Now: w.clock.Now, Migrate: refgrow.MigrateCheck}
	for range 2 {
		if err := errOf(refgrow.New(ctx, empty.Store, check)); !errors.Is(err, refgrow.ErrSchema) {
			w.Errorf("MigrateCheck on an empty database returned %v", err)
		}
	}
	other := &world{T: w.T, Opened: empty}
	equal(w, "the number of tables", value[int](other, "SELECT COUNT(*) FROM sqlite_schema"), 0)
	for range 2 {
		w.ok(errOf(refgrow.Migrate(ctx, empty.Store)))
	}
	engine := must(refgrow.New(ctx, empty.Store, check))
	equal(w, "the number of projects", len(must(engine.Projects(ctx))), 0)
	equal(w, "the host's version", value[int](other, "SELECT user_version FROM pragma_user_version"), 0)

	w.ok(other.exec("INSERT INTO refgrow_migrations (version, applied_at) " +
		"SELECT MAX(version) + 1, 0 FROM refgrow_migrations"))
	for mode := range refgrow.MigrateCheck + 1 {
		err := errOf(refgrow.New(ctx, empty.Store, refgrow.Config{Now: w.clock.Now, Migrate: mode}))
		if !errors.Is(err, refgrow.ErrSchema) {
			w.Errorf("a schema of the future returned %v in mode %d", err, mode)
		}
	}
}

func wrongConfigurations(w *world) {
	ctx := w.Context()
	w.refused("no store", errOf(refgrow.New(ctx, nil, refgrow.Config{})), refgrow.ErrInvalid, "store")
	w.refused("a short key", errOf(refgrow.New(ctx, w.Store, refgrow.Config{SecretKey: make([]byte, 31)})),
		refgrow.ErrInvalid, "SecretKey")
	w.refused("an unknown mode", errOf(refgrow.New(ctx, w.Store, refgrow.Config{Migrate: 9})),
		refgrow.ErrInvalid, "Migrate")
}
