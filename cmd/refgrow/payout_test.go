package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// earns makes an affiliate of the project "shop" who has earned something.
func (p *commandLine) earns(email, amount string, preferences refgrow.PayoutPreferences) {
	p.t.Helper()
	p.inShop(func(shop *refgrow.Project) {
		affiliate, err := shop.CreateAffiliate(p.t.Context(), refgrow.CreateAffiliateParams{Email: email})
		if err != nil {
			p.t.Fatal(err)
		}
		if _, err := shop.UpdateAffiliate(p.t.Context(), affiliate.ID, refgrow.UpdateAffiliateParams{
			PayoutPreferences: refgrow.Set(preferences),
		}); err != nil {
			p.t.Fatal(err)
		}
		p.sale(shop, affiliate.ID, amount, time.Time{})
	})
}

// sale gives an affiliate a commission, now or at another time.
func (p *commandLine) sale(shop *refgrow.Project, affiliate int64, commission string, at time.Time) {
	p.t.Helper()
	value := money.MustParse(commission)
	if _, err := shop.RecordConversion(p.t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: affiliate, BaseValue: value, Value: value, OccurredAt: at,
	}); err != nil {
		p.t.Fatal(err)
	}
}

// payouts runs a command that prints payouts as JSON, and nothing on stderr.
func (p *commandLine) payouts(args ...string) []payoutJSON {
	p.t.Helper()
	return decode[[]payoutJSON](p.t, p.must(append(args, "--json")...))
}

// leaving runs a command that says on stderr whom it leaves out.
func (p *commandLine) leaving(says string, args ...string) (stdout string) {
	p.t.Helper()
	code, stdout, stderr := p.run(args...)
	if code != exitDone || stderr != says {
		p.t.Fatalf("%s: exit code %d, stderr %q", args, code, stderr)
	}
	return stdout
}

