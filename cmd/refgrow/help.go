package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

const helpOperand = "[COMMAND]"

func helpCommand() command {
	return command{
		name: "help", operand: helpOperand, summary: "show what a command does",
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
	_, err = c.stdout.Write([]byte(text))
	return err
}

// helpCall is a call of help for a command or a group of them.
func helpCall(all []command, names []string) (*call, work, error) {
	text, err := helpFor(all, names)
	if err != nil {
		return nil, nil, err
	}
	return &call{}, func(_ context.Context, c *call) error {
		_, err := c.stdout.Write([]byte(text))
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

// overview lists the commands whose names begin with prefix.
func overview(all []command, prefix string) string {
	var b strings.Builder
	b.WriteString("usage: refgrow COMMAND [flags]\n\n")
	width := 0
	for _, cmd := range all {
		width = max(width, len(cmd.call()))
	}
	for _, cmd := range all {
		if strings.HasPrefix(cmd.name, prefix) {
			fmt.Fprintf(&b, "  %-*s  %s\n", width, cmd.call(), cmd.summary)
		}
	}
	b.WriteString("\nEvery command takes --db FILE (default refgrow.db) and --json; flags may come before or\n" +
		"after the names. \"refgrow COMMAND -h\" says more. The variables REFGROW_DB, REFGROW_PROJECT,\n" +
		"REFGROW_JSON and REFGROW_SECRET_KEY_FILE stand for the flags of these names, where those are\n" +
		"not given; every flag of \"serve\" has one. Results go to stdout, everything else to stderr. Exit\n" +
		"codes: 0 done, 1 failed, 2 wrong call.\n")
	return b.String()
}

// call is how a command is called, without its flags.
func (cmd command) call() string { return strings.TrimSpace(cmd.name + " " + cmd.operand) }

// details is the whole help of one command.
func details(cmd command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: refgrow %s [flags]\n\n%s\n\nflags:\n",
		cmd.call(), cmd.text)
	flags, _ := flagsOf(cmd, &call{})
	flags.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if isSwitch(f) {
			value = ""
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(&b, "  %-26s %s\n", strings.TrimSpace("--"+f.Name+" "+value), text)
	})
	if cmd.name == serveName {
		b.WriteString("\nWhat no flag says, a variable of the environment may say: REFGROW_TRUSTED_PROXY is\n" +
			"--trusted-proxy, with commas between several, and so on. Other variables that begin so are no error.\n")
	}
	return b.String()
}

func versionCommand() command {
	return command{
		name: "version", summary: "show the version of this binary",
		text: "Shows the version of this binary and what it was built with.\n\n" +
			`JSON: {"version", "revision", "modified", "go", "os", "arch"}; revision is "" for a build` +
			"\noutside version control.",
		prepare: func(*flag.FlagSet) work { return version },
	}
}

func version(_ context.Context, c *call) error {
	v := buildOf()
	if c.json {
		return c.stdout.json(v)
	}
	return c.stdout.printf("refgrow %s (%s, %s/%s)\n", v.Version, v.Go, v.OS, v.Arch)
}

// buildOf is what this binary was built from.
func buildOf() versionJSON {
	v := versionJSON{Version: "unknown", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if build, ok := debug.ReadBuildInfo(); ok {
		v.Version = build.Main.Version
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	return v
}

type versionJSON struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}
