package main

import (
	"flag"
	"slices"
	"strings"
	"testing"
)

// Flags come before, between and after the names.
func TestInterleavedFlags(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"--db a.db --commission 20% project create shop --hold-days 30 --coupon-first",
		"project --coupon-first create --hold-days=30 shop -db a.db -commission=20%",
		"-coupon-first=true project create --db=a.db --commission=20% --hold-days 30 -- shop",
		"--db x.db project create shop --coupon-first=false --db " +
			"a.db --hold-days 4 --hold-days 30 --commission 20% --coupon-first",
	} {
		c, _, err := parse(strings.Fields(args), commands())
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		got := []string{c.command.name, c.operand, c.db}
		for _, name := range []string{"commission", "hold-days", "coupon-first", "currency"} {
			got = append(got, c.flags.Lookup(name).Value.String())
		}
		if want := []string{"project create", "shop", "a.db", "20%", "30", "true", ""}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q", args, got)
		}
		if !c.given("commission") || c.given("currency") {
			t.Errorf("%s: the wrong flags count as given", args)
		}
	}
}

// After -- and in a flag's value, a dash means nothing.
func TestDashes(t *testing.T) {
	t.Parallel()
	c, _, err := parse([]string{"project", "show", "--db", "--odd.db", "--", "--shop"}, commands())
	if err != nil || c.operand != "--shop" || c.db != "--odd.db" {
		t.Errorf("%+v, %v", c, err)
	}
	c, _, err = parse([]string{"project", "show", "-"}, commands())
	if err != nil || c.operand != "-" {
		t.Errorf("%+v, %v", c, err)
	}
}

// Whether a flag takes a value must not depend on the command, because the
// command is found after the flags.
func TestFlagsAgree(t *testing.T) {
	t.Parallel()
	switches := make(map[string]bool)
	for _, cmd := range commands() {
		flags, _ := flagsOf(cmd, &call{})
		flags.VisitAll(func(f *flag.Flag) {
			if before, ok := switches[f.Name]; ok && before != isSwitch(f) {
				t.Errorf("--%s takes a value in some commands only", f.Name)
			}
			switches[f.Name] = isSwitch(f)
		})
	}
	for _, reserved := range []string{"h", "help", "version"} {
		if _, taken := switches[reserved]; taken {
			t.Errorf("--%s cannot be a flag of a command", reserved)
		}
	}
}
