package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

// statementFlags say which month of an affiliate's account is wanted, and how.
type statementFlags struct{ project, month string }

func statementCommand() command {
	return command{
		name: "statement", operand: "AFFILIATE", summary: "print an affiliate's account in one month",
		example: "refgrow statement jane@example.com --month 2026-10",
		lists:   true,
		text: "Prints the statement of the affiliate with an email or an id: the balances at the beginning and at\n" +
			"the end of a month (UTC), and between them what changed them. A payout is one line, with what it\n" +
			"settled below it. The statement of a month that is over never changes.\n\n" +
			`JSON: {"affiliate_id", "month", "closed", "closed_until", "last_entry_id", "opening", "closing", "lines"};` +
			"\n" + `the balances are arrays of {"currency", "total", "paid", "held", "eligible"}. A line is {"id", "kind",` +
			"\n" + `"amount", "currency", "total", "paid", "held", "eligible", "available_at", "created_at",` +
			"\n" + `"conversion_id", "payout_id", "note", "of_payout"}; amounts are strings, what is missing is null, and` +
			"\na settlement that is part of the payout above it has of_payout and changes nothing. Before\n" +
			"closed_until no entry will be stamped any more, null until the month is over.",
		prepare: func(flags *flag.FlagSet) work {
			var s statementFlags
			flags.StringVar(&s.project, "project", "", projectUsage)
			flags.StringVar(&s.month, "month", "", "the `MONTH`, such as 2026-10, instead of the present one")
			return s.print
		},
	}
}

func (s *statementFlags) print(ctx context.Context, c *call) error {
	var month time.Time
	if c.given("month") {
		var err error
		if month, err = time.Parse("2006-01", s.month); err != nil {
			return usage("--month must be a month such as 2026-10, not %q", s.month)
		}
	}
	return c.withOneProject(ctx, s.project, func(project *refgrow.Project) error {
		affiliate, err := affiliateOf(ctx, project, c.operand)
		if err != nil {
			return err
		}
		if month.IsZero() {
			month = project.Now().UTC()
		}
		statement, err := project.Statement(ctx, affiliate.ID, month.Year(), month.Month())
		if own := (*refgrow.Error)(nil); errors.As(err, &own) && own.Field == "month" {
			return usage("--month %s", own.Message)
		}
		switch {
		case err != nil:
			return err
		case c.json:
			return c.statementJSON(ctx, project, statement)
		case c.csv:
			return project.WriteStatementCSV(ctx, c.stdout, statement)
		}
		return c.statementText(ctx, project, statement)
	})
}

// statementText prints line by line: a statement can be long.
func (c *call) statementText(ctx context.Context, project *refgrow.Project, s *refgrow.Statement) error {
	const form, before = "%-10s  %-10s  %16s  %s\n", 10 + 2 + 10 + 2 + 16 + 2
	line := func(date, kind string, amount any, about string) error {
		return c.stdout.printf(form, date, kind, amount, about)
	}
	balances := func(name string, all []refgrow.StatementBalance) error {
		for _, b := range all {
			text := fmt.Sprintf("paid %s, held %s, eligible %s", b.Paid.Decimal(), b.Held.Decimal(), b.Eligible.Decimal())
			if err := line("", name, b.Total, text); err != nil {
				return err
			}
		}
		return nil
	}
	if err := line("DATE", "KIND", "AMOUNT", "ABOUT"); err != nil {
		return err
	}
	if err := balances("opening", s.Opening); err != nil {
		return err
	}
	for l, err := range project.AllStatementLines(ctx, s) {
		if err != nil {
			return err
		}
		date, kind := l.CreatedAt.UTC().Format(time.DateOnly), string(l.Kind)
		if l.OfPayout {
			date, kind = "", "  of it"
		}
		if err := line(date, kind, l.Amount, c.stdout.end(about(&l), before)); err != nil {
			return err
		}
	}
	return balances("closing", s.Closing)
}

