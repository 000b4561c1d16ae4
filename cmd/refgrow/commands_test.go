package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

func TestProject(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	plain := projectJSON{
		ID: 1, Name: "plain", Currency: "USD", Commission: "0%", CommissionDuration: "lifetime", SignupCommission: "0%",
		MinimumPayout: "0.00", SelfReferral: "refuse", Touch: "last",
		CookieDays: 60, ClickDays: 90, AllowedOrigins: []string{},
	}
	same := func(got, want projectJSON) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	same(decode[projectJSON](t, p.must("project", "create", "plain", "--json")), plain)
	shop := projectJSON{
		ID: 2, Name: "my shop", Currency: "KWD", Commission: "5.000",
		CommissionDuration: "12 months", SignupCommission: "1.000",
		HoldDays: 30, MinimumPayout: "25.500", CouponFirst: true,
		SelfReferral: "flag", Touch: "first", CookieDays: 400, ClickDays: 3650,
		LandingURL:     new("https://example.com/start?a=b"),
		AllowedOrigins: []string{"http://localhost:3000", "https://example.com"},
	}
	same(decode[projectJSON](t,
		p.must("project", "create", "my shop", "--currency", "kwd", "--commission", "5", "--json",
			"--signup-commission", "1.00", "--hold-days", "30", "--coupon-first", "--self-referral", "flag",
			"--commission-duration", "12 months", "--minimum-payout",
			"25.5", "--touch", "first", "--cookie-days", "400", "--click-days", "3650",
			"--landing-url", "https://example.com/start?a=b", "--allowed-origin",
			"https://Example.com:443", "--allowed-origin", "http://localhost:3000")), shop)
	got := decode[[]projectJSON](t, p.must("project", "list", "--json"))
	if !reflect.DeepEqual(got, []projectJSON{plain, shop}) {
		t.Errorf("%+v", got)
	}

	// Only what is named changes.
	shop.Commission, shop.CouponFirst = "8.2%", false
	same(decode[projectJSON](t,
		p.must("project", "set", "my shop", "--commission", "8.2%", "--coupon-first=false", "--json")), shop)
	shop.HoldDays, shop.CommissionDuration = 0, "6 payments"
	p.must("project", "set", "my shop", "--hold-days", "0", "--commission-duration", "6 payments")
	same(decode[projectJSON](t, p.must("project", "show", "my shop", "--json")), shop)
	shop.Touch, shop.CookieDays, shop.ClickDays = "last", 1, 1
	same(decode[projectJSON](t, p.must("project", "set", "my shop",
		"--touch", "last", "--cookie-days", "1", "--click-days", "1", "--json")), shop)
	// Origins replace the former ones; an empty text clears them.
	shop.AllowedOrigins = []string{"https://a.example", "https://b.example"}
	same(decode[projectJSON](t,
		p.must("project", "set", "my shop", "--allowed-origin", "https://x.example", "--allowed-origin=",
			"--allowed-origin", "https://b.example", "--allowed-origin=https://a.example", "--json")), shop)
	for _, part := range []string{"touch", "1 day", "https://example.com/start?a=b",
		"https://a.example https://b.example"} {
		if text := p.must("project", "show", "my shop"); !strings.Contains(text, part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	shop.LandingURL = new("/welcome")
	same(decode[projectJSON](t, p.must("project", "set", "my shop", "--landing-url", "/welcome", "--json")), shop)
	shop.LandingURL, shop.AllowedOrigins = nil, []string{}
	same(decode[projectJSON](t,
		p.must("project", "set", "my shop", "--landing-url", "", "--allowed-origin", "", "--json")), shop)
	// A new currency takes the fixed amounts along, as the same numbers.
	shop.Currency, shop.SignupCommission, shop.MinimumPayout = "EUR", "1.00", "25.50"
	same(decode[projectJSON](t, p.must("project", "set", "my shop", "--currency", "EUR", "--json")), shop)

	code, stdout, stderr := p.run("project", "create", "plain", "--commission", "20%")
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, `the project "plain" already exists`) {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	same(decode[projectJSON](t, p.must("project", "show", "plain", "--json")), plain)
	for _, text := range []string{p.must("project", "show", "my shop"), p.must("project", "list")} {
		for _, part := range []string{"my shop", "8.2%", "6 payments", "1.00 EUR", "25.50 EUR"} {
			if !strings.Contains(text, part) {
				t.Errorf("no %s in %s", part, text)
			}
		}
	}
}

// A new name is set together with new settings, or neither is.
func TestRename(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "other")
	old := decode[projectJSON](t, p.must("project", "create", "old", "--hold-days", "3", "--json"))
	for _, test := range []struct {
		name string
		code int
		says string
	}{
		{"other", exitFailed, `--name: there is already a project "other" in ` + p.db + "; nothing was changed"},
		{"", exitWrong, "--name must be 1 to 100 printable characters"},
		{" blank", exitWrong, "--name must be 1 to 100 printable characters"},
	} {
		code, stdout, stderr := p.run("project", "set", "old", "--hold-days", "7", "--name", test.name)
		if code != test.code || stdout != "" || !strings.Contains(stderr, "refgrow: "+test.says) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", test.name, code, stdout, stderr)
		}
	}
	if got := decode[projectJSON](t, p.must("project", "show", "old", "--json")); !reflect.DeepEqual(got, old) {
		t.Errorf("a refused name changed the project: %+v", got)
	}

	renamed := old
	renamed.Name, renamed.HoldDays = "new", 7
	got := decode[projectJSON](t, p.must("project", "set", "old", "--hold-days", "7", "--name", "new", "--json"))
	if !reflect.DeepEqual(got, renamed) {
		t.Errorf("%+v", got)
	}
	renamed.Name = "newer"
	p.must("project", "set", "new", "--name", "newer")
	if got := decode[projectJSON](t, p.must("project", "show", "newer", "--json")); !reflect.DeepEqual(got, renamed) {
		t.Errorf("%+v", got)
	}
	if code, _, stderr := p.run("project", "show", "old"); code != exitFailed ||
		!strings.Contains(stderr, `no project "old"`) {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	token := p.must("key", "create", "--project", "shop")
	if !strings.HasPrefix(token, "rgk_") || strings.Count(token, "\n") != 1 || strings.ContainsAny(token, " \t") {
		t.Errorf("not the key alone: %q", token)
	}
	made := decode[newKeyJSON](t,
		p.must("key", "create", "--project", "shop", "--read-only", "--name", "for reports", "--json"))
	if made.ID != 2 || made.Project != "shop" || made.Name != "for reports" ||
		!made.ReadOnly || !strings.HasPrefix(made.Key, "rgk_") {
		t.Errorf("%+v", made)
	}

	p.must("key", "revoke", "1")
	keys := decode[[]keyJSON](t, p.must("key", "list", "--json"))
	if len(keys) != 2 || keys[0].RevokedAt == nil || keys[0].ReadOnly ||
		keys[1].RevokedAt != nil || !keys[1].ReadOnly ||
		keys[1].CreatedAt != made.CreatedAt {
		t.Errorf("%+v", keys)
	}
	list := p.must("key", "list")
	if !strings.Contains(list, "for reports") || strings.Contains(list, made.Key) || strings.Contains(list, "rgk_") {
		t.Errorf("%s", list)
	}
	if code, _, stderr := p.run("key", "revoke", "1"); code != exitFailed ||
		!strings.Contains(stderr, "was already revoked") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	got := decode[revokedJSON](t, p.must("key", "revoke", "2", "--json"))
	if got != (revokedJSON{ID: 2, Revoked: true}) {
		t.Errorf("%+v", got)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	p.addAffiliate("jane@example.com")
	if text := p.must("verify"); !strings.Contains(text, "affiliates: 1") {
		t.Errorf("%s", text)
	}
	if got := decode[reportJSON](t, p.must("verify", "--json")); !got.OK ||
		got.Projects != 1 || got.Affiliates != 1 || len(got.Differences) != 0 {
		t.Errorf("%+v", got)
	}

	p.tamper("UPDATE refgrow_project_totals SET affiliates_active = 4")
	code, stdout, stderr := p.run("verify")
	if code != exitFailed || !strings.Contains(stdout, "active affiliates is 4, but should be 1") ||
		!strings.Contains(stderr, "1 difference") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	code, stdout, _ = p.run("verify", "--json")
	got := decode[reportJSON](t, stdout)
	if code != exitFailed || got.OK || len(got.Differences) != 1 {
		t.Fatalf("exit code %d, %+v", code, got)
	}
	if d := got.Differences[0]; d.Project != "shop" || d.Stored != "4" || d.Computed != "1" {
		t.Errorf("%+v", d)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	copied := filepath.Join(p.dir, "copy.db")
	got := decode[backupJSON](t, p.must("backup", "--to", copied, "--json"))
	info, err := os.Stat(copied)
	if err != nil || got != (backupJSON{Path: copied, Bytes: info.Size()}) {
		t.Fatalf("%+v, %v", got, err)
	}
	code, stdout, stderr := p.run("backup", "--to", copied)
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "already exists") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if code, stdout, stderr := p.runBare("project", "show", "shop", "--db", copied); code != exitDone ||
		!strings.Contains(stdout, "shop") {
		t.Errorf("the copy: exit code %d, %q, %q", code, stdout, stderr)
	}
	if runtime.GOOS == "windows" {
		return // there are no such modes
	}
	for _, file := range []string{p.db, copied} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode of %s: %v, %v", file, info.Mode(), err)
		}
	}
}

