package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// earns makes an affiliate of the project "shop" who has earned something.
func (p *program) earns(email, amount string, preferences refgrow.PayoutPreferences) {
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
func (p *program) sale(shop *refgrow.Project, affiliate int64, commission string, at time.Time) {
	p.t.Helper()
	value := money.MustParse(commission)
	if _, err := shop.RecordConversion(p.t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: affiliate, BaseValue: value, Value: value, OccurredAt: at,
	}); err != nil {
		p.t.Fatal(err)
	}
}

// payouts runs a command that prints payouts as JSON, and nothing on stderr.
func (p *program) payouts(args ...string) []payoutJSON {
	p.t.Helper()
	return decode[[]payoutJSON](p.t, p.must(append(args, "--json")...))
}

// nothing runs a command that prints no payouts, as JSON and as a table.
func (p *program) nothing(says string, args ...string) {
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

// short is what a test compares of payouts.
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

	preview := p.payouts("payout", "preview")
	if got := short(preview); got != "jane@example.com 12.50 USD pending, anna@example.com 20.00 USD pending" {
		t.Fatalf("%s", got)
	}
	first := preview[0]
	if first.ID != nil || first.CreatedAt != nil || first.AffiliateID != 1 || first.EntryCount != 1 || first.Cutoff == "" ||
		first.ExternalReference != nil || first.PaidAt != nil || first.CanceledAt != nil {
		t.Errorf("%+v", first)
	}
	if text := p.must("payout", "preview"); text != ""+
		"ID  AFFILIATE         AMOUNT     ENTRIES  STATUS\n"+
		"-   jane@example.com  12.50 USD  1        pending\n"+
		"-   anna@example.com  20.00 USD  1        pending\n" {
		t.Errorf("%s", text)
	}
	p.nothing("", "payout", "list") // a preview makes none

	if text := p.must("payout", "run", "--minimum", "15"); text != ""+
		"ID  AFFILIATE         AMOUNT     ENTRIES  STATUS\n"+
		"1   anna@example.com  20.00 USD  1        pending\n" {
		t.Errorf("%s", text)
	}
	made := p.payouts("payout", "run", "--project", "shop")
	if got := short(made); got != "jane@example.com 12.50 USD pending" {
		t.Fatalf("%s", got)
	}
	if got := made[0]; *got.ID != 2 || got.AffiliateID != 1 || got.EntryCount != 1 || *got.CreatedAt < got.Cutoff {
		t.Errorf("%+v", got)
	}
	p.nothing("there is nothing to pay out in USD\n", "payout", "run")
	p.nothing("there is nothing to pay out in USD\n", "payout", "preview")
	p.nothing("there is nothing to pay out in EUR\n", "payout", "run", "--currency", "eur")
	if got := short(p.payouts("payout", "preview", "--minimum", "0")); got != "carl@example.com 9.99 USD pending" {
		t.Errorf("%s", got)
	}

	p.pays()
	if text := p.must("verify"); !strings.Contains(text, "no differences") {
		t.Errorf("%s", text)
	}
}

