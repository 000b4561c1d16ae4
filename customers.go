package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/refgrow-go/refgrow/internal/attribution"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// A Customer names the customer of a conversion. The first of the names that somebody
// has finds the customer, in the order of the fields. Of the others, those that nobody
// has become names of that customer, who can have several external ids and one email;
// one that another customer has stays there, which the decision notes. A customer that
// was not seen before is created, unless named by ID.
type Customer struct {
	ID         int64  // the referral's id
	ExternalID string // the app's own user id
	Email      string
}

func (c Customer) named() bool { return c != Customer{} }

// A finder looks a customer up by one of its names.
type finder func(ctx context.Context, q db.Querier, project int64) (db.FindReferralRow, error)

func findByID(id int64) finder {
	return func(ctx context.Context, q db.Querier, project int64) (db.FindReferralRow, error) {
		return q.FindReferral(ctx, db.FindReferralParams{ProjectID: project, ReferralID: id})
	}
}

func findByEmail(email string) finder {
	return func(ctx context.Context, q db.Querier, project int64) (db.FindReferralRow, error) {
		row, err := q.FindReferralByEmail(ctx, db.FindReferralByEmailParams{ProjectID: project, Email: email})
		return db.FindReferralRow(row), err
	}
}

func findByExternalID(id string) finder {
	id = form.Trim(id)
	return func(ctx context.Context, q db.Querier, project int64) (db.FindReferralRow, error) {
		row, err := q.FindReferralByExternalID(ctx, db.FindReferralByExternalIDParams{ProjectID: project, ExternalID: id})
		return db.FindReferralRow(row), err
	}
}

// customerIsFree refuses a name that a customer other than but has.
func (o *op) customerIsFree(ctx context.Context, field string, find finder, but int64) error {
	other, err := find(ctx, o, o.project)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case other.ID == but:
		return nil
	}
	return taken(other.ID, field, "a referred user with this %s already exists", field)
}

// A found customer is what the names of a call lead to.
type found struct {
	customer *db.FindReferralRow // nil for one that was not seen before
	email    string              // a name that the customer lacks and nobody has, "" for none
	external string              // likewise
	notes    []attribution.Note  // names that other customers have
}

// findCustomer finds a customer by the names that a call gives. An erased one gets no
// name again. Errors: ErrNotFound for an unknown id.
func (o *op) findCustomer(ctx context.Context, c Customer) (found, error) {
	f, err := o.lookForCustomer(ctx, c)
	if f.customer != nil && erasure.Is(f.customer.ID, stored.OrZero(f.customer.Email)) {
		f.email, f.external = "", ""
	}
	if erasure.Free(f.email) != nil {
		f.email = ""
	}
	return f, err
}

func (o *op) lookForCustomer(ctx context.Context, c Customer) (found, error) {
	f := found{email: c.Email, external: c.ExternalID}
	var err error
	switch c {
	case Customer{}:
		return f, nil
	case Customer{ID: c.ID}:
		row, err := findByID(c.ID)(ctx, o, o.project)
		f.customer = &row
		return f, missing(err, "Referred user")
	case Customer{Email: c.Email}:
		if f.customer, err = o.knownCustomer(ctx, findByEmail(c.Email)); f.customer != nil {
			f.email = ""
		}
		return f, err
	case Customer{ExternalID: c.ExternalID}:
		if f.customer, err = o.knownCustomer(ctx, findByExternalID(c.ExternalID)); f.customer != nil {
			f.external = ""
		}
		return f, err
	}
	rows, err := o.FindCustomers(ctx, db.FindCustomersParams{
		ProjectID: o.project, ReferralID: c.ID, Email: c.Email, ExternalID: c.ExternalID,
	})
	if err != nil {
		return f, err
	}
	var byID, byExternalID, byEmail *db.FindCustomersRow
	for i := range rows {
		r := &rows[i]
		if r.ID == c.ID {
			byID = r
		}
		if c.ExternalID != "" && (stored.OrZero(r.ExternalID) == c.ExternalID || r.ID == r.Further) {
			byExternalID = r
		}
		if c.Email != "" && stored.OrZero(r.Email) == c.Email {
			byEmail = r
		}
	}
	first := cmp.Or(byID, byExternalID, byEmail)
	switch {
	case c.ID != 0 && byID == nil:
		return f, notFound("Referred user")
	case first == nil:
		return f, nil
	}
	f.customer = customerOf(first)
	if byExternalID != nil {
		f.external = ""
		f.notes = elsewhere(f.notes, "external_id", byExternalID, first)
	}
	if byEmail != nil || first.Email != nil {
		f.email = ""
		f.notes = elsewhere(f.notes, "email", byEmail, first)
	}
	return f, nil
}

// elsewhere notes that a name belongs to another customer than the one it was given
// for.
func elsewhere(notes []attribution.Note, field string, of, than *db.FindCustomersRow) []attribution.Note {
	if of == nil || of == than {
		return notes
	}
	return append(notes, attribution.Note{Code: attribution.CustomerConflict, Field: field, CustomerID: of.ID})
}

