package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/webhook"
)

// What comes back decides when the next try is, and what the log says.
func TestAnswers(t *testing.T) {
	t.Parallel()
	longText := strings.Repeat("It is broken. ", 1000)
	for name, c := range map[string]struct {
		answer func(int, *http.Request) (*http.Response, error)
		status int
		took   time.Duration // until there was an answer
		again  time.Duration // from then to the next try; 0 after a success
		says   string
	}{
		"ok":         {answer: always(200), status: 200},
		"accepted":   {answer: always(202), status: 202},
		"no content": {answer: always(204), status: 204},
		"299":        {answer: always(299), status: 299},
		"not modified": {answer: always(304), status: 304, again: 5 * time.Second,
			says: "the answer was 304 Not Modified"},
		"redirect": {answer: always(307, "Location", "https://b.example/"),
			status: 307, again: 5 * time.Second, says: "the answer was 307 Temporary Redirect"},
		"found": {answer: always(302, "Location", "http://169.254.169.254/latest/meta-data/"),
			status: 302, again: 5 * time.Second, says: "the answer was 302 Found"},
		"bad request": {answer: always(400), status: 400, again: 5 * time.Second,
			says: "the answer was 400 Bad Request"},
		"broken": {answer: always(500), status: 500, again: 5 * time.Second,
			says: "the answer was 500 Internal Server Error"},
		"no known status": {answer: always(599), status: 599, again: 5 * time.Second, says: "the answer was 599"},
		"hangs": {answer: hangs, took: 15 * time.Second,
			again: 5 * time.Second, says: "no answer within 15s"},
		"reset": {answer: func(int, *http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET },
			again: 5 * time.Second, says: "connection reset by peer"},
		"too many": {answer: always(429, "Retry-After", "90"),
			status: 429, again: 90 * time.Second, says: "the answer was 429 Too Many Requests"},
		"too many, soon": {answer: always(429, "Retry-After", "2"),
			status: 429, again: 5 * time.Second, says: "the answer was 429 Too Many Requests"},
		"unavailable, for a month": {answer: always(503, "Retry-After", "2592000"),
			status: 503, again: 24 * time.Hour, says: "the answer was 503 Service Unavailable"},
		"unavailable until": {answer: func(int, *http.Request) (*http.Response, error) {
			return status(503, "Retry-After", time.Now().UTC().Add(10*time.Minute).Format(http.TimeFormat))
		}, status: 503, again: 10 * time.Minute, says: "the answer was 503 Service Unavailable"},
		"unavailable until long ago": {answer: always(503, "Retry-After", "Tue, 07 Dec 1999 07:28:00 GMT"),
			status: 503, again: 5 * time.Second, says: "the answer was 503 Service Unavailable"},
		"unavailable until never": {answer: always(503, "Retry-After", "-1"),
			status: 503, again: 5 * time.Second, says: "the answer was 503 Service Unavailable"},
		"text": {answer: says(500, "no such\ttenant\r\n\x00\x1b[31m"),
			status: 500, again: 5 * time.Second, says: "no such tenant    [31m"},
		"no text": {answer: says(500, " \n"), status: 500,
			again: 5 * time.Second, says: "the answer was 500 Internal Server Error"},
		"long text": {answer: says(500, longText),
			status: 500, again: 5 * time.Second, says: longText[:refgrow.MaxDeliveryError]},
		"no UTF-8": {answer: says(500, "caf\xe9 "+strings.Repeat("é", 10)),
			status: 500, again: 5 * time.Second, says: "caf " + strings.Repeat("é", 10)},
		"a text that breaks off": {answer: func(int, *http.Request) (*http.Response, error) {
			return said(500, io.MultiReader(strings.NewReader("it is"), failing{}))
		}, status: 500, again: 5 * time.Second, says: "it is"},
		"a success that breaks off": {
			answer: func(int, *http.Request) (*http.Response, error) { return said(200, failing{}) }, status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				w, r := setup(t), &receiver{answer: c.answer}
				hook := w.hook("a.example", refgrow.EventReferralConverted)
				w.buy()
				w.work(r, webhook.Options{Interval: time.Hour})
				time.Sleep(20 * time.Second)
				first := r.requests()[0].at
				if c.again > 20*time.Second || c.again == 0 { // later tries say the same, but have other delays
					checkAnswer(t, w.only(hook), first.Add(c.took+c.again), c.again == 0, c.status, c.says)
				}
				time.Sleep(c.again + time.Minute)
				got := r.requests()
				if c.again == 0 {
					if len(got) != 1 {
						t.Errorf("it was sent %d times", len(got))
					}
					return
				}
				if len(got) < 2 {
					t.Fatal("it was not tried again")
				}
				if again := got[1].at.Sub(first) - c.took; again < c.again-time.Second || again >= c.again+time.Second {
					t.Errorf("it was tried again after %v", again)
				}
				if slices.ContainsFunc(got, func(q request) bool { return q.host != "a.example" }) {
					t.Error("a redirect was followed")
				}
				if d := w.only(hook); d.ResponseStatus != c.status || d.Error != c.says {
					t.Errorf("the log says %d, %q", d.ResponseStatus, d.Error)
				}
			})
		})
	}
}

