package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/webhook"
)

// The worker sends what happened to the endpoints that want to know.
func ExampleWorker() {
	ctx, stop := context.WithCancel(context.Background())
	shop, engine, end := exampleShop(ctx)
	defer end()

	received := make(chan string)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(http.MaxBytesReader(nil, r.Body, 1<<20))
		event, _, _ := strings.Cut(string(body), ",")
		received <- event
	}))
	defer endpoint.Close()
	if _, err := shop.Webhooks().Create(ctx, refgrow.CreateWebhookParams{
		URL: endpoint.URL, Events: []refgrow.Event{refgrow.EventReferralConverted},
	}); err != nil {
		log.Fatal(err)
	}

	worker := webhook.NewWorker(engine, webhook.Options{AllowPrivate: true}) // the endpoint is on this machine
	ended := make(chan error)
	go func() { ended <- worker.Run(ctx) }()
	if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: "JANE", BaseValue: money.MustParse("49.00 USD"),
	}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-received)

	// The worker ends before the engine does.
	stop()
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
	// Output:
	// {"event":"referral_converted"
}

// exampleShop is a program with an affiliate.
func exampleShop(ctx context.Context) (*refgrow.Project, *refgrow.Engine, func()) {
	dir, err := os.MkdirTemp("", "refgrow")
	if err != nil {
		log.Fatal(err)
	}
	db, err := sqlite.Open(ctx, filepath.Join(dir, "refgrow.db"), sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	engine, err := refgrow.New(ctx, db, refgrow.Config{})
	if err != nil {
		log.Fatal(err)
	}
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		log.Fatal(err)
	}
	_, err = shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		log.Fatal(err)
	}
	return shop, engine, func() {
		if err := errors.Join(engine.Close(context.WithoutCancel(ctx)), db.Close(), os.RemoveAll(dir)); err != nil {
			log.Print(err)
		}
	}
}

// A receiver reads the whole body, and believes it only if it is signed.
func ExampleVerify() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	receive := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "the body could not be read", http.StatusBadRequest)
			return
		}
		switch err := webhook.Verify(body, r.Header, secret); {
		case errors.Is(err, webhook.ErrTimestamp):
			http.Error(w, "too old: send it again", http.StatusUnauthorized)
			return
		case err != nil:
			http.Error(w, "not for me", http.StatusUnauthorized)
			return
		}
		// The same id means the same event: one that was already handled is not handled
		// again.
		fmt.Println(r.Header.Get(webhook.IDHeader), string(body))
		w.WriteHeader(http.StatusNoContent)
	})

	// A request as it was sent, and one that somebody changed on the way.
	for _, sent := range []string{`{"event":"referral_converted"}`, `{"event":"referral_canceled"}`} {
		request := httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(sent))
		webhook.Sign(request.Header, "evt_1", time.Now(), []byte(`{"event":"referral_converted"}`), secret)
		answer := httptest.NewRecorder()
		receive.ServeHTTP(answer, request)
		fmt.Println(http.StatusText(answer.Code))
	}
	// Output:
	// evt_1 {"event":"referral_converted"}
	// No Content
	// Unauthorized
}
