package conformance

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func backupTests() []test {
	return []test{
		{"copy", backUp},
		{"refused", refuseBackups},
	}
}

// A backup is the whole database, the app's own tables too, for its owner's eyes.
func backUp(w *world) {
	w.needsFile()
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.purchase(jane.ID, "50.00 USD")
	w.ok(w.exec("CREATE TABLE orders AS SELECT 7 AS id"))
	path := filepath.Join(w.TempDir(), "a copy's name.db")
	w.ok(w.engine.Backup(ctx, path))
	w.purchase(jane.ID, "50.00 USD") // no longer in it
	if mode := must(os.Stat(path)).Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
		w.Errorf("the mode of the backup is %v", mode)
	}

	opened := w.open(w.T, path)
	engine := must(refgrow.New(ctx, opened.Store, refgrow.Config{Now: w.clock.Now, Migrate: refgrow.MigrateCheck}))
	defer func() { w.ok(engine.Close(ctx)) }()
	copied := &world{T: w.T, Opened: opened, engine: engine, clock: w.clock, shop: must(engine.Project(ctx, "shop"))}
	copied.verify()
	equal(w, "the copy's balance", copied.balances(jane.ID), "USD total 10.00 paid 0.00 eligible 10.00 held 0.00")
	equal(w, "the app's own row", value[int](copied, "SELECT id FROM orders"), 7)
	// It is a database like any other, and neither changes the other.
	copied.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Value: money.MustParse("5.00 USD"),
	})
	equal(w, "the balance", w.balances(jane.ID), "USD total 20.00 paid 0.00 eligible 20.00 held 0.00")
	copied.verify()
	w.verify()
}

// An existing file stays as it is, and a failed backup leaves none.
func refuseBackups(w *world) {
	w.needsFile()
	ctx := w.Context()
	directory := w.TempDir()
	for name, content := range map[string]string{"text": "mine", "empty": ""} {
		path := filepath.Join(directory, name)
		w.ok(os.WriteFile(path, []byte(content), 0o600))
		if err := w.engine.Backup(ctx, path); err == nil {
			w.Errorf("a backup was written over a file of %q", content)
		}
		equal(w, "the file", string(must(os.ReadFile(path))), content)
	}
	taken := filepath.Join(directory, "copy.db")
	w.ok(w.engine.Backup(ctx, taken))
	before := must(os.Stat(taken))
	if err := w.engine.Backup(ctx, taken); err == nil {
		w.Error("a backup was written over another")
	}
	equal(w, "the size of the backup", must(os.Stat(taken)).Size(), before.Size())
	if err := w.engine.Backup(ctx, filepath.Join(directory, "nowhere", "copy.db")); err == nil {
		w.Error("a backup was written into no directory")
	}
	equal(w, "the number of files", len(must(os.ReadDir(directory))), 3)
	w.verify()
}
