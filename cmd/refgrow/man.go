package main

import (
	"context"
	"flag"
	"strings"
)

func manCommand() command {
	return command{
		name: "man", summary: "print the manual page",
		example: "refgrow man > /usr/local/share/man/man1/refgrow.1",
		text: "Prints all of the help as a manual page, in the language of man(1):\n\n" +
			"  refgrow man > /usr/local/share/man/man1/refgrow.1",
		prepare: func(*flag.FlagSet) work { return man },
	}
}

func man(_ context.Context, c *call) error {
	_, err := c.stdout.Write([]byte(manualOf(commands(), buildOf())))
	return err
}

// manualOf is the manual page. All that it says is in the help as well.
func manualOf(all []command, build versionJSON) string {
	day, _, _ := strings.Cut(build.Time, "T")
	var m manual
	// Viewers read the date, which therefore has plain hyphens.
	m.WriteString(`.TH "REFGROW" "1" "` + day + `" "` + roff("refgrow "+build.Version) + `" "User Commands"` + "\n")
	m.section("NAME")
	m.text("refgrow - affiliate programs over HTTP, and what looks after their database")
	m.section("SYNOPSIS")
	m.bold("refgrow")
	m.text("COMMAND [flags]")
	m.section("DESCRIPTION")
	m.text(flagsText + "\n\n" + resultText)
	m.section("COMMANDS")
	for _, cmd := range all {
		m.line(".SS", strings.TrimSpace("refgrow "+cmd.call()))
		m.text(cmd.text + "\n\nExample:\n\n  " + cmd.example)
		for _, f := range flagHelps(cmd) {
			if f.name != "db" && f.name != "json" {
				m.flag(f)
			}
		}
	}
	m.section("FLAGS OF ALL COMMANDS")
	for _, f := range flagHelps(command{prepare: func(*flag.FlagSet) work { return nil }}) {
		m.flag(f)
	}
	m.section("ENVIRONMENT")
	m.text(environmentText + "\n\n" + serveText)
	return m.String()
}

// A manual is the text of a page in the macros of man(7).
type manual struct{ strings.Builder }

// line is a macro with its arguments.
func (m *manual) line(macro string, args ...string) {
	m.WriteString(macro)
	for _, arg := range args {
		m.WriteString(` "` + strings.ReplaceAll(roff(arg), `"`, `\(dq`) + `"`)
	}
	m.WriteString("\n")
}

func (m *manual) section(name string) { m.line(".SH", name) }

func (m *manual) bold(text string) { m.line(".B", text) }

// text is paragraphs. Lines that are indented stay as they are.
func (m *manual) text(text string) {
	for i, paragraph := range strings.Split(text, "\n\n") {
		if i > 0 {
			m.WriteString(".PP\n")
		}
		kept := strings.HasPrefix(paragraph, " ")
		if kept {
			m.WriteString(".nf\n")
		}
		for line := range strings.Lines(paragraph) {
			m.WriteString(roff(strings.TrimSuffix(line, "\n")) + "\n")
		}
		if kept {
			m.WriteString(".fi\n")
		}
	}
}

// flag is one flag and what it does.
func (m *manual) flag(f flagHelp) {
	m.WriteString(".TP\n\\fB" + roff("--"+f.name) + "\\fR")
	if f.value != "" {
		m.WriteString(" \\fI" + roff(f.value) + "\\fR")
	}
	m.WriteString("\n" + roff(f.text) + "\n")
}

// roff escapes a line of text: hyphens and quotes are to be copied, and a line that begins
// with a dot is no macro.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`", "^", `\(ha`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
