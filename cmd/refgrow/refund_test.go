package main

import (
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// refundJSON is what tests look at of a conversion.
func (p *commandLine) refundJSON(args ...string) (refunded, status, outcome string) {
	p.t.Helper()
	code, stdout, stderr := p.run(append(args, "--json")...)
	if code != exitDone || stderr != "" {
		p.t.Fatalf("%s: exit code %d, stderr %q", args, code, stderr)
	}
	c := decode[map[string]any](p.t, stdout)
	for _, word := range []string{"capped", "unchanged"} {
		if c[word] == true {
			outcome += word
		}
	}
	number, _ := c["refunded_amount"].(float64)
	status, _ = c["status"].(string)
	return money.New(int64(number*100+0.5), money.USD).Decimal(), status, outcome
}

func TestRefundCommands(t *testing.T) {
	single(t)
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop", "--commission", "20%")
	p.inShop(func(shop *refgrow.Project) {
		jane, err := shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{Email: "jane@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		for _, params := range []refgrow.RecordConversionParams{
			{Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("100.00 USD"), Reference: "in_1"},
			{Type: refgrow.Signup, AffiliateID: jane.ID, Value: money.MustParse("2.00 USD")},
			{Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("5.00 USD"), Reference: "1"},
			{Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("5.00 USD"), Reference: "4"},
		} {
			if _, err := shop.RecordConversion(t.Context(), params); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, step := range []struct{ args, refunded, status, outcome string }{
		{"refund --reference in_1 --amount 30 --refund-reference re_1 --reason small", "30.00", "eligible", ""},
		{"refund --reference in_1 --amount 30 --refund-reference re_1", "30.00", "eligible", "unchanged"},
		{"refund --conversion-id 1 --refunded-total 40 --told-at 2026-01-02", "40.00", "eligible", ""},
		{"refund --conversion-id 1 --refunded-total 50 --told-at 2026-01-01", "40.00", "eligible", "unchanged"},
		{"refund --conversion-id 1 --refunded-total 35", "40.00", "eligible", "unchanged"},
		{"refund --conversion-id 1 --refunded-total 35 --lower", "35.00", "eligible", ""},
		{"refund --conversion-id 1 --amount 70 --cap", "100.00", "refunded", "capped"},
		{"undo-refund --reference in_1 --amount 20", "80.00", "eligible", ""},
		{"undo-refund --reference in_1 --refund-reference re_1", "50.00", "eligible", ""},
		{"undo-refund --reference in_1", "0.00", "eligible", ""},
		{"refund --conversion-id 2", "0.00", "refunded", ""},
		{"refund --reference 1", "5.00", "refunded", ""},
		{"undo-refund 3", "0.00", "eligible", ""},
		{"refund 4 --amount 1", "1.00", "eligible", ""}, // its id and its name
	} {
		refunded, status, outcome := p.refundJSON(strings.Fields(step.args)...)
		if refunded != step.refunded || status != step.status || outcome != step.outcome {
			t.Errorf("%s: %s %s %s, want %s %s %s",
				step.args, refunded, status, outcome, step.refunded, step.status, step.outcome)
		}
	}
	code, stdout, stderr := p.run("refund", "--reference", "in_1", "--amount", "140", "--cap")
	if code != exitDone || stdout != "conversion 1 is refunded, 100.00 USD of 100.00 USD given back\n" ||
		stderr != "that is more than was left: the rest was taken\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	const known = "nothing changed: this was known already, or is older than what is known\n"
	for args, says := range map[string]string{
		"--conversion-id 2 --cap":                                   known,
		"--reference in_1 --amount 1 --refund-reference re_8 --cap": "nothing changed: nothing was left to give back\n",
	} {
		code, _, stderr := p.run(append([]string{"refund"}, strings.Fields(args)...)...)
		if code != exitDone || stderr != says {
			t.Errorf("%s: exit code %d, stderr %q", args, code, stderr)
		}
	}
	for _, wrong := range []struct {
		args string
		code int
		says string
	}{
		{"refund", exitWrong, "needs one of CONVERSION, --reference TEXT and --conversion-id ID"},
		{"undo-refund --reference in_1 --conversion-id 1", exitWrong, "needs one of CONVERSION, --reference TEXT"},
		{"undo-refund in_1 --conversion-id 1", exitWrong, "needs one of CONVERSION, --reference TEXT"},
		{"refund in_2", exitFailed, `no conversion with the reference "in_2" in the project "shop"`},
		{"refund 1", exitWrong,
			"1 may be an id, and is the app's name for conversion 3: say --conversion-id 1 or --reference 1"},
		{"undo-refund 1", exitWrong, "1 may be an id"},
		{"refund 9", exitFailed, `no conversion 9 in the project "shop"`},
		{"refund --reference in_2", exitFailed, `no conversion with the reference "in_2" in the project "shop"`},
		{"refund --conversion-id 9", exitFailed, `no conversion 9 in the project "shop"`},
		{"refund --conversion-id one", exitWrong, "--conversion-id"},
		{"refund --reference in_1 --amount x", exitWrong, "--amount must be an amount such as 50.00"},
		{"refund --reference in_1 --amount 0.001", exitWrong, "--amount"},
		{"refund --reference in_1", exitFailed, "--amount: cannot be refunded: nothing is left"},
		{"refund --reference in_1 --amount 1 --refunded-total 1", exitWrong, "--refunded-total: cannot be used together"},
		{"refund --reference in_1 --amount 1 --told-at 2026-01-01", exitWrong, "--told-at: is when a refunded_total was so"},
		{"refund --reference in_1 --amount 5 --refund-reference re_1", exitFailed, "--refund-reference: was already told"},
		{"undo-refund --reference in_1 --refund-reference re_9", exitFailed, `conversion 1 has no refund "re_9"`},
		{"undo-refund --reference in_1 --refunded-total 5", exitWrong, "has no flag --refunded-total"},
	} {
		code, stdout, stderr := p.run(strings.Fields(wrong.args)...)
		if code != wrong.code || stdout != "" || !strings.Contains(stderr, wrong.says) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", wrong.args, code, stdout, stderr)
		}
	}
	p.must("verify")
}
