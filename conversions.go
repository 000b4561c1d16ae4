package refgrow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

// A ConversionType says what a customer did.
type ConversionType string

// The types of conversions.
const (
	Signup   ConversionType = "signup"
	Purchase ConversionType = "purchase"
)

func (t ConversionType) check() error {
	switch t {
	case Signup, Purchase:
		return nil
	}
	return invalid("type", `must be "signup" or "purchase"`)
}

// A ConversionStatus sums up a conversion: the first that applies, in the order of
// the constants.
type ConversionStatus string

const (
	// ConversionUnattributed: nobody is credited.
	ConversionUnattributed ConversionStatus = "unattributed"
	// ConversionRefunded: the whole base value was given back, or a free sale or a
	// signup was taken back.
	ConversionRefunded ConversionStatus = "refunded"
	// ConversionPaid: the commission was paid out.
	ConversionPaid ConversionStatus = "paid"
	// ConversionHeld: the commission waits for its hold to pass.
	ConversionHeld ConversionStatus = "held"
	// ConversionEligible: the commission can be paid out.
	ConversionEligible ConversionStatus = "eligible"
)

// A Conversion is a signup or a purchase, with the commission it earned.
type Conversion struct {
	ID        int64
	ProjectID int64
	Type      ConversionType
	// AffiliateID is who is credited, ReferredUserID the customer; 0 for nobody.
	AffiliateID    int64
	ReferredUserID int64
	// Value is the commission and BaseValue the sale, both gross of refunds and in
	// the same currency. BaseValue is not set when there is none, as with most
	// signups.
	Value     money.Amount
	BaseValue money.Amount
	// BaseCurrency is the currency that the caller named, "" for none: then Value
	// is in the project's currency.
	BaseCurrency money.Currency
	// Refunded is how much of the base value was given back.
	Refunded money.Amount
	// Capped and Unchanged say what a refund came to, in the answer to it alone: that
	// it was more than was left, so that the rest was taken; and that nothing changed,
	// because it was known already.
	Capped, Unchanged bool
	Paid              bool
	// Status is as of the call that returned the conversion.
	Status ConversionStatus
	// Reference is the app's own name for the event, unique in the project; "" for
	// none. The others are as they were sent.
	Reference    string
	CouponCode   string
	ReferralCode string
	Product      string
	URL          string
	// CreatedAt is when it happened. AvailableAt is when its commission passes its
	// hold.
	CreatedAt, AvailableAt time.Time
	// Repeated is set if the call told of a signup that the customer had already, which
	// is this one.
	Repeated bool

	// row is what the conversion was read from: a *db.Conversion, or the
	// *db.ListConversionsRow of a list.
	row any
}

// Decision says why the conversion is credited to its affiliate, or to nobody, and
// where its value comes from.
func (c *Conversion) Decision() (Decision, error) {
	var d Decision // of one that no method returned
	var err error
	switch r := c.row.(type) {
	case *db.Conversion:
		d, err = showDecision(r)
	case *db.ListConversionsRow:
		row := listedConversion(r)
		d, err = showDecision(&row)
	}
	return d, while("reading a decision", err)
}

// GetConversion finds a conversion by its id. Errors: ErrNotFound.
func (p *Project) GetConversion(ctx context.Context, id int64) (*Conversion, error) {
	now := p.engine.millis()
	row, err := read(ctx, p, "finding a conversion", func(ctx context.Context, q db.Querier) (db.Conversion, error) {
		row, err := q.GetConversion(ctx, db.GetConversionParams{ProjectID: p.id, ConversionID: id})
		return row, missing(err, "Conversion")
	})
	if err != nil {
		return nil, err
	}
	return storedConversion(&row, now)
}

// ConversionByReference finds a conversion by the app's own name for it. Errors:
// ErrNotFound.
func (p *Project) ConversionByReference(ctx context.Context, reference string) (*Conversion, error) {
	now := p.engine.millis()
	row, err := read(ctx, p, "finding a conversion", func(ctx context.Context, q db.Querier) (db.Conversion, error) {
		row, err := q.GetConversionByReference(ctx, db.GetConversionByReferenceParams{
			ProjectID: p.id, Reference: form.Trim(reference),
		})
		return row, missing(err, "Conversion")
	})
	if err != nil {
		return nil, err
	}
	return storedConversion(&row, now)
}

// DeleteConversion permanently removes a conversion and frees its reference. What it
// earned is reversed in the ledger, where its entries stay. Errors: ErrNotFound.
func (p *Project) DeleteConversion(ctx context.Context, id int64) error {
	return p.write(ctx, "deleting a conversion", func(ctx context.Context, o *op) error {
		row, err := o.conversion(ctx, id)
		if err != nil {
			return err
		}
		entries, err := o.ListEntriesOfConversion(ctx, db.ListEntriesOfConversionParams{
			ProjectID: o.project, ConversionID: id,
		})
		if err != nil {
			return err
		}
		b := ledger.BookOf(entries, row)
		b.MoveTo(0, ledger.Reversal, o.now)
		p := b.Posting()
		countPosted(&p, row, -1)
		if err := o.post(ctx, p); err != nil {
			return err
		}
		o.countConversion(row, -1)
		if err := o.noteDeleted(ctx, row, entries); err != nil {
			return err
		}
		if err := o.DeleteRefunds(ctx, db.DeleteRefundsParams{ProjectID: o.project, ConversionID: id}); err != nil {
			return err
		}
		if err := o.DeleteRefundTotal(ctx, db.DeleteRefundTotalParams{ProjectID: o.project, ConversionID: id}); err != nil {
			return err
		}
		if err := o.Tx.DeleteConversion(ctx, db.DeleteConversionParams{ProjectID: o.project, ConversionID: id}); err != nil {
			return err
		}
		return o.emitGone(ctx, row)
	})
}

