package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func TestReferral(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	p.addAffiliate("jane@example.com")
	p.inShop(func(shop *refgrow.Project) {
		for _, c := range []refgrow.Customer{
			{Email: "carl@example.com", ExternalID: "u-1"}, {ExternalID: "u-2"}, {ExternalID: "u-3"},
		} {
			if _, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
				Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), Customer: c,
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
	type referral struct {
		ID          int64    `json:"id"`
		Email       *string  `json:"user_email"`
		ExternalID  *string  `json:"external_id"`
		ExternalIDs []string `json:"external_ids"`
		Status      string   `json:"conversion_status"`
		Converted   *string  `json:"conversion_date"`
		Created     string   `json:"created_at"`
		AffiliateID *int64   `json:"affiliate_id"`
		Affiliate   *string  `json:"affiliate_code"`
	}
	if list := decode[[]referral](t, p.must("referral", "list", "--json")); len(list) != 3 || list[0].ID != 3 {
		t.Errorf("the list is %+v", list)
	}
	if text := p.must("referral", "list", "--status", "direct"); strings.Count(text, "\n") != 4 ||
		!strings.Contains(text, "carl@example.com  u-1") {
		t.Errorf("the list is\n%s", text)
	}
	if list := decode[[]referral](t, p.must("referral", "list", "--affiliate-id", "1", "--json")); len(list) != 0 {
		t.Errorf("the affiliate's are %+v", list)
	}
	for _, args := range [][]string{{"carl@example.com"}, {"1"}, {"--external-id", "u-1"}} {
		args = append([]string{"referral", "show", "--json"}, args...)
		if got := decode[referral](t, p.must(args...)); got.ID != 1 || got.ExternalID == nil || *got.ExternalID != "u-1" {
			t.Errorf("%s: %+v", args, got)
		}
	}
	merged := decode[referral](t, p.must("referral", "merge", "carl@example.com", "--from", "2", "--json"))
	if merged.ID != 1 || !slices.Equal(merged.ExternalIDs, []string{"u-1", "u-2"}) {
		t.Errorf("the merged one is %+v", merged)
	}
	text := p.must("referral", "merge", "3", "--from", "carl@example.com")
	for _, part := range []string{"customer      3\n", "email         carl@example.com\n", "external ids  u-3 u-2 u-1\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if text := p.must("referral", "show", "3"); !strings.Contains(text, "external ids  u-3 u-2 u-1\n") {
		t.Errorf("it is\n%s", text)
	}
	set := decode[referral](t, p.must("referral", "set", "carl@example.com", "--email", "Karl@example.com",
		"--affiliate-id", "1", "--status", "pending", "--json"))
	if set.ID != 3 || *set.Email != "karl@example.com" || *set.AffiliateID != 1 || set.Status != "pending" ||
		set.Converted != nil {
		t.Errorf("the changed one is %+v", set)
	}
	if text := p.must("referral", "set", "3", "--affiliate-id", "", "--status", "direct"); !strings.Contains(text,
		"status        direct\naffiliate\nconverted     2") {
		t.Errorf("it is\n%s", text)
	}
	added := decode[referral](t, p.must("referral", "create", "--email", "dora@example.com", "--affiliate-id", "1",
		"--json"))
	if added.ID != 4 || *added.Email != "dora@example.com" || *added.AffiliateID != 1 || added.Status != "pending" {
		t.Errorf("the new one is %+v", added)
	}
	p.must("conversion", "create", "--type", "signup", "--email", "dora@example.com")
	p.must("conversion", "create", "--type", "signup", "--email", "eve@example.com")
	if text := p.must("referral", "delete", "dora@example.com"); text != "deleted customer 4\n" {
		t.Errorf("%s", text)
	}
	if gone := decode[deletedJSON](t, p.must("referral", "delete", "5", "--json")); gone != (deletedJSON{5, true}) {
		t.Errorf("%+v", gone)
	}
	if list := decode[[]referral](t, p.must("referral", "list", "--json")); len(list) != 1 || list[0].ID != 3 {
		t.Errorf("the list is %+v", list)
	}
	if text := p.must("conversion", "list", "--type", "signup"); strings.Count(text, "\n") != 3 {
		t.Errorf("the conversions are\n%s", text)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"referral", "create"}, exitWrong, "--email: is required"},
		{[]string{"referral", "create", "--email", "e@example.com", "--affiliate-id", "9"}, exitFailed, "Affiliate not"},
		{[]string{"referral", "create", "--email", "karl@example.com"}, exitFailed, "--email: a referred user with this"},
		{[]string{"referral", "set", "3"}, exitWrong, "needs at least one of --email, --affiliate-id and --status"},
		{[]string{"referral", "set", "3", "--status", "gone"}, exitWrong, "--status: must be"},
		{[]string{"referral", "set", "3", "--email", "karl"}, exitWrong, "--email: "},
		{[]string{"referral", "set", "3", "--affiliate-id", "jane"}, exitWrong, "--affiliate-id must be the id"},
		{[]string{"referral", "set", "3", "--affiliate-id", "9"}, exitFailed, "Affiliate not found"},
		{[]string{"referral", "set", "4", "--status", "direct"}, exitFailed, "there is no customer 4"},
		{[]string{"referral", "delete", "4"}, exitFailed, "there is no customer 4"},
		{[]string{"referral", "delete", "dora"}, exitWrong, `"dora" is neither the email nor the id`},
		{[]string{"referral", "show", "carl"}, exitWrong, `"carl" is neither the email nor the id of a customer`},
		{[]string{"referral", "show", "1"}, exitFailed, `there is no customer 1 in the project "shop"`},
		{[]string{"referral", "show", "--external-id", "u-9"}, exitFailed, "there is no customer u-9"},
		{[]string{"referral", "show", "3", "--external-id", "u-3"}, exitWrong, "needs either a CUSTOMER or --external-id"},
		{[]string{"referral", "show"}, exitWrong, "needs either a CUSTOMER or --external-id"},
		{[]string{"referral", "merge", "3"}, exitWrong, "needs --from CUSTOMER"},
		{[]string{"referral", "merge", "3", "--from", "3"}, exitWrong, "--from: must be another referred user"},
		{[]string{"referral", "merge", "3", "--from", "7"}, exitFailed, "there is no customer 7"},
		{[]string{"referral", "list", "--status", "gone"}, exitWrong, "--status: must be"},
	} {
		code, stdout, stderr := p.run(test.args...)
		if code != test.code || stdout != "" || !strings.Contains(stderr, test.says) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
}