func checkAnswer(t *testing.T, d refgrow.Delivery, again time.Time, success bool, status int, says string) {
	t.Helper()
	if success {
		if d.Status != refgrow.DeliverySucceeded || d.NextAttemptAt != nil ||
			d.EndedAt == nil || d.Attempts != 1 || d.ResponseStatus != status || d.Error != "" {
			t.Errorf("the delivery is %+v", d)
		}
		return
	}
	if d.Status != refgrow.DeliveryPending || d.Attempts != 1 || d.ResponseStatus != status ||
		d.Error != says || d.EndedAt != nil {
		t.Errorf("the delivery is %+v", d)
	}
	// A date in Retry-After has whole seconds.
	if d.NextAttemptAt == nil || d.NextAttemptAt.Sub(again).Abs() > time.Second {
		t.Errorf("it is tried again at %v, not %v", d.NextAttemptAt, again)
	}
}

func says(code int, text string) func(int, *http.Request) (*http.Response, error) {
	return func(int, *http.Request) (*http.Response, error) { return said(code, strings.NewReader(text)) }
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the connection broke") }

// No more of an endless answer is read than the log keeps.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	for _, code := range []int{200, 500} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				endless := &counting{}
				w := setup(t)
				r := &receiver{answer: func(int, *http.Request) (*http.Response, error) { return said(code, endless) }}
				w.hook("a.example", refgrow.EventReferralConverted)
				w.buy()
				stop := w.work(r, webhook.Options{})
				time.Sleep(time.Second)
				stop()
				if n := len(r.requests()); n != 1 || endless.read == 0 || endless.read > refgrow.MaxDeliveryError {
					t.Errorf("of %d answers, %d bytes were read", n, endless.read)
				}
			})
		})
	}
}

type counting struct{ read int }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	c.read += len(p)
	return len(p), nil
}

// 410 switches an endpoint off. Switching it on again sends nothing; a replay does.
func TestGone(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, gone := setup(t), true
		r := &receiver{answer: func(int, *http.Request) (*http.Response, error) {
			if gone {
				return said(http.StatusGone, strings.NewReader("we have moved"))
			}
			return status(http.StatusOK)
		}}
		began := time.Now()
		hook := w.hook("a.example") // the conversion's second event waits for the first one
		w.buy()
		stop := w.work(r, webhook.Options{Interval: time.Hour})
		time.Sleep(time.Minute)
		if n := len(r.requests()); n != 1 {
			t.Errorf("there were %d requests", n)
		}
		log := w.log(hook)
		if len(log) != 2 || log[0].Status != refgrow.DeliveryFailed ||
			log[0].ResponseStatus != 410 || log[0].Error != "we have moved" ||
			log[1].Status != refgrow.DeliveryCanceled || log[1].Attempts != 0 ||
			log[1].NextAttemptAt != nil || log[1].EndedAt == nil {
			t.Errorf("the log is %+v", log)
		}
		if w.status(hook) != refgrow.WebhookInactive {
			t.Error("the endpoint is still active")
		}
		w.buy()
		time.Sleep(time.Minute)
		gone = false
		active := refgrow.WebhookActive
		_, err := w.shop.Webhooks().Update(t.Context(), hook.ID, refgrow.UpdateWebhookParams{Status: &active})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Hour)
		if n := len(r.requests()); n != 1 {
			t.Errorf("switching it on sent %d requests", n-1)
		}
		if _, err := w.shop.Webhooks().Replay(t.Context(), hook.ID, began); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		stop()
		got := r.requests()[1:]
		if len(got) != 4 || !slices.ContainsFunc(got, func(q request) bool { return q.id() == r.requests()[0].id() }) {
			t.Errorf("the replay sent %d requests", len(got))
		}
	})
}

