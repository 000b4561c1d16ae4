package main

import (
	"context"
	"flag"
	"fmt"
	"slices"

	"github.com/refgrow-go/refgrow"
)

func verifyCommand() command {
	return command{
		name: "verify", summary: "check the books: exit code 1 on any difference",
		example: "refgrow verify",
		text: "Recomputes every balance and counter from the rows it came from, and prints each difference. The\n" +
			"exit code is 1 if there is any. It reads the whole database and does not block writers.\n\n" +
			`JSON: {"ok", "projects", "affiliates", "conversions", "differences": [{"project", "where", "what",` +
			"\n" + `"stored", "computed"}], "notes": [{"project", "message"}]}; ok is true when there are no differences.` +
			"\nAt most a thousand are shown. Notes are not about the books: such as that the clock was wrong once.",
		prepare: func(*flag.FlagSet) work { return verify },
	}
}

func verify(ctx context.Context, c *call) error {
	return c.withEngine(ctx, existing, func(engine *refgrow.Engine) error {
		stop := progress(c.stderr, "checking "+c.db)
		report, err := engine.Verify(ctx)
		stop()
		if err != nil {
			return err
		}
		if err := c.showReport(report); err != nil {
			return err
		}
		restored := ""
		if slices.ContainsFunc(report.Differences, func(d refgrow.Difference) bool { return d.Where == "file" }) {
			restored = ". If it was restored from a backup while the log of the former file was beside it, " +
				"that did the damage: stop whatever uses it, remove " + c.db + "-wal and " + c.db + "-shm, and restore it again"
		}
		switch n := len(report.Differences); n {
		case 0:
			return nil
		case 1:
			return fmt.Errorf("%s has 1 difference%s", c.db, restored)
		default:
			return fmt.Errorf("%s has %d differences%s", c.db, n, restored)
		}
	})
}

func (c *call) showReport(report refgrow.Report) error {
	if c.json {
		shown := reportJSON{
			OK: len(report.Differences) == 0, Projects: report.Projects,
			Affiliates: report.Affiliates, Conversions: report.Conversions,
			Differences: make([]differenceJSON, len(report.Differences)), Notes: make([]noteJSON, len(report.Notes)),
		}
		for i, n := range report.Notes {
			shown.Notes[i] = noteJSON(n)
		}
		for i, d := range report.Differences {
			shown.Differences[i] = differenceJSON(d)
		}
		return c.stdout.json(shown)
	}
	for _, n := range report.Notes {
		if err := c.stdout.printf("note: %s\n", n); err != nil {
			return err
		}
	}
	for _, d := range report.Differences {
		if err := c.stdout.printf("%s\n", d); err != nil {
			return err
		}
	}
	if len(report.Differences) > 0 {
		return nil
	}
	return c.stdout.printf("no differences; checked projects: %d, affiliates: %d, conversions: %d\n",
		report.Projects, report.Affiliates, report.Conversions)
}

type reportJSON struct {
	OK          bool             `json:"ok"`
	Projects    int64            `json:"projects"`
	Affiliates  int64            `json:"affiliates"`
	Conversions int64            `json:"conversions"`
	Differences []differenceJSON `json:"differences"`
	Notes       []noteJSON       `json:"notes"`
}

// noteJSON is refgrow.ReportNote with names for JSON.
type noteJSON struct {
	Project string `json:"project"`
	Message string `json:"message"`
}

// differenceJSON is refgrow.Difference with names for JSON.
type differenceJSON struct {
	Project  string `json:"project"`
	Where    string `json:"where"`
	What     string `json:"what"`
	Stored   string `json:"stored"`
	Computed string `json:"computed"`
}