// addAffiliate adds one to the project "shop".
func (p *commandLine) addAffiliate(email string) {
	p.t.Helper()
	p.inShop(func(shop *refgrow.Project) {
		if _, err := shop.CreateAffiliate(p.t.Context(), refgrow.CreateAffiliateParams{Email: email}); err != nil {
			p.t.Fatal(err)
		}
	})
}

// inShop does something with the project "shop" through the package.
func (p *commandLine) inShop(work func(shop *refgrow.Project)) {
	p.t.Helper()
	p.withEngine(func(engine *refgrow.Engine) {
		shop, err := engine.Project(p.t.Context(), "shop")
		if err != nil {
			p.t.Fatal(err)
		}
		work(shop)
	})
}

// withEngine does something with the database, which it makes if there is none.
func (p *commandLine) withEngine(work func(engine *refgrow.Engine)) {
	p.t.Helper()
	db, err := sqlite.Open(p.t.Context(), p.db, sqlite.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	engine, err := refgrow.New(p.t.Context(), db, refgrow.Config{})
	if err != nil {
		p.t.Fatal(err)
	}
	work(engine)
}

// tamper changes the database behind the engine's back.
func (p *commandLine) tamper(statement string) {
	p.t.Helper()
	db, err := sqlite.Open(p.t.Context(), p.db, sqlite.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	if err := db.Tx(p.t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(p.t.Context(), statement)
		return err
	}); err != nil {
		p.t.Fatal(err)
	}
}
