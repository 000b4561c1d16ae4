package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/refgrow-go/refgrow"
)

// schedule is that of Standard Webhooks: the delay before each further try.
func schedule() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// longestRetryAfter is how long an endpoint can put off a try.
const longestRetryAfter = 24 * time.Hour

// attempt makes one request and notes what became of it. Nothing is known of one that was
// broken off with the worker: its lease runs out.
func (w *Worker) attempt(ctx context.Context, a refgrow.Attempt) {
	var result refgrow.AttemptResult // a retry, unless it says otherwise
	err := guarded(func() error {
		result = w.send(ctx, a)
		if ctx.Err() != nil && result.Outcome == refgrow.AttemptRetry {
			return nil
		}
		return w.engine.Outbox().Finish(context.WithoutCancel(ctx), a, result)
	})
	if err != nil {
		w.options.Logger.WarnContext(ctx, "noting the answer of a webhook, which will be sent again",
			"webhook", a.WebhookID, "delivery", a.DeliveryID, "error", err)
	}
	w.end(a.WebhookID, result.Outcome != refgrow.AttemptSucceeded)
}

// send makes the request, which ends with the context.
func (w *Worker) send(ctx context.Context, a refgrow.Attempt) refgrow.AttemptResult {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var internal atomic.Bool // the address; the dialer may still be at work when there is an answer
	note := func(address string) {
		if at, err := netip.ParseAddrPort(address); err != nil || !refgrow.PublicAddress(at.Addr()) {
			internal.Store(true)
		}
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectStart: func(_, address string) { note(address) },
		GotConn:      func(info httptrace.GotConnInfo) { note(info.Conn.RemoteAddr().String()) },
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, bytes.NewReader(a.Body))
	if err != nil {
		return w.retry(a, 0, err.Error(), 0)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Refgrow-Webhooks/1.0")
	request.Header.Set(EventHeader, string(a.Event))
	Sign(request.Header, a.MessageID, w.engine.Now(), a.Body, a.Secrets...)
	answer, err := w.options.Client.Do(request)
	if err != nil {
		return w.retry(a, 0, noAnswer(err, internal.Load()), 0)
	}
	defer answer.Body.Close()
	// What is read of the answer is bounded, and a connection is kept only if that was
	// all of it.
	text, _ := io.ReadAll(io.LimitReader(answer.Body, refgrow.MaxDeliveryError))
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded, ResponseStatus: answer.StatusCode}
	}
	message := strings.TrimSpace(string(text))
	if message == "" || internal.Load() { // it is nobody's business what an internal server says
		message = strings.TrimSpace(
			fmt.Sprintf("the answer was %d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
	}
	if answer.StatusCode == http.StatusGone {
		return refgrow.AttemptResult{Outcome: refgrow.AttemptGone, ResponseStatus: answer.StatusCode, Error: message}
	}
	return w.retry(a, answer.StatusCode, message, retryAfter(answer.Header.Get("Retry-After"), w.engine.Now()))
}

// noAnswer says why there is none. The error of a broken connection can quote what came
// over it, so nothing more is said about a private one.
func noAnswer(err error, private bool) string {
	var failure *url.Error
	switch {
	case errors.As(err, &failure) && failure.Timeout():
		return fmt.Sprintf("no answer within %v", timeout)
	case errors.Is(err, ErrPrivateAddress), errors.As(err, new(*net.DNSError)):
		// It is nobody's business which names there are within.
		return "the address is not public, or its name could not be looked up"
	case private:
		return "the connection broke, or what came was not an answer"
	case failure != nil:
		return failure.Err.Error()
	}
	return err.Error()
}

// retry puts a delivery off by the schedule, or longer if the endpoint asks for that;
// after the last try it has failed.
func (w *Worker) retry(a refgrow.Attempt, status int, message string, atLeast time.Duration) refgrow.AttemptResult {
	delays := schedule()
	if int(a.Failures) >= len(delays) {
		return refgrow.AttemptResult{Outcome: refgrow.AttemptFailed, ResponseStatus: status, Error: message}
	}
	delay := delays[a.Failures]
	delay = max(delay+w.options.Jitter(delay), atLeast)
	return refgrow.AttemptResult{
		Outcome: refgrow.AttemptRetry, RetryAt: w.engine.Now().Add(delay), ResponseStatus: status, Error: message,
	}
}

// retryAfter reads a number of seconds or a date; 0 for none, and at most a day.
func retryAfter(text string, now time.Time) time.Duration {
	var after time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, 0), longestRetryAfter)
}
