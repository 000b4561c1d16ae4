package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// A sale of an earlier day is recorded with its day, as over REST.
func TestConversions(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop", "--commission", "20%", "--hold-days", "30")
	p.inShop(func(shop *refgrow.Project) {
		if _, err := shop.CreateAffiliate(p.t.Context(), refgrow.CreateAffiliateParams{
			Email: "jane@example.com", ReferralCode: "JANE",
		}); err != nil {
			t.Fatal(err)
		}
	})
	made := decode[map[string]any](t, p.must("conversion", "create", "--type", "purchase", "--base-value", "49",
		"--occurred-at", "2024-01-31T23:30:00Z", "--referral-code", "jane", "--email", "carl@example.com",
		"--reference", "in_1", "--product", "pro", "--json"))
	for name, want := range map[string]string{
		"id": "1", "affiliate_id": "1", "referred_user_id": "1", "value": "9.8", "status": "eligible",
		"created_at": "2024-01-31T23:30:00.000Z", "reference": "in_1", "product": "pro",
	} {
		if fmt.Sprint(made[name]) != want {
			t.Errorf("%s is %v, want %s", name, made[name], want)
		}
	}
	p.must("conversion", "create", "--type", "signup", "--occurred-at", "1722258000", "--value", "2")
	shown := p.must("conversion", "show", "1")
	for _, part := range []string{"2024-01-31T23:30:00.000Z", "49.00 USD", "9.80 USD", "in_1", "affiliate JANE"} {
		if !strings.Contains(shown, part) {
			t.Errorf("no %s in %s", part, shown)
		}
	}
	for args, want := range map[string]string{
		"": "2 1", "--type signup": "2", "--affiliate-id 1": "1", "--referred-user-id 1": "1", "--to 2024-02-01": "1",
		"--from 2024-02-01": "2", "--affiliate-id 9": "",
	} {
		list := decode[[]map[string]any](t, p.must(append([]string{"conversion", "list", "--json"},
			strings.Fields(args)...)...))
		var ids []string
		for _, c := range list {
			ids = append(ids, fmt.Sprint(c["id"]))
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("conversion list %s lists %q, want %q", args, got, want)
		}
	}
	if text := p.must("conversion", "list"); !strings.Contains(text, "in_1") {
		t.Error(text)
	}
	one := decode[map[string]any](t, p.must("conversion", "show", "1", "--json"))
	if fmt.Sprint(one) != fmt.Sprint(made) {
		t.Errorf("it is shown as %v, but was made as %v", one, made)
	}
	signup := []string{"conversion", "create", "--type", "signup", "--email", "carl@example.com"}
	p.must(signup...)
	code, stdout, stderr := p.run(signup...)
	if code != exitDone || !strings.HasPrefix(stdout, "conversion  3\n") ||
		stderr != "nothing new was recorded: the customer has signed up before, with this conversion\n" {
		t.Errorf("a repeated signup: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if again := decode[map[string]any](t, p.must(append(signup, "--json")...)); again["repeated"] != true {
		t.Errorf("a repeated signup: %v", again)
	}
	p.must("verify")
}

// Changes are those of PUT /conversions, in its words.
func TestConversionSet(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop", "--commission", "20%")
	p.addAffiliate("jane@example.com")
	p.addAffiliate("joe@example.com")
	p.must("conversion", "create", "--type", "purchase", "--base-value", "50", "--affiliate-id", "1", "--reference",
		"in_1",
		"--coupon-code-used", "SAVE")
	for _, test := range []struct {
		args string
		want map[string]any // what is so then
	}{
		{"--value 7.25", map[string]any{"value": 7.25, "base_value": 50.0}},
		{"--base-value 100 --paid", map[string]any{"value": 7.25, "base_value": 100.0, "paid": true, "status": "paid"}},
		{"--paid=false --reprice", map[string]any{"value": 20.0, "paid": false, "status": "eligible"}},
		{"--affiliate-id 2", map[string]any{"affiliate_id": 2.0}},
		{"--affiliate-id= --reference= --coupon-code-used=",
			map[string]any{"affiliate_id": nil, "reference": nil, "coupon_code_used": nil, "status": "unattributed"}},
		{"--affiliate-id 1 --reference in_2 --coupon-code-used CODE",
			map[string]any{"affiliate_id": 1.0, "reference": "in_2", "coupon_code_used": "CODE", "value": 20.0}},
		{"--type signup --base-value=", map[string]any{"type": "signup", "base_value": nil}},
		{"--type purchase --base-value-currency jpy --base-value 1000 --value 200",
			map[string]any{"type": "purchase", "base_value_currency": "JPY", "base_value": 1000.0, "value": 200.0}},
	} {
		args := append([]string{"conversion", "set", "1", "--json"}, strings.Fields(test.args)...)
		changed := decode[map[string]any](t, p.must(args...))
		for name, want := range test.want {
			if got, there := changed[name]; got != want || !there {
				t.Errorf("%s: %s is %v, but should be %v", test.args, name, got, want)
			}
		}
	}
	if text := p.must("conversion", "set", "1", "--reference", "in_3"); !strings.Contains(text, "reference   in_3\n") {
		t.Error(text)
	}
	for args, says := range map[string]string{
		"--value 1.5":                 "--value: 1.5 has 1 decimal",
		"--value much":                "--value: ",
		"--value 5 --reprice":         "--value: cannot be used together with reprice",
		"--base-value-currency XAU":   "--base-value-currency: ",
		"--affiliate-id jane":         `--affiliate-id must be the id of an affiliate, or "" for nobody, not "jane"`,
		"--type sale":                 `--type: must be "signup" or "purchase"`,
		"--base-value= --reference=x": "--base-value: ",
	} {
		code, stdout, stderr := p.run(append([]string{"conversion", "set", "1"}, strings.Fields(args)...)...)
		if code != exitWrong || stdout != "" || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	p.must("verify")
}

// A file is imported row by row, and again without a second record.
func TestConversionImport(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop", "--commission", "20%")
	p.inShop(func(shop *refgrow.Project) {
		if _, err := shop.CreateAffiliate(p.t.Context(), refgrow.CreateAffiliateParams{
			Email: "jane@example.com", ReferralCode: "JANE",
		}); err != nil {
			t.Fatal(err)
		}
	})
	file := filepath.Join(p.dir, "sales.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const first = "\ufefftype,occurred_at,base_value,reference,referral_code,value,paid\n" +
		"purchase,2024-01-31,100,in_1,JANE,,\n"
	for _, c := range []struct {
		text string
		code int
		says string
	}{
		{"", exitWrong, "the file is empty"},
		{"type,amount\n", exitWrong, `there is no column "amount"`},
		{"type,type\n", exitWrong, `the column "type" is there twice`},
		{first + "purchase,2024-02-30,5,in_2,JANE,,\n", exitWrong, "line 3: occurred_at: must be a date"},
		{first + "purchase,,5,in_2,JANE,,\n", exitWrong, "line 3: occurred_at is required"},
		{first + "purchase,2024-02-01,5,,JANE,,\n", exitWrong, "line 3: reference is required"},
		{first + "purchase,2024-02-01,,in_2,JANE,,\n", exitWrong, "line 3: base_value: is required for purchases"},
		{first + "purchase,2024-02-01,5,in_2\n", exitFailed, "line 3: wrong number of fields"},
	} {
		write(c.text)
		code, stdout, stderr := p.run("conversion", "import", file)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", c.text, code, stdout, stderr)
		}
	}
	write(first + "purchase,2024-02-01T10:00:00Z,5.50,in_2,JANE,1.00,true\n" +
		"signup,1706743800,,su_1,JANE,,\n")
	if got := decode[importJSON](t, p.must("conversion", "import", file, "--json")); got != (importJSON{2, 1}) {
		t.Errorf("%+v", got)
	}
	if got := p.must("conversion", "import", file); got != "imported: 0, already there: 3\n" {
		t.Error(got)
	}
	write("type,occurred_at,reference,email\n" +
		"signup,2024-03-01,su_2,carl@example.com\nsignup,2024-03-02,su_3,carl@example.com\n")
	for _, want := range []string{"imported: 1, already there: 1\n", "imported: 0, already there: 2\n"} {
		if got := p.must("conversion", "import", file); got != want {
			t.Errorf("a repeated signup: %s", got)
		}
	}
	p.inShop(func(shop *refgrow.Project) {
		earned, err := shop.Earnings(t.Context(), 1)
		if err != nil || len(earned) != 1 || earned[0].Total.String() != "21.00 USD" ||
			earned[0].Paid.String() != "1.00 USD" {
			t.Errorf("%+v, %v", earned, err)
		}
		days, err := shop.Statistics(t.Context(), refgrow.StatisticsParams{
			From: time.Date(2024, 1, 31, 0, 0, 0, 0, time.UTC), To: time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC),
		})
		if err != nil || days[0].Purchases != 1 || days[0].Signups != 1 {
			t.Errorf("%+v, %v", days, err)
		}
	})
	p.must("verify")
}
