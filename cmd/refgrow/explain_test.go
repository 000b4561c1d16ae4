package main

import (
	"strings"
	"testing"
)

// A sale is explained in the words of the API.
func TestExplain(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop", "--commission", "20%")
	p.must("affiliate", "create", "--email", "jane@example.com", "--referral-code", "JANE")
	p.must("conversion", "create", "--type", "purchase", "--base-value", "50", "--referral-code", "jane",
		"--reference", "in_1")
	p.must("conversion", "create", "--type", "signup", "--referral-code", "nobody")
	text := p.must("explain", "1")
	for _, part := range []string{
		"Conversion 1, a purchase of 50.00 USD on ", "is credited to affiliate JANE", "10.00 USD has been available",
		"\n\nID  CREATED", "commission  10.00 USD",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	for _, args := range [][]string{{"--reference", "in_1"}, {"in_1"}} {
		if called := p.must(append([]string{"explain"}, args...)...); called != text {
			t.Errorf("by %v it is\n%s", args, called)
		}
	}
	if lost := p.must("explain", "2"); !strings.Contains(lost,
		"because the code nobody leads to no affiliate. So it earned nothing.\n") || strings.Contains(lost, "\n\n") {
		t.Errorf("the lost one is %s", lost)
	}
	explained := decode[struct {
		Decision, Commission map[string]any
		Entries              []map[string]any
		Sentence             string
	}](t, p.must("explain", "1", "--json"))
	has(t, "the decision", explained.Decision, map[string]string{"reason": "referral_code", "chosen": "1"})
	has(t, "the commission", explained.Commission, map[string]string{"rule": "20% for life", "value": "10"})
	if len(explained.Entries) != 1 || !strings.HasPrefix(text, explained.Sentence+"\n") {
		t.Errorf("it is explained as %+v", explained)
	}
	p.refuses([]refusedCall{
		{"explain", exitWrong, "needs either the CONVERSION or --reference TEXT"},
		{"explain 1 --reference in_1", exitWrong, "needs either the CONVERSION or --reference TEXT"},
		{"explain 9", exitFailed, `there is no conversion 9 in the project "shop"`},
		{"explain --reference in_9", exitFailed, `there is no conversion with the reference "in_9"`},
		{"explain in_9", exitFailed, `there is no conversion with the reference "in_9"`},
		{"explain 0", exitWrong, `"0" is not the id of a conversion`},
		{"conversion delete 9", exitFailed, "there is no conversion 9"},
	})
	if text := p.must("conversion", "delete", "1"); text != "deleted conversion 1\n" {
		t.Error(text)
	}
	p.refuses([]refusedCall{{"explain 1", exitFailed, "there is no conversion 1"}})
	p.must("verify")
}
