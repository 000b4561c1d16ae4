package main

import (
	"flag"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

// An assignment is one flag of a call.
type assignment struct{ name, value string }

// parse finds the command that args name, with the flags before, between and after the
// names. The flag package itself would stop at the first name. What no flag says, a
// variable of the environment may say.
func parse(args []string, all []command, environment func(string) string) (*call, work, error) {
	sets := make([]*flag.FlagSet, len(all))
	works := make([]work, len(all))
	calls := make([]*call, len(all))
	for i, cmd := range all {
		calls[i] = &call{command: cmd}
		sets[i], works[i] = flagsOf(cmd, calls[i])
		calls[i].flags = sets[i]
	}
	names, given, help, err := split(args, sets)
	if err != nil {
		return nil, nil, err
	}
	at, operands := find(names, all)
	switch {
	case help && at < 0:
		return helpCall(all, names)
	case help:
		return helpCall(all, strings.Fields(all[at].name))
	case at < 0:
		return nil, nil, unknown(names, all)
	}
	c := calls[at]
	if c.operand, err = operandOf(c.command, operands); err != nil {
		return nil, nil, err
	}
	c.operands = operands
	for _, a := range given {
		if err := assign(c, a); err != nil {
			return nil, nil, err
		}
	}
	if c.csv && c.json {
		return nil, nil, usage("--csv and --json cannot be used together")
	}
	if err := surround(c, given, environment); err != nil {
		return nil, nil, err
	}
	if c.db == "" {
		return nil, nil, usage("--db needs the name of a file")
	}
	c.json = c.json && !c.csv // which the call has said itself
	return c, works[at], nil
}

// flagsOf returns the flags of a command: its own and those that all commands have.
func flagsOf(cmd command, c *call) (*flag.FlagSet, work) {
	set := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&c.db, "db", "refgrow.db", "`FILE` of the database")
	set.BoolVar(&c.json, "json", false, "print the result as JSON")
	if cmd.lists {
		set.BoolVar(&c.csv, "csv", false, "print the list as CSV, with a column for each member of the JSON")
	}
	return set, cmd.prepare(set)
}

// split takes the flags out of args. Whether a flag takes a value has to be
// known before the command is, so it is the same for all commands that have it.
func split(args []string, sets []*flag.FlagSet) (names []string, given []assignment, help bool, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return append(names, args...), given, help, nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			names = append(names, arg)
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		if name == "h" || name == "help" {
			help = true
			continue
		}
		if name == "version" {
			names = append(names, name)
			continue
		}
		known := lookUp(name, sets)
		switch {
		case known == nil:
			if len(names) == 0 {
				names = []string{"COMMAND"}
			}
			return nil, nil, false, usage("there is no flag %s; \"refgrow %s -h\" lists the flags",
				arg, strings.Join(names, " "))
		case hasValue:
		case isSwitch(known):
			value = "true"
		case len(args) == 0:
			return nil, nil, false, usage("--%s needs a value", name)
		default:
			value, args = args[0], args[1:]
		}
		given = append(given, assignment{name, value})
	}
	return names, given, help, nil
}

func lookUp(name string, sets []*flag.FlagSet) *flag.Flag {
	for _, set := range sets {
		if f := set.Lookup(name); f != nil {
			return f
		}
	}
	return nil
}

