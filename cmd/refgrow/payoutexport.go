package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// exportFlags describe files of payments.
type exportFlags struct{ project, format, currency, dir, after string }

func payoutExportCommand() command {
	return command{
		name: "payout export", summary: "write the pending payouts as files for PayPal or Wise",
		example: "refgrow payout export --format paypal",
		text: "Writes the pending payouts in one currency as the CSV that PayPal's mass payments or Wise's batch\n" +
			"payments take, oldest first, and prints what it wrote. A service takes only so many in one file\n" +
			"(PayPal 5,000, Wise 1,000): more of them are several files, each named after the first and the last\n" +
			"payout in it. wise is for saved recipients, wise_email for emails. Left out, and counted, are payouts\n" +
			"to affiliates without the preference that the service needs, and amounts with more decimals than it\n" +
			"takes in that currency. A file of the same name is replaced. Once the service has paid, note it with\n" +
			"\"refgrow payout pay\".\n\n" +
			`JSON: an array of {"file", "format", "currency", "payouts", "first_id", "last_id", "left_out"};` +
			"\npayouts and left_out are counts.",
		prepare: func(flags *flag.FlagSet) work {
			var e exportFlags
			flags.StringVar(&e.project, "project", "", projectUsage)
			flags.StringVar(&e.format, "format", "", "`SERVICE` that takes the files: paypal, wise or wise_email; required")
			flags.StringVar(&e.currency, "currency", "", "`CODE` of the currency, instead of the project's")
			flags.StringVar(&e.dir, "dir", ".", "`DIRECTORY` for the files")
			flags.StringVar(&e.after, "after", "", "begin after the payout with this `ID`")
			return e.export
		},
	}
}

func (e *exportFlags) params(c *call) (refgrow.ExportPayoutsParams, error) {
	params := refgrow.ExportPayoutsParams{Format: refgrow.PayoutFormat(e.format)}
	if !c.given("format") {
		return params, usage("\"refgrow payout export\" needs --format paypal, --format wise or --format wise_email")
	}
	switch params.Format {
	case refgrow.PayPalFile, refgrow.WiseFile, refgrow.WiseEmailFile:
	default:
		return params, usage("--format must be paypal, wise or wise_email, not %q", e.format)
	}
	var err error
	if c.given("currency") {
		if params.Currency, err = currencyOf(e.currency); err != nil {
			return params, err
		}
	}
	if c.given("after") {
		if params.After, err = strconv.ParseInt(e.after, 10, 64); err != nil || params.After < 1 {
			return params, usage("--after must be the id of a payout, not %q", e.after)
		}
	}
	return params, nil
}

// lacks says what a payout that was left out lacks.
func lacks(format refgrow.PayoutFormat) string {
	switch format {
	case refgrow.PayPalFile:
		return "a PayPal email"
	case refgrow.WiseFile:
		return "an account id for Wise"
	case refgrow.WiseEmailFile:
		return "an email for Wise"
	}
	return ""
}

func (e *exportFlags) export(ctx context.Context, c *call) error {
	params, err := e.params(c)
	if err != nil {
		return err
	}
	return c.withOneProject(ctx, e.project, func(project *refgrow.Project) error {
		written := []payoutFileJSON{}
		inFiles, leftOut := 0, 0
		var currency money.Currency
		for more := true; more; {
			file, err := project.ExportPayouts(ctx, params)
			if own := (*refgrow.Error)(nil); errors.As(err, &own) && own.Field == "currency" {
				return usage("--currency: %s", own.Message)
			}
			if err != nil {
				return err
			}
			currency = file.Currency
			inFiles, leftOut = inFiles+file.Payouts, leftOut+file.LeftOut
			if file.Payouts > 0 {
				shown, err := e.write(file)
				if err != nil {
					return err
				}
				written = append(written, *shown)
			}
			params.After, more = file.LastID, file.Parts > 1
		}
		tell(c.stderr, "pending payouts in %s: %d in %s, %d left out", currency, inFiles, files(len(written)), leftOut)
		if leftOut > 0 {
			tell(c.stderr, ", to affiliates without %s, or with decimals that the service does not take",
				lacks(params.Format))
		}
		tell(c.stderr, "\n")
		if c.json {
			return c.stdout.json(written)
		}
		for _, file := range written {
			if err := c.stdout.printf("%s\n", file.File); err != nil {
				return err
			}
		}
		return nil
	})
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// write keeps a file that has payouts in it. Emails are nobody else's business.
func (e *exportFlags) write(file *refgrow.PayoutFile) (*payoutFileJSON, error) {
	name := strings.Join([]string{
		"payouts", strings.ReplaceAll(string(file.Format), "_", "-"), string(file.Currency),
		strconv.FormatInt(file.FirstID, 10), strconv.FormatInt(file.LastID, 10),
	}, "-") + ".csv"
	path := filepath.Join(e.dir, name)
	if err := os.WriteFile(path, file.CSV, 0o600); err != nil {
		return nil, err
	}
	return &payoutFileJSON{
		File: path, Format: string(file.Format), Currency: string(file.Currency),
		Payouts: file.Payouts, FirstID: file.FirstID, LastID: file.LastID, LeftOut: file.LeftOut,
	}, nil
}

type payoutFileJSON struct {
	File     string `json:"file"`
	Format   string `json:"format"`
	Currency string `json:"currency"`
	Payouts  int    `json:"payouts"`
	FirstID  int64  `json:"first_id"`
	LastID   int64  `json:"last_id"`
	LeftOut  int    `json:"left_out"`
}