// pays goes on with the payouts 1, to Anna, and 2, to Jane.
func (p *program) pays() {
	t := p.t
	paid := decode[payoutJSON](t, p.must("payout", "pay", "1", "--reference", "TX 17", "--json"))
	if *paid.ID != 1 || *paid.AffiliateEmail != "anna@example.com" || paid.Amount != "20.00" || paid.Status != "paid" ||
		*paid.ExternalReference != "TX 17" || paid.PaidAt == nil || paid.CanceledAt != nil {
		t.Errorf("%+v", paid)
	}
	canceled := p.must("payout", "cancel", "2")
	for _, line := range []string{
		"payout     2\n", "affiliate  jane@example.com\n", "amount     12.50 USD\n", "entries    1\n", "cutoff     2", "created    2",
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
	if got := short(p.payouts("payout", "run")); got != "jane@example.com 12.50 USD pending" {
		t.Errorf("%s", got)
	}
	if text := p.must("payout", "pay", "3"); !strings.Contains(text, "status     paid\npaid       2") || strings.Contains(text, "reference") {
		t.Errorf("%s", text)
	}

	for _, test := range []struct{ args, says string }{
		{"payout pay 1", "payout 1 is paid already, and was left as it is"},
		{"payout cancel 1", "payout 1 is paid already, and was left as it is"},
		{"payout pay 2 --reference X", "payout 2 is canceled already, and was left as it is"},
		{"payout cancel 2", "payout 2 is canceled already, and was left as it is"},
	} {
		code, stdout, stderr := p.run(strings.Fields(test.args)...)
		if code != exitFailed || stdout != "" || stderr != "refgrow: "+test.says+"\n" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
	code, stdout, stderr := p.run("payout", "pay", "2", "--reference", "two\nlines")
	if code != exitWrong || stdout != "" || stderr != "refgrow: --reference must be valid UTF-8 without control characters\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}

	for _, test := range []struct{ args, want string }{
		{"payout list", "jane@example.com 12.50 USD paid, jane@example.com 12.50 USD canceled, anna@example.com 20.00 USD paid"},
		{"payout list --status paid", "jane@example.com 12.50 USD paid, anna@example.com 20.00 USD paid"},
		{"payout list --status pending", ""},
		{"payout list --affiliate JANE@example.com", "jane@example.com 12.50 USD paid, jane@example.com 12.50 USD canceled"},
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

// The cut-off is a day or an instant, and the currency any that was earned.
func TestPayoutCutoffAndCurrency(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop", "--minimum-payout", "1000")
	p.earns("jane@example.com", "0.500 KWD", refgrow.PayoutPreferences{})
	yesterday := time.Now().UTC().AddDate(0, 0, -1)
	p.inShop(func(shop *refgrow.Project) {
		p.sale(shop, 1, "3.000 KWD", yesterday.AddDate(0, 0, -1))
		p.sale(shop, 1, "2.000 KWD", yesterday)
	})
	if got := p.payouts("payout", "preview", "--currency", "kwd", "--cutoff", yesterday.Format(time.DateOnly)); short(got) !=
		"jane@example.com 3.000 KWD pending" || got[0].Cutoff != yesterday.Format(time.DateOnly)+"T00:00:00.000Z" {
		t.Errorf("%+v", got)
	}
	if got := short(p.payouts("payout", "preview", "--currency", "KWD", "--cutoff", yesterday.Format(time.RFC3339Nano))); got !=
		"jane@example.com 5.000 KWD pending" {
		t.Errorf("%s", got)
	}
	if got := short(p.payouts("payout", "preview", "--currency", "KWD")); got != "jane@example.com 5.500 KWD pending" {
		t.Errorf("%s", got)
	}
	p.nothing("there is nothing to pay out in KWD\n", "payout", "preview", "--currency", "KWD", "--minimum", "5.501")
	p.nothing("there is nothing to pay out in KWD\n", "payout", "run", "--currency", "KWD", "--cutoff", "0001-01-01")
	p.nothing("there is nothing to pay out in USD\n", "payout", "run")
	got := p.payouts("payout", "run", "--currency", "KWD", "--minimum", "5", "--cutoff", yesterday.Format(time.RFC3339Nano))
	if len(got) != 1 || got[0].Amount != "5.000" || got[0].EntryCount != 2 {
		t.Errorf("%+v", got)
	}
}

func TestPayoutExport(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop")
	p.earns("jane@example.com", "12.50 USD", refgrow.PayoutPreferences{PayPalEmail: "jane@pay.example"})
	p.earns("carl@example.com", "7.00 USD", refgrow.PayoutPreferences{WiseAccountID: "4711"})
	p.earns("anna@example.com", "5.00 EUR", refgrow.PayoutPreferences{PayPalEmail: "anna@pay.example", WiseEmail: "anna@wise.example"})
	p.must("payout", "run")
	p.must("payout", "run", "--currency", "EUR")

	for _, test := range []struct {
		args             []string
		currency         string
		payouts, leftOut int
		has, says        string
	}{
		{[]string{"--format", "paypal"}, "USD", 1, 1, "jane@pay.example,12.50,USD,payout-1",
			"pending payouts in USD: 1 in the file, 1 left out, to affiliates with no PayPal email\n"},
		{[]string{"--format", "wise"}, "USD", 1, 1, "4711,,USD,USD,target,7.00,Payout 2",
			"pending payouts in USD: 1 in the file, 1 left out, to affiliates with neither an account id nor an email for Wise\n"},
		{[]string{"--format", "wise", "--currency", "eur"}, "EUR", 1, 0, ",anna@wise.example,EUR,EUR,target,5.00,Payout 3",
			"pending payouts in EUR: 1 in the file, 0 left out\n"},
		{[]string{"--format", "paypal", "--currency", "JPY"}, "JPY", 0, 0, "", "pending payouts in JPY: 0 in the file, 0 left out\n"},
	} {
		args := append([]string{"payout", "export"}, test.args...)
		code, text, stderr := p.run(args...)
		lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if test.args[1] == "wise" && len(lines) > 0 {
			lines = lines[1:] // the names
		}
		if code != exitDone || stderr != test.says || err != nil || len(lines) != test.payouts || !strings.Contains(text, test.has) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, %v", args, code, text, stderr, err)
		}
		code, stdout, stderr := p.run(append(args, "--json")...)
		want := payoutFileJSON{Format: test.args[1], Currency: test.currency, Payouts: test.payouts, LeftOut: test.leftOut, CSV: text}
		if got := decode[payoutFileJSON](t, stdout); code != exitDone || stderr != test.says || got != want {
			t.Errorf("%s --json: exit code %d, stderr %q, %+v", args, code, stderr, got)
		}
	}

	// What is no longer pending is not in it.
	p.must("payout", "pay", "1")
	if code, stdout, stderr := p.run("payout", "export", "--format", "paypal"); code != exitDone || stdout != "" ||
		!strings.Contains(stderr, "0 in the file, 1 left out") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// Without --project there is no choice to be made, or the call is refused.
func TestPayoutProject(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop")
	p.earns("jane@example.com", "12.50 USD", refgrow.PayoutPreferences{})
	p.must("project", "create", "other")
	for _, args := range []string{"preview", "run", "list", "pay 1", "cancel 1", "export --format wise"} {
		code, stdout, stderr := p.run(strings.Fields("payout " + args)...)
		command, _, _ := strings.Cut(args, " ")
		if want := `refgrow: "refgrow payout ` + command + `" needs --project NAME: there are 2 projects in ` + p.db + "\n"; code != exitWrong ||
			stdout != "" || stderr != want {
			t.Errorf("payout %s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	p.nothing("there is nothing to pay out in USD\n", "payout", "run", "--project", "other")
	p.must("payout", "run", "--project", "shop")
	if code, _, stderr := p.run("payout", "pay", "1", "--project", "other"); code != exitFailed || !strings.Contains(stderr, "no payout 1") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	p.must("payout", "pay", "1", "--project", "shop")

	empty := setup(t)
	empty.withEngine(func(*refgrow.Engine) {})
	code, _, stderr := empty.run("payout", "run")
	if code != exitFailed || stderr != "refgrow: there is no project in "+empty.db+"; \"refgrow project create\" makes one\n" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

// A run that fails half-way tells what it has made, and the next one goes on.
func TestPayoutRunFails(t *testing.T) {
	t.Parallel()
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
	if !strings.Contains(stderr, "the run has not come to its end; payouts made until then: 2; the same call makes the rest\nrefgrow: ") ||
		!strings.Contains(stderr, "the third is refused") {
		t.Errorf("%s", stderr)
	}
	code, stdout, stderr = p.run("payout", "run")
	if code != exitFailed || stdout != "" || strings.Contains(stderr, "not come to its end") {
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
			t.Fatal("every run has come to its end before it was interrupted")
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
		if code != exitFailed || len(made) < 5 || !strings.HasSuffix(stderr.String(), "the same call makes the rest\nrefgrow: interrupted\n") {
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
func (p *program) waitForPayouts(n int, ended <-chan struct{}) {
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
