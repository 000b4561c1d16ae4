package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strconv"

	"github.com/refgrow-go/refgrow"
)

// explainFlags say which conversion is asked about.
type explainFlags struct{ project, reference string }

func explainCommand() command {
	return command{
		name: "explain", operand: "[CONVERSION]", summary: "say why a sale was credited, and what it earned",
		example: "refgrow explain in_123",
		text: "Says in words why a conversion was credited to somebody or to nobody, where its commission comes from\n" +
			"and what became of it, and lists its ledger entries." + conversionOperand + "\n\n" +
			`JSON: {"decision", "commission", "entries", "sentence"}, as in the REST API.`,
		prepare: func(flags *flag.FlagSet) work {
			var e explainFlags
			flags.StringVar(&e.project, "project", "", projectUsage)
			flags.StringVar(&e.reference, "reference", "", "`TEXT` by which the app calls it, instead of CONVERSION")
			return e.explain
		},
	}
}

func (e *explainFlags) explain(ctx context.Context, c *call) error {
	if (c.operand == "") != c.given("reference") {
		return usage("\"refgrow explain\" needs either the CONVERSION or --reference TEXT")
	}
	return c.withOneProject(ctx, e.project, func(project *refgrow.Project) error {
		id, err := e.find(ctx, c, project)
		if err != nil {
			return err
		}
		explained, err := explanationOf(ctx, project, id)
		if err != nil {
			return err
		}
		if c.json {
			return c.stdout.json(json.RawMessage(explained.AppendJSON(nil)))
		}
		if err := c.stdout.paragraph(explained.Sentence); err != nil || len(explained.Entries) == 0 {
			return err
		}
		if err := c.stdout.printf("\n"); err != nil {
			return err
		}
		return show(c, entryView(), each(explained.Entries))
	})
}

func (e *explainFlags) find(ctx context.Context, c *call, project *refgrow.Project) (int64, error) {
	if c.operand != "" {
		return conversionOf(ctx, project, c.operand)
	}
	found, err := conversionCalled(ctx, project, e.reference)
	if err != nil {
		return 0, err
	}
	return found.ID, nil
}

// conversionOperand says what conversionOf takes.
const conversionOperand = "\n" +
	"CONVERSION is its id, or the app's own name for it, such as in_123, unless that is a number."

// conversionOf finds the id of a conversion: a number is an id, anything else the app's
// own name.
func conversionOf(ctx context.Context, project *refgrow.Project, text string) (int64, error) {
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return idIn(text, "conversion")
	}
	found, err := conversionCalled(ctx, project, text)
	if err != nil {
		return 0, err
	}
	return found.ID, nil
}

// conversionCalled finds a conversion by the app's own name for it.
func conversionCalled(ctx context.Context, project *refgrow.Project, reference string) (*refgrow.Conversion, error) {
	found, err := project.ConversionByReference(ctx, reference)
	if errors.Is(err, refgrow.ErrNotFound) {
		return nil, fmt.Errorf("there is no conversion with the reference %q in the project %q", reference, project.Name())
	}
	return found, err
}

// explanationOf explains a conversion.
func explanationOf(ctx context.Context, project *refgrow.Project, id int64) (*refgrow.Explanation, error) {
	explained, err := project.ExplainConversion(ctx, id)
	return explained, noConversion(err, id, project)
}

func noConversion(err error, id int64, project *refgrow.Project) error {
	if errors.Is(err, refgrow.ErrNotFound) {
		return fmt.Errorf("there is no conversion %d in the project %q; "+
			"\"refgrow conversion list\" shows the existing ones", id, project.Name())
	}
	return err
}
