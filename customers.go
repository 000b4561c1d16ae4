package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
)

// A Customer names the customer of a conversion, by any of its names: two that
// belong to different customers are refused. One that was not seen before is
// created, unless it is named by ID.
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
	return func(ctx context.Context, q db.Querier, project int64) (db.FindReferralRow, error) {
		row, err := q.FindReferralByExternalID(ctx, db.FindReferralByExternalIDParams{ProjectID: project, ExternalID: id})
		return db.FindReferralRow(row), err
	}
}

// customerIsFree refuses a name that another customer than but has.
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
	return conflict(field, "a referred user with this %s exists already", field)
}

// findCustomer finds the one customer that all given names belong to, nil when
// none of them was seen before.
func (o *op) findCustomer(ctx context.Context, c Customer) (*db.FindReferralRow, error) {
	switch c {
	case Customer{}:
		return nil, nil
	case Customer{ID: c.ID}:
		row, err := findByID(c.ID)(ctx, o, o.project)
		return &row, missing(err, "Referred user")
	case Customer{Email: c.Email}:
		return o.knownCustomer(ctx, findByEmail(c.Email))
	case Customer{ExternalID: c.ExternalID}:
		return o.knownCustomer(ctx, findByExternalID(c.ExternalID))
	}
	rows, err := o.FindCustomers(ctx, db.FindCustomersParams{
		ProjectID: o.project, ReferralID: c.ID, Email: c.Email, ExternalID: c.ExternalID,
	})
	if err != nil {
		return nil, err
	}
	if c.ID != 0 && !slices.ContainsFunc(rows, func(r db.FindCustomersRow) bool { return r.ID == c.ID }) {
		return nil, notFound("Referred user")
	}
	switch len(rows) {
	case 0:
		return nil, nil
	case 1:
		found := db.FindReferralRow(rows[0])
		return &found, nil
	}
	// The first name stands; the next one that has another customer is at fault.
	if c.ID != 0 && slices.ContainsFunc(rows, func(r db.FindCustomersRow) bool {
		return r.ID != c.ID && c.ExternalID != "" && orZero(r.ExternalID) == c.ExternalID
	}) {
		return nil, anotherCustomer("external_id")
	}
	return nil, anotherCustomer("email")
}

// knownCustomer finds a customer by one name, nil when it was not seen before.
func (o *op) knownCustomer(ctx context.Context, find finder) (*db.FindReferralRow, error) {
	row, err := find(ctx, o, o.project)
	if err != nil {
		return nil, ignoring(err, sql.ErrNoRows)
	}
	return &row, nil
}

func anotherCustomer(field string) error {
	return invalid(field, "belongs to another customer than the one named beside it")
}

func customerEmail(c *db.FindReferralRow) string {
	if c == nil {
		return ""
	}
	return orZero(c.Email)
}

// keepCustomer writes down what the conversion says of its customer: a new one
// is created; a known one learns a name it lacked, gets the affiliate if it has
// none, and turns converted (or direct) by a purchase. It gives the customer as it is
// then, nil for nobody.
func (o *op) keepCustomer(ctx context.Context, customer *db.FindReferralRow, params RecordConversionParams, c *db.Conversion) (*db.FindReferralRow, error) {
	if customer == nil && !params.Customer.named() {
		return nil, nil
	}
	next := db.FindReferralRow{Status: string(ReferralDirectSignup), CreatedAt: c.CreatedAt}
	if customer != nil {
		next = *customer
	}
	if next.Email == nil {
		next.Email = textOrNull(params.Customer.Email)
	}
	if next.ExternalID == nil {
		next.ExternalID = textOrNull(params.Customer.ExternalID)
	}
	// Another account of the app with the same email brings this customer nothing.
	other := next.ExternalID != nil && params.Customer.ExternalID != "" && *next.ExternalID != params.Customer.ExternalID
	if next.AffiliateID == nil && !other {
		next.AffiliateID = c.AffiliateID
	}
	next.Status = string(statusAfter(ReferralStatus(next.Status), c))
	if c.Type == string(Purchase) && next.ConversionDate == nil {
		next.ConversionDate = &c.CreatedAt
	}
	if customer != nil && same(customer, &next) {
		return customer, nil
	}
	if customer == nil {
		return &next, o.insertReferral(ctx, &next, c.Reference)
	}
	return &next, o.saveReferral(ctx, &next, ReferralStatus(customer.Status), c.Reference)
}

// statusAfter is the status of a customer after a conversion. Who is converted
// stays so.
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

// same compares what a conversion can change of a customer.
func same(a, b *db.FindReferralRow) bool {
	return orZero(a.Email) == orZero(b.Email) && orZero(a.ExternalID) == orZero(b.ExternalID) &&
		orZero(a.AffiliateID) == orZero(b.AffiliateID) && a.Status == b.Status && (a.ConversionDate == nil) == (b.ConversionDate == nil)
}
