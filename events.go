package refgrow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// An Event is what a webhook tells of.
type Event string

// The events.
const (
	// EventReferralSignedUp: a customer signed up, or was created on its own with an
	// affiliate.
	EventReferralSignedUp Event = "referral_signed_up"
	// EventReferralConverted: a conversion was recorded.
	EventReferralConverted Event = "referral_converted"
	// EventReferralUpdated: a conversion was recorded, changed or refunded in part,
	// or a referred user was changed.
	EventReferralUpdated Event = "referral_updated"
	// EventReferralCanceled: a conversion was refunded in full, or deleted.
	EventReferralCanceled Event = "referral_canceled"
)

// Events gives all events, in alphabetical order.
func Events() []Event {
	return []Event{EventReferralCanceled, EventReferralConverted, EventReferralSignedUp, EventReferralUpdated}
}

// A happening is what a row of the outbox is about: one change, of which one or
// several events are sent.
type happening string

const (
	purchaseRecorded  happening = "purchase_recorded"
	signupRecorded    happening = "signup_recorded"
	conversionChanged happening = "conversion_changed"
	conversionGone    happening = "conversion_gone"
	referralCreated   happening = "referral_created"
	referralChanged   happening = "referral_changed"
	testOf            happening = "test:" // and the event
)

// events are what is sent of it, in this order.
func (h happening) events() []Event {
	switch h {
	case purchaseRecorded:
		return []Event{EventReferralConverted, EventReferralUpdated}
	case signupRecorded:
		return []Event{EventReferralSignedUp, EventReferralConverted, EventReferralUpdated}
	case conversionChanged, referralChanged:
		return []Event{EventReferralUpdated}
	case conversionGone:
		return []Event{EventReferralCanceled}
	case referralCreated:
		return []Event{EventReferralSignedUp}
	case testOf: // and all that begin with it are for one endpoint only
	}
	return nil
}

// parties are what an event tells of the affiliate and of the customer, as they are
// when it happens.
type parties = db.DescribePartiesRow

// emit writes a change to the outbox, in its own transaction. Where a project has no
// endpoint nobody will ask, and nothing is written.
func (o *op) emit(ctx context.Context, what happening, lane int64, affiliate, referral *int64, data []byte) error {
	if !o.state.watched {
		return nil
	}
	of, err := o.DescribeParties(ctx, db.DescribePartiesParams{
		ProjectID: o.project, AffiliateID: orZero(affiliate), ReferralID: orZero(referral),
	})
	if err != nil {
		return fmt.Errorf("reading whom an event is about: %w", err)
	}
	_, err = o.insertEvent(ctx, of, db.InsertEventParams{Kind: string(what), Lane: lane, Data: string(data)})
	return err
}

// insertEvent is the only place that writes to the outbox.
func (o *op) insertEvent(ctx context.Context, of parties, row db.InsertEventParams) (int64, error) {
	o.emitted = true
	row.ProjectID, row.CreatedAt = o.project, o.now
	row.AffiliateID, row.AffiliateEmail, row.AffiliateCode = of.AffiliateID, of.AffiliateEmail, of.AffiliateCode
	row.PaypalEmail, row.WiseAccountID, row.WiseEmail = of.PaypalEmail, of.WiseAccountID, of.WiseEmail
	row.ReferralID, row.ReferralEmail = of.ReferralID, of.ReferralEmail
	id, err := o.InsertEvent(ctx, row)
	if err != nil {
		return 0, fmt.Errorf("writing an event: %w", err)
	}
	return id, nil
}

// emitConversion tells of a conversion that was refunded in full or deleted.
func (o *op) emitConversion(ctx context.Context, what happening, c *db.Conversion) error {
	if !o.state.watched {
		return nil
	}
	return o.emit(ctx, what, c.ID, c.AffiliateID, c.ReferralID, showConversion(c, o.now).AppendJSON(nil))
}

// emitRecorded tells of a conversion that was recorded, for whom, and with which
// browser.
func (o *op) emitRecorded(ctx context.Context, c *db.Conversion, a *db.Affiliate, customer *db.FindReferralRow, userAgent string) error {
	if !o.state.watched {
		return nil
	}
	var of parties
	if a != nil {
		of.AffiliateID, of.AffiliateEmail, of.AffiliateCode = &a.ID, &a.Email, &a.ReferralCode
		of.PaypalEmail, of.WiseAccountID, of.WiseEmail = a.PaypalEmail, a.WiseAccountID, a.WiseEmail
	}
	if customer != nil {
		of.ReferralID, of.ReferralEmail = &customer.ID, customer.Email
	}
	what := purchaseRecorded
	if c.Type == string(Signup) {
		what = signupRecorded
	}
	_, err := o.insertEvent(ctx, of, db.InsertEventParams{
		Kind: string(what), Lane: c.ID, Data: string(showConversion(c, o.now).AppendJSON(make([]byte, 0, 512))), UserAgent: textOrNull(userAgent),
	})
	return err
}

