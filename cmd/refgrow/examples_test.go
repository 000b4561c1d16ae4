package main

import (
	"strings"
	"testing"
)

// exampleOf is the example of a command as a shell gives it to the program.
func exampleOf(t *testing.T, cmd command) (args []string) {
	t.Helper()
	call, _, _ := strings.Cut(cmd.example, " > ")
	call, ok := strings.CutPrefix(call, "refgrow ")
	if !ok {
		t.Errorf("the example of %q is %q", cmd.name, cmd.example)
	}
	for i, part := range strings.Split(call, `"`) {
		if i%2 == 1 {
			args = append(args, part)
		} else {
			args = append(args, strings.Fields(part)...)
		}
	}
	return args
}

// The example in each help text is a call that the command takes.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, cmd := range commands() {
		c, _, err := parse(exampleOf(t, cmd), commands(), nowhere)
		if err != nil || c.command.name != cmd.name {
			t.Errorf("%s: %v", cmd.example, err)
		}
	}
}

// The examples of what people do with sales and payouts work, one after the other.
func TestExamplesWork(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	for _, name := range []string{
		"project create", "affiliate create", "affiliate set", "conversion create", "explain", "conversion show", "refund",
		"undo-refund", "affiliate adjust", "coupon create", "erase affiliate",
	} {
		at, _ := find(strings.Fields(name), commands())
		if code, _, stderr := p.run(exampleOf(t, commands()[at])...); code != exitDone {
			t.Errorf("%s: exit code %d, %s", commands()[at].example, code, stderr)
		}
	}
}
