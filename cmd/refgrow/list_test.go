package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// crowded has one of each, with names as long as they get.
func (p *commandLine) crowded() {
	p.t.Helper()
	long := strings.Repeat("long-", 11)
	p.must("project", "create", "shop", "--commission", "20%")
	p.must("affiliate", "create", "--email", long+"jane@"+long+"indeed.example.com", "--referral-code", "JANE-"+long,
		"--wise-account-id", "123", "--wise-name", `Jane "JJ", Ltd`)
	p.must("affiliate", "create", "--email", "joe@example.com", "--referral-code", "JOE")
	for i := range 2 {
		p.must("conversion", "create", "--type", "purchase", "--base-value", "12490.00", "--affiliate-id", "1",
			"--email", fmt.Sprint(long, i, "@example.com"), "--external-id", fmt.Sprint(long, i, " é"),
			"--reference", fmt.Sprint("in_", long, i), "--product", "@SUM(1+1)")
	}
	p.must("affiliate", "adjust", "1", "--amount", "-25.00",
		"--note", `=1+1, "as agreed" in a long talk at the conference`)
	p.must("coupon", "create", "--affiliate-id", "1", "--coupon-code", "SAVE-"+long)
	p.must("payout", "run")
	p.must("affiliate", "adjust", "1", "--amount", "30.00", "--note", "for the next run")
	if code, _, stderr := p.run("webhook", "create", "--url", "https://example.com/"+long+long); code != exitDone {
		p.t.Fatal(stderr)
	}
	if code, _, stderr := p.run("webhook", "test", "1"); code != exitDone {
		p.t.Fatal(stderr)
	}
	p.must("key", "create", "--name", "for "+long)
}

// lists are the commands that print lists, of what crowded has made.
func lists() (all [][]string) {
	for _, cmd := range commands() {
		args := strings.Fields(cmd.name)
		switch {
		case !cmd.lists || cmd.name == "payout run" || cmd.name == "statement":
			continue
		case cmd.operand != "":
			args = append(args, "1")
		}
		all = append(all, args)
	}
	return all
}

// A list as CSV has what its JSON has, a column for each member.
func TestListsAsCSV(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.crowded()
	for _, args := range lists() {
		text := p.must(append(args, "--csv")...)
		if strings.Count(text, "\n") != strings.Count(text, "\r\n") {
			t.Errorf("%q does not end its lines as RFC 4180 says", args)
		}
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, text)
		}
		objects := decode[[]json.RawMessage](t, p.must(append(args, "--json")...))
		if len(rows) != 1+len(objects) || len(objects) == 0 {
			t.Errorf("%q: %d lines of %d objects", args, len(rows), len(objects))
			continue
		}
		for i, object := range objects {
			members, cells, err := membersOf("", object)
			if err != nil {
				t.Fatal(err)
			}
			for _, member := range members {
				column := slices.Index(rows[0], member)
				if slices.Equal(args, []string{"payout", "preview"}) && member == "cutoff" {
					continue // which is now
				}
				if column < 0 || rows[i+1][column] != cells[member] {
					t.Errorf("%q: %s of %s is not in\n%s", args, member, object, text)
				}
			}
		}
	}
	text := p.must("conversion", "list", "--csv")
	for _, part := range []string{
		"id,project_id,type,affiliate_id,", "\r\n2,1,purchase,1,2,2498,12490,USD,0,false,", ",'@SUM(1+1),",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in %s", part, text)
		}
	}
	if text := p.must("affiliate", "ledger", "1", "--csv"); !strings.Contains(text, ",-25,USD,") ||
		!strings.Contains(text, `,"'=1+1, ""as agreed"" in a long talk at the conference"`) {
		t.Errorf("the ledger is %s", text)
	}
	if text := p.must("affiliate", "list", "--csv"); !strings.Contains(text, `,"Jane ""JJ"", Ltd",`) {
		t.Errorf("the affiliates are %s", text)
	}
	// Of nothing there is the line of names.
	if text := p.must("payout", "list", "--status", "returned", "--csv"); text !=
		"id,affiliate_id,affiliate_email,amount,currency,status,entry_count,cutoff,created_at,external_reference,paid_at,"+
			"canceled_at,returned_at,return_note,run_id\r\n" {
		t.Errorf("an empty list is %q", text)
	}
	p.refuses([]refusedCall{
		{"payout list --csv --json", exitWrong, "--csv and --json cannot be used together"},
		{"payout pay 1 --csv", exitWrong, "has no flag --csv"},
	})
}