// about says what a line is about.
func about(l *refgrow.StatementLine) string {
	var parts []string
	if l.PayoutID != 0 && !l.OfPayout {
		parts = append(parts, fmt.Sprintf("payout %d", l.PayoutID))
	}
	if l.ConversionID != 0 {
		parts = append(parts, fmt.Sprintf("conversion %d", l.ConversionID))
	}
	if !l.Change.Held.IsZero() && l.Kind != refgrow.StatementRelease {
		parts = append(parts, "held until "+l.AvailableAt.UTC().Format(time.DateOnly))
	}
	if l.Note != "" {
		parts = append(parts, l.Note)
	}
	return strings.Join(parts, ", ")
}

// statementHeadJSON is a statement without its lines.
type statementHeadJSON struct {
	AffiliateID int64                  `json:"affiliate_id"`
	Month       string                 `json:"month"`
	Closed      bool                   `json:"closed"`
	ClosedUntil *string                `json:"closed_until"`
	LastEntryID *int64                 `json:"last_entry_id"`
	Opening     []statementBalanceJSON `json:"opening"`
	Closing     []statementBalanceJSON `json:"closing"`
}

type statementBalanceJSON struct {
	Currency string `json:"currency"`
	Total    string `json:"total"`
	Paid     string `json:"paid"`
	Held     string `json:"held"`
	Eligible string `json:"eligible"`
}

type statementLineJSON struct {
	statementBalanceJSON

	ID           *int64  `json:"id"`
	Kind         string  `json:"kind"`
	Amount       string  `json:"amount"`
	AvailableAt  *string `json:"available_at"`
	CreatedAt    string  `json:"created_at"`
	ConversionID *int64  `json:"conversion_id"`
	PayoutID     *int64  `json:"payout_id"`
	Note         *string `json:"note"`
	OfPayout     bool    `json:"of_payout"`
}

func statementBalanceForm(b refgrow.StatementBalance) statementBalanceJSON {
	return statementBalanceJSON{
		Currency: string(b.Currency), Total: b.Total.Decimal(), Paid: b.Paid.Decimal(), Held: b.Held.Decimal(),
		Eligible: b.Eligible.Decimal(),
	}
}

func statementLineForm(l *refgrow.StatementLine) statementLineJSON {
	shown := statementLineJSON{
		Kind: string(l.Kind), Amount: l.Amount.Decimal(), statementBalanceJSON: statementBalanceForm(l.Change),
		CreatedAt: stamp(l.CreatedAt), OfPayout: l.OfPayout,
	}
	for _, id := range []struct {
		to **int64
		id int64
	}{{&shown.ID, l.ID}, {&shown.ConversionID, l.ConversionID}, {&shown.PayoutID, l.PayoutID}} {
		if id.id != 0 {
			*id.to = new(id.id)
		}
	}
	if !l.AvailableAt.IsZero() {
		shown.AvailableAt = new(stamp(l.AvailableAt))
	}
	if l.Note != "" {
		shown.Note = new(l.Note)
	}
	return shown
}

// statementJSON prints line by line, too.
func (c *call) statementJSON(ctx context.Context, project *refgrow.Project, s *refgrow.Statement) error {
	head := statementHeadJSON{
		AffiliateID: s.AffiliateID, Month: fmt.Sprintf("%04d-%02d", s.Year, s.Month), Closed: s.Closed,
	}
	if !s.ClosedUntil.IsZero() {
		head.ClosedUntil = new(stamp(s.ClosedUntil))
	}
	if s.LastEntryID != 0 {
		head.LastEntryID = new(s.LastEntryID)
	}
	for i := range s.Opening {
		head.Opening = append(head.Opening, statementBalanceForm(s.Opening[i]))
		head.Closing = append(head.Closing, statementBalanceForm(s.Closing[i]))
	}
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	if err := c.stdout.printf("%s,\"lines\":[", text[:len(text)-1]); err != nil {
		return err
	}
	separator := "\n"
	for line, err := range project.AllStatementLines(ctx, s) {
		if err != nil {
			return err
		}
		text, err := json.Marshal(statementLineForm(&line))
		if err != nil {
			return err
		}
		if err := c.stdout.printf("%s%s", separator, text); err != nil {
			return err
		}
		separator = ",\n"
	}
	return c.stdout.printf("]}\n")
}
