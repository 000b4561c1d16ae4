package attribution

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// A Reason is the stable word for why an event was attributed, or was not. The database
// keeps it.
type Reason string

const (
	// What can name the affiliate, and so be the source of a candidate.
	ReasonAffiliateID  Reason = "affiliate_id"
	ReasonCustomer     Reason = "customer"
	ReasonCoupon       Reason = "coupon"
	ReasonReferralCode Reason = "referral_code"
	ReasonMoved        Reason = "moved"

	// Why nobody is credited.
	ReasonNone              Reason = "none"
	ReasonAffiliateInactive Reason = "affiliate_inactive"
	ReasonCodeUnknown       Reason = "code_unknown"
	ReasonSelfReferral      Reason = "self_referral"
)

// names reports whether a candidate can have the reason as its source.
func (r Reason) names() bool {
	switch r {
	case ReasonAffiliateID, ReasonCustomer, ReasonCoupon, ReasonReferralCode, ReasonMoved:
		return true
	case ReasonNone, ReasonAffiliateInactive, ReasonCodeUnknown, ReasonSelfReferral:
	}
	return false
}

// An Outcome is what became of a candidate. The database keeps it.
type Outcome string

const (
	OutcomeCredited  Outcome = "credited"
	OutcomeOutranked Outcome = "outranked" // another came first
	OutcomeInactive  Outcome = "inactive"  // the affiliate or the coupon was
	OutcomeUnknown   Outcome = "unknown"   // the code leads to nobody
	OutcomeAmbiguous Outcome = "ambiguous" // the provider's id names several affiliates
	OutcomeRefused   Outcome = "refused"   // a self-referral
)

func (o Outcome) known() bool {
	switch o {
	case OutcomeCredited, OutcomeOutranked, OutcomeInactive, OutcomeUnknown, OutcomeAmbiguous, OutcomeRefused:
		return true
	}
	return false
}

// A Decision is who gets the credit for an event, and why.
type Decision struct {
	Reason       Reason
	Chosen       int64 // 0 for nobody
	SelfReferral bool  // credited although customer and affiliate look like the same person
	Candidates   []Candidate
	Notes        []Note
}

// A Note is something about the call that has not decided who gets the credit. Its tags
// are the form in which the database keeps it.
type Note struct {
	Code       NoteCode `json:"code"`
	Field      string   `json:"field"`
	CustomerID int64    `json:"referred_user_id,omitempty"` // 0 for none
}

// A NoteCode is the stable word for what a note says. The database keeps it.
type NoteCode string

const (
	// CustomerConflict: another customer has this name of the call, and keeps it.
	CustomerConflict NoteCode = "customer_conflict"
	// EmailUnusable: the email of the call is no address, and was left out.
	EmailUnusable NoteCode = "email_unusable"
	// LeftOut: something of the field was left out or cut.
	LeftOut NoteCode = "left_out"
)

// Tolerant reports whether a field of a call merely decorates or credits a sale, by its
// name in the REST API. What is wrong in one never costs the sale.
func Tolerant(field string) bool {
	switch field {
	case "referral_code", "coupon_code_used", "email", "external_id", "product", "url":
		return true
	}
	return false
}

func (n Note) known() bool {
	switch n.Code {
	case CustomerConflict:
		return (n.Field == "external_id" || n.Field == "email") && n.CustomerID > 0
	case EmailUnusable:
		return n.Field == "email" && n.CustomerID == 0
	case LeftOut:
		return Tolerant(n.Field) && n.CustomerID == 0
	}
	return false
}

// Left reports whether the notes of a conversion say that something of a field was left
// out or cut. Errors: stored.ErrDamaged.
func Left(c *db.Conversion, field string) (bool, error) {
	if c.Notes == nil {
		return false, nil
	}
	d, err := Of(c)
	return slices.Contains(d.Notes, Note{Code: LeftOut, Field: field}), err
}

// A Candidate is one of the things that could have named the affiliate. Its tags are
// the form in which the database keeps it.
type Candidate struct {
	Source       Reason  `json:"source"`
	Code         string  `json:"code,omitempty"`         // the coupon or the referral code, as sent
	AffiliateID  int64   `json:"affiliate_id,omitempty"` // 0 for nobody
	Outcome      Outcome `json:"outcome"`
	SelfReferral bool    `json:"self_referral,omitempty"` // customer and affiliate look like the same person
	Claimed      bool    `json:"claimed,omitempty"`       // the customer's browser said so, not the call
	Repeated     bool    `json:"repeated,omitempty"`      // of a later call, which told of the same signup
}

