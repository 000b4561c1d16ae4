package main

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func TestStatement(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop", "--hold-days", "10")
	now := time.Now().UTC()
	p.earns("jane@example.com", "12.50 USD", refgrow.PayoutPreferences{}) // is held
	p.inShop(func(shop *refgrow.Project) {
		p.sale(shop, 1, "20.00 USD", now.AddDate(0, 0, -20))
		if _, err := shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
			AffiliateID: 1, Amount: money.MustParse("5.00 USD"), Note: "a bonus",
		}); err != nil {
			t.Fatal(err)
		}
	})
	p.must("payout", "run")
	p.must("payout", "pay", "1")

	text := p.must("statement", "jane@example.com")
	held := now.AddDate(0, 0, 10).Format(time.DateOnly)
	for _, part := range []string{
		"opening             0.00 USD  paid 0.00, held 0.00, eligible 0.00\n",
		"commission         12.50 USD  conversion 1, held until " + held + "\n",
		"commission         20.00 USD  conversion 2\n", "adjustment          5.00 USD  a bonus\n",
		"settlement        -25.00 USD  payout 1\n", "  of it           -20.00 USD  conversion 2\n",
		"closing            37.50 USD  paid 25.00, held 12.50, eligible 0.00\n",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if byID := p.must("statement", "1", "--month", now.Format("2006-01")); byID != text {
		t.Errorf("by the id it is\n%s\nbut by the email\n%s", byID, text)
	}
	lines, err := csv.NewReader(strings.NewReader(p.must("statement", "1", "--csv"))).ReadAll()
	if err != nil || len(lines) != 9 || lines[1][2] != "opening" || lines[8][2] != "closing" || lines[8][5] != "37.50" {
		t.Errorf("the file is %q, %v", lines, err)
	}
	type statement struct {
		statementHeadJSON

		Lines []statementLineJSON `json:"lines"`
	}
	got := decode[statement](t, p.must("statement", "1", "--json"))
	if got.Month != now.Format("2006-01") || got.Closed || len(got.Lines) != 6 || len(got.Opening) != 1 ||
		got.Closing[0] != (statementBalanceJSON{"USD", "37.50", "25.00", "12.50", "0.00"}) {
		t.Errorf("the statement is %+v", got)
	}
	payout := got.Lines[3]
	if payout.ID != nil || payout.PayoutID == nil || payout.Amount != "-25.00" || payout.Paid != "25.00" ||
		payout.OfPayout || !got.Lines[4].OfPayout || got.Lines[4].Eligible != "0.00" {
		t.Errorf("the lines are %+v", got.Lines)
	}
	past := decode[statement](t, p.must("statement", "1", "--month", "2020-02", "--json"))
	if !past.Closed || len(past.Lines) != 0 {
		t.Errorf("a month before everything is %+v", past)
	}

	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"statement", "jane"}, exitWrong, `"jane" is neither the email nor the id of an affiliate`},
		{[]string{"statement", "7"}, exitFailed, `there is no affiliate 7 in the project "shop"`},
		{[]string{"statement", "bob@example.com"}, exitFailed, "there is no affiliate bob@example.com in the project"},
		{[]string{"statement", "1", "--month", "October"}, exitWrong, "--month must be a month such as 2026-10"},
		{[]string{"statement", "1", "--month", now.AddDate(1, 0, 0).Format("2006-01")}, exitWrong,
			"--month must not be in the future"},
		{[]string{"statement", "1", "--csv", "--json"}, exitWrong, "--csv and --json cannot be used together"},
		{[]string{"statement"}, exitWrong, "AFFILIATE"},
	} {
		code, stdout, stderr := p.run(test.args...)
		if code != test.code || stdout != "" || !strings.Contains(stderr, test.says) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
}
