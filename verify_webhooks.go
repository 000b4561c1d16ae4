package refgrow

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
)

// An outbox is what the projects tell of the one that they share.
type outbox struct{ newest, spread int64 } // ids of events

// webhooks checks the endpoints of the project, and what is on its way to them.
func (v *verification) webhooks(ctx context.Context) error {
	rows, err := v.q.VerifyWebhooks(ctx, v.project.ID)
	if err != nil {
		return err
	}
	found, err := v.q.VerifyOutbox(ctx, v.project.ID)
	if err != nil {
		return err
	}
	v.outbox.newest, v.outbox.spread = found.Newest, max(v.outbox.spread, found.Spread)
	for i := range rows {
		v.webhook(&rows[i])
		odd, err := v.q.VerifyDeliveries(ctx, db.VerifyDeliveriesParams{ProjectID: v.project.ID, WebhookID: rows[i].ID})
		if err != nil {
			return err
		}
		for _, d := range odd {
			v.differs(fmt.Sprintf("delivery %d", d.ID), d.What, d.Found, d.Expected)
		}
	}
	return nil
}

// webhook checks that an endpoint is one that can be made. What a secret says is
// only known with the key.
func (v *verification) webhook(w *db.Webhook) {
	where := fmt.Sprintf("webhook %d", w.ID)
	if err := endpoint(w.URL); err != nil {
		v.differs(where, "url", w.URL, "one that requests can be sent to")
	}
	var events []Event
	canonical := ""
	if err := json.Unmarshal([]byte(w.Events), &events); err == nil && events != nil {
		canonical, _ = eventsText(events) // "" for those that cannot be chosen
	}
	if w.Events != canonical {
		v.differs(where, "events", w.Events, "some of "+known()+", as sorted JSON")
	}
	for _, kept := range []struct {
		what   string
		secret []byte
	}{{"secret", w.Secret}, {"former secret", w.FormerSecret}} {
		if kept.secret == nil {
			continue
		}
		secret, err := v.vault.open(w.ProjectID, kept.secret)
		if errors.Is(err, ErrSecretKey) {
			continue
		}
		if err != nil || checkSecret(secret) != nil {
			v.differs(where, kept.what, fmt.Sprintf("%d bytes", len(kept.secret)), "one that can sign")
		}
	}
	v.compare(where, "starts_after", w.StartsAfter, min(max(w.StartsAfter, 0), v.outbox.newest))
	if (w.FormerSecret == nil) != (w.FormerUntil == nil) {
		v.differs(where, "former_until", orZero(w.FormerUntil), "set exactly when there is a former secret")
	}
}

// events checks what is in the outbox, some at a time.
func (v *verification) events(ctx context.Context) error {
	for after := int64(0); ; {
		rows, err := v.q.VerifyEvents(ctx, db.VerifyEventsParams{ProjectID: v.project.ID, AfterID: after, AtMost: verifyStep})
		if err != nil {
			return err
		}
		for i := range rows {
			e := &rows[i].Event
			where := fmt.Sprintf("event %d", e.ID)
			v.compare(where, "project of its affiliate", rows[i].AffiliateOf, e.ProjectID)
			v.compare(where, "project of its referred user", rows[i].ReferralOf, e.ProjectID)
			v.named(where, e)
			v.told(where, e)
		}
		if len(rows) < verifyStep {
			return nil
		}
		if after, err = onward(after, rows[len(rows)-1].Event.ID); err != nil {
			return err
		}
	}
}

// named checks what an event keeps of the affiliate and the customer: nothing, when
// there is none.
func (v *verification) named(where string, e *db.Event) {
	there := e.AffiliateID != nil
	if (e.AffiliateEmail != nil) != there || orZero(e.AffiliateEmail) != strings.ToLower(orZero(e.AffiliateEmail)) {
		v.differs(where, "email of its affiliate", orZero(e.AffiliateEmail), fmt.Sprintf("that of affiliate %d", orZero(e.AffiliateID)))
	}
	if (e.AffiliateCode != nil) != there {
		v.differs(where, "code of its affiliate", orZero(e.AffiliateCode), fmt.Sprintf("that of affiliate %d", orZero(e.AffiliateID)))
	}
	if !there && (e.PaypalEmail != nil || e.WiseAccountID != nil || e.WiseEmail != nil) {
		v.differs(where, "preferences of its affiliate", "set", "not set, because there is none")
	}
	if e.ReferralID == nil && e.ReferralEmail != nil || orZero(e.ReferralEmail) != strings.ToLower(orZero(e.ReferralEmail)) {
		v.differs(where, "email of its referred user", orZero(e.ReferralEmail), fmt.Sprintf("that of referred user %d", orZero(e.ReferralID)))
	}
}

// told checks that what an event tells is of its kind, and of whom it names.
func (v *verification) told(where string, e *db.Event) {
	var data struct {
		ID        int64           `json:"id"`
		Project   int64           `json:"project_id"`
		Affiliate int64           `json:"affiliate_id"`
		Referral  int64           `json:"referred_user_id"`
		Type      ConversionType  `json:"type"`
		Changes   json.RawMessage `json:"changes"`
	}
	if members, err := membersOf([]byte(e.Data)); err != nil || json.Unmarshal([]byte(e.Data), &data) != nil {
		v.differs(where, "data", fmt.Sprintf("%d members", len(members)), "a JSON object")
		return
	}
	kind := happening(e.Kind)
	lane, affiliate, referral := data.ID, data.Affiliate, data.Referral
	switch kind {
	case purchaseRecorded, signupRecorded, conversionChanged, conversionGone:
		v.compare(where, "project of its data", data.Project, e.ProjectID)
	case referralChanged:
		lane, referral = -data.ID, data.ID
	case referralCreated:
		lane, affiliate, referral = -orZero(e.ReferralID), orZero(e.AffiliateID), -e.Lane
	case testOf: // is only the beginning of a kind
		fallthrough
	default:
		lane = 0
		if name, ok := strings.CutPrefix(e.Kind, string(testOf)); !ok || !slices.Contains(Events(), Event(name)) {
			v.differs(where, "kind", e.Kind, "a known one")
			return
		}
	}
	v.compare(where, "lane", e.Lane, lane)
	v.compare(where, "affiliate", orZero(e.AffiliateID), affiliate)
	v.compare(where, "referred user", orZero(e.ReferralID), referral)
	if changed := kind == conversionChanged || kind == referralChanged; changed != (data.Changes != nil) {
		v.differs(where, "kind", e.Kind, "the one whose data it has")
	}
	if kind == purchaseRecorded && data.Type != Purchase || kind == signupRecorded && data.Type != Signup {
		v.differs(where, "kind", e.Kind, "that of a "+string(data.Type))
	}
}

// position checks that the outbox goes on after the last event that deliveries
// were made of, and not beyond events to come.
func (v *verification) position(ctx context.Context) error {
	position, err := v.q.GetOutboxPosition(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		v.differs("outbox", "row", "missing", "there")
		return nil
	case err != nil:
		return err
	}
	v.compare("outbox", "position", position, min(max(position, v.outbox.spread), v.outbox.newest))
	return nil
}
