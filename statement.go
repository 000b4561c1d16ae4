package refgrow

import (
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
)

// A Statement is the part of an affiliate's ledger that was written in one
// calendar month (UTC). It has nothing in it but entries as they were written: once
// it is closed it never changes, whatever is refunded, deleted or changed later.
type Statement struct {
	AffiliateID int64
	Year        int
	Month       time.Month
	// Closed tells that the month is over: no entry will be written in it any more.
	Closed bool
	// LastEntryID is the id of the last entry in it, 0 when there is none.
	LastEntryID int64
	// Entries are in the order in which they were written.
	Entries []LedgerEntry
}

// Statement gives an affiliate's statement of a month that has begun. For a month
// that is over this may wait for the transactions that are open, and can give
// ErrBusy. Errors: ErrNotFound, ErrInvalid.
func (p *Project) Statement(ctx context.Context, affiliateID int64, year int, month time.Month) (*Statement, error) {
	if month < time.January || month > time.December || year < 1970 || year > 9999 {
		return nil, invalid("month", "must be a month from 1970-01 on, such as 2026-10")
	}
	start := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	from, to, now := millisOf(start), millisOf(start.AddDate(0, 1, 0)), p.engine.millis()
	if from > now {
		return nil, invalid("month", "must not be in the future")
	}
	if to <= now {
		if err := p.closeInstant(ctx, to); err != nil {
			return nil, err
		}
	}
	statement := &Statement{AffiliateID: affiliateID, Year: year, Month: month}
	err := p.snapshot(ctx, "making a statement", func(ctx context.Context, q db.Querier) error {
		if _, err := q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: p.id, AffiliateID: affiliateID}); err != nil {
			return missing(err, "Affiliate")
		}
		totals, err := q.GetProjectTotals(ctx, p.id)
		if err != nil {
			return err
		}
		rows, err := q.ListEntriesOfMonth(ctx, db.ListEntriesOfMonthParams{
			ProjectID: p.id, AffiliateID: affiliateID, FromTime: from, ToTime: to,
		})
		if err != nil {
			return err
		}
		statement.Closed = totals.LastStamp >= to
		statement.Entries = make([]LedgerEntry, len(rows))
		for i := range rows {
			entry, err := showEntry(&rows[i])
			if err != nil {
				return err
			}
			statement.Entries[i] = *entry
			statement.LastEntryID = rows[i].ID
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return statement, nil
}

// WriteCSV writes the entries with a line of names before them. A note that a
// spreadsheet would take for a formula gets an apostrophe before it. The errors are
// those of w.
func (s *Statement) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	lines := [][]string{{"id", "created_at", "kind", "amount", "currency", "available_at", "conversion_id", "payout_id", "note"}}
	for _, e := range s.Entries {
		note := e.Note
		if startsFormula(note) {
			note = "'" + note
		}
		lines = append(lines, []string{
			strconv.FormatInt(e.ID, 10), stampText(e.CreatedAt), string(e.Kind), e.Amount.Decimal(), string(e.Amount.Currency()),
			stampText(e.AvailableAt), idText(e.ConversionID), idText(e.PayoutID), note,
		})
	}
	return out.WriteAll(lines)
}

func stampText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// idText is empty for 0, which is nobody's id.
func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}
