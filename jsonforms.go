package refgrow

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/wire"
)

// AppendJSON puts the conversion behind b as the REST API and the webhooks show
// it.
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
	return o.End()
}

// AppendJSON puts the referred user behind b as the REST API and the webhooks
// show it.
func (r *Referral) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.Integer("id", r.ID)
	o.Optional("user_email", r.Email)
	o.Optional("external_id", r.ExternalID)
	o.Text("conversion_status", string(r.Status))
	o.OptionalInstant("conversion_date", r.ConversionDate)
	o.Instant("created_at", r.CreatedAt)
	o.ID("affiliate_id", r.AffiliateID)
	o.Optional("affiliate_code", r.AffiliateCode)
	return o.End()
}

// changesBetween is the JSON object {field: [old, new]} of the members that differ
// between two objects with the same members, nil when none does.
func changesBetween(before, after []byte) ([]byte, error) {
	old, err := membersOf(before)
	if err != nil {
		return nil, err
	}
	now, err := membersOf(after)
	if err != nil {
		return nil, err
	}
	o := wire.Begin(nil)
	for i, m := range now {
		if bytes.Equal(old[i].value, m.value) {
			continue
		}
		o.Member(m.name)
		o.B = append(o.B, '[')
		o.B = append(o.B, old[i].value...)
		o.B = append(o.B, ',')
		o.B = append(o.B, m.value...)
		o.B = append(o.B, ']')
	}
	if len(o.B) == 1 {
		return nil, nil
	}
	return o.End(), nil
}

type jsonMember struct {
	name  string
	value json.RawMessage
}

func membersOf(object []byte) ([]jsonMember, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	switch brace, err := decoder.Token(); {
	case err != nil:
		return nil, err
	case brace != json.Delim('{'):
		return nil, fmt.Errorf("%w: %.64q is no JSON object", ErrDamaged, object)
	}
	var members []jsonMember
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m := jsonMember{name: name.(string)}
		if err := decoder.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}
