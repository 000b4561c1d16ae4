package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A commandLine runs commands on a database of its own.
type commandLine struct {
	t   *testing.T
	dir string
	db  string
}

func setup(t *testing.T) *commandLine {
	t.Helper()
	dir := t.TempDir()
	return &commandLine{t: t, dir: dir, db: filepath.Join(dir, "refgrow.db")}
}

// run runs a command on that database.
func (p *commandLine) run(args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	return p.runBare(append(args, "--db", p.db)...)
}

func (p *commandLine) runBare(args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	var out, log bytes.Buffer
	code = run(p.t.Context(), args, &out, &log)
	return code, out.String(), log.String()
}

// must runs a command that has to succeed and be silent on stderr.
func (p *commandLine) must(args ...string) (stdout string) {
	p.t.Helper()
	code, stdout, stderr := p.run(args...)
	if code != exitDone || stderr != "" {
		p.t.Fatalf("refgrow %s: exit code %d, stderr %q", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// decode reads the JSON that a command printed, and nothing else.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if decoder.More() {
		t.Fatalf("more than one value in %q", text)
	}
	return value
}

func TestWrongCalls(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	for _, test := range []struct {
		args string
		code int
		says string
	}{
		{"", exitWrong, "a command is needed"},
		{"payout", exitWrong, "comes one of: preview, run, export, list, runs, pay, cancel, return"},
		{"webhook", exitWrong, "comes one of: create, list, set, rotate, delete, test, deliveries, replay"},
		{"project", exitWrong, "comes one of: create, list, show, set"},
		{"key destroy", exitWrong, `no command "key destroy"`},
		{"project list extra", exitWrong, `takes no "extra"`},
		{"project show", exitWrong, "needs the NAME"},
		{"project show a b", exitWrong, "takes one NAME"},
		{"verify --nonsense", exitWrong, "no flag --nonsense"},
		{"verify --project shop", exitWrong, `"refgrow verify" has no flag --project`},
		{"verify --json=maybe", exitWrong, "--json is on or off"},
		{"project create x --hold-days -1", exitWrong, "must be a whole number"},
		{"project create x --hold-days 1.5", exitWrong, "must be a whole number"},
		{"project create x --hold-days 366", exitWrong, "from 0 to 365"},
		{"project create x --currency XAU", exitWrong, "--currency: XAU"},
		{"project create x --commission much", exitWrong, "--commission: must be a percentage"},
		{"project create x --commission 101%", exitWrong, "--commission: 101"},
		{"project create x --signup-commission 1.005", exitWrong, "--signup-commission: 1.005 has 3 decimals"},
		{"project create x --self-referral never", exitWrong, "refuse, flag or allow"},
		{"project create x --name y", exitWrong, `"refgrow project create" has no flag --name`},
		{"project create x --commission-duration forever", exitWrong, `--commission-duration: must be "lifetime"`},
		{"project create x --commission-duration=", exitWrong, "--commission-duration must not be empty"},
		{"project create x --minimum-payout some", exitWrong, "--minimum-payout must be an amount"},
		{"project create x --minimum-payout 1.005", exitWrong, "--minimum-payout: 1.005 has 3 decimals"},
		{"project create x --minimum-payout -1", exitWrong, "--minimum-payout: must be 0 or more"},
		{"project create x --touch linear", exitWrong, `--touch must be last or first, not "linear"`},
		{"project create x --touch=", exitWrong, `--touch must be last or first, not ""`},
		{"project create x --cookie-days 0", exitWrong, "--cookie-days must be 1 or more"},
		{"project create x --cookie-days 401", exitWrong, "--cookie-days: must be from 1 to 400"},
		{"project create x --cookie-days month", exitWrong, "--cookie-days must be a whole number"},
		{"project create x --click-days 0", exitWrong, "--click-days must be 1 or more"},
		{"project create x --click-days 3651", exitWrong, "--click-days: must be from 1 to 3650"},
		{"project create x --landing-url example.com", exitWrong, "--landing-url: must be an http or https URL"},
		{"project set shop --landing-url //example.com", exitWrong, "--landing-url: must be an http or https URL"},
		{"project create x --allowed-origin example.com", exitWrong,
			"--allowed-origin: must each be a scheme and a host"},
		{"project set shop --allowed-origin https://example.com/shop",
			exitWrong, "--allowed-origin: must each be a scheme and a host"},
		{"project set shop --allowed-origin https://a.example --allowed-origin https://A.example",
			exitWrong, `--allowed-origin: has "https://a.example" twice`},
		{"project set shop --hold-days 3 --cookie-days 401", exitWrong, "--cookie-days: must be from 1 to 400"},
		{"project create shop --hold-days 3", exitFailed, "already exists"},
		{"project set shop", exitWrong, "at least one setting"},
		{"project set nobody --hold-days 3", exitFailed, `no project "nobody"`},
		{"project show nobody", exitFailed, `no project "nobody"`},
		{"key create --project nobody", exitFailed, `no project "nobody"`},
		{"key revoke", exitWrong, "needs the ID"},
		{"key revoke first", exitWrong, "not the id of a key"},
		{"key revoke 7", exitFailed, "no key 7"},
		{"conversion", exitWrong, "comes one of: create, import, list, show, set"},
		{"conversion create", exitWrong, `--type: must be "signup" or "purchase"`},
		{"conversion create --type purchase", exitWrong, "--base-value: is required for purchases"},
		{"conversion create --type purchase --base-value much", exitWrong, "--base-value: "},
		{"conversion create --type purchase --base-value 1.005", exitWrong, "--base-value: 1.005 has 3 decimals"},
		{"conversion create --type signup --value -1", exitWrong, "--value: must be 0 or more"},
		{"conversion create --type signup --occurred-at yesterday", exitWrong, "--occurred-at must be a date such as"},
		{"conversion create --type signup --occurred-at 2999-01-01", exitWrong, "--occurred-at: must not be in the future"},
		{"conversion create --type signup --affiliate-id 7", exitFailed, "Affiliate not found"},
		{"conversion create --type signup --affiliate-id jane", exitWrong,
			`--affiliate-id must be an id, which is a number above 0, not "jane"`},
		{"coupon list --affiliate-id 0", exitWrong, `--affiliate-id must be an id, which is a number above 0, not "0"`},
		{"conversion list --type sale", exitWrong, `--type: must be "signup" or "purchase"`},
		{"conversion list --from 2026-01-02 --to 2026-01-01", exitWrong, "--from: must not be after to"},
		{"conversion show", exitWrong, "needs the CONVERSION"},
		{"conversion show 7", exitFailed, `no conversion 7 in the project "shop"`},
		{"conversion set", exitWrong, "needs the ID"},
		{"conversion set 7", exitWrong, "needs at least one change"},
		{"conversion set 7 --reprice=false", exitWrong, "needs at least one change"},
		{"conversion set one --reprice", exitWrong, `"one" is not the id of a conversion`},
		{"conversion set 7 --reprice", exitFailed, `no conversion 7 in the project "shop"`},
		{"conversion set 7 --affiliate-id jane", exitFailed, `no conversion 7 in the project "shop"`},
		{"conversion import", exitWrong, "needs the FILE"},
		{"conversion import /nowhere/sales.csv", exitFailed, "no such file"},
		{"payout preview --cutoff yesterday", exitWrong, "--cutoff must be a date such as 2024-07-29"},
		{"payout run --cutoff=", exitWrong, "--cutoff must be a date such as 2024-07-29"},
		{"payout run --cutoff 2999-01-01", exitWrong, "--cutoff: must not be in the future"},
		{"payout run --currency XAU", exitWrong, "--currency: XAU"},
		{"payout run --minimum some", exitWrong, "--minimum must be an amount"},
		{"payout run --minimum 1.005", exitWrong, "--minimum: 1.005 has 3 decimals"},
		{"payout run --currency JPY --minimum 1.5", exitWrong, "--minimum: 1.5 has 1 decimal"},
		{"payout preview --minimum -1", exitWrong, "--minimum: must be 0 or more"},
		{"payout run --project nobody", exitFailed, `no project "nobody"`},
		{"payout run --project=", exitFailed, `no project ""`},
		{"payout run 3", exitWrong, `takes no "3"`},
		{"payout export", exitWrong, "needs --format paypal, --format wise or --format wise_email"},
		{"payout export --format excel", exitWrong, `--format must be paypal, wise or wise_email, not "excel"`},
		{"payout export --format wise --currency=", exitWrong, "--currency: "},
		{"payout list --status open", exitWrong,
			`--status must be pending, paid, canceled or returned, not "open"`},
		{"payout list --status=", exitWrong, "--status must be pending, paid, canceled or returned"},
		{"payout list --affiliate jane", exitWrong, "--affiliate: "},
		{"payout list --affiliate jane@example.com", exitFailed,
			`no affiliate "jane@example.com" in the project "shop"`},
		{"payout pay", exitWrong, "needs the ID"},
		{"payout pay first", exitWrong,
			`"first" is not the id of a payout: use the number that "refgrow payout list" shows`},
		{"payout pay 7", exitFailed, `no payout 7 in the project "shop"`},
		{"payout pay 7 first", exitWrong, `"first" is not the id of a payout`},
		{"payout return 7 8 --note x", exitWrong, `"refgrow payout return" takes one ID`},
		{"payout return 7", exitWrong, "--note: is required"},
		{"payout return 7 --note x", exitFailed, `no payout 7 in the project "shop"`},
		{"payout return", exitWrong, "needs the ID"},
		{"payout cancel 0", exitWrong, "not the id of a payout"},
		{"payout cancel 7", exitFailed, `no payout 7 in the project "shop"`},
		{"payout cancel 7 --reference x", exitWrong, `"refgrow payout cancel" has no flag --reference`},
		{"webhook create", exitWrong, "needs --url"},
		{"webhook create --url example.com", exitWrong, "--url: must be a whole address"},
		{"webhook create --url ftp://example.com", exitWrong, "--url: must begin with https://"},
		{"webhook create --url https://u:p@example.com", exitWrong, "--url: must not have a user or password"},
		{"webhook create --url https://example.com --events=", exitWrong, `--events: has the unknown event ""`},
		{"webhook create --url https://example.com --events purchase",
			exitWrong, `--events: has the unknown event "purchase"; the events are affiliate_updated, `},
		{"webhook create --url https://example.com --events referral_updated,referral_updated",
			exitWrong, `--events: has "referral_updated" twice`},
		{"webhook create --url https://example.com --secret=", exitWrong, "--secret must have 24 to 75 bytes, not 0"},
		{"webhook create --url https://example.com --secret 01234567890123456789012",
			exitWrong, "--secret must have 24 to 75 bytes, not 23"},
		{"webhook create --url https://example.com --secret " + strings.Repeat("x", 76),
			exitWrong, "--secret must have 24 to 75 bytes, not 76"},
		{"webhook create --url https://example.com --secret whsec_0123456789_0123456789",
			exitWrong, "--secret: begins with whsec_, but"},
		{"webhook create --url https://example.com --secret 012345678901234567890123 --unsigned",
			exitWrong, "exclude each other"},
		{"webhook create --url https://example.com --project nobody", exitFailed, `no project "nobody"`},
		{"webhook create --url https://example.com --secret-key-file nowhere.key",
			exitFailed, "--secret-key-file: open nowhere.key"},
		{"webhook list 1", exitWrong, `takes no "1"`},
		{"webhook set", exitWrong, "needs the ID"},
		{"webhook set 7", exitWrong, "needs at least one of --url, --events, --status and --payout-preferences"},
		{"webhook set 7 --status off", exitWrong, `--status must be active or inactive, not "off"`},
		{"webhook set 7 --status inactive", exitFailed, `no webhook 7 in the project "shop"; "refgrow webhook list"`},
		{"webhook set first --status inactive", exitWrong, `"first" is not the id of a webhook`},
		{"webhook set 7 --url /hooks", exitWrong, "--url: must be a whole address"},
		{"webhook set 7 --secret 012345678901234567890123", exitWrong, `"refgrow webhook set" has no flag --secret`},
		{"webhook rotate 7", exitFailed, `no webhook 7 in the project "shop"`},
		{"webhook delete 7", exitFailed, `no webhook 7 in the project "shop"`},
		{"webhook test 7", exitFailed, `no webhook 7 in the project "shop"`},
		{"webhook test 7 --event purchase", exitWrong, "--event: must be one of affiliate_updated, "},
		{"webhook deliveries 7", exitFailed, `no webhook 7 in the project "shop"`},
		{"webhook deliveries 7 --status sent", exitWrong,
			`--status must be pending, succeeded, failed or canceled, not "sent"`},
		{"webhook replay 7", exitWrong, "needs either --since DATE or --delivery ID"},
		{"webhook replay 7 --since 2026-01-01 --delivery 1", exitWrong, "needs either --since DATE or --delivery ID"},
		{"webhook replay 7 --since yesterday", exitWrong, "--since must be a date such as 2024-07-29"},
		{"webhook replay 7 --since 2999-01-01", exitWrong, "--since: must not be in the future"},
		{"webhook replay 7 --since 2026-01-01", exitFailed, `no webhook 7 in the project "shop"`},
		{"webhook replay 7 --delivery one", exitWrong,
			`--delivery must be a number that "refgrow webhook deliveries" shows, not "one"`},
		{"webhook replay 7 --delivery 1", exitFailed, `no webhook 7 in the project "shop"`},
		{"serve --secret-key-file nowhere.key", exitFailed, "--secret-key-file: open nowhere.key"},
		{"backup", exitWrong, "needs --to"},
		{"serve --rate-limit -1", exitWrong, "must be a whole number"},
		{"serve --trusted-proxy everybody", exitWrong, "must be a network"},
		{"serve --addr nowhere", exitFailed, "cannot listen on nowhere"},
		{"help nonsense", exitWrong, `no command "nonsense"`},
	} {
		code, stdout, stderr := p.run(strings.Fields(test.args)...)
		if code != test.code || stdout != "" || !strings.HasPrefix(stderr, "refgrow: ") ||
			!strings.Contains(stderr, test.says) {
			t.Errorf("refgrow %s: exit code %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
	if code, _, stderr := p.runBare("backup", "--to"); code != exitWrong ||
		!strings.Contains(stderr, "--to needs a value") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if shop := decode[projectJSON](t, p.must("project", "show", "shop", "--json")); shop.HoldDays != 0 {
		t.Errorf("a refused command changed the project: %+v", shop)
	}
}

// Only serve and project create make a database.
func TestMissingDatabase(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"project list", "project show shop", "project set shop --hold-days 1", "key create --project shop", "key list",
		"key revoke 1", "conversion create --type signup", "conversion list", "payout preview", "payout run --project shop",
		"payout list", "payout pay 1", "payout pay 1 2", "payout return 1 --note x", "conversion set 1 --reprice",
		"referral set 1 --status direct", "referral delete 1",
		"webhook create --url https://example.com", "webhook list",
		"webhook test 1", "verify", "backup --to copy.db", "project create shop --commission nonsense",
	} {
		p := setup(t)
		code, stdout, stderr := p.run(strings.Fields(args)...)
		if code == exitDone || stdout != "" || stderr == "" {
			t.Errorf("refgrow %s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
		if _, err := os.Stat(p.db); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("refgrow %s made a database", args)
		}
	}
}

// A file that is something else is refused, and left as it is.
func TestOtherFiles(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	text := []byte("Dear diary, this is no database.\n")
	if err := os.WriteFile(p.db, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"project create shop", "serve --addr 127.0.0.1:0", "verify"} {
		code, stdout, stderr := p.run(strings.Fields(args)...)
		if code != exitFailed || stdout != "" || !strings.Contains(stderr, "cannot open "+p.db) {
			t.Errorf("refgrow %s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	if now, err := os.ReadFile(p.db); err != nil || !bytes.Equal(now, text) {
		t.Errorf("the file has changed: %q, %v", now, err)
	}
	// An empty file has no schema, and gets one from a command that makes databases.
	if err := os.WriteFile(p.db, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := p.run("project", "list"); code != exitFailed ||
		!strings.Contains(stderr, "is not a database of this version") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	p.must("project", "create", "shop")
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range []string{"verify", "payout preview", "payout run",
		"backup --to " + filepath.Join(p.dir, "copy.db"), "project create other"} {
		var stdout, stderr bytes.Buffer
		code := run(ctx, append(strings.Fields(args), "--db", p.db), &stdout, &stderr)
		if code != exitFailed || stdout.Len() > 0 || stderr.String() != "refgrow: interrupted\n" {
			t.Errorf("refgrow %s: exit code %d, stdout %q, stderr %q", args, code, stdout.String(), stderr.String())
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

// A result that nobody got is a failure.
func TestNobodyGetsTheResult(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	for _, args := range []string{"project list", "project show shop --json",
		"key create --project shop", "payout list", "webhook create --url https://example.com",
		"webhook list", "verify", "version", "help"} {
		var stderr bytes.Buffer
		code := run(t.Context(), append(strings.Fields(args), "--db", p.db), fullDisk{}, &stderr)
		if code != exitFailed || !strings.Contains(stderr.String(), "cannot write the result: the disk is full") {
			t.Errorf("refgrow %s: exit code %d, stderr %q", args, code, stderr.String())
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for _, cmd := range commands() {
		words := strings.Fields(cmd.name)
		_, byFlag, _ := p.runBare(append(words, "-h")...)
		_, before, _ := p.runBare(append([]string{"--help"}, words...)...)
		code, byName, stderr := p.runBare(append([]string{"help"}, words...)...)
		if code != exitDone || stderr != "" || byFlag != byName || before != byName {
			t.Errorf("help of %q: exit code %d, %q", cmd.name, code, stderr)
		}
		for _, part := range []string{"usage: refgrow " + cmd.name, cmd.text, "--db FILE", "--json"} {
			if !strings.Contains(byName, part) {
				t.Errorf("help of %q says nothing about %q", cmd.name, part)
			}
		}
		for line := range strings.Lines(byName) {
			if len(line) > 110 {
				t.Errorf("help of %q has a long line: %s", cmd.name, line)
			}
		}
	}
	code, all, _ := p.runBare("help")
	for _, cmd := range commands() {
		if code != exitDone || !strings.Contains(all, cmd.name) {
			t.Errorf("the list of commands lacks %q", cmd.name)
		}
	}
	column := strings.Index(all, commands()[0].summary) - strings.Index(all, "  serve")
	for _, cmd := range commands() {
		if !strings.Contains(all, fmt.Sprintf("\n  %-*s%s\n", column-2, cmd.call(), cmd.summary)) {
			t.Errorf("the summary of %q is not in column %d", cmd.name, column)
		}
	}
	if code, group, _ := p.runBare("key", "-h"); code != exitDone ||
		!strings.Contains(group, "key revoke ID") || strings.Contains(group, "  serve ") {
		t.Errorf("help of a group: exit code %d, %q", code, group)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if code, stdout, _ := p.runBare(args...); code != exitDone || !strings.Contains(stdout, runtime.Version()) {
			t.Errorf("exit code %d, %q", code, stdout)
		}
	}
	_, stdout, _ := p.runBare("version", "--json")
	if v := decode[versionJSON](t, stdout); v.Version == "" || v.OS != runtime.GOOS || v.Arch != runtime.GOARCH {
		t.Errorf("%+v", v)
	}
}
