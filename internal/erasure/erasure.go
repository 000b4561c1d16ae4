// Package erasure removes the copies of a person who is erased or deleted: an affiliate,
// or a customer. The operation that does so changes the person's own row, and begins a
// job; the job then looks for copies everywhere else, part by part. Each page is read
// outside of the write transaction, and only what has to change is changed in one: so
// nobody waits long, and a job that was interrupted goes on where it was.
//
// Once a person's row is changed, nothing new names the person. For an affiliate who is
// deleted this is true of its customers only when their rows are gone: then the stored
// answers and events that came in the meantime are looked at once more.
package erasure

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// A Part of a job is one kind of rows. The database keeps it.
type Part string

// The parts.
const (
	Customer    Part = "customer"    // the conversions of a customer
	Notes       Part = "notes"       // of the affiliate's entries and payouts
	Clicks      Part = "clicks"      // of the affiliate
	Conversions Part = "conversions" // codes in conversions of the whole program
	// ConversionsAgain looks for the former coupons that Conversions has found, which may be
	// in conversions that it had passed.
	ConversionsAgain Part = "conversions_again"
	Claims           Part = "claims"        // what browsers said
	Answers          Part = "answers"       // stored answers
	Events           Part = "events"        // the outbox
	Rows             Part = "rows"          // everything else of an affiliate who is deleted
	AnswersAgain     Part = "answers_again" // what came while the rows went
	EventsAgain      Part = "events_again"
	Errors           Part = "errors" // what endpoints answered
	Done             Part = ""
)

// Gone is stored instead of the status of an answer that named somebody.
const Gone = -3

const (
	// pageRows is how many rows one page of a part looks at.
	pageRows = 2000
	// answersRows is the same for stored answers, which may be long.
	answersRows = 100
	// atMost is how many of them one transaction changes.
	atMost = 500
)

// parts are those of a job, in their order.
func parts(job *db.Erasure) []Part {
	if job.AffiliateID == nil {
		return []Part{Customer, Answers, Events, Errors}
	}
	if job.Deletes == 0 {
		return []Part{Notes, Clicks, Conversions, ConversionsAgain, Claims, Answers, Events, Errors}
	}
	return []Part{Conversions, ConversionsAgain, Claims, Answers, Events, Rows, AnswersAgain, EventsAgain, Errors}
}

// First returns the first part of a job.
func First(job *db.Erasure) Part { return parts(job)[0] }

// Advance makes a job begin with its next part. It is done when there is none.
func Advance(job *db.Erasure) {
	all := parts(job)
	next := Done
	at := slices.Index(all, Part(job.Part)) + 1
	if at < len(all) && all[at] == ConversionsAgain {
		if p, err := personOf(job); err == nil && !p.Former {
			at++
		}
	}
	if at < len(all) {
		next = all[at]
	}
	job.Part, job.MarkTime, job.Mark = string(next), -math.MaxInt64, 0
	if next == AnswersAgain {
		job.Mark = job.LastAnswer
	}
	if next == EventsAgain {
		job.Mark = job.LastEvent
	}
}

// A Found is what a page of a part has to change.
type Found struct {
	Conversions []int64
	Claims      []string // emails
	Answers     []int64
	Events      []outbox.Row
	Changed     []Event // of others, which named the person
	Notes       []int64 // of ledger entries
	Errors      []int64 // of deliveries
	// Names is what names the person, with what was found out on this page.
	Names string
	// The next page begins here, unless this was the last one.
	MarkTime, Mark int64
	Last           bool

	person Person
	of     int64  // the affiliate, 0 for none
	shown  string // what stands for the person
	keeps  bool   // codes stay in use for ever
}

// An Event is the data of one in which something else stands for the person now.
type Event struct {
	ID   int64
	Data string
}

// Empty reports whether there is nothing to change.
func (f *Found) Empty() bool {
	return len(f.Notes)+len(f.Conversions)+len(f.Claims)+len(f.Answers)+len(f.Events)+len(f.Changed)+len(f.Errors) == 0
}

// A search is one page of a job.
type search struct {
	db.Querier
	job      *db.Erasure
	person   Person
	of       int64   // the affiliate, 0 for none
	referred []int64 // the customer with those who were merged into it
}

// Look returns what the next page of a job's part has to change. It knows the parts that
// are looked for, not those that go with a row: Customer, Clicks and Rows.
func Look(ctx context.Context, q db.Querier, job *db.Erasure) (Found, error) {
	s := search{Querier: q, job: job, of: stored.OrZero(job.AffiliateID)}
	var err error
	if s.person, err = personOf(job); err != nil {
		return Found{}, err
	}
	if job.ReferralID != nil {
		merged, err := q.ListMergedInto(ctx, db.ListMergedIntoParams{ProjectID: job.ProjectID, IntoID: *job.ReferralID})
		if err != nil {
			return Found{}, err
		}
		s.referred = append(merged, *job.ReferralID)
	}
	found, err := s.part(ctx)
	if err == nil && found.Names == "" {
		found.Names = job.Names
	}
	return found, err
}

