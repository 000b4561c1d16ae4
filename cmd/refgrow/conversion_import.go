package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/refgrow-go/refgrow"
)

// conversionColumns are what the columns of a file can be: the fields of the API, each
// of which is also a flag of "conversion create".
func conversionColumns() []string {
	return []string{
		"type", "occurred_at", "base_value", "base_value_currency", "value", "affiliate_id", "referral_code",
		"coupon_code_used", "referred_user_id", "external_id", "email", "reference", "product", "url", "paid",
	}
}

func conversionImportCommand() command {
	return command{
		name: "conversion import", operand: "FILE", summary: "record the conversions of a CSV file",
		example: "refgrow conversion import sales.csv",
		text: "Records the conversions of a CSV file, each in a transaction of its own, and writes no events: this is\n" +
			"for what happened before the program came here. The first line names the columns:\n" +
			strings.Join(conversionColumns()[:8], ", ") + ",\n" + strings.Join(conversionColumns()[8:], ", ") + ".\n" +
			"type, occurred_at and reference are required, and an empty cell is an absent field. A row whose\n" +
			"reference is there already, and a signup of a customer who has one, is passed over, so that an\n" +
			"import that was interrupted can be repeated.\n" +
			"Sort the file by occurred_at: durations of commissions begin with the first purchase that is there.\n\n" +
			`JSON: {"imported", "already_there"}, which are counts.`,
		prepare: func(flags *flag.FlagSet) work {
			var f conversionFlags
			f.defineProject(flags)
			return f.importFile
		},
	}
}

type importJSON struct {
	Imported     int `json:"imported"`
	AlreadyThere int `json:"already_there"`
}

func (f *conversionFlags) importFile(ctx context.Context, c *call) error {
	file, err := os.Open(c.operand)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	rows := csv.NewReader(file)
	columns, err := columnsOf(rows)
	if err != nil {
		return fmt.Errorf("%s: %w", c.operand, err)
	}
	var done importJSON
	err = c.withOneProject(ctx, f.project, func(project *refgrow.Project) error {
		defer progress(c.stderr, "importing")()
		for {
			cells, err := rows.Read()
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil: // which names the line
				return fmt.Errorf("%s: %w", c.operand, err)
			}
			if err := done.add(ctx, project, columns, cells); err != nil {
				line, _ := rows.FieldPos(0)
				return &rowError{c.operand, line, err}
			}
		}
	})
	if err != nil {
		tell(c.stderr, "imported so far: %d, already there: %d; the same call goes on from there\n",
			done.Imported, done.AlreadyThere)
		return err
	}
	if c.json {
		return c.stdout.json(done)
	}
	return c.stdout.printf("imported: %d, already there: %d\n", done.Imported, done.AlreadyThere)
}

// A rowError is about one row of a file. Its fields are columns, not flags.
type rowError struct {
	file string
	line int
	err  error
}

func (e *rowError) Error() string { return fmt.Sprintf("%s, line %d: %v", e.file, e.line, e.err) }

func (e *rowError) Unwrap() error { return e.err }

// columnsOf reads the line that names the columns.
func columnsOf(rows *csv.Reader) ([]string, error) {
	names, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, usage("the file is empty: its first line has to name the columns")
	}
	if err != nil {
		return nil, err
	}
	names[0] = strings.TrimPrefix(names[0], "\ufeff") // as spreadsheets begin a file
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if seen[name] {
			return nil, usage("the column %q is there twice", name)
		}
		seen[name] = true
	}
	for _, known := range conversionColumns() {
		delete(seen, known)
	}
	for unknown := range seen {
		return nil, usage("there is no column %q; the columns are %s", unknown, strings.Join(conversionColumns(), ", "))
	}
	return names, nil
}

// add records one row, unless its reference is there already, or the customer's signup.
func (done *importJSON) add(ctx context.Context, project *refgrow.Project, columns, cells []string) error {
	var f conversionFlags
	set := flag.NewFlagSet("", flag.ContinueOnError)
	f.define(set)
	for i, name := range columns {
		if cells[i] == "" {
			continue
		}
		if err := set.Set(flagOf(name), cells[i]); err != nil {
			return usage("%s: %v", name, err)
		}
	}
	params, err := f.params()
	switch {
	case err != nil:
		return err
	case params.OccurredAt.IsZero():
		return usage("occurred_at is required")
	case params.Reference == "":
		return usage("reference is required: without one a repeated import would record the row again")
	}
	params.Imported = true
	made, err := project.RecordConversion(ctx, params)
	var own *refgrow.Error
	switch {
	case err == nil && made.Repeated:
		done.AlreadyThere++
	case err == nil:
		done.Imported++
	case errors.Is(err, refgrow.ErrExists) && errors.As(err, &own) && own.Field == "reference":
		done.AlreadyThere++
	default:
		return err
	}
	return nil
}
