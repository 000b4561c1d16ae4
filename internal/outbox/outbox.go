// Package outbox follows a change from the operation that makes it to the endpoints
// that want its events. The operation writes one row for it in its own transaction:
// Write is the only place that does. For workers, Spread makes deliveries from the
// rows, Lease.Take hands out those that are due, and Finish notes what became of them.
// A Vault keeps the secrets that sign them.
//
// Each conversion, referred user, payout and affiliate has a lane: an endpoint gets the
// events of a lane one after the other, in the order of the changes.
//
// The data of a change is a JSON object made by the caller. Instants are Unix
// milliseconds.
package outbox

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// An Event is the name of something that endpoints are sent.
type Event string

// The events.
const (
	SignedUp  Event = "referral_signed_up"
	Converted Event = "referral_converted"
	Updated   Event = "referral_updated"
	Canceled  Event = "referral_canceled"

	PayoutUpdated    Event = "payout_updated"
	AffiliateUpdated Event = "affiliate_updated"
)

// Events returns all events, in alphabetical order.
func Events() []Event { return append([]Event{AffiliateUpdated, PayoutUpdated}, DefaultEvents()...) }

// DefaultEvents returns those that an endpoint gets which names none, in alphabetical
// order.
func DefaultEvents() []Event { return []Event{Canceled, Converted, SignedUp, Updated} }

// A Kind is what a row of the outbox is about: one change, for which one or several
// events are sent, or the test of an endpoint.
type Kind string

// The kinds of changes.
const (
	PurchaseRecorded  Kind = "purchase_recorded"
	SignupRecorded    Kind = "signup_recorded"
	ConversionChanged Kind = "conversion_changed"
	ConversionGone    Kind = "conversion_gone"
	ReferralCreated   Kind = "referral_created"
	ReferralChanged   Kind = "referral_changed"
	PayoutChanged     Kind = "payout_changed"    // made, paid, canceled or returned
	AffiliateChanged  Kind = "affiliate_changed" // created, activated or deactivated
)

// Erased is the kind of a change that named somebody who was erased or deleted since:
// nothing of it is left, and nothing is sent for it.
const Erased Kind = "erased"

// testPrefix begins the kind of a test; the name of the event follows.
const testPrefix = "test:"

// TestOf is the kind of an event that did not happen.
func TestOf(event Event) Kind { return Kind(testPrefix + string(event)) }

// Tested returns the event of a test, and reports whether it is a test.
func (k Kind) Tested() (event Event, ok bool) {
	name, ok := strings.CutPrefix(string(k), testPrefix)
	return Event(name), ok
}

// events returns what is sent for a change, in this order. Nothing is sent for a test:
// it already has a delivery to its one endpoint.
func (k Kind) events() []Event {
	switch k {
	case PurchaseRecorded:
		return []Event{Converted, Updated}
	case SignupRecorded:
		return []Event{SignedUp, Converted, Updated}
	case ConversionChanged, ReferralChanged:
		return []Event{Updated}
	case ConversionGone:
		return []Event{Canceled}
	case ReferralCreated:
		return []Event{SignedUp}
	case PayoutChanged:
		return []Event{PayoutUpdated}
	case AffiliateChanged:
		return []Event{AffiliateUpdated}
	case Erased:
	}
	return nil
}

// ConversionLane is the lane of a conversion.
func ConversionLane(id int64) int64 { return id }

// ReferralLane is the lane of a referred user.
func ReferralLane(id int64) int64 { return -id }

// otherLanes is far beyond the ids of conversions and referred users.
const otherLanes = 1 << 62

// PayoutLane is the lane of a payout.
func PayoutLane(id int64) int64 { return otherLanes + id }

// AffiliateLane is the lane of an affiliate.
func AffiliateLane(id int64) int64 { return -otherLanes - id }

// TestLane is the lane of a test, given the id of its event: it waits for nothing else.
func TestLane(event int64) int64 { return math.MinInt64 + event }

// A Change is one row of the outbox, from which the bodies of its events are made.
type Change struct {
	Project int64
	At      int64
	Kind    Kind
	Lane    int64
	Parties
	Data      []byte  // a JSON object
	UserAgent *string // of the customer, nil if unknown
}

// About names an affiliate in a change, as it is.
func (c *Change) About(a *db.Affiliate) {
	c.AffiliateID, c.AffiliateEmail, c.AffiliateCode = &a.ID, &a.Email, &a.ReferralCode
	c.PaypalEmail, c.WiseAccountID, c.WiseEmail = a.PaypalEmail, a.WiseAccountID, a.WiseEmail
}

// Parties are what an event says about the affiliate and the customer.
type Parties = db.DescribePartiesRow

// Describe reads the parties of a change as they are now.
func Describe(ctx context.Context, q db.Querier, project int64, affiliate, referral *int64) (Parties, error) {
	parties, err := q.DescribeParties(ctx, db.DescribePartiesParams{
		ProjectID: project, AffiliateID: stored.OrZero(affiliate), ReferralID: stored.OrZero(referral),
	})
	if err != nil {
		return parties, fmt.Errorf("reading the parties of an event: %w", err)
	}
	return parties, nil
}

// Write adds a change to the outbox, in the transaction of the change, and returns the
// id of the row.
func Write(ctx context.Context, q db.Querier, c Change) (int64, error) {
	id, err := q.InsertEvent(ctx, db.InsertEventParams{
		ProjectID: c.Project, Kind: string(c.Kind), Lane: c.Lane,
		AffiliateID: c.AffiliateID, AffiliateEmail: c.AffiliateEmail, AffiliateCode: c.AffiliateCode,
		PaypalEmail: c.PaypalEmail, WiseAccountID: c.WiseAccountID, WiseEmail: c.WiseEmail,
		ReferralID: c.ReferralID, ReferralEmail: c.ReferralEmail,
		Data: string(c.Data), CreatedAt: c.At, UserAgent: c.UserAgent,
	})
	if err != nil {
		return 0, fmt.Errorf("writing an event: %w", err)
	}
	return id, nil
}

// A Row is a change that is in the outbox.
type Row struct{ ID, Lane int64 }

// Empty leaves nothing of changes but their rows, and cancels their deliveries.
func Empty(ctx context.Context, q db.Querier, project int64, rows []Row, now int64) error {
	if len(rows) == 0 {
		return nil
	}
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	if err := q.EmptyEvents(ctx, db.EmptyEventsParams{ProjectID: project, IDs: stored.IDs(ids)}); err != nil {
		return err
	}
	endpoints, err := q.ListActiveWebhooks(ctx, project) // nothing is pending for another one
	if err != nil {
		return err
	}
	for i := range endpoints {
		for _, r := range rows {
			canceled, err := q.CancelDeliveriesOf(ctx, db.CancelDeliveriesOfParams{
				ProjectID: project, WebhookID: endpoints[i].ID, Lane: r.Lane, EventID: r.ID, EndedAt: &now,
			})
			if err != nil || canceled == 0 {
				if err != nil {
					return err
				}
				continue
			}
			if err := q.ReleaseNext(ctx, db.ReleaseNextParams{
				ProjectID: project, WebhookID: endpoints[i].ID, Lane: r.Lane, Now: now,
			}); err != nil {
				return err
			}
		}
	}
	return nil
}