// nothing runs a command that prints no payouts, as JSON and as a table.
func (p *commandLine) nothing(says string, args ...string) {
	p.t.Helper()
	code, stdout, stderr := p.run(append(args, "--json")...)
	if code != exitDone || stdout != "[]\n" || stderr != says {
		p.t.Errorf("%s --json: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
	}
	code, stdout, stderr = p.run(args...)
	if code != exitDone || stdout != "ID  AFFILIATE  AMOUNT  ENTRIES  STATUS\n" || stderr != says {
		p.t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
	}
}

// short is the part of payouts that tests compare.
func short(payouts []payoutJSON) string {
	var all []string
	for _, p := range payouts {
		all = append(all, p.payee()+" "+p.Amount+" "+p.Currency+" "+p.Status)
	}
	return strings.Join(all, ", ")
}

func TestPayouts(t *testing.T) {
	single(t)
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop", "--minimum-payout", "10.00")
	p.earns("jane@example.com", "12.50 USD", refgrow.PayoutPreferences{})
	p.earns("carl@example.com", "9.99 USD", refgrow.PayoutPreferences{})
	p.earns("anna@example.com", "20.00 USD", refgrow.PayoutPreferences{})

	const one, two = "left out: 1 below the minimum\n", "left out: 2 below the minimum\n"
	preview := decode[[]payoutJSON](t, p.leaving(one, "payout", "preview", "--json"))
	if got := short(preview); got != "jane@example.com 12.50 USD pending, anna@example.com 20.00 USD pending" {
		t.Fatalf("%s", got)
	}
	first := preview[0]
	if first.ID != nil || first.CreatedAt != nil || first.AffiliateID != 1 ||
		first.EntryCount != 1 || first.Cutoff == "" ||
		first.ExternalReference != nil || first.PaidAt != nil || first.CanceledAt != nil {
		t.Errorf("%+v", first)
	}
	if text := p.leaving(one, "payout", "preview"); text != ""+
		"ID  AFFILIATE         AMOUNT     ENTRIES  STATUS\n"+
		"-   jane@example.com  12.50 USD  1        pending\n"+
		"-   anna@example.com  20.00 USD  1        pending\n" {
		t.Errorf("%s", text)
	}
	p.nothing("", "payout", "list") // a preview makes none

	if text := p.leaving(two, "payout", "run", "--minimum", "15"); text != ""+
		"ID  AFFILIATE         AMOUNT     ENTRIES  STATUS\n"+
		"1   anna@example.com  20.00 USD  1        pending\n" {
		t.Errorf("%s", text)
	}
	made := decode[[]payoutJSON](t, p.leaving(one, "payout", "run", "--project", "shop", "--json"))
	if got := short(made); got != "jane@example.com 12.50 USD pending" {
		t.Fatalf("%s", got)
	}
	if got := made[0]; *got.ID != 2 || got.AffiliateID != 1 || got.EntryCount != 1 || *got.CreatedAt < got.Cutoff {
		t.Errorf("%+v", got)
	}
	p.nothing("there is nothing to pay out in USD\n"+one, "payout", "run")
	p.nothing("there is nothing to pay out in USD\n"+one, "payout", "preview")
	p.nothing("there is nothing to pay out in EUR\n", "payout", "run", "--currency", "eur")
	if got := short(p.payouts("payout", "preview", "--minimum", "0")); got != "carl@example.com 9.99 USD pending" {
		t.Errorf("%s", got)
	}

	p.pays()
	if text := p.must("verify"); !strings.Contains(text, "no differences") {
		t.Errorf("%s", text)
	}
}

// pays continues with the payouts 1, to Anna, and 2, to Jane.
func (p *commandLine) pays() {
	t := p.t
	paid := decode[payoutJSON](t, p.must("payout", "pay", "1", "--reference", "TX 17", "--json"))
	if *paid.ID != 1 || *paid.AffiliateEmail != "anna@example.com" || paid.Amount != "20.00" || paid.Status != "paid" ||
		*paid.ExternalReference != "TX 17" || paid.PaidAt == nil || paid.CanceledAt != nil {
		t.Errorf("%+v", paid)
	}
	canceled := p.must("payout", "cancel", "2")
	for _, line := range []string{
		"payout     2\n", "affiliate  jane@example.com\n", "amount     12.50 USD\n",
		"entries    1\n", "cutoff     2", "created    2",
		"status     canceled\n", "canceled   2",
	} {
		if !strings.Contains(canceled, line) {
			t.Errorf("no %q in\n%s", line, canceled)
		}
	}
	if strings.Contains(canceled, "paid") || strings.Contains(canceled, "reference") {
		t.Errorf("%s", canceled)
	}
	// What was canceled is free again, and 3 is paid without a reference.
	again := decode[[]payoutJSON](t, p.leaving("left out: 1 below the minimum\n", "payout", "run", "--json"))
	if got := short(again); got != "jane@example.com 12.50 USD pending" {
		t.Errorf("%s", got)
	}
	if text := p.must("payout", "pay", "3"); !strings.Contains(text, "status     paid\npaid       2") ||
		strings.Contains(text, "reference") {
		t.Errorf("%s", text)
	}

	for _, test := range []struct{ args, says string }{
		{"payout pay 1", "payout 1 is already paid, and was left as it is"},
		{"payout cancel 1", "payout 1 is already paid, and was left as it is"},
		{"payout pay 2 --reference X", "payout 2 is already canceled, and was left as it is"},
		{"payout cancel 2", "payout 2 is already canceled, and was left as it is"},
	} {
		code, stdout, stderr := p.run(strings.Fields(test.args)...)
		if code != exitFailed || stdout != "" || stderr != "refgrow: "+test.says+"\n" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
	code, stdout, stderr := p.run("payout", "pay", "2", "--reference", "two\nlines")
	if code != exitWrong || stdout != "" ||
		stderr != "refgrow: --reference must be valid UTF-8 without control characters\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}

	for _, test := range []struct{ args, want string }{
		{"payout list",
			"jane@example.com 12.50 USD paid, jane@example.com 12.50 USD canceled, anna@example.com 20.00 USD paid"},
		{"payout list --status paid", "jane@example.com 12.50 USD paid, anna@example.com 20.00 USD paid"},
		{"payout list --status pending", ""},
		{"payout list --affiliate JANE@example.com",
			"jane@example.com 12.50 USD paid, jane@example.com 12.50 USD canceled"},
		{"payout list --affiliate jane@example.com --status canceled", "jane@example.com 12.50 USD canceled"},
		{"payout list --affiliate carl@example.com", ""},
	} {
		if got := short(p.payouts(strings.Fields(test.args)...)); got != test.want {
			t.Errorf("%s: %s", test.args, got)
		}
	}
	if text := p.must("payout", "list", "--status", "canceled"); text != ""+
		"ID  AFFILIATE         AMOUNT     ENTRIES  STATUS\n"+
		"2   jane@example.com  12.50 USD  1        canceled\n" {
		t.Errorf("%s", text)
	}
}

// Several payouts are judged each alone, and the command fails if one was refused.
func TestSeveralPayouts(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	for _, name := range []string{"ann", "bob", "carl", "dora"} {
		p.earns(name+"@example.com", "5.00 USD", refgrow.PayoutPreferences{})
	}
	p.must("payout", "run")
	if text := p.must("payout", "pay", "2", "1", "--reference", "batch 7"); text != ""+
		"ID  RESULT\n"+
		"2   paid\n"+
		"1   paid\n" {
		t.Errorf("%s", text)
	}
	for _, test := range []struct {
		args, says, stdout string
		code               int
	}{
		{"payout pay 1 2 --reference batch_7", "refgrow: 2 of 2 payouts were left as they are\n", "ID  RESULT\n" +
			"1   The payout is already paid\n2   The payout is already paid\n", exitFailed},
		{"payout cancel 3 1 9", "refgrow: 2 of 3 payouts were left as they are\n", "ID  RESULT\n" +
			"3   canceled\n1   The payout is already paid\n9   Payout not found\n", exitFailed},
		{"payout cancel 3 3", "", "ID  RESULT\n3   canceled\n3   canceled\n", exitDone},
	} {
		code, stdout, stderr := p.run(strings.Fields(test.args)...)
		if code != test.code || stdout != test.stdout || stderr != test.says {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
	// What is so already is no failure.
	if text := p.must("payout", "pay", "1", "4", "--reference", "batch 7"); text != "ID  RESULT\n1   paid\n4   paid\n" {
		t.Errorf("%s", text)
	}
	code, stdout, stderr := p.run("payout", "cancel", "3", "4", "--json")
	if code != exitFailed || stderr != "refgrow: 1 of 2 payouts were left as they are\n" || stdout != `[
  {
    "id": 3,
    "status": "canceled"
  },
  {
    "id": 4,
    "error": "The payout is already paid",
    "code": "conflict"
  }
]
` {
		t.Errorf("exit code %d, stdout %s, stderr %q", code, stdout, stderr)
	}
	if code, stdout, stderr := p.run("payout", "pay", "3", "4", "--reference", "two\nlines"); code != exitWrong ||
		stdout != "" || stderr != "refgrow: --reference must be valid UTF-8 without control characters\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	// More than one call of the engine takes.
	many := []string{"payout", "cancel", "3"}
	for range refgrow.MaxPayouts {
		many = append(many, "3")
	}
	if text := p.must(many...); strings.Count(text, "\n3   canceled") != refgrow.MaxPayouts+1 {
		t.Errorf("%d lines", strings.Count(text, "\n"))
	}
	p.must("verify")
}

// A payment that came back is shown with why, and paid again by the next run.
func TestPayoutReturn(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	p.earns("jane@example.com", "12.50 USD", refgrow.PayoutPreferences{})
	p.must("payout", "run")
	code, stdout, stderr := p.run("payout", "return", "1", "--note", "unclaimed")
	if code != exitFailed || stdout != "" || stderr != "refgrow: payout 1 is still pending, and was left as it is\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	p.must("payout", "pay", "1")
	code, stdout, stderr = p.run("payout", "return", "1")
	if code != exitWrong || stdout != "" || stderr != "refgrow: --note: is required\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	text := p.must("payout", "return", "1", "--note", "the account is closed")
	for _, line := range []string{
		"payout     1\n", "affiliate  jane@example.com\n", "amount     12.50 USD\n", "status     returned\n",
		"paid       2", "returned   2", "note       the account is closed\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	code, stdout, stderr = p.run("payout", "return", "1", "--note", "again")
	if code != exitFailed || stdout != "" || stderr != "refgrow: payout 1 is already returned, and was left as it is\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if got := short(p.payouts("payout", "list", "--status", "returned")); got != "jane@example.com 12.50 USD returned" {
		t.Errorf("%s", got)
	}
	if got := short(p.payouts("payout", "run")); got != "jane@example.com 12.50 USD pending" {
		t.Errorf("%s", got)
	}
	p.must("payout", "pay", "2")
	returned := decode[payoutJSON](t, p.must("payout", "return", "2", "--note", "unclaimed", "--json"))
	if *returned.ID != 2 || returned.Status != "returned" || returned.ReturnedAt == nil || returned.PaidAt == nil ||
		*returned.ReturnNote != "unclaimed" {
		t.Errorf("%+v", returned)
	}
	p.must("verify")
}

// The cut-off is a day or an instant, and the currency any in which something was
// earned.
func TestPayoutCutoffAndCurrency(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop", "--minimum-payout", "1000")
	p.earns("jane@example.com", "0.500 KWD", refgrow.PayoutPreferences{})
	yesterday := time.Now().UTC().AddDate(0, 0, -1)
	p.inShop(func(shop *refgrow.Project) {
		p.sale(shop, 1, "3.000 KWD", yesterday.AddDate(0, 0, -1))
		p.sale(shop, 1, "2.000 KWD", yesterday)
	})
	day, moment := yesterday.Format(time.DateOnly), yesterday.Format(time.RFC3339Nano)
	got := p.payouts("payout", "preview", "--currency", "kwd", "--cutoff", day)
	if short(got) != "jane@example.com 3.000 KWD pending" || got[0].Cutoff != day+"T00:00:00.000Z" {
		t.Errorf("%+v", got)
	}
	got = p.payouts("payout", "preview", "--currency", "KWD", "--cutoff", moment)
	if short(got) != "jane@example.com 5.000 KWD pending" {
		t.Errorf("%s", short(got))
	}
	if got := short(p.payouts("payout", "preview", "--currency", "KWD")); got != "jane@example.com 5.500 KWD pending" {
		t.Errorf("%s", got)
	}
	p.nothing("there is nothing to pay out in KWD\nleft out: 1 below the minimum\n",
		"payout", "preview", "--currency", "KWD", "--minimum", "5.501")
	p.nothing("there is nothing to pay out in KWD\n", "payout", "run", "--currency", "KWD", "--cutoff", "0001-01-01")
	p.nothing("there is nothing to pay out in USD\n", "payout", "run")
	got = p.payouts("payout", "run", "--currency", "KWD", "--minimum", "5", "--cutoff", moment)
	if len(got) != 1 || got[0].Amount != "5.000" || got[0].EntryCount != 2 {
		t.Errorf("%+v", got)
	}
}

func TestPayoutExport(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	p.earns("jane@example.com", "12.50 USD", refgrow.PayoutPreferences{PayPalEmail: "jane@pay.example"})
	p.earns("carl@example.com", "7.00 USD", refgrow.PayoutPreferences{WiseAccountID: "4711"})
	p.earns("anna@example.com", "5.00 EUR",
		refgrow.PayoutPreferences{PayPalEmail: "anna@pay.example", WiseEmail: "anna@wise.example"})
	p.must("payout", "run")
	p.must("payout", "run", "--currency", "EUR")

	dir := t.TempDir()
	for _, test := range []struct {
		args    string
		written payoutFileJSON // without the directory
		has     string
		says    string
	}{
		{"--format paypal",
			payoutFileJSON{File: "payouts-paypal-USD-1-1.csv", Format: "paypal", Currency: "USD",
				Payouts: 1, FirstID: 1, LastID: 1, LeftOut: 1},
			"jane@pay.example,12.50,USD,payout-1,Affiliate payout 1\n",
			"1 in 1 file, 1 left out, to affiliates without a PayPal email, or with decimals that the service does not take"},
		{"--format wise",
			payoutFileJSON{File: "payouts-wise-USD-2-2.csv", Format: "wise", Currency: "USD",
				Payouts: 1, FirstID: 2, LastID: 2, LeftOut: 1},
			"\n4711,,,USD,USD,target,7.00,Payout 2\n",
			"1 in 1 file, 1 left out, to affiliates without an account id for Wise, " +
				"or with decimals that the service does not take"},
		{"--format wise_email --currency eur",
			payoutFileJSON{File: "payouts-wise-email-EUR-3-3.csv", Format: "wise_email", Currency: "EUR",
				Payouts: 1, FirstID: 3, LastID: 3},
			"\nanna@wise.example,anna@wise.example,Payout 3,PERSON,target,5.00,EUR,EUR\n",
			"1 in 1 file, 0 left out"},
		{"--format paypal --currency JPY", payoutFileJSON{Currency: "JPY"}, "", "0 in 0 files, 0 left out"},
		{"--format paypal --after 1", payoutFileJSON{Currency: "USD"}, "",
			"0 in 0 files, 1 left out, to affiliates without a PayPal email, or with decimals that the service does not take"},
	} {
		args := append([]string{"payout", "export", "--dir", dir}, strings.Fields(test.args)...)
		says := "pending payouts in " + test.written.Currency + ": " + test.says + "\n"
		want, printed := []payoutFileJSON{}, ""
		if test.written.File != "" {
			test.written.File = filepath.Join(dir, test.written.File)
			want, printed = append(want, test.written), test.written.File+"\n"
		}
		code, stdout, stderr := p.run(args...)
		if code != exitDone || stdout != printed || stderr != says {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
		code, stdout, stderr = p.run(append(args, "--json")...)
		if got := decode[[]payoutFileJSON](t, stdout); code != exitDone || stderr != says || !slices.Equal(got, want) {
			t.Errorf("%s --json: exit code %d, stderr %q, %+v", args, code, stderr, got)
		}
		if test.written.File == "" {
			continue
		}
		text, err := os.ReadFile(test.written.File)
		if err != nil || !strings.HasSuffix(string(text), test.has) {
			t.Errorf("%s: %q, %v", args, text, err)
		}
		if info, err := os.Stat(test.written.File); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", args, info.Mode(), err)
		}
	}

	// What is no longer pending is not in it.
	p.must("payout", "pay", "1")
	if code, stdout, stderr := p.run("payout", "export", "--format", "paypal"); code != exitDone || stdout != "" ||
		!strings.Contains(stderr, "0 in 0 files, 1 left out") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	for args, says := range map[string]string{
		"":                               "needs --format paypal, --format wise or --format wise_email",
		"--format cash":                  `--format must be paypal, wise or wise_email, not "cash"`,
		"--format paypal --after x":      `--after must be the id of a payout, not "x"`,
		"--format paypal --after 0":      `--after must be the id of a payout, not "0"`,
		"--format paypal --currency KWD": "--currency: PayPal does not take KWD, but AUD, BRL,",
	} {
		code, stdout, stderr := p.run(append([]string{"payout", "export"}, strings.Fields(args)...)...)
		if code != exitWrong || stdout != "" || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	code, _, stderr := p.run("payout", "export", "--format", "wise", "--dir", filepath.Join(dir, "none"))
	if code != exitFailed || !strings.Contains(stderr, "payouts-wise-USD-2-2.csv") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// Without --project there must be no choice, or the call is refused.
func TestPayoutProject(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	p.earns("jane@example.com", "12.50 USD", refgrow.PayoutPreferences{})
	p.must("project", "create", "other")
	for _, args := range []string{"preview", "run", "list", "pay 1", "cancel 1", "export --format wise"} {
		code, stdout, stderr := p.run(strings.Fields("payout " + args)...)
		command, _, _ := strings.Cut(args, " ")
		want := `refgrow: "refgrow payout ` + command + `" needs --project NAME: there are 2 projects in ` + p.db + "\n"
		if code != exitWrong ||
			stdout != "" || stderr != want {
			t.Errorf("payout %s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	p.nothing("there is nothing to pay out in USD\n", "payout", "run", "--project", "other")
	p.must("payout", "run", "--project", "shop")
	if code, _, stderr := p.run("payout", "pay", "1", "--project", "other"); code != exitFailed ||
		!strings.Contains(stderr, "no payout 1") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	p.must("payout", "pay", "1", "--project", "shop")

	empty := setup(t)
	empty.withEngine(func(*refgrow.Engine) {})
	code, _, stderr := empty.run("payout", "run")
	if code != exitFailed ||
		stderr != "refgrow: there is no project in "+empty.db+"; \"refgrow project create\" makes one\n" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

// A run that fails halfway says what it made, and the next one continues.
func TestPayoutRunFails(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	for _, email := range []string{"jane@example.com", "carl@example.com", "anna@example.com"} {
		p.earns(email, "12.50 USD", refgrow.PayoutPreferences{})
	}
	p.tamper(`CREATE TRIGGER full BEFORE INSERT ON refgrow_payouts WHEN (SELECT count(*) FROM refgrow_payouts) = 2
		BEGIN SELECT RAISE(ABORT, 'the third is refused'); END`)
	code, stdout, stderr := p.run("payout", "run", "--json")
	if got := short(decode[[]payoutJSON](t, stdout)); code != exitFailed ||
		got != "jane@example.com 12.50 USD pending, carl@example.com 12.50 USD pending" {
		t.Errorf("exit code %d, %s", code, got)
	}
	if !strings.Contains(stderr,
		"the run did not finish; payouts made so far: 2; the same call makes the rest\nrefgrow: ") ||
		!strings.Contains(stderr, "the third is refused") {
		t.Errorf("%s", stderr)
	}
	code, stdout, stderr = p.run("payout", "run")
	if code != exitFailed || stdout != "" || strings.Contains(stderr, "did not finish") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	p.tamper("DROP TRIGGER full")
	if got := short(p.payouts("payout", "run")); got != "anna@example.com 12.50 USD pending" {
		t.Errorf("%s", got)
	}
}

// So does one that is interrupted.
func TestPayoutRunInterrupted(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop")
	const affiliates = 100
	p.manyAffiliates(affiliates)
	for round := 0; ; round++ {
		if round == 50 {
			t.Fatal("every run finished before it was interrupted")
		}
		p.manySales()
		before := len(p.payouts("payout", "list"))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		var code int
		var stdout, stderr bytes.Buffer
		go func() {
			defer close(ended)
			code = run(ctx, []string{"payout", "run", "--json", "--db", p.db}, &stdout, &stderr)
		}()
		p.waitForPayouts(before+5, ended)
		cancel()
		<-ended
		made := decode[[]payoutJSON](t, stdout.String())
		if all := len(p.payouts("payout", "list")); all != before+len(made) {
			t.Fatalf("%d payouts were made and %d shown", all-before, len(made))
		}
		if code == exitDone && len(made) == affiliates {
			continue // it was faster
		}
		if code != exitFailed || len(made) < 5 ||
			!strings.HasSuffix(stderr.String(), "the same call makes the rest\nrefgrow: interrupted\n") {
			t.Errorf("exit code %d, %d payouts, %s", code, len(made), stderr.String())
		}
		if rest := p.payouts("payout", "run"); len(made)+len(rest) != affiliates {
			t.Errorf("%d payouts before the interruption and %d after it", len(made), len(rest))
		}
		break
	}
	p.must("verify")
}

// waitForPayouts waits until there are n payouts in the project "shop", or until
// the run has ended.
func (p *commandLine) waitForPayouts(n int, ended <-chan struct{}) {
	p.t.Helper()
	p.inShop(func(shop *refgrow.Project) {
		for {
			made, err := shop.CountPayouts(p.t.Context(), refgrow.ListPayoutsParams{})
			if err != nil {
				p.t.Fatal(err)
			}
			if made >= int64(n) {
				return
			}
			select {
			case <-ended:
				return
			default:
			}
		}
	})
}
