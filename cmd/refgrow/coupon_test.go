package main

import (
	"strings"
	"testing"
)

func TestCoupon(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop", "--commission", "20%")
	p.must("affiliate", "create", "--email", "jane@example.com", "--referral-code", "JANE")
	p.must("affiliate", "create", "--email", "joe@example.com", "--referral-code", "JOE")
	made := decode[map[string]any](t, p.must("coupon", "create", "--affiliate-id", "1", "--coupon-code", "JANE20",
		"--stripe-coupon-id", "promo_1", "--json"))
	has(t, "made", made, map[string]string{
		"id": "1", "project_id": "1", "affiliate_id": "1", "coupon_code": "JANE20", "stripe_coupon_id": "promo_1",
		"lemonsqueezy_discount_code": "<nil>", "status": "active", "affiliate_email": "jane@example.com",
		"affiliate_referral_code": "JANE",
	})
	p.must("coupon", "create", "--affiliate-id", "2", "--coupon-code", "JOE20", "--status", "inactive")
	for args, want := range map[string]string{
		"": "2 1", "--status active": "1", "--affiliate-id 2": "2", "--coupon-code ne2": "1", "--coupon-code none": "",
	} {
		var ids []string
		for _, c := range decode[[]map[string]any](t, p.must(append([]string{"coupon", "list", "--json"},
			strings.Fields(args)...)...)) {
			ids = append(ids, member(t, c, "id"))
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("coupon list %s lists %q, want %q", args, got, want)
		}
	}
	if text := p.must("coupon", "list"); !strings.Contains(text, "JOE20   inactive  JOE") {
		t.Error(text)
	}
	set := decode[map[string]any](t, p.must("coupon", "set", "1", "--affiliate-id", "2", "--coupon-code", "JOE30",
		"--stripe-coupon-id", "", "--lemonsqueezy-discount-code", "ls_1", "--json"))
	has(t, "changed", set, map[string]string{
		"affiliate_id": "2", "coupon_code": "JOE30", "stripe_coupon_id": "<nil>", "lemonsqueezy_discount_code": "ls_1",
	})
	if text := p.must("coupon", "show", "1"); !strings.Contains(text, "at Lemon Squeezy  ls_1\n") {
		t.Error(text)
	}
	p.refuses([]refusedCall{
		{"coupon create --coupon-code NEW", exitWrong, "--affiliate-id: "},
		{"coupon create --affiliate-id 1", exitWrong, "--coupon-code: must be 3 to 64"},
		{"coupon create --affiliate-id 1 --coupon-code joe30", exitFailed, "--coupon-code: a coupon with this code already"},
		{"coupon create --affiliate-id 9 --coupon-code NEW", exitFailed, "Affiliate not found"},
		{"coupon set 1", exitWrong, "needs at least one change"},
		{"coupon set 1 --affiliate-id 9", exitFailed, "Affiliate not found"},
		{"coupon set 1 --status gone", exitWrong, "--status: must be"},
		{"coupon set 9 --status active", exitFailed, `there is no coupon 9 in the project "shop"`},
		{"coupon show JOE30", exitWrong, `"JOE30" is not the id of a coupon`},
		{"coupon list --status gone", exitWrong, "--status: must be"},
	})
	if text := p.must("coupon", "delete", "1"); text != "deleted coupon 1\n" {
		t.Error(text)
	}
	if gone := decode[deletedJSON](t, p.must("coupon", "delete", "2", "--json")); gone != (deletedJSON{2, true}) {
		t.Errorf("%+v", gone)
	}
	p.refuses([]refusedCall{{"coupon delete 1", exitFailed, "there is no coupon 1"}})
	p.must("verify")
}
