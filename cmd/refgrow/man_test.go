package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The manual has what the help has: each command with its text, its example and its flags.
func TestMan(t *testing.T) {
	t.Parallel()
	page := setup(t).must("man")
	for line := range strings.Lines(page) {
		macro, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(line, ".") &&
			!strings.Contains(" .TH .SH .SS .PP .TP .B .nf .fi ", " "+macro+" ") {
			t.Errorf("a line that is a macro by chance: %s", line)
		}
	}
	first, _, _ := strings.Cut(manualOf(nil, versionJSON{Version: "v0.1.0", Time: "2026-11-30T21:49:29Z"}), "\n")
	if first != `.TH "REFGROW" "1" "2026-11-30" "refgrow v0.1.0" "User Commands"` {
		t.Errorf("it begins with %s", first)
	}
	plain := strings.NewReplacer(`\e`, `\`, `\-`, "-", `\(aq`, "'", "\\`", "`", `\(ha`, "^", `\(ti`, "~", `\(dq`, `"`,
		`\fB`, "", `\fI`, "", `\fR`, "", `\&`, "").Replace(page)
	for _, cmd := range commands() {
		_, part, found := strings.Cut(plain, ".SS \"refgrow "+cmd.call()+"\"\n")
		if !found {
			t.Errorf("%q is not in it", cmd.name)
			continue
		}
		part = regexp.MustCompile(`(?m)^\.S[SH] .*(?s:.*)`).ReplaceAllString(part, "")
		for line := range strings.Lines(cmd.text + "\n  " + cmd.example) {
			if !strings.Contains(part, strings.TrimSpace(line)) {
				t.Errorf("of %q it does not say %s", cmd.name, line)
			}
		}
		for _, f := range flagHelps(cmd) {
			said := "\n--" + strings.TrimSpace(f.name+" "+f.value) + "\n" + f.text + "\n"
			if f.name != "db" && f.name != "json" && !strings.Contains(part, said) {
				t.Errorf("of %q it does not have --%s", cmd.name, f.name)
			}
		}
	}
}

// Those who show manuals take it.
func TestManIsShown(t *testing.T) {
	t.Parallel()
	page := setup(t).must("man")
	tried := false
	for _, viewer := range [][]string{
		{"groff", "-man", "-Tutf8", "-ww", "-P-cbou"}, {"mandoc", "-man", "-Tutf8"},
	} {
		path, err := exec.LookPath(viewer[0])
		if err != nil {
			continue
		}
		tried = true
		cmd := exec.CommandContext(t.Context(), path, viewer[1:]...)
		cmd.Stdin = strings.NewReader(page)
		var warnings strings.Builder
		cmd.Stderr = &warnings
		out, err := cmd.Output()
		for _, part := range []string{
			"refgrow payout pay ID...", "--external-id ID", "(umask 077; openssl rand -hex 32 > secret.key)",
		} {
			if !strings.Contains(plainText(string(out)), part) {
				t.Errorf("%s does not show %s", viewer[0], part)
			}
		}
		if err != nil || warnings.Len() > 0 {
			t.Errorf("%s: %v\n%.500s", viewer[0], err, &warnings)
		}
	}
	if !tried {
		t.Skip("there is neither groff nor mandoc")
	}
}

// plainText is what a viewer prints without letters that are printed twice to be bold.
func plainText(text string) string { return regexp.MustCompile("(?s).\b").ReplaceAllString(text, "") }
