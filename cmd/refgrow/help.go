package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const helpOperand = "[COMMAND]"

func helpCommand() command {
	return command{
		name: "help", operand: helpOperand, summary: "show what a command does",
		example: "refgrow help payout run",
		text: "Shows all commands, or what one of them does and which flags it takes.\n" +
			"\"refgrow COMMAND -h\" does the same.",
		prepare: func(*flag.FlagSet) work { return help },
	}
}

func help(_ context.Context, c *call) error {
	text, err := helpFor(commands(), strings.Fields(c.operand))
	if err != nil {
		return err
	}
	_, err = c.stdout.Write([]byte(narrowed(text, c.stdout.width)))
	return err
}

// helpCall is a call of help for a command or a group of them.
func helpCall(all []command, names []string) (*call, work, error) {
	text, err := helpFor(all, names)
	if err != nil {
		return nil, nil, err
	}
	return &call{}, func(_ context.Context, c *call) error {
		_, err := c.stdout.Write([]byte(narrowed(text, c.stdout.width)))
		return err
	}, nil
}

func helpFor(all []command, names []string) (string, error) {
	if at, _ := find(names, all); at >= 0 {
		return details(all[at]), nil
	}
	if len(names) == 0 {
		return overview(all, ""), nil
	}
	for _, cmd := range all {
		if len(names) == 1 && strings.HasPrefix(cmd.name, names[0]+" ") {
			return overview(all, names[0]+" "), nil
		}
	}
	return "", unknown(names, all)
}

// What holds for all commands, here and in the manual.
const (
	flagsText = "Every command takes --db FILE (default refgrow.db) and --json; flags may come before or after the\n" +
		"names. \"refgrow COMMAND -h\" lists the others."
	environmentText = "The variables REFGROW_DB, REFGROW_PROJECT, REFGROW_JSON and REFGROW_SECRET_KEY_FILE stand for\n" +
		"the flags of these names, where those are not given; every flag of \"serve\" has one."
	resultText = "Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong call."
	serveText  = "What no flag says, a variable of the environment may say: REFGROW_TRUSTED_PROXY is\n" +
		"--trusted-proxy, with commas between several, and so on. Other variables that begin so are no error."
)

// overview lists the commands whose names begin with prefix.
func overview(all []command, prefix string) string {
	var b strings.Builder
	b.WriteString("usage: refgrow COMMAND [flags]\n\n")
	width := 0
	for _, cmd := range all {
		width = max(width, len(cmd.call()))
	}
	last := ""
	for i, cmd := range all {
		if strings.HasPrefix(cmd.name, prefix) {
			if thing := thingOf(cmd, all); thing != last {
				if last = thing; i > 0 && prefix == "" {
					b.WriteString("\n")
				}
			}
			fmt.Fprintf(&b, "  %-*s  %s\n", width, cmd.call(), cmd.summary)
		}
	}
	b.WriteString("\n" + flagsText + "\n" + environmentText + "\n" + resultText + "\n")
	return b.String()
}

// thingOf is the first word of a command that many share, such as payout: these stand
// apart from the others. Of what stands alone it is "".
func thingOf(cmd command, all []command) string {
	const many = 3
	thing, _, _ := strings.Cut(cmd.name, " ")
	shared := 0
	for _, other := range all {
		if strings.HasPrefix(other.name, thing+" ") {
			shared++
		}
	}
	if shared < many {
		return ""
	}
	return thing
}

// narrowed wraps a help text for a terminal of so many columns; 0 is none. Commands that
// somebody may copy stay in one line.
func narrowed(text string, width int) string {
	if width == 0 {
		return text
	}
	var b strings.Builder
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for len(lines) > 0 {
		line := lines[0]
		lines = lines[1:]
		indent := 0
		switch {
		case strings.HasPrefix(line, "  --"):
			indent = flagColumn
		case strings.HasPrefix(line, " "):
			at := strings.LastIndex(line, "  ")
			if indent = at + len("  "); strings.TrimSpace(line[:max(at, 0)]) == "" {
				b.WriteString(line + "\n") // a command
				continue
			}
		default:
			for len(lines) > 0 && line != "" && lines[0] != "" && lines[0][0] != ' ' {
				line += " " + lines[0]
				lines = lines[1:]
			}
		}
		b.WriteString(wrapped(line, indent, width) + "\n")
	}
	return b.String()
}

// wrapped breaks a line between words. What follows the break begins in the column.
func wrapped(line string, column, width int) string {
	var b strings.Builder
	for utf8.RuneCountInString(line) > width {
		cut := strings.LastIndex(line[:len(string([]rune(line)[:width+1]))], " ")
		if cut <= column {
			break
		}
		b.WriteString(strings.TrimRight(line[:cut], " ") + "\n")
		line = strings.Repeat(" ", column) + strings.TrimLeft(line[cut:], " ")
	}
	return b.String() + line
}

// flagColumn is where the texts of the flags begin.
const flagColumn = 29

// call is how a command is called, without its flags.
func (cmd command) call() string { return strings.TrimSpace(cmd.name + " " + cmd.operand) }

// details is the whole help of one command.
func details(cmd command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: refgrow %s [flags]\n\n%s\n\nexample:\n  %s\n\nflags:\n", cmd.call(), cmd.text, cmd.example)
	for _, f := range flagHelps(cmd) {
		fmt.Fprintf(&b, "  %-*s %s\n", flagColumn-len("   "), strings.TrimSpace("--"+f.name+" "+f.value), f.text)
	}
	if cmd.name == serveName {
		b.WriteString("\n" + serveText + "\n")
	}
	return b.String()
}

// flagHelp is what the help says of one flag.
type flagHelp struct {
	name  string
	value string // what it takes, such as FILE; "" for a switch
	text  string
}

// flagHelps are the flags of a command, by their names.
func flagHelps(cmd command) []flagHelp {
	var all []flagHelp
	flags, _ := flagsOf(cmd, &call{})
	flags.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if isSwitch(f) {
			value = ""
		}
		if !slices.Contains([]string{"", "false", "0", "0s"}, f.DefValue) {
			text += " (default " + f.DefValue + ")"
		}
		all = append(all, flagHelp{f.Name, value, text})
	})
	return all
}
