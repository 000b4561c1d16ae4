package main

import (
	"fmt"
	"strings"
	"testing"
)

// member is a member of an object as text.
func member(t *testing.T, object map[string]any, name string) string {
	t.Helper()
	v, there := object[name]
	if !there {
		t.Errorf("no %s in %v", name, object)
	}
	return fmt.Sprint(v)
}

// has compares members of an object.
func has(t *testing.T, what string, object map[string]any, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := member(t, object, name); got != value {
			t.Errorf("%s: %s is %s, want %s", what, name, got, value)
		}
	}
}

// A refusedCall says why, and does nothing.
type refusedCall struct {
	args string
	code int
	says string
}

func (p *commandLine) refuses(calls []refusedCall) {
	p.t.Helper()
	for _, test := range calls {
		code, stdout, stderr := p.run(strings.Fields(test.args)...)
		if code != test.code || stdout != "" || !strings.Contains(stderr, test.says) {
			p.t.Errorf("%s: exit code %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
}

func TestAffiliate(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop", "--commission", "20%")
	made := decode[map[string]any](t, p.must("affiliate", "create", "--email", "Jane@example.com",
		"--referral-code", "JANE", "--partner-slug", "jane-1", "--paypal-email", "pay@example.com", "--json"))
	has(t, "made", made, map[string]string{
		"id": "1", "user_email": "jane@example.com", "referral_code": "JANE", "partner_slug": "jane-1", "status": "active",
		"unpaid_earnings": "0.00", "payout_preferences": "map[paypal_email:pay@example.com]",
	})
	if text := p.must("affiliate", "create", "--email", "joe@example.com"); !strings.Contains(text,
		"\nslug            -\n") {
		t.Errorf("%s", text)
	}
	p.must("conversion", "create", "--type", "purchase", "--base-value", "50", "--referral-code", "jane")
	set := decode[map[string]any](t, p.must("affiliate", "set", "jane@example.com", "--email", "june@example.com",
		"--referral-code", "JUNE", "--partner-slug", "", "--status", "inactive", "--payouts-paused",
		"--wise-account-id", "12345", "--wise-email", "wise@example.com", "--wise-name", "June", "--json"))
	has(t, "changed", set, map[string]string{
		"user_email": "june@example.com", "referral_code": "JUNE", "partner_slug": "<nil>", "status": "inactive",
		"payouts_paused": "true", "purchases": "1", "unpaid_earnings": "10.00", "payout_preferences": "map[" +
			"paypal_email:pay@example.com wise_details:map[accountId:12345 email:wise@example.com] wise_name:June]",
	})
	set = decode[map[string]any](t, p.must("affiliate", "set", "1", "--paypal-email", "", "--payouts-paused=false",
		"--json"))
	has(t, "changed again", set, map[string]string{
		"payouts_paused":     "false",
		"payout_preferences": "map[wise_details:map[accountId:12345 email:wise@example.com] wise_name:June]",
	})
	for _, one := range []string{"june@example.com", "1"} {
		text := p.must("affiliate", "show", one)
		for _, part := range []string{"code            JUNE\n", "unpaid          10.00 USD\n", "Wise account    12345\n"} {
			if !strings.Contains(text, part) {
				t.Errorf("no %q in\n%s", part, text)
			}
		}
	}
	for args, want := range map[string]string{
		"": "2 1", "--status active": "2", "--referral-code jane": "1", "--referral-code nobody": "",
	} {
		var ids []string
		for _, a := range decode[[]map[string]any](t, p.must(append([]string{"affiliate", "list", "--json"},
			strings.Fields(args)...)...)) {
			ids = append(ids, member(t, a, "id"))
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("affiliate list %s lists %q, want %q", args, got, want)
		}
	}
	if text := p.must("affiliate", "list"); !strings.Contains(text, "june@example.com  JUNE") {
		t.Error(text)
	}
	p.refuses([]refusedCall{
		{"affiliate create", exitWrong, "--email: is required"},
		{"affiliate create --email jane", exitWrong, "--email: must be a plain email address"},
		{"affiliate create --email joe@example.com", exitFailed, "--email: an affiliate with this email already exists"},
		{"affiliate create --email x@example.com --referral-code a", exitWrong, "--referral-code: must be 3 to 64"},
		{"affiliate create --email x@example.com --wise-account-id x", exitWrong, "--wise-account-id: "},
		{"affiliate set 1 --wise-email x", exitWrong, "--wise-email: must be a plain email address"},
		{"affiliate set 1 --paypal-email =x@example.com", exitWrong, "--paypal-email: must not begin with"},
		{"affiliate set 1", exitWrong, "needs at least one change"},
		{"affiliate set 1 --status gone", exitWrong, "--status: must be"},
		{"affiliate set 9 --status active", exitFailed, "there is no affiliate 9"},
		{"affiliate show jane", exitWrong, `"jane" is neither the email nor the id of an affiliate`},
		{"affiliate list --status gone", exitWrong, "--status: must be"},
	})
	if text := p.must("affiliate", "delete", "joe@example.com"); text != "deleted affiliate 2\n" {
		t.Error(text)
	}
	if gone := decode[deletedJSON](t, p.must("affiliate", "delete", "1", "--json")); gone != (deletedJSON{1, true}) {
		t.Errorf("%+v", gone)
	}
	p.refuses([]refusedCall{{"affiliate delete 1", exitFailed, "there is no affiliate 1"}})
	p.must("verify")
}

func TestAffiliateAccount(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop", "--commission", "20%")
	p.must("affiliate", "create", "--email", "jane@example.com")
	p.must("conversion", "create", "--type", "purchase", "--base-value", "50", "--affiliate-id", "1")
	entry := decode[map[string]any](t, p.must("affiliate", "adjust", "jane@example.com", "--amount", "-2.50",
		"--note", "a mistake", "--json"))
	has(t, "the deduction", entry, map[string]string{
		"id": "2", "kind": "adjustment", "amount": "-2.5", "currency": "USD", "note": "a mistake", "conversion_id": "<nil>",
	})
	if text := p.must("affiliate", "adjust", "1", "--amount", "500", "--currency", "jpy", "--note", "a bonus"); !strings.
		Contains(text, "500 JPY") {
		t.Error(text)
	}
	balances := decode[[]map[string]any](t, p.must("affiliate", "earnings", "1", "--json"))
	if len(balances) != 2 {
		t.Fatalf("the balances are %v", balances)
	}
	has(t, "the balance", balances[0], map[string]string{
		"currency": "USD", "total": "7.50", "payable": "7.50", "closed_until": "<nil>", "next_release_date": "<nil>",
	})
	if text := p.must("affiliate", "earnings", "jane@example.com"); !strings.Contains(text, "USD       7.50") {
		t.Error(text)
	}
	past := decode[[]map[string]any](t, p.must("affiliate", "earnings", "1", "--as-of", "2024-01-01", "--json"))
	has(t, "the balance then", past[0], map[string]string{"total": "0.00", "closed_until": "2024-01-01T00:00:00.000Z"})
	entries := decode[[]map[string]any](t, p.must("affiliate", "ledger", "1", "--json"))
	if len(entries) != 3 || member(t, entries[0], "id") != "3" || member(t, entries[2], "conversion_id") != "1" {
		t.Errorf("the entries are %v", entries)
	}
	if text := p.must("affiliate", "ledger", "1"); !strings.Contains(text, "adjustment  -2.50 USD") {
		t.Error(text)
	}
	p.refuses([]refusedCall{
		{"affiliate adjust 1 --note x", exitWrong, "--amount: is required"},
		{"affiliate adjust 1 --amount 0 --note x", exitWrong, "--amount: must not be 0"},
		{"affiliate adjust 1 --amount 1.005 --note x", exitWrong, "--amount: "},
		{"affiliate adjust 1 --amount 1", exitWrong, "--note: is required"},
		{"affiliate adjust 1 --amount 1 --currency XXX --note x", exitWrong, "--currency: "},
		{"affiliate adjust 9 --amount 1 --note x", exitFailed, "there is no affiliate 9"},
		{"affiliate earnings 1 --as-of yesterday", exitWrong, "--as-of "},
		{"affiliate ledger 9", exitFailed, "there is no affiliate 9"},
	})
	p.must("verify")
}
