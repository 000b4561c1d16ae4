package outbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// EndpointActive is the status of a webhook that events are sent to.
const EndpointActive = "active"

// An Endpoint is a webhook, as far as making deliveries for it is concerned.
type Endpoint struct {
	ID          int64
	Events      []Event // the ones it wants
	StartsAfter int64   // the event before the first one that it gets without a replay
}

// EndpointOf reads an endpoint. Errors: stored.ErrDamaged.
func EndpointOf(row *db.Webhook) (Endpoint, error) {
	endpoint := Endpoint{ID: row.ID, StartsAfter: row.StartsAfter}
	if err := json.Unmarshal([]byte(row.Events), &endpoint.Events); err != nil {
		return Endpoint{}, fmt.Errorf("%w: the events of webhook %d: %w", stored.ErrDamaged, row.ID, err)
	}
	return endpoint, nil
}

func (e *Endpoint) wants(event Event) bool { return slices.Contains(e.Events, event) }

// EventsText returns the form in which the database keeps the events that an endpoint
// wants. Its error says what is wrong with the list.
func EventsText(events []Event) (string, error) {
	if len(events) == 0 {
		return "", fmt.Errorf("must have at least one event; the events are %s", EventNames())
	}
	sorted := slices.Clone(events)
	slices.Sort(sorted)
	for i, event := range sorted {
		switch {
		case !slices.Contains(Events(), event):
			return "", fmt.Errorf("has the unknown event %.64q; the events are %s", string(event), EventNames())
		case i > 0 && event == sorted[i-1]:
			return "", fmt.Errorf("has %q twice", string(event))
		}
	}
	text, err := json.Marshal(sorted)
	return string(text), err
}

// EventNames lists all events for a message.
func EventNames() string {
	names := make([]string, 0, 6)
	for _, event := range Events() {
		names = append(names, string(event))
	}
	return strings.Join(names, ", ")
}