func (s *search) part(ctx context.Context) (Found, error) {
	switch Part(s.job.Part) {
	case Notes:
		return s.notes(ctx)
	case Conversions, ConversionsAgain:
		return s.conversions(ctx)
	case Claims:
		return s.claims(ctx)
	case Answers, AnswersAgain:
		return s.answers(ctx)
	case Events, EventsAgain:
		return s.events(ctx)
	case Errors:
		return s.errors(ctx)
	case Customer, Clicks, Rows, Done:
	}
	return Found{}, fmt.Errorf("%w: erasure %d has the part %q", stored.ErrDamaged, s.job.ID, s.job.Part)
}

// customersOf is the affiliate whose customers go along, 0 for none.
func (s *search) customersOf() int64 {
	if s.job.Deletes == 0 {
		return 0
	}
	return s.of
}

func (s *search) notes(ctx context.Context) (f Found, err error) {
	f.Mark, err = s.PassEntriesOf(ctx, db.PassEntriesOfParams{
		ProjectID: s.job.ProjectID, AffiliateID: s.of, AfterID: s.job.Mark, Rows: pageRows,
	})
	if errors.Is(err, sql.ErrNoRows) {
		f.Mark, f.Last = math.MaxInt64, true
	} else if err != nil {
		return f, err
	}
	f.Notes, err = s.FindNotesOf(ctx, db.FindNotesOfParams{
		ProjectID: s.job.ProjectID, AffiliateID: s.of, AfterID: s.job.Mark, ToID: f.Mark, AtMost: atMost,
	})
	if len(f.Notes) == atMost {
		f.Mark, f.Last = f.Notes[atMost-1], false
	}
	return f, err
}

func (s *search) conversions(ctx context.Context) (f Found, err error) {
	// A coupon that is gone by now is found by the candidate that it was.
	codes, err := stored.Texts(append(s.person.words(), fmt.Sprintf(`"affiliate_id":%d`, s.of)))
	if err != nil {
		return f, err
	}
	to, err := s.PassConversions(ctx, db.PassConversionsParams{
		ProjectID: s.job.ProjectID, AfterTime: s.job.MarkTime, AfterID: s.job.Mark, Rows: pageRows,
	})
	if errors.Is(err, sql.ErrNoRows) {
		f.Last, to.CreatedAt, to.ID = true, math.MaxInt64, math.MaxInt64
	} else if err != nil {
		return f, err
	}
	rows, err := s.FindConversionsNaming(ctx, db.FindConversionsNamingParams{
		ProjectID: s.job.ProjectID, AfterTime: s.job.MarkTime, AfterID: s.job.Mark,
		ToTime: to.CreatedAt, ToID: to.ID, Codes: codes, AtMost: atMost,
	})
	if err != nil {
		return f, err
	}
	f.MarkTime, f.Mark = to.CreatedAt, to.ID
	f.person, f.of, f.shown, f.keeps = s.person, s.of, s.shown(), s.job.Deletes == 0
	if len(rows) == atMost {
		last := &rows[len(rows)-1]
		f.MarkTime, f.Mark, f.Last = last.CreatedAt, last.ID, false
	}
	for i := range rows {
		former, changed, err := f.renamedIn(&rows[i])
		if err != nil {
			return f, err
		}
		if changed {
			f.Conversions = append(f.Conversions, rows[i].ID)
		}
		for _, code := range former {
			anothers, err := IsAnothers(ctx, s.Querier, s.job.ProjectID, s.of, code)
			if err != nil {
				return f, err
			}
			if !anothers {
				s.person.Others, s.person.Former = Lower(s.person.Others, code), true
			}
		}
	}
	f.Names, err = s.person.Text()
	return f, err
}

func (s *search) claims(ctx context.Context) (f Found, err error) {
	codes, err := stored.Texts(s.person.Codes)
	if err != nil {
		return f, err
	}
	emails, err := stored.Texts(s.person.Emails)
	if err != nil {
		return f, err
	}
	f.Claims, err = s.FindClaimsNaming(ctx, db.FindClaimsNamingParams{
		ProjectID: s.job.ProjectID, Codes: codes, Emails: emails, CustomersOf: s.customersOf(), AtMost: atMost,
	})
	f.Last = len(f.Claims) < atMost // those that were found are deleted
	return f, err
}

