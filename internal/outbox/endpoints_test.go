package outbox

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// In whatever order events are passed, they are kept and read in alphabetical order.
func TestEventLists(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, len(Events())).Draw(t, "n")
		given := rapid.Permutation(Events()).Draw(t, "given")[:n]
		before := slices.Clone(given)
		text, err := EventsText(given)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(given, before) {
			t.Errorf("the list that was passed is now %q", given)
		}
		endpoint, err := EndpointOf(&db.Webhook{ID: 3, Events: text, StartsAfter: 7})
		if err != nil || endpoint.ID != 3 || endpoint.StartsAfter != 7 || !slices.IsSorted(endpoint.Events) {
			t.Fatalf("%s is read as %+v (%v)", text, endpoint, err)
		}
		for _, event := range Events() {
			if endpoint.wants(event) != slices.Contains(given, event) {
				t.Errorf("an endpoint with %s wants %s: %t", text, event, endpoint.wants(event))
			}
		}
	})
}

func TestEventsText(t *testing.T) {
	t.Parallel()
	const all = "; the events are affiliate_updated, payout_updated, " +
		"referral_canceled, referral_converted, referral_signed_up, referral_updated"
	for _, c := range []struct {
		events      []Event
		text, wrong string
	}{
		{events: Events(), text: `["affiliate_updated","payout_updated",` +
			`"referral_canceled","referral_converted","referral_signed_up","referral_updated"]`},
		{events: DefaultEvents(), text: `["referral_canceled","referral_converted","referral_signed_up","referral_updated"]`},
		{events: []Event{Updated, Canceled}, text: `["referral_canceled","referral_updated"]`},
		{wrong: "must have at least one event" + all},
		{events: []Event{Updated, "sale"}, wrong: `has the unknown event "sale"` + all},
		{
			events: []Event{Event(strings.Repeat("x", 65))},
			wrong:  `has the unknown event "` + strings.Repeat("x", 64) + `"` + all,
		},
		{events: []Event{Updated, Canceled, Updated}, wrong: `has "referral_updated" twice`},
	} {
		text, err := EventsText(c.events)
		wrong := ""
		if err != nil {
			wrong = err.Error()
		}
		if text != c.text || wrong != c.wrong {
			t.Errorf("%q is kept as %q (%s), but should be %q (%s)", c.events, text, wrong, c.text, c.wrong)
		}
	}
}

func TestEndpointsThatAreDamaged(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", `["referral_updated"`, `["referral_updated",5]`} {
		endpoint, err := EndpointOf(&db.Webhook{ID: 3, Events: text})
		if !errors.Is(err, stored.ErrDamaged) || !strings.Contains(err.Error(), "the events of webhook 3") ||
			endpoint.Events != nil {
			t.Errorf("%q is read as %q (%v)", text, endpoint.Events, err)
		}
	}
}
