package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
)

// whoSends says what remains to be done after a command that only writes to the
// database.
const whoSends = `a running "refgrow serve" sends what waits; "refgrow webhook deliveries" shows what became of it` +
	"\n"

// webhookFlags describe a webhook as the command line does.
type webhookFlags struct {
	project, url, events, status, secret, keyFile string
	overlap                                       whole
	preferences                                   bool
}

func (w *webhookFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&w.project, "project", "", projectUsage)
	flags.StringVar(&w.url, "url", "", "where to send events: `URL` with https or http")
	flags.StringVar(&w.events, "events", "", "which events, with commas between them: `EVENT,...`")
	flags.BoolVar(&w.preferences, "payout-preferences", true, "send the payout preferences of affiliates, or =false")
}

// eventList reads the value of --events.
func (w *webhookFlags) eventList() []refgrow.Event {
	var events []refgrow.Event
	for name := range strings.SplitSeq(w.events, ",") {
		events = append(events, refgrow.Event(strings.TrimSpace(name)))
	}
	return events
}

func webhookCreateCommand() command {
	return command{
		name: "webhook create", summary: "have events sent to a URL",
		example: "refgrow webhook create --url https://shop.example/hooks",
		text: "Has the events of a project sent to a URL: referral_signed_up, referral_converted,\n" +
			"referral_updated and referral_canceled, unless --events names others. payout_updated and\n" +
			"affiliate_updated are sent only where it names them. Prints the secret that signs the events,\n" +
			"alone, on stdout; it cannot be shown again. Without --secret one is made; if one is given, others\n" +
			"on this machine may see it while the command runs. \"refgrow serve\" sends the events.\n\n" +
			secretKeyHelp + "\n\nJSON: the webhook, with \"secret\", null for none.\n" + webhookForm,
		prepare: func(flags *flag.FlagSet) work {
			var w webhookFlags
			w.define(flags)
			flags.StringVar(&w.secret, "secret", "", "`TEXT` to sign with, of 24 to 75 bytes, instead of a new secret")
			unsigned := flags.Bool("unsigned", false, "sign nothing")
			defineSecretKey(flags, &w.keyFile)
			return func(ctx context.Context, c *call) error { return w.create(ctx, c, *unsigned) }
		},
	}
}

func (w *webhookFlags) create(ctx context.Context, c *call, unsigned bool) error {
	params := refgrow.CreateWebhookParams{URL: w.url, PayoutPreferences: &w.preferences}
	if c.given("events") {
		params.Events = w.eventList()
	}
	switch n := len(w.secret); {
	case w.url == "":
		return usage("\"refgrow webhook create\" needs --url URL")
	case c.given("secret") && unsigned:
		return usage("--secret and --unsigned exclude each other")
	case c.given("secret") && (n < refgrow.MinSecret || n > refgrow.MaxSecret):
		return usage("--secret must have %d to %d bytes, not %d; leave it out to have one made, or use --unsigned",
			refgrow.MinSecret, refgrow.MaxSecret, n)
	case c.given("secret"):
		params.Secret = refgrow.Set(w.secret)
	case unsigned:
		params.Secret = refgrow.Clear[string]()
	}
	if err := c.useSecretKey(w.keyFile); err != nil {
		return err
	}
	return c.withOneProject(ctx, w.project, func(project *refgrow.Project) error {
		made, err := project.Webhooks().Create(ctx, params)
		if err != nil {
			return err
		}
		tell(c.stderr, "webhook %d gets %s events of %s at %s\n",
			made.ID, eventNames(made.Events), project.Name(), made.URL)
		c.warnUnencrypted(made)
		c.warnPrivate(made)
		return c.showSecret(made)
	})
}

// warnUnencrypted warns about a secret that anybody who gets the file can read.
func (c *call) warnUnencrypted(w *refgrow.Webhook) {
	if w.Signed && len(c.secretKey) == 0 {
		tell(c.stderr, "its secret is stored unencrypted: there is no --secret-key-file\n")
	}
}