func (s *search) answers(ctx context.Context) (f Found, err error) {
	last, err := s.LastAnswerID(ctx)
	if err != nil {
		return f, err
	}
	f.Mark = s.job.Mark + answersRows
	f.Last = f.Mark >= last
	rows, err := s.ListAnswersBetween(ctx, db.ListAnswersBetweenParams{
		ProjectID: s.job.ProjectID, AfterID: s.job.Mark, ToID: f.Mark, AtMost: answersRows,
	})
	if err != nil {
		return f, err
	}
	for i := range rows {
		named, err := s.named(ctx, rows[i].Body, rows[i].ID > s.job.LastAnswer)
		if err != nil {
			return f, err
		}
		if named {
			f.Answers = append(f.Answers, rows[i].ID)
		}
	}
	return f, nil
}

// named reports whether a text names the person, or a customer of an affiliate who is
// deleted. Of a text that came later, a customer who is gone by now was one.
func (s *search) named(ctx context.Context, text []byte, later bool) (bool, error) {
	m := s.person.mentionsIn(text)
	if m.person || s.of != 0 && slices.Contains(m.affiliates, s.of) ||
		slices.ContainsFunc(m.customers, func(id int64) bool { return slices.Contains(s.referred, id) }) {
		return true, nil
	}
	if s.customersOf() == 0 {
		return false, nil
	}
	for _, id := range m.customers {
		row, err := s.customer(ctx, id)
		switch {
		case errors.Is(err, sql.ErrNoRows) && later:
			return true, nil
		case err == nil && stored.OrZero(row.AffiliateID) == s.of:
			return true, nil
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return false, err
		}
	}
	for _, email := range m.emails {
		row, err := s.FindReferralByEmail(ctx, db.FindReferralByEmailParams{ProjectID: s.job.ProjectID, Email: email})
		switch {
		case err == nil && stored.OrZero(row.AffiliateID) == s.of:
			return true, nil
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return false, err
		}
	}
	return false, nil
}

// customer finds one by an id, which may be that of somebody who was merged.
func (s *search) customer(ctx context.Context, id int64) (db.FindReferralRow, error) {
	row, err := s.FindReferral(ctx, db.FindReferralParams{ProjectID: s.job.ProjectID, ReferralID: id})
	if !errors.Is(err, sql.ErrNoRows) {
		return row, err
	}
	into, err := s.GetMerged(ctx, db.GetMergedParams{ProjectID: s.job.ProjectID, ReferralID: id})
	if err != nil {
		return row, err
	}
	return s.FindReferral(ctx, db.FindReferralParams{ProjectID: s.job.ProjectID, ReferralID: into})
}

func (s *search) events(ctx context.Context) (f Found, err error) {
	last, err := s.GetLastEventID(ctx, s.job.ProjectID)
	if err != nil {
		return f, err
	}
	words, err := stored.Texts(s.person.words())
	if err != nil {
		return f, err
	}
	after := int64(math.MaxInt64) // no customer goes along
	if s.customersOf() != 0 {
		after = s.job.LastEvent
	}
	f.Mark = s.job.Mark + pageRows
	f.Last = f.Mark >= last
	rows, err := s.FindEventsNaming(ctx, db.FindEventsNamingParams{
		ProjectID: s.job.ProjectID, AffiliateID: s.of, ReferralIDs: stored.IDs(s.referred), CustomersOf: s.customersOf(),
		GoneAfter: after, AfterID: s.job.Mark, ToID: f.Mark, Words: words, AtMost: atMost,
	})
	if err != nil {
		return f, err
	}
	if len(rows) == atMost {
		f.Mark, f.Last = rows[len(rows)-1].ID, false
	}
	for i := range rows {
		of, data := outbox.Row{ID: rows[i].ID, Lane: rows[i].Lane}, []byte(rows[i].Data)
		if rows[i].Party == 1 {
			f.Events = append(f.Events, of)
			continue
		}
		if !s.person.mentionsIn(data).person {
			continue
		}
		// Somebody else's event is told all the same, as far as this is possible.
		if changed, err := s.person.without(data, s.shown()); err == nil && !s.person.mentionsIn(changed).person {
			f.Changed = append(f.Changed, Event{of.ID, string(changed)})
		} else {
			f.Events = append(f.Events, of)
		}
	}
	return f, nil
}

func (s *search) errors(ctx context.Context) (f Found, err error) {
	last, err := s.LastDeliveryID(ctx)
	if err != nil {
		return f, err
	}
	f.Mark = s.job.Mark + pageRows
	f.Last = f.Mark >= last
	f.Errors, err = s.FindErrorsOfErased(ctx, db.FindErrorsOfErasedParams{
		ProjectID: s.job.ProjectID, AfterID: s.job.Mark, ToID: f.Mark, AtMost: pageRows, Shown: s.shown(),
	})
	return f, err
}

// shown is what stands for the person.
func (s *search) shown() string { return Shown(cmp.Or(s.of, stored.OrZero(s.job.ReferralID))) }
