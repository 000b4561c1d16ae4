package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/refgrow-go/refgrow"
)

// A command is one thing that the program does.
type command struct {
	name    string // one or two words, such as "project create"
	operand string // what stands behind the name, such as "NAME"; "" for nothing
	summary string // half a line for the list of commands
	text    string // the rest of its help, with the form of its JSON

	// prepare defines the command's flags and gives its work, which finds their
	// values set.
	prepare func(flags *flag.FlagSet) work
}

// work does what a command is for. What it returns as an error is told to the
// person at the terminal.
type work func(ctx context.Context, c *call) error

// A call is a command as it was given.
type call struct {
	command command
	operand string
	flags   *flag.FlagSet
	db      string // the file of the database
	json    bool

	secretKey []byte // what encrypts the secrets of webhooks; nil for nothing

	stdout *output   // results
	stderr io.Writer // everything else
	log    *slog.Logger
}

// given reports whether a flag was named in the call.
func (c *call) given(name string) (given bool) {
	c.flags.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

// The exit codes: a wrong call can be told from one that did not succeed.
const (
	exitDone   = 0
	exitFailed = 1
	exitWrong  = 2
)

// commands lists what there is, in the order of the help.
func commands() []command {
	return []command{
		serveCommand(),
		projectCreateCommand(), projectListCommand(), projectShowCommand(), projectSetCommand(),
		keyCreateCommand(), keyListCommand(), keyRevokeCommand(),
		payoutPreviewCommand(), payoutRunCommand(), payoutExportCommand(),
		payoutListCommand(), payoutPayCommand(), payoutCancelCommand(),
		webhookCreateCommand(), webhookListCommand(), webhookSetCommand(), webhookRotateCommand(), webhookDeleteCommand(),
		webhookTestCommand(), webhookDeliveriesCommand(), webhookReplayCommand(),
		verifyCommand(), backupCommand(),
		versionCommand(), helpCommand(),
	}
}

// run is the program but for its surroundings. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := &output{to: stdout}
	err := do(ctx, args, out, stderr)
	if out.err != nil {
		err = fmt.Errorf("cannot write the result: %w", out.err)
	}
	if err == nil {
		return exitDone
	}
	tell(stderr, "refgrow: %s\n", explain(err))
	if wrong := (*usageError)(nil); errors.As(err, &wrong) || errors.Is(err, refgrow.ErrInvalid) {
		return exitWrong
	}
	return exitFailed
}

func do(ctx context.Context, args []string, stdout *output, stderr io.Writer) error {
	c, work, err := parse(args, commands())
	if err != nil {
		return err
	}
	c.stdout, c.stderr, c.log = stdout, stderr, slog.New(slog.NewTextHandler(stderr, nil))
	return work(ctx, c)
}

// A usageError is about the call itself.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usage(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// explain makes a sentence of an error, for somebody who knows the flags of the
// program and not the fields of the package.
func explain(err error) string {
	var own *refgrow.Error
	switch {
	case errors.As(err, &own) && own.Field == "name":
		return "the name " + own.Message
	case errors.As(err, &own) && own.Field != "":
		return "--" + flagOf(own.Field) + ": " + own.Message
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return err.Error()
}

// flagOf is the flag that sets a field.
func flagOf(field string) string {
	if field == "allowed_origins" {
		return "allowed-origin" // which sets one of them
	}
	return strings.ReplaceAll(field, "_", "-")
}
