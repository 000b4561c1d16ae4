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
		c, _, err := parse(strings.Fields(args), commands(), nowhere)
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
	c, _, err := parse([]string{"project", "show", "--db", "--odd.db", "--", "--shop"}, commands(), nowhere)
	if err != nil || c.operand != "--shop" || c.db != "--odd.db" {
		t.Errorf("%+v, %v", c, err)
	}
	c, _, err = parse([]string{"project", "show", "-"}, commands(), nowhere)
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

// nowhere is an environment that says nothing.
func nowhere(string) string { return "" }

// A variable says what a flag would have said, and a flag says it louder. What a command
// does, no variable says.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	said := map[string]string{
		"REFGROW_DB": "env.db", "REFGROW_JSON": "true", "REFGROW_PROJECT": "shop", "REFGROW_ADDR": ":9000",
		"REFGROW_TRUSTED_PROXY": "10.0.0.0/8, 192.168.0.1", "REFGROW_RATE_LIMIT": "5", "REFGROW_LENIENT": "1",
		"REFGROW_EMAIL": "a@example.com", "REFGROW_KEY": "k", "REFGROW_SECRET": "s", "REFGROW_STATUS": "inactive",
		"REFGROW_LOG_FORMAT": "", "REFGROW_UNKNOWN": "x",
	}
	value := func(args, name string, said map[string]string) string {
		t.Helper()
		c, _, err := parse(strings.Fields(args), commands(), func(name string) string { return said[name] })
		if err != nil {
			return err.Error()
		}
		return c.flags.Lookup(name).Value.String()
	}
	for _, c := range []struct{ args, name, want string }{
		{"serve", "db", "env.db"},
		{"serve --db flag.db", "db", "flag.db"},
		{"serve", "json", "true"},
		{"serve --json=false", "json", "false"},
		{"payout list", "json", "true"},
		{"payout list --csv", "json", "false"},
		{"serve", "addr", ":9000"},
		{"serve", "rate-limit", "5"},
		{"serve", "lenient", "true"},
		{"serve", "log-format", "text"},
		{"serve", "trusted-proxy", "10.0.0.0/8,192.168.0.1/32"},
		{"serve --trusted-proxy 127.0.0.1", "trusted-proxy", "127.0.0.1/32"},
		{"payout run", "project", "shop"},
		{"payout run", "key", ""},
		{"affiliate set 1", "email", ""},
		{"affiliate set 1", "status", ""},
		{"webhook create", "secret", ""},
	} {
		if got := value(c.args, c.name, said); got != c.want {
			t.Errorf("refgrow %s: --%s is %q, not %q", c.args, c.name, got, c.want)
		}
	}
	for variable, wrong := range map[string]string{
		"REFGROW_RATE_LIMIT": "many", "REFGROW_LENIENT": "perhaps", "REFGROW_TRUSTED_PROXY": "10.0.0.0/8,everybody",
	} {
		got := value("serve", "db", map[string]string{variable: wrong})
		if !strings.HasPrefix(got, "the variable "+variable) {
			t.Errorf("%s=%s: %s", variable, wrong, got)
		}
	}
}