// onTerminal is what a command prints on a terminal.
func (p *commandLine) onTerminal(width int, args ...string) string {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	if _, err := do(p.t.Context(), append(args, "--db", p.db), &output{to: &stdout, width: width}, &stderr); err != nil {
		p.t.Fatalf("%q: %v", args, err)
	}
	return stdout.String()
}

// Every table fits a terminal, and says everything elsewhere.
func TestTablesFit(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.crowded()
	for _, args := range append(lists(), []string{"explain", "1"}, []string{"search", "in_"}, []string{"statement", "1"}) {
		whole := p.must(args...)
		for _, width := range []int{80, 100, 120, 1000} {
			text := p.onTerminal(width, args...)
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width && !isBlock(text) {
					t.Errorf("%q has %d columns on a terminal of %d:\n%s", args, n, width, text)
					break
				}
			}
			if width == 1000 && args[0] != "explain" && text != whole {
				t.Errorf("%q is cut although there is room:\n%s", args, text)
			}
		}
		if strings.Contains(whole, "…") {
			t.Errorf("%q is cut where there is no terminal:\n%s", args, whole)
		}
	}
	want := "ID TYPE     HAPPENED   AFFILIATE BASE VALUE   VALUE "
	if text := p.onTerminal(80, "conversion", "list"); !strings.HasPrefix(text, want) ||
		!strings.Contains(text, "12490.00 USD 2498.00 USD eligible in_l…ng-1\n") {
		t.Errorf("the conversions are\n%s", text)
	}
	if text := p.onTerminal(80, "affiliate", "list"); !strings.Contains(text, "long-l…e.com  JANE-l…-long-  ") {
		t.Errorf("the affiliates are\n%s", text)
	}
	// What cannot be cut any more is told line by line, and in full.
	text := p.onTerminal(40, "affiliate", "ledger", "1")
	if !isBlock(text) || !strings.Contains(text, "in a long talk at the conference\n\nID ") {
		t.Errorf("on a narrow terminal the ledger is\n%s", text)
	}
	if first, _, _ := strings.Cut(p.onTerminal(40, "explain", "1"), "\n"); len(first) > 40 {
		t.Errorf("a sentence is not wrapped: %s", first)
	}
}

// isBlock reports whether a list is told line by line.
func isBlock(text string) bool {
	first, _, _ := strings.Cut(text, "\n")
	return len(strings.Fields(first)) == 2
}