// warnPrivate warns about an endpoint that only some servers send to.
func (c *call) warnPrivate(w *refgrow.Webhook) {
	if !refgrow.PublicURL(w.URL) {
		tell(c.stderr, "its address is not public: a server sends nothing there without --webhook-allow-private\n")
	}
}

func webhookListCommand() command {
	return command{
		name: "webhook list", summary: "list the webhooks, without their secrets",
		example: "refgrow webhook list",
		lists:   true,
		text:    "Lists the webhooks of a project, the newest first.\n\nJSON: an array of webhooks. " + webhookForm,
		prepare: func(flags *flag.FlagSet) work {
			project := flags.String("project", "", projectUsage)
			return func(ctx context.Context, c *call) error { return listWebhooks(ctx, c, *project) }
		},
	}
}

func listWebhooks(ctx context.Context, c *call, project string) error {
	return c.withOneProject(ctx, project, func(project *refgrow.Project) error {
		return show(c, webhookView(), project.Webhooks().All(ctx, refgrow.ListWebhooksParams{Limit: refgrow.MaxLimit}))
	})
}

func webhookSetCommand() command {
	return command{
		name: "webhook set", operand: "ID", summary: "change a webhook, or switch it on or off",
		example: "refgrow webhook set 1 --status inactive",
		text: "Changes what is named, and nothing else. An inactive webhook gets nothing: what waits for it is\n" +
			"canceled, and \"webhook replay\" sends it once it is active again. \"webhook rotate\" changes the\n" +
			"secret.\n\n" +
			"JSON: the webhook. " + webhookForm,
		prepare: func(flags *flag.FlagSet) work {
			var w webhookFlags
			w.define(flags)
			flags.StringVar(&w.status, "status", "", "`STATUS`: active or inactive")
			return w.set
		},
	}
}

func (w *webhookFlags) set(ctx context.Context, c *call) error {
	var params refgrow.UpdateWebhookParams
	if c.given("url") {
		params.URL = &w.url
	}
	if c.given("events") {
		params.Events = new(w.eventList())
	}
	if c.given("status") {
		params.Status = new(refgrow.WebhookStatus(w.status))
		if *params.Status != refgrow.WebhookActive && *params.Status != refgrow.WebhookInactive {
			return usage("--status must be active or inactive, not %q", w.status)
		}
	}
	if c.given("payout-preferences") {
		params.PayoutPreferences = &w.preferences
	}
	if params == (refgrow.UpdateWebhookParams{}) {
		return usage("\"refgrow webhook set\" needs at least one of --url, --events, --status and --payout-preferences")
	}
	return c.withWebhook(ctx, w.project, func(project *refgrow.Project, id int64) error {
		changed, err := project.Webhooks().Update(ctx, id, params)
		if err != nil {
			return err
		}
		if params.URL != nil {
			c.warnPrivate(changed)
		}
		return c.showWebhook(changed)
	})
}

func webhookRotateCommand() command {
	return command{
		name: "webhook rotate", operand: "ID", summary: "make a new secret for a webhook",
		example: "refgrow webhook rotate 1 --overlap-hours 24",
		text: "Makes a new secret for a webhook and prints it, alone, on stdout; it cannot be shown again. The\n" +
			"former one signs alongside it for --overlap-hours, while the receiver is updated: so long the\n" +
			"header X-Refgrow-Signature, which is one value, is that of the former secret. If that was\n" +
			"encrypted, it needs the key file.\n\n" +
			secretKeyHelp + "\n\nJSON: the webhook, with \"secret\" and \"former_secret_until\".\n" + webhookForm,
		prepare: func(flags *flag.FlagSet) work {
			w := webhookFlags{overlap: refgrow.DefaultOverlapHours}
			flags.StringVar(&w.project, "project", "", projectUsage)
			flags.Var(&w.overlap, "overlap-hours", "`HOURS` for which the former secret still signs, 0 to 72")
			defineSecretKey(flags, &w.keyFile)
			return w.rotate
		},
	}
}