func customerOf(r *db.FindCustomersRow) *db.FindReferralRow {
	return &db.FindReferralRow{
		ID: r.ID, Email: r.Email, ExternalID: r.ExternalID, AffiliateID: r.AffiliateID, Status: r.Status,
		ConversionDate: r.ConversionDate, CreatedAt: r.CreatedAt,
		AffiliateCode: r.AffiliateCode, AffiliateEmail: r.AffiliateEmail, AffiliateStatus: r.AffiliateStatus,
		PaypalEmail: r.PaypalEmail, WiseAccountID: r.WiseAccountID, WiseEmail: r.WiseEmail,
	}
}

// knownCustomer finds a customer by one name, nil when it was not seen before.
func (o *op) knownCustomer(ctx context.Context, find finder) (*db.FindReferralRow, error) {
	row, err := find(ctx, o, o.project)
	if err != nil {
		return nil, ignoring(err, sql.ErrNoRows)
	}
	return &row, nil
}

// keepCustomer writes down what a conversion says about its customer: a new one is
// created; a known one learns a name it lacked, gets the affiliate if it has none, and
// becomes converted (or direct) by a purchase. It returns the resulting customer, nil
// for nobody. A further external id is kept by keepExternalID.
func (o *op) keepCustomer(ctx context.Context, f found, c *db.Conversion) (*db.FindReferralRow, error) {
	if f.customer == nil && f.email == "" && f.external == "" {
		return nil, nil
	}
	next := db.FindReferralRow{Status: string(ReferralDirectSignup), CreatedAt: c.CreatedAt}
	if f.customer != nil {
		next = *f.customer
	}
	f.name(&next)
	if next.AffiliateID == nil {
		next.AffiliateID = c.AffiliateID
	}
	next.Status = string(statusAfter(ReferralStatus(next.Status), c))
	if c.Type == string(Purchase) && next.ConversionDate == nil {
		next.ConversionDate = &c.CreatedAt
	}
	if f.customer != nil && same(f.customer, &next) {
		return f.customer, nil
	}
	if f.customer == nil {
		return &next, o.insertReferral(ctx, &next, c.Reference)
	}
	return &next, o.saveReferral(ctx, &next, ReferralStatus(f.customer.Status), c.Reference)
}

// name gives a customer the names that it lacks.
func (f found) name(next *db.FindReferralRow) {
	if next.Email == nil {
		next.Email = stored.TextOrNull(f.email)
	}
	if next.ExternalID == nil {
		next.ExternalID = stored.TextOrNull(f.external)
	}
}

// MaxExternalIDs is how many external ids a customer keeps beside the first one. A
// further one is not kept.
const MaxExternalIDs = 1000

// keepExternalID gives a customer who has an external id another one.
func (o *op) keepExternalID(ctx context.Context, f found, customer *db.FindReferralRow) error {
	if customer == nil || f.external == "" || stored.OrZero(customer.ExternalID) == f.external {
		return nil
	}
	return o.InsertExternalID(ctx, db.InsertExternalIDParams{
		ProjectID: o.project, ReferralID: customer.ID, ExternalID: f.external, AtMost: MaxExternalIDs,
	})
}

// furtherExternalIDs are the external ids of customers beside the first one of each.
func furtherExternalIDs(
	ctx context.Context, q db.Querier, project int64, customers ...int64,
) (map[int64][]string, error) {
	list, err := json.Marshal(customers)
	if err != nil {
		return nil, err
	}
	rows, err := q.ListExternalIDs(ctx, db.ListExternalIDsParams{ProjectID: project, ReferralIDs: string(list)})
	further := make(map[int64][]string)
	for _, r := range rows {
		further[r.ReferralID] = append(further[r.ReferralID], r.ExternalID)
	}
	return further, err
}

// statusAfter is the status of a customer after a conversion. A converted customer
// stays converted.
func statusAfter(status ReferralStatus, c *db.Conversion) ReferralStatus {
	attributed := c.AffiliateID != nil
	switch ConversionType(c.Type) {
	case Purchase:
		switch {
		case attributed:
			return ReferralConverted
		case status != ReferralConverted:
			return ReferralDirect
		}
	case Signup:
		if attributed && status == ReferralDirectSignup {
			return ReferralPending
		}
	}
	return status
}

// same compares what a conversion can change in a customer.
func same(a, b *db.FindReferralRow) bool {
	return stored.OrZero(a.Email) == stored.OrZero(b.Email) &&
		stored.OrZero(a.ExternalID) == stored.OrZero(b.ExternalID) &&
		stored.OrZero(a.AffiliateID) == stored.OrZero(b.AffiliateID) &&
		a.Status == b.Status && (a.ConversionDate == nil) == (b.ConversionDate == nil)
}
