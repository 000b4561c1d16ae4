package webhook_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/webhook"
)

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