func (w *webhookFlags) rotate(ctx context.Context, c *call) error {
	if err := c.useSecretKey(w.keyFile); err != nil {
		return err
	}
	return c.withWebhook(ctx, w.project, func(project *refgrow.Project, id int64) error {
		overlap := int(w.overlap)
		rotated, err := project.Webhooks().Rotate(ctx, id, refgrow.RotateWebhookParams{OverlapHours: &overlap})
		var refused *refgrow.Error
		if errors.As(err, &refused) && refused.Field == "secret" {
			return fmt.Errorf("the secret of webhook %d is encrypted: "+
				"give its --secret-key-file, or a new one if that is lost", id)
		}
		if err != nil {
			return err
		}
		until := "no former one signs any more"
		if rotated.FormerSecretUntil != nil {
			until = "the former one signs alongside it until " + stamp(*rotated.FormerSecretUntil)
		}
		tell(c.stderr, "webhook %d has a new secret; %s\n", id, until)
		c.warnUnencrypted(rotated)
		return c.showSecret(rotated)
	})
}

func webhookDeleteCommand() command {
	return command{
		name: "webhook delete", operand: "ID", summary: "remove a webhook with the log of its deliveries",
		example: "refgrow webhook delete 1",
		text: "Removes a webhook with the log of its deliveries. \"webhook set ID --status inactive\" keeps both.\n\n" +
			`JSON: {"id", "deleted": true}`,
		prepare: func(flags *flag.FlagSet) work {
			project := flags.String("project", "", projectUsage)
			return func(ctx context.Context, c *call) error { return deleteWebhook(ctx, c, *project) }
		},
	}
}

func deleteWebhook(ctx context.Context, c *call, project string) error {
	return c.withWebhook(ctx, project, func(project *refgrow.Project, id int64) error {
		if err := project.Webhooks().Delete(ctx, id); err != nil {
			return err
		}
		return c.showDeleted("webhook", id)
	})
}

type deletedJSON struct {
	ID      int64 `json:"id"`
	Deleted bool  `json:"deleted"`
}

func (c *call) showDeleted(thing string, id int64) error {
	if c.json {
		return c.stdout.json(deletedJSON{ID: id, Deleted: true})
	}
	return c.stdout.printf("deleted %s %d\n", thing, id)
}

func webhookTestCommand() command {
	return command{
		name: "webhook test", operand: "ID", summary: "send an event that did not happen",
		example: "refgrow webhook test 1",
		text: "Has an event sent that did not happen, marked as a test, whatever events the webhook wants.\n" +
			"\"refgrow serve\" sends it.\n\nJSON: the delivery. " + deliveryForm,
		prepare: func(flags *flag.FlagSet) work {
			project := flags.String("project", "", projectUsage)
			event := flags.String("event", string(refgrow.EventReferralConverted), "the `EVENT`")
			return func(ctx context.Context, c *call) error {
				return c.withWebhook(ctx, *project, func(project *refgrow.Project, id int64) error {
					delivery, err := project.Webhooks().Test(ctx, id, refgrow.Event(*event))
					if err != nil {
						return err
					}
					tell(c.stderr, whoSends)
					return c.showDelivery(delivery)
				})
			}
		},
	}
}

func webhookDeliveriesCommand() command {
	return command{
		name: "webhook deliveries", operand: "ID", summary: "list what was sent, and what became of it",
		example: "refgrow webhook deliveries 1",
		lists:   true,
		text: "Lists the deliveries of a webhook, the newest first. The log goes back 30 days. Only the beginning\n" +
			"of an error is shown; in JSON it is whole.\n\n" +
			"JSON: an array of deliveries. " + deliveryForm,
		prepare: func(flags *flag.FlagSet) work {
			project := flags.String("project", "", projectUsage)
			status := flags.String("status", "", "only those of a `STATUS`: pending, succeeded, failed or canceled")
			return func(ctx context.Context, c *call) error { return listDeliveries(ctx, c, *project, *status) }
		},
	}
}