// noteDeleted keeps whose a conversion was that is being deleted, if its entries say
// something: when the customer is erased, their notes go too.
func (o *op) noteDeleted(ctx context.Context, c *db.Conversion, entries []db.LedgerEntry) error {
	if c.ReferralID == nil || !slices.ContainsFunc(entries, func(e db.LedgerEntry) bool { return e.Note != nil }) {
		return nil
	}
	return o.NoteDeletedConversion(ctx, db.NoteDeletedConversionParams{
		ProjectID: o.project, ConversionID: c.ID, ReferralID: *c.ReferralID,
	})
}

// conversion reads one that may be changed: not one that goes with an affiliate that
// is being deleted.
func (o *op) conversion(ctx context.Context, id int64) (*db.Conversion, error) {
	row, err := o.GetConversion(ctx, db.GetConversionParams{ProjectID: o.project, ConversionID: id})
	if err == nil && row.AffiliateID != nil {
		_, err = o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: *row.AffiliateID})
	}
	if err == nil {
		_, err = stored.Currency(row.Currency)
	}
	return &row, missing(err, "Conversion")
}

// countConversion adds by conversions like c to the totals, and to its day.
func (o *op) countConversion(c *db.Conversion, by int64) {
	o.countType(ConversionType(c.Type), c.Paid == 1, by)
	day := db.AddToProjectDayParams{ProjectID: o.project, Day: stored.DayOf(c.CreatedAt), Currency: c.Currency}
	switch ConversionType(c.Type) {
	case Signup:
		day.Signups = by
	case Purchase:
		day.Purchases = by
	}
	o.AddProjectDay(day)
}

// countPosted adds by conversions like c to the counts of a posting.
func countPosted(p *ledger.Posting, c *db.Conversion, by int64) {
	p.Day = stored.DayOf(c.CreatedAt)
	switch ConversionType(c.Type) {
	case Signup:
		p.Signups += by
	case Purchase:
		p.Purchases += by
	}
}

// storedConversion shows a row that was read from the database.
func storedConversion(r *db.Conversion, now int64) (*Conversion, error) {
	c := &Conversion{row: r}
	return c, c.read(r, now)
}

// showConversion shows a row whose currency is known to be valid.
func showConversion(r *db.Conversion, now int64) *Conversion {
	c := &Conversion{row: r}
	c.fill(r, now)
	return c
}

// read fills a conversion from a row that was read from the database.
func (c *Conversion) read(r *db.Conversion, now int64) error {
	if _, err := stored.Currency(r.Currency); err != nil {
		return fmt.Errorf("conversion %d: %w", r.ID, err)
	}
	c.fill(r, now)
	return nil
}

// fill keeps nothing of r but what its pointers lead to.
func (c *Conversion) fill(r *db.Conversion, now int64) {
	currency := money.Currency(r.Currency)
	c.ID, c.ProjectID, c.Type = r.ID, r.ProjectID, ConversionType(r.Type)
	c.AffiliateID, c.ReferredUserID = stored.OrZero(r.AffiliateID), stored.OrZero(r.ReferralID)
	c.Value, c.Refunded = money.New(r.Value, currency), money.New(r.Refunded, currency)
	c.Paid, c.Status = r.Paid == 1, statusOf(r, now)
	c.Reference, c.CouponCode = stored.OrZero(r.Reference), stored.OrZero(r.CouponCode)
	c.ReferralCode, c.Product, c.URL = stored.OrZero(r.ReferralCode), stored.OrZero(r.Product), stored.OrZero(r.URL)
	c.CreatedAt, c.AvailableAt = stored.Instant(r.CreatedAt), stored.Instant(r.AvailableAt)
	if r.BaseValue != nil {
		c.BaseValue = money.New(*r.BaseValue, currency)
	}
	if r.CurrencyGiven == 1 {
		c.BaseCurrency = currency
	}
}

func statusOf(r *db.Conversion, now int64) ConversionStatus {
	switch {
	case r.AffiliateID == nil:
		return ConversionUnattributed
	case refundedInFull(r):
		return ConversionRefunded
	case r.Paid == 1:
		return ConversionPaid
	case r.AvailableAt > now:
		return ConversionHeld
	}
	return ConversionEligible
}

// AppendJSON appends the conversion to b in the form of the REST API and the webhooks.
func (c *Conversion) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.Integer("id", c.ID)
	o.Integer("project_id", c.ProjectID)
	o.Text("type", string(c.Type))
	o.ID("affiliate_id", c.AffiliateID)
	o.ID("referred_user_id", c.ReferredUserID)
	o.Number("value", c.Value)
	o.Number("base_value", c.BaseValue)
	o.Optional("base_value_currency", string(c.BaseCurrency))
	o.Number("refunded_amount", c.Refunded)
	o.Flag("paid", c.Paid)
	o.Text("status", string(c.Status))
	o.Instant("created_at", c.CreatedAt)
	o.Optional("reference", c.Reference)
	o.Optional("coupon_code_used", c.CouponCode)
	o.Optional("referral_code", c.ReferralCode)
	o.Optional("product", c.Product)
	o.Optional("url", c.URL)
	if c.Repeated {
		o.Flag("repeated", true)
	}
	return o.End()
}
