package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// said runs a command that has to succeed and say something on stderr.
func (p *commandLine) said(says string, args ...string) (stdout string) {
	p.t.Helper()
	code, stdout, stderr := p.run(args...)
	if code != exitDone || stderr != says {
		p.t.Fatalf("refgrow %s: exit code %d, stderr %q, want %q", strings.Join(args, " "), code, stderr, says)
	}
	return stdout
}

const unencrypted = "its secret is stored unencrypted: there is no --secret-key-file\n"

func TestWebhook(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	secret := p.said("webhook 1 gets all referral events of shop at https://example.com/hooks\n"+unencrypted,
		"webhook", "create", "--url", "https://example.com/hooks")
	if !strings.HasPrefix(secret, "whsec_") || strings.Count(secret, "\n") != 1 || strings.ContainsAny(secret, " \t") {
		t.Errorf("not the secret alone: %q", secret)
	}
	const own = "a secret of 24 bytes ...."
	const second = "webhook 2 gets referral_canceled,referral_updated events of shop at https://example.com/own\n"
	if got := p.said(second+unencrypted, "webhook", "create", "--url", "https://example.com/own",
		"--events", "referral_updated, referral_canceled", "--secret", own, "--project", "shop"); got != own+"\n" {
		t.Errorf("%q", got)
	}
	const third = "webhook 3 gets all referral events of shop at http://127.0.0.1:9000\n" +
		"its address is not public: a server sends nothing there without --webhook-allow-private\n"
	if got := p.said(third, "webhook", "create", "--url", "http://127.0.0.1:9000", "--unsigned"); got != "" {
		t.Errorf("%q", got)
	}
	unsigned := decode[newWebhookJSON](t, p.said(strings.Replace(third, "3", "4", 1),
		"webhook", "create", "--url", "http://127.0.0.1:9000", "--unsigned", "--json"))
	if unsigned.Secret != nil || unsigned.Signed || unsigned.ID != 4 ||
		unsigned.URL != "http://127.0.0.1:9000" || unsigned.Status != "active" ||
		!slices.Equal(unsigned.Events, refgrow.DefaultEvents()) || !strings.HasSuffix(unsigned.CreatedAt, "Z") {
		t.Errorf("%+v", unsigned)
	}
	p.must("webhook", "delete", "4")

	list := decode[[]webhookJSON](t, p.must("webhook", "list", "--json"))
	if len(list) != 3 || list[0].ID != 3 || list[1].ID != 2 || list[2].ID != 1 || list[0].Signed || !list[2].Signed ||
		!slices.Equal(list[1].Events, []refgrow.Event{refgrow.EventReferralCanceled, refgrow.EventReferralUpdated}) {
		t.Errorf("%+v", list)
	}
	if text := p.must("webhook", "list"); text != ""+
		"ID  URL                        EVENTS                              STATUS  SIGNED  CREATED\n"+
		"3   http://127.0.0.1:9000      all referral                        active  no      "+list[0].CreatedAt+"\n"+
		"2   https://example.com/own    referral_canceled,referral_updated  active  yes     "+list[1].CreatedAt+"\n"+
		"1   https://example.com/hooks  all referral                        active  yes     "+list[2].CreatedAt+"\n" {
		t.Errorf("%s", text)
	}

	// Only what is named changes.
	want := list[1]
	want.Status = "inactive"
	if text := p.must("webhook", "set", "2", "--status", "inactive"); text != ""+
		"webhook  2\n"+
		"url      https://example.com/own\n"+
		"events   referral_canceled,referral_updated\n"+
		"status   inactive\n"+
		"signed   yes\n"+
		"created  "+want.CreatedAt+"\n" {
		t.Errorf("%s", text)
	}
	if text := p.must("webhook", "set", "2", "--payout-preferences=false"); !strings.Contains(text,
		"payout preferences  no\n") {
		t.Errorf("%s", text)
	}
	p.must("webhook", "set", "2", "--payout-preferences")
	want.URL, want.Events = "https://example.com/new", []refgrow.Event{refgrow.EventReferralSignedUp}
	p.must("webhook", "set", "2", "--url", want.URL)
	got := decode[webhookJSON](t, p.must("webhook", "set", "2", "--events", "referral_signed_up", "--json"))
	if got.URL != want.URL ||
		got.Status != want.Status || !slices.Equal(got.Events, want.Events) ||
		!got.Signed || got.CreatedAt != want.CreatedAt {
		t.Errorf("%+v", got)
	}

	const rotated = "webhook %s has a new secret; no former one signs any more\n" + unencrypted
	now := p.said(strings.Replace(rotated, "%s", "1", 1), "webhook", "rotate", "1", "--overlap-hours", "0")
	if !strings.HasPrefix(now, "whsec_") || now == secret ||
		strings.Count(now, "\n") != 1 {
		t.Errorf("%q", now)
	}
	signed := decode[newWebhookJSON](t,
		p.said(strings.Replace(rotated, "%s", "3", 1), "webhook", "rotate", "3", "--json"))
	_, again, said := p.run("webhook", "rotate", "3", "--json")
	until := decode[newWebhookJSON](t, again).FormerSecretUntil
	if until == nil || !strings.Contains(said, "3 has a new secret; the former one signs alongside it until "+*until) {
		t.Errorf("%s%s", again, said)
	}
	if signed.FormerSecretUntil != nil || signed.ID != 3 || !signed.Signed || signed.Secret == nil ||
		!strings.HasPrefix(*signed.Secret, "whsec_") {
		t.Errorf("%+v", signed)
	}

	if text := p.must("webhook", "delete", "2"); text != "deleted webhook 2\n" {
		t.Errorf("%s", text)
	}
	deleted := decode[deletedJSON](t, p.must("webhook", "delete", "3", "--json"))
	if deleted != (deletedJSON{ID: 3, Deleted: true}) {
		t.Errorf("%+v", deleted)
	}
	if got := decode[[]webhookJSON](t, p.must("webhook", "list", "--json")); len(got) != 1 || got[0].ID != 1 {
		t.Errorf("%+v", got)
	}
}