// The whole request, as a receiver sees it.
func TestRequest(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, r := setup(t), &receiver{}
		jane, err := w.shop.CreateAffiliate(t.Context(),
			refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
		if err != nil {
			t.Fatal(err)
		}
		signed := w.hook("signed.example", refgrow.EventReferralSignedUp)
		if _, err := w.shop.Webhooks().Create(t.Context(), refgrow.CreateWebhookParams{
			URL: "https://unsigned.example:8443/hook?of=shop", Events: []refgrow.Event{refgrow.EventReferralSignedUp},
			Secret: refgrow.Clear[string](),
		}); err != nil {
			t.Fatal(err)
		}
		w.work(r, webhook.Options{})
		time.Sleep(time.Minute)
		_, err = w.shop.CreateReferral(t.Context(),
			refgrow.CreateReferralParams{Email: "carl@example.com", AffiliateID: jane.ID})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		got := r.requests()
		if len(got) != 2 {
			t.Fatalf("there were %d requests", len(got))
		}
		slices.SortFunc(got, func(a, b request) int { return strings.Compare(a.host, b.host) })
		q := got[0]
		want := `{"event":"referral_signed_up","timestamp":946684860,"project_id":"1",` +
			`"referrer":{"id":"1","email":"jane@example.com"},"referred":{"id":"1","email":"carl@example.com"},` +
			`"data":{"referral_code":"JANE","signup_date":"2000-01-01T00:01:00.000Z",` +
			`"user_agent":null,"ip_address":null`
		if !strings.HasPrefix(q.body, want) {
			t.Errorf("the body is\n%s, and should begin with\n%s", q.body, want)
		}
		mac := hmac.New(sha256.New, []byte(signed.Secret))
		io.WriteString(mac, q.body)
		fields := map[string]string{
			"Content-Type": "application/json", "User-Agent": "Refgrow-Webhooks/1.0",
			"X-Refgrow-Event":   "referral_signed_up",
			"Webhook-Timestamp": "946684860", "X-Refgrow-Signature": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
		}
		for name, value := range fields {
			if got := q.header.Values(name); len(got) != 1 || got[0] != value {
				t.Errorf("%s is %q", name, got)
			}
		}
		if len(q.header) != len(fields)+2 || q.id() == "" {
			t.Errorf("the header is %v", q.header)
		}
		if err := webhook.Verify([]byte(q.body), q.header, signed.Secret); err != nil {
			t.Error(err)
		}
		unsigned := got[1]
		if unsigned.host != "unsigned.example:8443" || unsigned.body != q.body || unsigned.id() != q.id() {
			t.Errorf("the unsigned request is %+v", unsigned)
		}
		if len(unsigned.header) != 5 ||
			!errors.Is(webhook.Verify([]byte(q.body), unsigned.header, signed.Secret), webhook.ErrNotSigned) {
			t.Errorf("the unsigned header is %v", unsigned.header)
		}
	})
}

// While a secret is being rotated both sign, for a day.
func TestRotation(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, r := setup(t), &receiver{}
		former := w.hook("a.example", refgrow.EventReferralConverted)
		present, err := w.shop.Webhooks().Rotate(t.Context(), former.ID, refgrow.RotateWebhookParams{})
		if err != nil {
			t.Fatal(err)
		}
		w.work(r, webhook.Options{Interval: time.Hour})
		for _, signatures := range []int{2, 2, 1} {
			w.buy()
			time.Sleep(time.Second)
			q := r.requests()[len(r.requests())-1]
			if err := webhook.Verify([]byte(q.body), q.header, present.Secret); err != nil {
				t.Errorf("with the new secret: %v", err)
			}
			if err := webhook.Verify([]byte(q.body), q.header, former.Secret); (err == nil) != (signatures == 2) {
				t.Errorf("with the former secret: %v", err)
			}
			// Receivers compare the one value of this header with one of their own.
			want := map[int]string{2: former.Secret, 1: present.Secret}[signatures]
			keyed := hmac.New(sha256.New, []byte(want))
			keyed.Write([]byte(q.body))
			if got := q.header.Values(webhook.SignatureHeader); !slices.Equal(got,
				[]string{"sha256=" + hex.EncodeToString(keyed.Sum(nil))}) {
				t.Errorf("with %d signatures that of the body is %q", signatures, got)
			}
			if n := len(strings.Fields(q.header.Get(webhook.StandardSignatureHeader))); n != signatures {
				t.Errorf("there are %d standard signatures", n)
			}
			time.Sleep(24*time.Hour - 2*time.Second) // the second time, a second before it ends
		}
	})
}

// A request is not broken off when the worker is stopped: its outcome is noted.
func TestStopWaitsForRequests(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := setup(t)
		began, waited := make(chan struct{}), 10*time.Second
		r := &receiver{answer: func(_ int, q *http.Request) (*http.Response, error) {
			close(began)
			select {
			case <-q.Context().Done():
				return nil, context.Cause(q.Context())
			case <-time.After(waited):
				return status(http.StatusOK)
			}
		}}
		hook := w.hook("a.example", refgrow.EventReferralConverted)
		w.buy()
		stop := w.work(r, webhook.Options{})
		<-began
		stopped := time.Now()
		stop()
		if took := time.Since(stopped); took != waited {
			t.Errorf("stopping took %v", took)
		}
		if d := w.only(hook); d.Status != refgrow.DeliverySucceeded {
			t.Errorf("the delivery is %+v", d)
		}
	})
}