// The width is that of the terminal.
func TestTerminal(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("there is no script of util-linux")
	}
	p := setup(t)
	p.crowded()
	for columns, cut := range map[string]bool{"80": true, "500": false} {
		cmd := exec.CommandContext(t.Context(), script, "-qec",
			"stty cols "+columns+"; "+p.self()+" affiliate list --db "+p.db, filepath.Join(p.dir, "typescript"))
		cmd.Env = append(cmd.Environ(), asProgram+"=1", "COLUMNS=")
		out, err := cmd.Output()
		if err != nil || strings.Contains(string(out), "…") != cut {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop", "--commission", "20%")
	p.must("affiliate", "create", "--email", "jane@example.com", "--referral-code", "JANE")
	p.must("coupon", "create", "--affiliate-id", "1", "--coupon-code", "JANES10")
	p.must("conversion", "create", "--type", "purchase", "--base-value", "49.00", "--affiliate-id", "1",
		"--email", "carl@example.com", "--external-id", "u_17", "--reference", "in_123")
	p.must("payout", "run")
	for text, want := range map[string]string{
		"jane": "affiliate 1 jane@example.com code JANE, active; coupon 1 JANES10 affiliate JANE, active",
		"u_17": "customer 1 carl@example.com converted, affiliate JANE",
		"in_":  "conversion 1 in_123 purchase of 49.00 USD, 9.80 USD eligible, ",
		"1": "conversion 1 in_123 purchase of 49.00 USD, 9.80 USD eligible, DAY; " +
			"payout 1 9.80 USD pending, to jane@example.com",
	} {
		lines := strings.Split(strings.TrimSpace(p.must("search", text)), "\n")
		day := p.must("conversion", "list", "--csv")
		day = strings.Split(strings.Split(day, "\n")[1], ",")[11][:10]
		var found []string
		for _, line := range lines[1:] {
			found = append(found, strings.Join(strings.Fields(line), " "))
		}
		if got := strings.Join(found, "; "); !strings.HasPrefix(got, strings.ReplaceAll(want, "DAY", day)) {
			t.Errorf("%s finds %s", text, got)
		}
	}
	found := decode[map[string][]map[string]any](t, p.must("search", "jane", "--json"))
	has(t, "the affiliate", found["affiliates"][0], map[string]string{"user_email": "jane@example.com"})
	if len(found) != 5 || len(found["coupons"]) != 1 || found["payouts"] == nil {
		t.Errorf("it finds %v", found)
	}
	code, stdout, stderr := p.run("search", "nobody")
	if code != exitDone || stdout != "" ||
		stderr != "nothing in the project \"shop\" is called or begins with \"nobody\"\n" {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	p.refuses([]refusedCall{
		{"search", exitWrong, "needs the TEXT after it"},
		{"search x --limit 0", exitWrong, "--limit must be 1 to 100"},
		{"search x --limit 101", exitWrong, "--limit: must be 1 to 100"},
	})
}

// One thing is shown in full, also on a terminal.
func TestFields(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.crowded()
	for _, args := range [][]string{{"affiliate", "show", "1"}, {"conversion", "show", "1"}, {"coupon", "show", "1"}} {
		fields, _, _ := strings.Cut(p.must(args...), "\n\n")
		if text := p.onTerminal(40, args...); !strings.HasPrefix(text, fields) {
			t.Errorf("%q is\n%s", args, text)
		}
	}
}

// On a terminal the help fits its width. No word is lost, and commands stay in one line.
func TestHelpFits(t *testing.T) {
	t.Parallel()
	texts := []string{overview(commands(), ""), overview(commands(), "payout ")}
	for _, cmd := range commands() {
		texts = append(texts, details(cmd))
	}
	for _, text := range texts {
		if narrowed(text, 0) != text {
			t.Errorf("without a terminal it is another text: %s", text)
		}
		for _, width := range []int{60, 80, 120} {
			fits := narrowed(text, width)
			if !slices.Equal(strings.Fields(fits), strings.Fields(text)) {
				t.Errorf("in %d columns it has other words: %s", width, fits)
			}
			for line := range strings.Lines(fits) {
				line = strings.TrimSuffix(line, "\n")
				inColumns := strings.HasPrefix(line, "  --") || strings.Contains(strings.TrimLeft(line, " "), "  ")
				isCommand := strings.HasPrefix(line, "  ") && !inColumns && strings.Contains(text, "\n"+line+"\n")
				if utf8.RuneCountInString(line) > width && !isCommand {
					t.Errorf("%d columns have no room for %q", width, line)
				}
			}
		}
	}
	want := "  --addr HOST:PORT           HOST:PORT to listen on; port 0 takes a free one\n" +
		"                             (default 127.0.0.1:8080)\n"
	if fits := narrowed(details(serveCommand()), 80); !strings.Contains(fits, want) {
		t.Errorf("it has no %q: %s", want, fits)
	}
}
