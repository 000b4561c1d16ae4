// Package verify recomputes what is stored twice from the rows it came from, and
// compares: the totals of projects, balances, what each conversion has earned, what
// each payout reserves and has settled, commissions, days, events. It reads rows and
// applies the rules of the other packages; it calls no operation and writes nothing.
// Each table, or group of tables that belong together, has a file.
package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
)

const (
	maxDifferences = 1000
	verifyStep     = 500 // rows read at a time
)

// Checks are what is to be checked, in one state of the database.
type Checks struct {
	Querier db.Querier
	Vault   outbox.Vault
	Now     int64 // Unix milliseconds
	// Leap returns what is to be noted of a last stamp, Unix milliseconds, that is ahead
	// of the clock; "" for nothing.
	Leap func(lastStamp int64) string
	// Problems are what the database itself finds wrong with its file.
	Problems []string
	// MaxOrigins is how many allowed origins a project can have.
	MaxOrigins int
	// Damage returns a read error that only damage can cause as one that matches
	// stored.ErrDamaged, and any other one as it is.
	Damage func(error) error
}

// A Report says what was checked and what was found.
type Report struct {
	Projects, Affiliates, Conversions int64
	Differences                       []Difference // the first thousand
	Notes                             []Note
}

// A Difference is one thing that is stored twice and does not agree, or that cannot be.
type Difference struct {
	Project          string // "" for the database itself
	Where            string // the row at fault
	What             string // the value at fault
	Stored, Computed string
}

// A Note is something that is as it was written, and that somebody should know.
type Note struct{ Project, Message string }

// Run makes every check on every project. What cannot be read because of damage is a
// difference, and the rest is checked all the same. Errors: those of the database that
// are not about damage, that of ctx.
func Run(ctx context.Context, c Checks) (Report, error) {
	var report Report
	file := verification{Checks: c, report: &report}
	for _, problem := range c.Problems {
		file.differs("file", "integrity", problem, "ok")
	}
	projects, err := c.Querier.ListProjects(ctx)
	if err != nil {
		return report, file.unreadable("projects", err)
	}
	leaving, err := c.Querier.ListAffiliatesInDeletion(ctx)
	if err != nil {
		return report, file.unreadable("deletions", err)
	}
	hidden := make(map[int64]bool, len(leaving))
	for _, a := range leaving {
		hidden[a.ID] = true
	}
	for _, p := range projects {
		report.Projects++
		v := verification{Checks: c, project: p, hidden: hidden, report: &report}
		if err := v.all(ctx); err != nil {
			return report, fmt.Errorf("project %s: %w", p.Name, err)
		}
	}
	return report, nil
}

// A verification is the check of one project.
type verification struct {
	Checks
	project db.Project
	// hidden are the affiliates that are being deleted: their rows no longer fit
	// together.
	hidden    map[int64]bool
	lastStamp int64
	resets    []db.StampReset // of the last stamp
	// oldEntriesTo is the id up to which entries were placed by earlier rules.
	oldEntriesTo int64
	versions     map[int64]db.CommissionRule
	newest       int64 // id of an event of any project
	report       *Report
}

// all makes every check on the project.
func (v *verification) all(ctx context.Context) error {
	for _, check := range []struct {
		of   string
		make func(context.Context) error
	}{
		{"project totals", v.counts}, {"affiliates", v.affiliates}, {"commission rules", v.rules},
		{"conversions", v.conversions}, {"payouts", v.payouts}, {"days", v.days},
		{"webhooks", v.webhooks}, {"events", v.events}, {"rows", v.rows},
	} {
		if err := v.unreadable(check.of, check.make(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// unreadable reports what cannot be read because the file is damaged. It returns any
// other error.
func (v *verification) unreadable(where string, err error) error {
	if err = v.Damage(err); errors.Is(err, stored.ErrDamaged) {
		v.differs(where, "reading", err, "possible")
		return nil
	}
	return err
}

func (v *verification) differs(where, what string, kept, computed any) {
	if len(v.report.Differences) < maxDifferences {
		v.report.Differences = append(v.report.Differences, Difference{
			Project: v.project.Name, Where: where, What: what, Stored: fmt.Sprint(kept), Computed: fmt.Sprint(computed),
		})
	}
}

// step returns the params for reading the next rows after an id. All queries that read
// a table some rows at a time have params of this form.
func (v *verification) step(after int64) db.VerifyAffiliatesParams {
	return db.VerifyAffiliatesParams{ProjectID: v.project.ID, AfterID: after, AtMost: verifyStep}
}

// compare reports numbers that ought to be equal.
func (v *verification) compare(where, what string, kept, computed int64) {
	if kept != computed {
		v.differs(where, what, kept, computed)
	}
}

// rows looks for values that no operation writes.
func (v *verification) rows(ctx context.Context) error {
	stamps, err := v.Querier.VerifyStamps(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, s := range stamps {
		v.differs(fmt.Sprintf("ledger entry %d", s.ID), "stamp", s.CreatedAt, "not before that of the previous entry")
	}
	odd, err := v.Querier.VerifyRows(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, r := range odd {
		v.differs(fmt.Sprintf("%s %d", r.Place, r.ID), r.What, r.Found, r.Expected)
	}
	return nil
}
