package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/webhook"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// The receiver accepts what a worker sends.
func TestReceiving(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reads, writes := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, writes, "127.0.0.1:0", secret)
		writes.Close()
		ended <- err
	}()
	lines := bufio.NewScanner(reads)
	lines.Scan()
	url, ok := strings.CutPrefix(lines.Text(), "waiting for events at ")
	if !ok {
		t.Fatalf("it says %q: %v", lines.Text(), <-ended)
	}
	for !strings.HasPrefix(lines.Text(), "refgrow webhook test 1 ") && lines.Scan() { // what to try
	}
	lines.Scan()

	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "refgrow.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	engine, err := refgrow.New(ctx, db, refgrow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	hook, err := shop.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: url, Secret: refgrow.Set(secret)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.CreateAffiliate(ctx,
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"}); err != nil {
		t.Fatal(err)
	}
	sending := make(chan error, 1)
	go func() { sending <- webhook.NewWorker(engine, webhook.Options{AllowPrivate: true}).Run(ctx) }()
	c, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: "JANE", BaseValue: money.MustParse("49.00 USD"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.DeleteConversion(ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	expect := func(want ...string) {
		t.Helper()
		for _, line := range want {
			if lines.Scan(); lines.Text() != line {
				t.Errorf("it says %q, want %q", lines.Text(), line)
			}
		}
	}
	expect(
		"referral_converted: purchase 1 of 49 USD earns 9.8 for jane@example.com",
		"referral_updated: purchase 1 of 49 USD earns 9.8 for jane@example.com",
		"referral_canceled: purchase 1 of 49 USD earns 9.8 for jane@example.com",
	)
	// A replay is recognized by its id: the test after it is the next to be printed.
	if _, err := shop.Webhooks().Replay(ctx, hook.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := shop.Webhooks().Test(ctx, hook.ID, refgrow.EventReferralSignedUp); err != nil {
		t.Fatal(err)
	}
	expect("referral_signed_up: a test")
	stop()
	if err := errors.Join(<-sending, <-ended); err != nil {
		t.Error(err)
	}
}

// Without a secret it says how to make one.
func TestNoSecret(t *testing.T) {
	t.Parallel()
	err := run(t.Context(), io.Discard, "127.0.0.1:9000", "")
	if err == nil || !strings.Contains(err.Error(), "refgrow webhook create --url http://127.0.0.1:9000/)") {
		t.Errorf("it says %v", err)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const body = `{"event":"referral_signed_up","data":{}}`
	for name, c := range map[string]struct {
		method, body, secret string
		age                  time.Duration
		code                 int
		says                 string
	}{
		"right": {body: body, code: 204, says: "referral_signed_up: a customer of nobody\n"},
		"signup": {body: `{"event":"referral_converted","data":{"id":3,"type":"signup","value":1.5}}`,
			code: 204, says: "referral_converted: signup 3 earns 1.5 for nobody\n"},
		"another secret": {body: body, secret: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", code: 401},
		"old":            {body: body, age: time.Hour, code: 401},
		"no JSON":        {body: "event=referral_signed_up", code: 400},
		"too large":      {body: strings.Repeat("x", 1<<20+1), code: 413},
		"GET":            {method: http.MethodGet, body: body, code: 405},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			if code := send(newReceiver(&out, secret), c.method, "evt_1", c.body, c.secret, c.age); code != c.code {
				t.Errorf("the answer is %d", code)
			}
			if out.String() != c.says {
				t.Errorf("it says %q", &out)
			}
		})
	}
}

func send(r http.Handler, method, id, body, signed string, age time.Duration) (code int) {
	if signed == "" {
		signed = secret
	}
	if method == "" {
		method = http.MethodPost
	}
	q := httptest.NewRequest(method, "/", strings.NewReader(body))
	webhook.Sign(q.Header, id, time.Now().Add(-age), []byte(body), signed)
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, q)
	return answer.Code
}

// What could not be handled is handled when it comes again; what was handled is not.
func TestCopies(t *testing.T) {
	t.Parallel()
	out := &trouble{}
	r := newReceiver(out, secret)
	r.seen.most = 3
	try := func(id string) int { return send(r, "", id, `{"event":"x","data":{"id":1}}`, "", 0) }
	for i, want := range []struct {
		id      string
		code    int
		handled int
	}{{"a", 204, 1}, {"a", 204, 1}, {"b", 500, 1}, {"b", 204, 2},
		{"c", 204, 3}, {"a", 204, 3}, {"d", 204, 4}, {"d", 204, 4}, {"a", 204, 5}} {
		out.fails = want.code == 500
		if code := try(want.id); code != want.code || out.lines != want.handled {
			t.Errorf("%d: the answer is %d, and %d were handled", i, code, out.lines)
		}
	}
	for i := range 100 {
		try(strconv.Itoa(i))
	}
	if len(r.seen.ids) != 3 || len(r.seen.order) != 3 {
		t.Errorf("it remembers %d ids", len(r.seen.ids))
	}
}

type trouble struct {
	fails bool
	lines int
}

func (t *trouble) Write(p []byte) (int, error) {
	if t.fails {
		return 0, errors.New("the disk is full")
	}
	t.lines++
	return len(p), nil
}