// isSwitch reports whether a flag needs no value.
func isSwitch(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// find returns the index of the command that names begin with, -1 for none, and what
// follows its name.
func find(names []string, all []command) (at int, operands []string) {
	for i, cmd := range all {
		words := strings.Fields(cmd.name)
		if len(names) >= len(words) && strings.Join(names[:len(words)], " ") == cmd.name {
			return i, names[len(words):]
		}
	}
	return -1, nil
}

func unknown(names []string, all []command) error {
	if len(names) == 0 {
		return usage("a command is needed\n\n%s", strings.TrimSuffix(overview(all, ""), "\n"))
	}
	var group []string
	for _, cmd := range all {
		if rest, ok := strings.CutPrefix(cmd.name, names[0]+" "); ok {
			group = append(group, rest)
		}
	}
	switch {
	case len(group) > 0 && len(names) > 1:
		return usage("there is no command %q; after %q comes one of: %s",
			names[0]+" "+names[1], names[0], strings.Join(group, ", "))
	case len(group) > 0:
		return usage("after %q comes one of: %s", names[0], strings.Join(group, ", "))
	}
	return usage("this version has no command %q; \"refgrow help\" lists the commands", names[0])
}

func operandOf(cmd command, operands []string) (string, error) {
	switch {
	case cmd.operand == "" && len(operands) > 0:
		return "", usage("\"refgrow %s\" takes no %q", cmd.name, operands[0])
	case cmd.operand == "":
		return "", nil
	case len(operands) == 0 && strings.HasPrefix(cmd.operand, "["):
		return "", nil
	case len(operands) == 0:
		return "", usage("\"refgrow %s\" needs the %s after it", cmd.name, strings.TrimSuffix(cmd.operand, "..."))
	case len(operands) > 1 && cmd.operand != helpOperand && !strings.HasSuffix(cmd.operand, "..."):
		return "", usage("\"refgrow %s\" takes one %s; a name with spaces has to be quoted", cmd.name, cmd.operand)
	}
	return strings.Join(operands, " "), nil
}

// id reads the operand of a command that takes the id of a thing.
func (c *call) id(thing string) (int64, error) { return idIn(c.operand, thing) }

// ids reads the operands of a command that takes the ids of several things.
func (c *call) ids(thing string) ([]int64, error) {
	ids := make([]int64, len(c.operands))
	for i, text := range c.operands {
		var err error
		if ids[i], err = idIn(text, thing); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func idIn(text, thing string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, usage("%q is not the id of a %s: use the number that \"refgrow %s list\" shows",
			text, thing, thing)
	}
	return id, nil
}

// assign sets a flag of the call's command.
func assign(c *call, a assignment) error {
	f := c.flags.Lookup(a.name)
	if f == nil {
		return usage("\"refgrow %s\" has no flag --%s; \"refgrow %s -h\" shows the flags it has",
			c.command.name, a.name, c.command.name)
	}
	if isSwitch(f) {
		if _, err := strconv.ParseBool(a.value); err != nil {
			return usage("--%s is on or off: --%s, or --%s=false", a.name, a.name, a.name)
		}
	}
	if err := c.flags.Set(a.name, a.value); err != nil {
		return usage("--%s %v", a.name, err)
	}
	return nil
}

// serveName is the command that runs a server.
const serveName = "serve"

// variableOf is the variable of the environment that says what a flag of a command says,
// "" for none. Where and how a command works can be said for all calls: the flags of
// "serve", and those of other commands with the same names. What a command does cannot: a
// variable that somebody forgot must not change anybody's money.
func variableOf(cmd command, name string) string {
	switch name {
	case "db", "json", "project", "secret-key-file":
	default:
		if cmd.name != serveName && cmd.name != healthName {
			return ""
		}
	}
	return "REFGROW_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// surround sets the flags that were not given from the environment. An empty variable says
// nothing.
func surround(c *call, given []assignment, environment func(string) string) (err error) {
	c.flags.VisitAll(func(f *flag.Flag) {
		variable := variableOf(c.command, f.Name)
		if err != nil || variable == "" || slices.ContainsFunc(given, func(a assignment) bool { return a.name == f.Name }) {
			return
		}
		values := []string{environment(variable)}
		if several, ok := f.Value.(interface{ Several() bool }); ok && several.Several() {
			values = strings.FieldsFunc(values[0], func(r rune) bool { return r == ',' || r == ' ' })
		}
		for _, value := range values {
			if value == "" || err != nil {
				continue
			}
			if _, wrong := strconv.ParseBool(value); wrong != nil && isSwitch(f) {
				err = usage("the variable %s must be true or false, not %q", variable, value)
			} else if wrong := c.flags.Set(f.Name, value); wrong != nil {
				err = usage("the variable %s %v", variable, wrong)
			}
		}
	})
	return err
}

// A whole is the value of a flag that takes a number of at least 0.
type whole int

func (w *whole) String() string { return strconv.Itoa(int(*w)) }

func (w *whole) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return usage("must be a whole number of 0 or more, not %q", text)
	}
	*w = whole(n)
	return nil
}

// An idValue is the value of a flag that takes an id.
type idValue int64

func (id *idValue) String() string { return strconv.FormatInt(int64(*id), 10) }

func (id *idValue) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return usage("must be an id, which is a number above 0, not %q", text)
	}
	*id = idValue(n)
	return nil
}

// An instant is the value of a flag that takes an instant, in a form that
// refgrow.ParseInstant reads.
type instant struct{ time.Time }

func (i *instant) String() string {
	if i.IsZero() {
		return ""
	}
	return stamp(i.Time)
}

func (i *instant) Set(text string) error {
	t, err := refgrow.ParseInstant(text)
	if err != nil {
		return usage("%v, not %q", err, text)
	}
	i.Time = t
	return nil
}
