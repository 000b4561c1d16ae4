package refgrow

import (
	"context"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/verify"
)

// A Report says what Verify checked and what it found.
type Report struct {
	Projects, Affiliates, Conversions int64
	// Differences is empty on a healthy database. It holds the first thousand.
	Differences []Difference
	// Notes are no differences: the books are right, but somebody should know.
	Notes []ReportNote
}

// A ReportNote is something about a project that its owner should know, such as a clock
// that was wrong once.
type ReportNote struct{ Project, Message string }

// String is the note as a sentence.
func (n ReportNote) String() string { return "project " + n.Project + ": " + n.Message }

// A Difference is one thing that is stored twice and does not agree, or that
// cannot be.
type Difference struct {
	Project string // "" for the database itself
	// Where is the row at fault, such as "affiliate 12 in USD".
	Where string
	// What is the value at fault, such as "eligible".
	What             string
	Stored, Computed string
}

// String is the difference as a sentence.
func (d Difference) String() string {
	s := d.Where + ": " + d.What + " is " + d.Stored + ", but should be " + d.Computed
	if d.Project != "" {
		s = "project " + d.Project + ": " + s
	}
	return s
}

// Verify recomputes everything that is stored twice from the rows it came from, on one
// consistent state and without hindering writers: the counts of each project, every
// balance, what each conversion has earned, what each payout reserves and has settled,
// and every commission from its stored rule version and inputs; and it looks for rows
// that name those of another project, and for events and deliveries that would not be
// sent. Before that come the checks that the database itself offers, and whether the
// schema is as it was created. Whatever cannot be read because of damage is a
// difference as well, and the rest is checked all the same. It reads the whole
// database. Errors: ErrBusy, ErrClosed, that of ctx.
func (e *Engine) Verify(ctx context.Context) (Report, error) {
	var report Report
	if err := e.open(); err != nil {
		return report, err
	}
	steps, err := e.schema.steps()
	if err != nil {
		return report, e.failed("verifying", err)
	}
	problems, err := e.backend.Integrity(ctx, backend.Schema{Version: len(steps), Text: e.schema.text})
	if err != nil {
		return report, e.failed("verifying", err)
	}
	checks := verify.Checks{
		Vault: e.vault, Now: e.millis(), Problems: problems, Leap: e.leapNote, MaxOrigins: MaxAllowedOrigins,
		Damage: e.needed,
	}
	err = e.backend.Snapshot(ctx, func(ctx context.Context, q db.Querier) error {
		checks.Querier = q
		found, err := verify.Run(ctx, checks)
		report = Report{Projects: found.Projects, Affiliates: found.Affiliates, Conversions: found.Conversions}
		for _, d := range found.Differences {
			report.Differences = append(report.Differences, Difference(d))
		}
		for _, n := range found.Notes {
			report.Notes = append(report.Notes, ReportNote(n))
		}
		return err
	})
	return report, e.failed("verifying", err)
}