// Text returns the form in which the database keeps the candidates of a decision.
func Text(candidates []Candidate) (string, error) {
	text, err := json.Marshal(candidates)
	return string(text), err
}

// NotesText returns the form in which the database keeps the notes of a decision: nil
// for none.
func NotesText(notes []Note) (*string, error) {
	if len(notes) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(notes)
	return stored.TextOrNull(string(text)), err
}

// Of reads a conversion's decision back. Errors: stored.ErrDamaged.
func Of(c *db.Conversion) (Decision, error) {
	d := Decision{Reason: Reason(c.Reason), Chosen: stored.OrZero(c.AffiliateID)}
	err := json.Unmarshal([]byte(c.Candidates), &d.Candidates)
	if err != nil {
		err = fmt.Errorf("%w: the candidates of conversion %d: %w", stored.ErrDamaged, c.ID, err)
	}
	if c.Notes != nil && err == nil {
		if err = json.Unmarshal([]byte(*c.Notes), &d.Notes); err != nil {
			err = fmt.Errorf("%w: the notes of conversion %d: %w", stored.ErrDamaged, c.ID, err)
		}
	}
	for _, candidate := range d.Candidates {
		d.SelfReferral = d.SelfReferral || candidate.Outcome == OutcomeCredited && candidate.SelfReferral
	}
	return d, err
}

// Known reports whether the candidates of a conversion, as the database has them, could
// have been written: each has an existing source and outcome, and nothing that
// candidates do not have.
func Known(text string) bool {
	var candidates []Candidate
	return strictly(text, &candidates) && !slices.ContainsFunc(candidates, func(c Candidate) bool {
		return !c.Source.names() || !c.Outcome.known() || c.AffiliateID < 0
	})
}

// KnownNotes is Known for the notes of a conversion.
func KnownNotes(text *string) bool {
	if text == nil {
		return true
	}
	var notes []Note
	return strictly(*text, &notes) && len(notes) > 0 &&
		!slices.ContainsFunc(notes, func(n Note) bool { return !n.known() })
}

// strictly reads JSON that has nothing in it that does not belong there.
func strictly(text string, into any) bool {
	if !utf8.ValidString(text) {
		return false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into) == nil
}

// Flag notes of a conversion that customer and affiliate look like the same person.
func Flag(c *db.Conversion) error {
	d, err := Of(c)
	if err != nil {
		return err
	}
	for i := range d.Candidates {
		if d.Candidates[i].Outcome == OutcomeCredited {
			d.Candidates[i].SelfReferral = true
		}
	}
	c.Candidates, err = Text(d.Candidates)
	return err
}

// Move credits a conversion to another affiliate, or to nobody, however it was decided
// before. The candidates stay as they were judged, except for the one that was
// credited.
func Move(c *db.Conversion, to *int64) error {
	d, err := Of(c)
	if err != nil {
		return err
	}
	for i := range d.Candidates {
		if d.Candidates[i].Outcome == OutcomeCredited {
			d.Candidates[i].Outcome = OutcomeOutranked
		}
	}
	moved := Candidate{Source: ReasonMoved, AffiliateID: stored.OrZero(to), Outcome: OutcomeCredited}
	c.AffiliateID, c.Reason = to, string(ReasonMoved)
	c.Candidates, err = Text(append(d.Candidates, moved))
	return err
}

// MaxCandidates is how many candidates a decision has at most by repeated signups, and
// MaxNotes how many notes.
const (
	MaxCandidates = 50
	MaxNotes      = 20
)

// Repeat adds what a repeated signup says to the decision on the first one: candidates
// and notes that are not there yet, within bounds. If it moved the first one, the
// candidate that led to the affiliate comes before the move.
func Repeat(c *db.Conversion, again Decision, moved bool) error {
	d, err := Of(c)
	if err != nil {
		return err
	}
	var added []Candidate
	for _, candidate := range again.Candidates {
		candidate.Repeated = true
		leads := moved && candidate.Outcome == OutcomeCredited
		if candidate.Outcome == OutcomeCredited && !moved {
			candidate.Outcome = OutcomeOutranked
		}
		if leads || len(d.Candidates)+len(added) < MaxCandidates && !slices.Contains(d.Candidates, candidate) {
			added = append(added, candidate)
		}
	}
	at := len(d.Candidates)
	if moved {
		at--
	}
	for _, note := range again.Notes {
		if len(d.Notes) < MaxNotes && !slices.Contains(d.Notes, note) {
			d.Notes = append(d.Notes, note)
		}
	}
	if c.Candidates, err = Text(slices.Insert(d.Candidates, at, added...)); err != nil {
		return err
	}
	c.Notes, err = NotesText(d.Notes)
	return err
}