func listDeliveries(ctx context.Context, c *call, project, status string) error {
	params := refgrow.ListDeliveriesParams{Status: refgrow.DeliveryStatus(status), Limit: refgrow.MaxLimit}
	if c.given("status") && !slices.Contains([]refgrow.DeliveryStatus{
		refgrow.DeliveryPending, refgrow.DeliverySucceeded, refgrow.DeliveryFailed, refgrow.DeliveryCanceled,
	}, params.Status) {
		return usage("--status must be pending, succeeded, failed or canceled, not %q", status)
	}
	return c.withWebhook(ctx, project, func(project *refgrow.Project, id int64) error {
		return show(c, deliveryView(), project.Webhooks().AllDeliveries(ctx, id, params))
	})
}

// replayFlags say what to send again.
type replayFlags struct {
	project, delivery string
	since             instant
}

func webhookReplayCommand() command {
	return command{
		name: "webhook replay", operand: "ID", summary: "send events again",
		example: "refgrow webhook replay 1 --since 2026-11-28",
		text: "Has one delivery sent again, or everything since an instant, up to 30 days ago, that the webhook\n" +
			"wants, including what it already got. Receivers recognize repeats by the webhook-id, which stays\n" +
			"the same. \"refgrow serve\" sends it.\n\n" +
			"JSON: with --since {\"deliveries\"}, their number; with --delivery the new delivery. " + deliveryForm,
		prepare: func(flags *flag.FlagSet) work {
			var r replayFlags
			flags.StringVar(&r.project, "project", "", projectUsage)
			flags.Var(&r.since, "since", "`DATE` or instant from which on to send everything again")
			flags.StringVar(&r.delivery, "delivery", "", "`ID` of the one delivery to send again")
			return r.replay
		},
	}
}

func (r *replayFlags) replay(ctx context.Context, c *call) error {
	if c.given("since") == c.given("delivery") {
		return usage("\"refgrow webhook replay\" needs either --since DATE or --delivery ID")
	}
	if c.given("delivery") {
		return r.one(ctx, c)
	}
	return c.withWebhook(ctx, r.project, func(project *refgrow.Project, id int64) error {
		stop := progress(c.stderr, "making deliveries")
		n, err := project.Webhooks().Replay(ctx, id, r.since.Time)
		stop()
		if err != nil {
			return err
		}
		tell(c.stderr, whoSends)
		if c.json {
			return c.stdout.json(replayedJSON{Deliveries: n})
		}
		return c.stdout.printf("deliveries made: %d\n", n)
	})
}

// one sends one delivery again.
func (r *replayFlags) one(ctx context.Context, c *call) error {
	of, err := strconv.ParseInt(r.delivery, 10, 64)
	if err != nil || of <= 0 {
		return usage("--delivery must be a number that \"refgrow webhook deliveries\" shows, not %q", r.delivery)
	}
	return c.withWebhook(ctx, r.project, func(project *refgrow.Project, id int64) error {
		delivery, err := project.Webhooks().ReplayDelivery(ctx, id, of)
		if errors.Is(err, refgrow.ErrNotFound) {
			if _, err := project.Webhooks().Get(ctx, id); err != nil {
				return err
			}
			return fmt.Errorf("webhook %d has no delivery %d that can be sent again; "+
				"\"refgrow webhook deliveries %[1]d\" shows those it has", id, of)
		}
		if err != nil {
			return err
		}
		tell(c.stderr, whoSends)
		return c.showDelivery(delivery)
	})
}

type replayedJSON struct {
	Deliveries int `json:"deliveries"`
}

// withWebhook does something with the webhook that the operand names.
func (c *call) withWebhook(ctx context.Context, project string, work func(*refgrow.Project, int64) error) error {
	id, err := c.id("webhook")
	if err != nil {
		return err
	}
	return c.withOneProject(ctx, project, func(project *refgrow.Project) error {
		own := (*refgrow.Error)(nil)
		switch err := work(project, id); {
		case errors.Is(err, refgrow.ErrNotFound):
			return fmt.Errorf("there is no webhook %d in the project %q; "+
				"\"refgrow webhook list\" shows the existing ones", id, project.Name())
		case errors.As(err, &own) && own.Code == refgrow.CodeConflict && own.Field == "":
			return fmt.Errorf("webhook %d is inactive; \"refgrow webhook set %d --status active\" switches it on",
				id, id)
		default:
			return err
		}
	})
}
