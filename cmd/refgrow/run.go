package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

// A command is one thing that refgrow does.
type command struct {
	name    string // one or two words, such as "project create"
	operand string // what follows the name, such as "NAME" or "ID..."; "" for nothing
	summary string // half a line for the list of commands
	text    string // the rest of its help, with the form of its JSON
	example string // a whole call of it
	lists   bool   // it prints a list, and so takes --csv

	// prepare defines the command's flags and returns its work, which finds their
	// values set.
	prepare func(flags *flag.FlagSet) work
}

// work does what a command is for. Its error is shown to the person at the terminal.
type work func(ctx context.Context, c *call) error

// A call is a command as it was given.
type call struct {
	command  command
	operand  string   // all of them, with blanks between them
	operands []string // each of them
	flags    *flag.FlagSet
	db       string // the file of the database
	json     bool
	csv      bool

	closeWithin time.Duration // for the last clicks; 0 for the usual time

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

// The exit codes: a wrong call can be told apart from one that did not succeed.
const (
	exitDone   = 0
	exitFailed = 1
	exitWrong  = 2
)

// commands lists all commands, in the order of the help.
func commands() []command {
	return []command{
		serveCommand(), healthCommand(),
		projectCreateCommand(), projectListCommand(), projectShowCommand(), projectSetCommand(),
		keyCreateCommand(), keyListCommand(), keyRevokeCommand(),
		affiliateCreateCommand(), affiliateListCommand(), affiliateShowCommand(), affiliateSetCommand(),
		affiliateDeleteCommand(), affiliateEarningsCommand(), affiliateLedgerCommand(), affiliateAdjustCommand(),
		couponCreateCommand(), couponListCommand(), couponShowCommand(), couponSetCommand(), couponDeleteCommand(),
		conversionCreateCommand(), conversionImportCommand(), conversionListCommand(), conversionShowCommand(),
		conversionSetCommand(), conversionDeleteCommand(), explainCommand(), searchCommand(),
		payoutPreviewCommand(), payoutRunCommand(), payoutExportCommand(),
		payoutListCommand(), payoutRunsCommand(), payoutPayCommand(), payoutCancelCommand(), payoutReturnCommand(),
		webhookCreateCommand(), webhookListCommand(), webhookSetCommand(),
		webhookRotateCommand(), webhookDeleteCommand(),
		webhookTestCommand(), webhookDeliveriesCommand(), webhookReplayCommand(),
		referralCreateCommand(), referralListCommand(), referralShowCommand(), referralSetCommand(), referralMergeCommand(),
		referralDeleteCommand(), eraseAffiliateCommand(), eraseReferralCommand(), statementCommand(),
		refundCommand(), undoRefundCommand(),
		clockResetCommand(), clockCommand(),
		verifyCommand(), backupCommand(), migrateExportCommand(), migrateCommand(),
		completionCommand(), manCommand(), versionCommand(), helpCommand(),
	}
}

// run is the whole command except for its surroundings. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := &output{to: stdout, width: widthOf(stdout)}
	flags, err := do(ctx, args, out, stderr)
	if out.err != nil {
		err = fmt.Errorf("cannot write the result: %w", out.err)
	}
	if err == nil {
		return exitDone
	}
	tell(stderr, "refgrow: %s\n", explain(err, flags))
	if wrong := (*usageError)(nil); errors.As(err, &wrong) || errors.Is(err, refgrow.ErrInvalid) {
		return exitWrong
	}
	return exitFailed
}

// do does a command, whose flags it returns as well.
func do(ctx context.Context, args []string, stdout *output, stderr io.Writer) (*flag.FlagSet, error) {
	c, work, err := parse(args, commands(), os.Getenv)
	if err != nil {
		return nil, err
	}
	c.stdout, c.stderr, c.log = stdout, stderr, slog.New(slog.NewTextHandler(stderr, nil))
	return c.flags, work(ctx, c)
}

// A usageError is about the call itself.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usage(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// explain turns an error into a sentence for somebody who knows the flags of the
// command and not the fields of the package. A field that the command has no flag for is
// named as it is.
func explain(err error, flags *flag.FlagSet) string {
	var own *refgrow.Error
	var row *rowError
	switch {
	case errors.As(err, &row):
		return row.Error()
	case errors.As(err, &own) && own.Field == "name":
		return "the name " + own.Message
	case errors.As(err, &own) && own.Field != "" && flags != nil && flags.Lookup(flagOf(own.Field)) != nil:
		return "--" + flagOf(own.Field) + ": " + own.Message
	case errors.As(err, &own) && own.Field != "":
		return strings.ReplaceAll(own.Field, "_", " ") + ": " + own.Message
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return err.Error()
}

// flagOf is the flag that sets a field.
func flagOf(field string) string {
	switch field {
	case "allowed_origins":
		return "allowed-origin" // sets one of them
	case "affiliate_ids":
		return "affiliate" // names one of them
	case "Idempotency-Key":
		return "key"
	case "payout_preferences.wise_details.accountId":
		return "wise-account-id"
	case "payout_preferences.wise_details.email":
		return "wise-email"
	}
	field = strings.TrimPrefix(field, "payout_preferences.")
	return strings.ReplaceAll(field, "_", "-")
}
