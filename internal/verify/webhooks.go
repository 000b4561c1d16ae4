package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// webhooks checks the endpoints of the project, and what is on its way to them.
func (v *verification) webhooks(ctx context.Context) error {
	rows, err := v.Querier.VerifyWebhooks(ctx, v.project.ID)
	if err != nil {
		return err
	}
	found, err := v.Querier.VerifyOutbox(ctx, v.project.ID)
	if err != nil {
		return err
	}
	v.newest = found.Newest
	// The outbox continues after the last event that deliveries were made from, and not
	// beyond events to come.
	switch {
	case found.Position >= 0:
		v.compare("outbox", "position", found.Position, min(max(found.Position, found.Spread), found.Newest))
	case found.Needed == 1:
		v.differs("outbox", "row", "missing", "there")
	}
	for i := range rows {
		v.webhook(&rows[i])
		odd, err := v.Querier.VerifyDeliveries(ctx, db.VerifyDeliveriesParams{ProjectID: v.project.ID, WebhookID: rows[i].ID})
		if err != nil {
			return err
		}
		for _, d := range odd {
			v.differs(fmt.Sprintf("delivery %d", d.ID), d.What, d.Found, d.Expected)
		}
	}
	return nil
}

// webhook checks that an endpoint is one that can be created. A sealed secret can only
// be checked with the key.
func (v *verification) webhook(w *db.Webhook) {
	where := fmt.Sprintf("webhook %d", w.ID)
	if err := form.Endpoint(w.URL); err != nil {
		v.differs(where, "url", w.URL, "one that requests can be sent to")
	}
	endpoint, _ := outbox.EndpointOf(w)                // without events, if they cannot be read
	canonical, _ := outbox.EventsText(endpoint.Events) // "" for those that cannot be chosen
	if w.Events != canonical {
		v.differs(where, "events", w.Events, "some of "+outbox.EventNames()+", as sorted JSON")
	}
	for _, kept := range []struct {
		what   string
		secret []byte
	}{{"secret", w.Secret}, {"former secret", w.FormerSecret}} {
		if kept.secret == nil {
			continue
		}
		secret, err := v.Vault.Open(w.ProjectID, kept.secret)
		if errors.Is(err, outbox.ErrSecretKey) {
			continue
		}
		if err != nil || outbox.CheckSecret(secret) != nil {
			v.differs(where, kept.what, fmt.Sprintf("%d bytes", len(kept.secret)), "one that can sign")
		}
	}
	v.compare(where, "starts_after", w.StartsAfter, min(max(w.StartsAfter, 0), v.newest))
	if (w.FormerSecret == nil) != (w.FormerUntil == nil) {
		v.differs(where, "former_until", stored.OrZero(w.FormerUntil), "set exactly when there is a former secret")
	}
}

// events checks what is in the outbox, some at a time.
func (v *verification) events(ctx context.Context) error {
	for after := int64(0); ; {
		rows, err := v.Querier.VerifyEvents(ctx, db.VerifyEventsParams(v.step(after)))
		if err != nil {
			return err
		}
		for i := range rows {
			e := &rows[i].Event
			where := fmt.Sprintf("event %d", e.ID)
			v.compare(where, "project of its affiliate", rows[i].AffiliateOf, e.ProjectID)
			v.compare(where, "project of its referred user", rows[i].ReferralOf, e.ProjectID)
			v.named(where, e)
			v.checkData(where, e)
		}
		if len(rows) < verifyStep {
			return nil
		}
		if after, err = stored.Onward(after, rows[len(rows)-1].Event.ID); err != nil {
			return err
		}
	}
}

// named checks what an event keeps of the affiliate and the customer: nothing, if there
// is none.
func (v *verification) named(where string, e *db.Event) {
	there, affiliate := e.AffiliateID != nil, fmt.Sprintf("that of affiliate %d", stored.OrZero(e.AffiliateID))
	if email := stored.OrZero(e.AffiliateEmail); (e.AffiliateEmail != nil) != there || email != form.Fold(email) {
		v.differs(where, "email of its affiliate", email, affiliate)
	}
	if (e.AffiliateCode != nil) != there {
		v.differs(where, "code of its affiliate", stored.OrZero(e.AffiliateCode), affiliate)
	}
	if !there && (e.PaypalEmail != nil || e.WiseAccountID != nil || e.WiseEmail != nil) {
		v.differs(where, "preferences of its affiliate", "set", "not set, because there is none")
	}
	email := stored.OrZero(e.ReferralEmail)
	if e.ReferralID == nil && e.ReferralEmail != nil || email != form.Fold(email) {
		user := fmt.Sprintf("that of referred user %d", stored.OrZero(e.ReferralID))
		v.differs(where, "email of its referred user", email, user)
	}
}

// checkData checks that an event's data fits its kind and the parties it names.
func (v *verification) checkData(where string, e *db.Event) {
	var data struct {
		ID        int64           `json:"id"`
		Project   int64           `json:"project_id"`
		Affiliate int64           `json:"affiliate_id"`
		Referral  int64           `json:"referred_user_id"`
		Type      string          `json:"type"`
		Changes   json.RawMessage `json:"changes"`
	}
	if members, err := outbox.Members([]byte(e.Data)); err != nil || json.Unmarshal([]byte(e.Data), &data) != nil {
		v.differs(where, "data", fmt.Sprintf("%d members", len(members)), "a JSON object")
		return
	}
	kind := outbox.Kind(e.Kind)
	if kind == outbox.Erased {
		if e.Data != "{}" || e.AffiliateID != nil || e.ReferralID != nil || e.UserAgent != nil {
			v.differs(where, "kind", e.Kind, "that of an event that says nothing")
		}
		return
	}
	lane, affiliate, referral := data.ID, data.Affiliate, data.Referral
	switch kind {
	case outbox.PurchaseRecorded, outbox.SignupRecorded, outbox.ConversionChanged, outbox.ConversionGone:
		v.compare(where, "project of its data", data.Project, e.ProjectID)
	case outbox.ReferralChanged:
		lane, referral = outbox.ReferralLane(data.ID), data.ID
	case outbox.Erased: // judged above
	case outbox.PayoutChanged:
		lane = outbox.PayoutLane(data.ID)
	case outbox.AffiliateChanged:
		lane, affiliate = outbox.AffiliateLane(data.ID), data.ID
	case outbox.ReferralCreated:
		lane, affiliate, referral = outbox.ReferralLane(stored.OrZero(e.ReferralID)), stored.OrZero(e.AffiliateID), -e.Lane
	default:
		lane = 0
		if event, test := kind.Tested(); !test || !slices.Contains(outbox.Events(), event) {
			v.differs(where, "kind", e.Kind, "a known one")
			return
		}
	}
	v.compare(where, "lane", e.Lane, lane)
	v.compare(where, "affiliate", stored.OrZero(e.AffiliateID), affiliate)
	v.compare(where, "referred user", stored.OrZero(e.ReferralID), referral)
	if changed := kind == outbox.ConversionChanged || kind == outbox.ReferralChanged; changed != (data.Changes != nil) {
		v.differs(where, "kind", e.Kind, "the one that its data belongs to")
	}
	if kind == outbox.PurchaseRecorded && data.Type != pricing.Purchase ||
		kind == outbox.SignupRecorded && data.Type != pricing.Signup {
		v.differs(where, "kind", e.Kind, "that of a "+data.Type)
	}
}