// emitChange tells of a conversion that was changed, if anything of it was that is
// shown.
func (o *op) emitChange(ctx context.Context, before, after *db.Conversion) error {
	if !o.state.watched {
		return nil
	}
	// One that is attributed to nobody shows no other status when it is refunded.
	if after.Refunded > before.Refunded && after.Refunded == orZero(after.BaseValue) {
		return o.emitConversion(ctx, conversionGone, after)
	}
	data, err := withChanges(showConversion(before, o.now).AppendJSON(nil), showConversion(after, o.now).AppendJSON(nil))
	if err != nil || data == nil {
		return err
	}
	return o.emit(ctx, conversionChanged, after.ID, after.AffiliateID, after.ReferralID, data)
}

// emitReferral tells of a referred user that was changed, if anything of it was.
func (o *op) emitReferral(ctx context.Context, before, after *Referral) error {
	if !o.state.watched {
		return nil
	}
	data, err := withChanges(before.AppendJSON(nil), after.AppendJSON(nil))
	if err != nil || data == nil {
		return err
	}
	return o.emit(ctx, referralChanged, -after.ID, idOrNull(after.AffiliateID), &after.ID, data)
}

// withChanges is the object after a change, with its member changes; nil when
// nothing is different.
func withChanges(before, after []byte) ([]byte, error) {
	changes, err := changesBetween(before, after)
	if err != nil || changes == nil {
		return nil, err
	}
	o := wire.Begin(nil)
	o.Merge(func(b []byte) []byte { return append(b, after...) })
	o.Member("changes")
	o.B = append(o.B, changes...)
	return o.End(), nil
}

// messageID names one event of a change, on every try, at every endpoint. The time
// keeps it apart from those of a database that was restored.
func messageID(row *db.Event, event Event) string {
	return "evt_" + strconv.FormatInt(row.ID, 36) + "_" + strconv.FormatInt(row.CreatedAt, 36) + "_" + string(event)
}

// body is what is sent.
func body(row *db.Event, event Event) ([]byte, error) {
	o := wire.Begin(make([]byte, 0, 512+len(row.Data)))
	o.Text("event", string(event))
	o.Integer("timestamp", row.CreatedAt/1000)
	o.Text("project_id", strconv.FormatInt(row.ProjectID, 10))
	if strings.HasPrefix(row.Kind, string(testOf)) {
		o.Flag("test", true)
	}
	referrer(&o, row)
	if row.ReferralID == nil {
		o.Null("referred")
	} else {
		o.Member("referred")
		inner := wire.Begin(o.B)
		inner.Text("id", strconv.FormatInt(*row.ReferralID, 10))
		inner.Optional("email", orZero(row.ReferralEmail))
		o.B = inner.End()
	}
	o.Member("data")
	if event != EventReferralSignedUp {
		o.B = append(o.B, row.Data...)
		return o.End(), nil
	}
	var err error
	o.B, err = signup(o.B, row)
	return o.End(), err
}

// referrer shows the affiliate as it was, with what is set of its preferences.
func referrer(o *wire.Object, row *db.Event) {
	if row.AffiliateID == nil {
		o.Null("referrer")
		return
	}
	o.Member("referrer")
	inner := wire.Begin(o.B)
	inner.Text("id", strconv.FormatInt(*row.AffiliateID, 10))
	inner.Text("email", orZero(row.AffiliateEmail))
	inner.PayoutPreferences(orZero(row.PaypalEmail), orZero(row.WiseAccountID), orZero(row.WiseEmail))
	o.B = inner.End()
}

// signup is the data of a signup: the conversion's, where there is one, with the
// affiliate's code. A signup that was recorded late has the date of the conversion.
func signup(b []byte, row *db.Event) ([]byte, error) {
	members, err := membersOf([]byte(row.Data))
	o := wire.Begin(b)
	o.Optional("referral_code", orZero(row.AffiliateCode))
	if i := slices.IndexFunc(members, func(m jsonMember) bool { return m.name == "created_at" }); i >= 0 {
		o.Member("signup_date")
		o.B = append(o.B, members[i].value...)
	} else {
		o.Instant("signup_date", instant(row.CreatedAt))
	}
	o.Optional("user_agent", orZero(row.UserAgent))
	o.Null("ip_address") // is not kept
	for _, m := range members {
		if m.name != "referral_code" {
			o.Member(m.name)
			o.B = append(o.B, m.value...)
		}
	}
	return o.End(), err
}

// eventsText is how the database keeps the events that are wanted; all, when none
// is given.
func eventsText(events []Event) (string, error) {
	if events == nil {
		events = Events()
	}
	if len(events) == 0 {
		return "", invalid("events", "must have at least one event; there are %s", known())
	}
	sorted := slices.Clone(events)
	slices.Sort(sorted)
	for i, event := range sorted {
		switch {
		case !slices.Contains(Events(), event):
			return "", invalid("events", "has the unknown event %.64q; there are %s", string(event), known())
		case i > 0 && event == sorted[i-1]:
			return "", invalid("events", "has %q twice", string(event))
		}
	}
	text, err := json.Marshal(sorted)
	return string(text), err
}

func known() string {
	names := make([]string, 0, 4)
	for _, event := range Events() {
		names = append(names, string(event))
	}
	return strings.Join(names, ", ")
}
