package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// words are what the last word of a call may become.
func (p *commandLine) words(args ...string) []string {
	p.t.Helper()
	code, stdout, stderr := p.runBare(append([]string{"completion", "words", "--"}, args...)...)
	if code != exitDone || stderr != "" {
		p.t.Fatalf("%q: exit code %d, %s", args, code, stderr)
	}
	var words []string
	for line := range strings.Lines(stdout) {
		word, _, _ := strings.Cut(line, "\t")
		words = append(words, word)
	}
	return words
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for _, test := range []struct{ typed, want string }{
		{"aff", "affiliate"},
		{"clock ", "reset"},
		{"payout r", "return run runs"},
		{"--db x.db payout pre", "preview"},
		{"--json key ", "create list revoke"},
		{"key --project ", ""},
		{"key --project shop ", "create list revoke"},
		{"erase affiliate ", ""},
		{"affiliate list --", "--csv --db --help --json --project --referral-code --status"},
		{"affiliate list --st", "--status"},
		{"affiliate list --status ", "active inactive"},
		{"affiliate list --status=i", "--status=inactive"},
		{"affiliate list --status = i", "inactive"}, // the words that bash makes of it
		{"affiliate list --status =", "active inactive"},
		{"payout export --format w", "wise wise_email"},
		{"conversion list --type p", "purchase"},
		{"serve --log-format ", "json text"},
		{"project set shop --self-referral ", "allow flag refuse"},
		{"clock reset ", ""},
		{"--", "--db --help --json"},
		{"-- --", ""},
		{"serve --secret-key-file ", ":file"},
		{"payout export --dir ", ":directory"},
		{"conversion import ", ":file"},
		{"help payout r", "return run runs"},
		{"completion ", "bash fish zsh"},
		{"nothing ", ""},
		{"list --status x", ""},
	} {
		want := strings.Fields(test.want)
		slices.Sort(want)
		if got := p.words(strings.Split(test.typed, " ")...); !slices.Equal(got, want) {
			t.Errorf("refgrow %s: %q", test.typed, got)
		}
	}
	// Each command and each of its flags is found, so that nothing is listed twice.
	first := p.words("")
	for _, cmd := range commands() {
		words := strings.Fields(cmd.name)
		if !slices.Contains(first, words[0]) || !slices.Contains(p.words(words...), words[len(words)-1]) {
			t.Errorf("%q is not completed", cmd.name)
		}
		flags := p.words(append(words, "--")...)
		for _, f := range flagHelps(cmd) {
			if !slices.Contains(flags, "--"+f.name) {
				t.Errorf("--%s of %q is not completed", f.name, cmd.name)
			}
		}
	}
	p.refuses([]refusedCall{
		{"completion", exitWrong, "needs the SHELL after it"},
		{"completion csh", exitWrong, `the SHELL must be bash, zsh or fish, not "csh"`},
	})
}

// self is this test, which can be the command.
func (p *commandLine) self() string {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	return self
}

// shell lets a shell complete, with the script that the command prints for it, and returns
// what it says. The command is this test, under its own name.
func (p *commandLine) shell(shell, before, after string) string {
	p.t.Helper()
	path, err := exec.LookPath(shell)
	if err != nil || runtime.GOOS == "windows" {
		p.t.Skipf("there is no %s", shell)
	}
	if err := os.Symlink(p.self(), filepath.Join(p.dir, "refgrow")); err != nil {
		p.t.Fatal(err)
	}
	for _, file := range []string{"sales.csv", "more sales.csv"} {
		if err := os.WriteFile(filepath.Join(p.dir, file), nil, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(p.t.Context(), path, "-c", before+"\n"+p.must("completion", shell)+after)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), asProgram+"=1", "HOME="+p.dir, "PATH="+p.dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	p := setup(t)
	got := p.shell("bash", "set -u", `
try() {
    COMP_WORDS=(refgrow "$@") COMP_CWORD=$#
    _refgrow
    printf '%s|' "${COMPREPLY[@]-}"
    echo
}
complete -p refgrow
try payout r
try affiliate list --sta
try affiliate list --status = in
try affiliate list --status =
try conversion import sa
try conversion import more
try nothing ""
`)
	want := `complete -F _refgrow refgrow
return|run|runs|
--status|
inactive|
active|inactive|
sales.csv|
more sales.csv|
|
`
	if got != want {
		t.Errorf("bash completes\n%s", got)
	}
}

func TestCompletionInZsh(t *testing.T) {
	t.Parallel()
	p := setup(t)
	got := p.shell("zsh", "compdef() { echo compdef $* }", `
_describe() { print -l -- ${(P)2} }
_files() { echo files $* }
try() { words=(refgrow "$@") CURRENT=$(( $# + 1 )); _refgrow }
try payout r
try affiliate list --status=i
try affiliate list --sta
try conversion import ''
try payout export --dir ''
`)
	want := `compdef _refgrow refgrow
return:note that a payment came back
run:make the payouts that are due
runs:list the runs of payouts
--status=inactive:
--status:only those of a STATUS: active or inactive
files
files -/
`
	if got != want {
		t.Errorf("zsh completes\n%s", got)
	}
}

func TestCompletionInFish(t *testing.T) {
	t.Parallel()
	p := setup(t)
	got := p.shell("fish", "", `
complete -C "refgrow payout r"
complete -C "refgrow affiliate list --status=i"
complete -C "refgrow affiliate list --status "
complete -C "refgrow conversion import sa"
`)
	want := "return\tnote that a payment came back\nrun\tmake the payouts that are due\nruns\tlist the runs of payouts\n" +
		"--status=inactive\nactive\ninactive\nsales.csv\n"
	if got != want {
		t.Errorf("fish completes\n%s", got)
	}
}