// The events of payouts and affiliates are sent to those that name them.
func TestWebhookOfThePayouts(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	p.said("webhook 1 gets affiliate_updated,payout_updated events of shop at https://example.com/hooks\n"+unencrypted,
		"webhook", "create", "--url", "https://example.com/hooks", "--events", "payout_updated,affiliate_updated")
	if text := p.said(whoSends, "webhook", "test", "1", "--event", "payout_updated"); !strings.Contains(text,
		"event     payout_updated\n") {
		t.Errorf("%s", text)
	}
	text := p.must("webhook", "set", "1", "--events", "referral_signed_up,referral_converted,referral_updated,"+
		"referral_canceled,payout_updated,affiliate_updated")
	if !strings.Contains(text, "events   all\n") {
		t.Errorf("%s", text)
	}
}

func TestWebhookDeliveries(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	p.run("webhook", "create", "--url", "https://example.com/hooks", "--events", "referral_converted")
	text := p.said(whoSends, "webhook", "test", "1", "--event", "referral_canceled")
	if !strings.HasPrefix(text, "delivery  1\nevent     referral_canceled\nstatus    pending\ncreated   2") ||
		strings.Count(text, "\n") != 4 {
		t.Errorf("%s", text)
	}
	tested := decode[deliveryJSON](t, p.said(whoSends, "webhook", "test", "1", "--json"))
	if tested.ID != 2 || tested.Event != "referral_converted" || tested.Status != "pending" ||
		tested.Attempts != 0 || tested.ResponseStatus != nil ||
		tested.Error != nil || tested.NextAttemptAt == nil || tested.EndedAt != nil {
		t.Errorf("%+v", tested)
	}

	// The first is refused with a long answer, the second is accepted.
	long := "the answer was 500 Internal Server Error: " + strings.Repeat("é", 100)
	p.inShop(func(shop *refgrow.Project) {
		_, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{Type: refgrow.Signup})
		if err != nil {
			t.Fatal(err)
		}
	})
	p.withEngine(func(engine *refgrow.Engine) {
		attempts, _, err := engine.Outbox().Claim(t.Context(), 1, 10, 1)
		if err != nil || len(attempts) != 2 {
			t.Fatalf("%+v, %v", attempts, err)
		}
		for _, a := range attempts {
			result := refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded, ResponseStatus: 204}
			if a.Event == refgrow.EventReferralCanceled {
				result = refgrow.AttemptResult{Outcome: refgrow.AttemptRetry,
					RetryAt: engine.Now(), ResponseStatus: 500, Error: long}
			}
			if err := engine.Outbox().Finish(t.Context(), a, result); err != nil {
				t.Fatal(err)
			}
		}
	})
	log := decode[[]deliveryJSON](t, p.must("webhook", "deliveries", "1", "--json"))
	if len(log) != 2 || log[0].ID != 2 || log[0].Status != "succeeded" ||
		*log[0].ResponseStatus != 204 || log[0].EndedAt == nil || log[0].Error != nil ||
		log[1].Status != "pending" || *log[1].ResponseStatus != 500 ||
		*log[1].Error != long || log[1].Attempts != 1 || log[1].NextAttemptAt == nil {
		t.Fatalf("%+v", log)
	}
	const heads = "ID  EVENT               STATUS     ATTEMPTS  RESPONSE  " +
		"CREATED                   NEXT ATTEMPT              ERROR\n"
	second := "2   referral_converted  succeeded  1         204       " +
		log[0].CreatedAt + "  -                         -\n"
	first := "1   referral_canceled   pending    1         500       " +
		log[1].CreatedAt + "  " + *log[1].NextAttemptAt + "  " + string([]rune(long)[:80]) + "...\n"
	if text := p.must("webhook", "deliveries", "1"); text != heads+second+first {
		t.Errorf("%s", text)
	}
	for status, ids := range map[string]string{"pending": "1", "succeeded": "2", "failed": "", "canceled": ""} {
		got := decode[[]deliveryJSON](t, p.must("webhook", "deliveries", "1", "--status", status, "--json"))
		if ids == "" && len(got) != 0 || ids != "" && (len(got) != 1 || got[0].Status != status) {
			t.Errorf("%s: %+v", status, got)
		}
	}

	got := decode[deliveryJSON](t, p.said(whoSends, "webhook", "replay", "1", "--delivery", "2", "--json"))
	if got.ID != 3 ||
		got.Event != "referral_converted" || got.Status != "pending" {
		t.Errorf("%+v", got)
	}
	text = p.said(whoSends, "webhook", "replay", "1", "--delivery", "1")
	if !strings.HasPrefix(text, "delivery  4\nevent     referral_canceled\n") {
		t.Errorf("%s", text)
	}
	// The signup that was recorded is still in the outbox, and will be sent anyway.
	replayed := decode[replayedJSON](t, p.said(whoSends, "webhook", "replay", "1", "--since", "2026-01-01", "--json"))
	if replayed.Deliveries != 0 {
		t.Errorf("%+v", replayed)
	}
	p.withEngine(func(engine *refgrow.Engine) {
		if _, err := engine.Outbox().Spread(t.Context()); err != nil {
			t.Fatal(err)
		}
		attempts, _, err := engine.Outbox().Claim(t.Context(), 1, 10, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range attempts {
			err := engine.Outbox().Finish(t.Context(), a, refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if text := p.said(whoSends, "webhook", "replay", "1", "--since", "2026-01-01"); text != "deliveries made: 1\n" {
		t.Errorf("%s", text)
	}

	p.must("webhook", "set", "1", "--status", "inactive")
	for _, args := range []string{"test 1", "replay 1 --delivery 1", "replay 1 --since 2026-01-01"} {
		code, stdout, stderr := p.run(strings.Fields("webhook " + args)...)
		if code != exitFailed || stdout != "" ||
			stderr != "refgrow: webhook 1 is inactive; \"refgrow webhook set 1 --status active\" switches it on\n" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	p.must("webhook", "set", "1", "--status", "active")
	code, stdout, stderr := p.run("webhook", "replay", "1", "--delivery", "99")
	if code != exitFailed || stdout != "" ||
		stderr != "refgrow: webhook 1 has no delivery 99 that can be sent again; "+
			"\"refgrow webhook deliveries 1\" shows those it has\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// Without --project there must be no choice, or the call is refused.
func TestWebhookProject(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	p.must("project", "create", "other")
	for _, args := range []string{
		"create --url https://example.com", "list", "set 1 --status active",
		"rotate 1", "delete 1", "test 1", "deliveries 1", "replay 1 --delivery 1",
		"replay 1 --since 2026-01-01",
	} {
		code, stdout, stderr := p.run(strings.Fields("webhook " + args)...)
		command, _, _ := strings.Cut(args, " ")
		want := `refgrow: "refgrow webhook ` + command +
			`" needs --project NAME: there are 2 projects in ` + p.db + "\n"
		if code != exitWrong ||
			stdout != "" || stderr != want {
			t.Errorf("webhook %s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	p.run("webhook", "create", "--url", "https://example.com", "--project", "shop")
	for _, args := range []string{
		"set 1 --status active", "rotate 1", "delete 1", "test 1",
		"deliveries 1", "replay 1 --delivery 1", "replay 1 --since 2026-01-01",
	} {
		code, stdout, stderr := p.run(strings.Fields("webhook " + args + " --project other")...)
		if code != exitFailed || stdout != "" ||
			!strings.Contains(stderr, `there is no webhook 1 in the project "other"`) {
			t.Errorf("webhook %s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	if got := decode[[]webhookJSON](t, p.must("webhook", "list", "--project", "other", "--json")); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
