package webhook_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/webhook"
)

// The example in the specification of Standard Webhooks.
func TestSignOfTheStandard(t *testing.T) {
	t.Parallel()
	header := make(http.Header)
	webhook.Sign(header, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0),
		[]byte(`{"test": 2432232314}`), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if got, want := header.Get("webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("the signature is %s, want %s", got, want)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	const present, former = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "an own secret of the endpoint's owner"
	body := []byte(`{"event":"referral_converted"}`)
	now := time.Unix(1_700_000_000, 0)
	signed := func() http.Header {
		header := make(http.Header)
		webhook.Sign(header, "evt_1", now, body, present, former)
		return header
	}
	for name, c := range map[string]struct {
		change func(http.Header)
		body   string
		secret string
		later  time.Duration
		want   error
	}{
		"right":                      {secret: present},
		"right, with the former one": {secret: former},
		"just in time":               {secret: present, later: webhook.DefaultTolerance},
		"too late": {secret: present, later: webhook.DefaultTolerance + time.Second,
			want: webhook.ErrTimestamp},
		"too early": {secret: present, later: -webhook.DefaultTolerance - time.Second,
			want: webhook.ErrTimestamp},
		"another secret": {secret: "whsec_" + strings.Repeat("A", 32), want: webhook.ErrSignature},
		"no secret":      {secret: "", want: webhook.ErrSignature},
		"another body": {secret: present, body: `{"event":"referral_canceled"}`,
			want: webhook.ErrSignature},
		"another id": {secret: present, change: func(h http.Header) { h.Set("Webhook-Id", "evt_2") },
			want: webhook.ErrSignature},
		"another time": {secret: present,
			change: func(h http.Header) { h.Set("Webhook-Timestamp", "1700000001") }, want: webhook.ErrSignature},
		"no id": {secret: present, change: func(h http.Header) { h.Del("Webhook-Id") },
			want: webhook.ErrNotSigned},
		"no time": {secret: present, change: func(h http.Header) { h.Del("Webhook-Timestamp") },
			want: webhook.ErrNotSigned},
		"no number": {secret: present,
			change: func(h http.Header) { h.Set("Webhook-Timestamp", "now") }, want: webhook.ErrNotSigned},
		"no signature": {secret: present, change: func(h http.Header) { h.Del("Webhook-Signature") },
			want: webhook.ErrNotSigned},
		"another version": {secret: present,
			change: func(h http.Header) { h.Set("Webhook-Signature", "v1a,xyz v2,abc") }, want: webhook.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header, sent := signed(), body
			if c.change != nil {
				c.change(header)
			}
			if c.body != "" {
				sent = []byte(c.body)
			}
			err := webhook.Verify(sent, header, c.secret, webhook.Clock(func() time.Time { return now.Add(c.later) }))
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	for _, nothing := range []string{"", "whsec_"} { // whoever knows that there is no secret could sign
		header := make(http.Header)
		webhook.Sign(header, "evt_1", now, body, nothing)
		err := webhook.Verify(body, header, nothing, webhook.Clock(func() time.Time { return now }))
		if !errors.Is(err, webhook.ErrSignature) {
			t.Errorf("signed with the secret %q: %v", nothing, err)
		}
	}
	wide := webhook.Verify(body, signed(), present, webhook.Tolerance(time.Hour),
		webhook.Clock(func() time.Time { return now.Add(59 * time.Minute) }))
	if wide != nil {
		t.Errorf("within an hour: %v", wide)
	}
}
