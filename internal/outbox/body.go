package outbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// messageID identifies one event of a change, on every try, at every endpoint. The time
// tells it apart from those of a database that was restored.
func messageID(row *db.Event, event Event) string {
	return "evt_" + strconv.FormatInt(row.ID, 36) + "_" + strconv.FormatInt(row.CreatedAt, 36) + "_" + string(event)
}

// preferences is the name of the payout preferences of an affiliate.
const preferences = "payout_preferences"

// body returns what an endpoint is sent: the same bytes on every try, unless the endpoint
// declines payout preferences in between.
func body(row *db.Event, event Event, withPreferences bool) ([]byte, error) {
	data := []byte(row.Data)
	if !withPreferences {
		declined := *row
		declined.PaypalEmail, declined.WiseAccountID, declined.WiseEmail = nil, nil, nil
		row = &declined
		if event == AffiliateUpdated {
			var err error
			if data, err = without(data, preferences); err != nil {
				return nil, err
			}
		}
	}
	o := wire.Begin(make([]byte, 0, 512+len(row.Data)))
	o.Text("event", string(event))
	o.Integer("timestamp", row.CreatedAt/1000)
	o.Text("project_id", strconv.FormatInt(row.ProjectID, 10))
	if _, test := Kind(row.Kind).Tested(); test {
		o.Flag("test", true)
	}
	referrer(&o, row)
	referred(&o, row)
	o.Member("data")
	if event != SignedUp {
		o.B = append(o.B, data...)
		return o.End(), nil
	}
	var err error
	o.B, err = signup(o.B, row)
	return o.End(), err
}

// without returns an object without one of its members.
func without(object []byte, name string) ([]byte, error) {
	members, err := Members(object)
	if err != nil {
		return nil, err
	}
	o := wire.Begin(nil)
	for _, m := range members {
		if m.Name != name {
			o.Member(m.Name)
			o.B = append(o.B, m.Value...)
		}
	}
	return o.End(), nil
}

// referrer shows the affiliate as it was, with those of its preferences that are set.
func referrer(o *wire.Object, row *db.Event) {
	if row.AffiliateID == nil {
		o.Null("referrer")
		return
	}
	o.Member("referrer")
	inner := wire.Begin(o.B)
	inner.Text("id", strconv.FormatInt(*row.AffiliateID, 10))
	inner.Text("email", stored.OrZero(row.AffiliateEmail))
	inner.PayoutPreferences(stored.OrZero(row.PaypalEmail), stored.OrZero(row.WiseAccountID),
		stored.OrZero(row.WiseEmail), "")
	o.B = inner.End()
}

// referred shows the customer as it was.
func referred(o *wire.Object, row *db.Event) {
	if row.ReferralID == nil {
		o.Null("referred")
		return
	}
	o.Member("referred")
	inner := wire.Begin(o.B)
	inner.Text("id", strconv.FormatInt(*row.ReferralID, 10))
	inner.Optional("email", stored.OrZero(row.ReferralEmail))
	o.B = inner.End()
}

// signup appends the data of a signup to b: that of the conversion, if there is one,
// with the affiliate's code. A signup that was recorded late has the date of the
// conversion.
func signup(b []byte, row *db.Event) ([]byte, error) {
	members, err := Members([]byte(row.Data))
	if err != nil {
		return nil, err
	}
	o := wire.Begin(b)
	o.Optional("referral_code", stored.OrZero(row.AffiliateCode))
	if i := slices.IndexFunc(members, func(m Member) bool { return m.Name == "created_at" }); i >= 0 {
		o.Member("signup_date")
		o.B = append(o.B, members[i].Value...)
	} else {
		o.Instant("signup_date", stored.Instant(row.CreatedAt))
	}
	o.Optional("user_agent", stored.OrZero(row.UserAgent))
	o.Null("ip_address") // is not kept
	for _, m := range members {
		if m.Name != "referral_code" {
			o.Member(m.Name)
			o.B = append(o.B, m.Value...)
		}
	}
	return o.End(), nil
}

// WithChanges returns an object after a change with one more member, "changes", which
// is {name: [old, new]} of the members that differ; nil when none does. Both objects
// have the same members in the same order.
func WithChanges(before, after []byte) ([]byte, error) {
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

func changesBetween(before, after []byte) ([]byte, error) {
	old, err := Members(before)
	if err != nil {
		return nil, err
	}
	now, err := Members(after)
	if err != nil {
		return nil, err
	}
	o := wire.Begin(nil)
	for i, m := range now {
		if bytes.Equal(old[i].Value, m.Value) {
			continue
		}
		o.Member(m.Name)
		o.B = append(o.B, '[')
		o.B = append(o.B, old[i].Value...)
		o.B = append(o.B, ',')
		o.B = append(o.B, m.Value...)
		o.B = append(o.B, ']')
	}
	if len(o.B) == 1 {
		return nil, nil
	}
	return o.End(), nil
}

// A Member is a name in a JSON object with its value.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Members returns the members of a JSON object in their order.
func Members(object []byte) ([]Member, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	switch brace, err := decoder.Token(); {
	case err != nil:
		return nil, err
	case brace != json.Delim('{'):
		return nil, fmt.Errorf("%w: %.64q is not a JSON object", stored.ErrDamaged, object)
	}
	var members []Member
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m := Member{Name: name.(string)}
		if err := decoder.Decode(&m.Value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}
