package main

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
)

const webhookForm = `A webhook is {"id", "url", "events", "status", "payout_preferences", "signed",
"created_at"}.`

const deliveryForm = `A delivery is {"id",
"event", "status", "attempts", "response_status", "error", "next_attempt_at", "created_at", "ended_at"};
what is missing is null.`

// webhookJSON is a webhook as the REST API shows it.
type webhookJSON struct {
	ID                int64           `json:"id"`
	URL               string          `json:"url"`
	Events            []refgrow.Event `json:"events"`
	Status            string          `json:"status"`
	PayoutPreferences bool            `json:"payout_preferences"`
	Signed            bool            `json:"signed"`
	CreatedAt         string          `json:"created_at"`
}

// newWebhookJSON is one whose secret was just made; nil for none.
type newWebhookJSON struct {
	webhookJSON

	FormerSecretUntil *string `json:"former_secret_until"`
	Secret            *string `json:"secret"`
}

func webhookOf(w *refgrow.Webhook) webhookJSON {
	return webhookJSON{
		ID: w.ID, URL: w.URL, Events: w.Events, Status: string(w.Status),
		PayoutPreferences: w.PayoutPreferences, Signed: w.Signed, CreatedAt: stamp(w.CreatedAt),
	}
}

// eventNames lists events for people.
func eventNames(events []refgrow.Event) string {
	switch {
	case slices.Equal(events, refgrow.Events()):
		return "all"
	case slices.Equal(events, refgrow.DefaultEvents()):
		return "all referral"
	}
	names := make([]string, len(events))
	for i, event := range events {
		names[i] = string(event)
	}
	return strings.Join(names, ",")
}

// showWebhook prints one webhook, in full.
func (c *call) showWebhook(w *refgrow.Webhook) error {
	if c.json {
		return c.stdout.json(webhookOf(w))
	}
	rows := [][]string{
		{"webhook", strconv.FormatInt(w.ID, 10)},
		{"url", w.URL},
		{"events", eventNames(w.Events)},
		{"status", string(w.Status)},
		{"signed", yesNo(w.Signed)},
		{"created", stamp(w.CreatedAt)},
	}
	if !w.PayoutPreferences {
		rows = append(rows, []string{"payout preferences", "no"})
	}
	return c.stdout.fields(rows)
}

// showSecret prints the secret of a webhook, alone.
func (c *call) showSecret(w *refgrow.Webhook) error {
	if c.json {
		made := newWebhookJSON{webhookJSON: webhookOf(w), FormerSecretUntil: optionalStamp(w.FormerSecretUntil)}
		if w.Secret != "" {
			made.Secret = &w.Secret
		}
		return c.stdout.json(made)
	}
	if w.Secret == "" {
		return nil
	}
	return c.stdout.printf("%s\n", w.Secret)
}

// deliveryJSON is a delivery as the REST API shows it.
type deliveryJSON struct {
	ID             int64   `json:"id"`
	Event          string  `json:"event"`
	Status         string  `json:"status"`
	Attempts       int64   `json:"attempts"`
	ResponseStatus *int    `json:"response_status"`
	Error          *string `json:"error"`
	NextAttemptAt  *string `json:"next_attempt_at"`
	CreatedAt      string  `json:"created_at"`
	EndedAt        *string `json:"ended_at"`
}

func deliveryOf(d *refgrow.Delivery) deliveryJSON {
	shown := deliveryJSON{
		ID: d.ID, Event: string(d.Event), Status: string(d.Status), Attempts: d.Attempts,
		NextAttemptAt: optionalStamp(d.NextAttemptAt), CreatedAt: stamp(d.CreatedAt), EndedAt: optionalStamp(d.EndedAt),
	}
	if d.ResponseStatus != 0 {
		shown.ResponseStatus = &d.ResponseStatus
	}
	if d.Error != "" {
		shown.Error = &d.Error
	}
	return shown
}

func webhookView() view[refgrow.Webhook] {
	return view[refgrow.Webhook]{
		doing:    "reading webhooks",
		headings: []string{"ID", "URL", "EVENTS", "STATUS", "SIGNED", "CREATED"},
		row: func(w *refgrow.Webhook) []string {
			return []string{
				strconv.FormatInt(w.ID, 10), w.URL, eventNames(w.Events), string(w.Status), yesNo(w.Signed), stamp(w.CreatedAt),
			}
		},
		form: func(w *refgrow.Webhook) ([]byte, error) { return json.Marshal(webhookOf(w)) },
	}
}

// deliveryView shows the beginnings of errors.
func deliveryView() view[refgrow.Delivery] {
	return view[refgrow.Delivery]{
		doing:    "reading deliveries",
		headings: []string{"ID", "EVENT", "STATUS", "ATTEMPTS", "RESPONSE", "CREATED", "NEXT ATTEMPT", "ERROR"},
		row: func(d *refgrow.Delivery) []string {
			next := "-"
			if d.NextAttemptAt != nil {
				next = stamp(*d.NextAttemptAt)
			}
			return []string{
				strconv.FormatInt(d.ID, 10), string(d.Event), string(d.Status), strconv.FormatInt(d.Attempts, 10),
				number(int64(d.ResponseStatus)), stamp(d.CreatedAt), next, beginning(d.Error),
			}
		},
		form: func(d *refgrow.Delivery) ([]byte, error) { return json.Marshal(deliveryOf(d)) },
	}
}

// beginning is as much of an error as fits into a line.
func beginning(message string) string {
	const most = 80 // characters
	runes := []rune(message)
	switch {
	case message == "":
		return "-"
	case len(runes) <= most:
		return message
	}
	return string(runes[:most]) + "..."
}

// showDelivery prints a delivery that was just made.
func (c *call) showDelivery(d *refgrow.Delivery) error {
	if c.json {
		return c.stdout.json(deliveryOf(d))
	}
	return c.stdout.fields([][]string{
		{"delivery", strconv.FormatInt(d.ID, 10)},
		{"event", string(d.Event)},
		{"status", string(d.Status)},
		{"created", stamp(d.CreatedAt)},
	})
}
