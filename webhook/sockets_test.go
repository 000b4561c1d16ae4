package webhook_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/webhook"
)

// really runs a worker with the client that apps get.
func (w *world) really(allowPrivate bool) (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	worker := webhook.NewWorker(w.engine,
		webhook.Options{AllowPrivate: allowPrivate, Logger: slog.New(slog.DiscardHandler)})
	go func() { result <- worker.Run(ctx) }()
	return func() {
		cancel()
		if err := <-result; err != nil {
			w.Error(err)
		}
	}
}

func (w *world) hookAt(url string) *refgrow.Webhook {
	w.Helper()
	hook, err := w.shop.Webhooks().Create(w.Context(),
		refgrow.CreateWebhookParams{URL: url, Events: []refgrow.Event{refgrow.EventReferralConverted}})
	if err != nil {
		w.Fatal(err)
	}
	return hook
}

// Over real connections, which a worker that has stopped does not keep.
func TestOverTheNetwork(t *testing.T) {
	t.Parallel()
	w, came, closed := setup(t), make(chan error), make(chan struct{}, 10)
	var secret string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = webhook.Verify(body, r.Header, secret)
		}
		came <- err
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	hook := w.hookAt("http://" + server.Listener.Addr().String() + "/")
	secret = hook.Secret
	server.Start()
	defer server.Close()
	stop := w.really(true)
	for range 5 {
		w.buy()
		if err := <-came; err != nil {
			t.Error(err)
		}
	}
	stop()
	<-closed
	for _, d := range w.log(hook) {
		if d.Status != refgrow.DeliverySucceeded {
			t.Errorf("a delivery is %+v", d)
		}
	}
}

// What a server at a private address says is not shown, whatever it is.
func TestPrivateAnswersAreNotShown(t *testing.T) {
	t.Parallel()
	const secret = "the root password"
	for name, c := range map[string]struct{ answer, says string }{
		"error": {"HTTP/1.1 500 " + secret + "\r\nContent-Length: 17\r\n\r\n" + secret,
			"the answer was 500 Internal Server Error"},
		"gone": {"HTTP/1.1 410 " + secret + "\r\nContent-Length: 17\r\n\r\n" + secret,
			"the answer was 410 Gone"},
		"redirect": {"HTTP/1.1 302 " + secret + "\r\nLocation: http://127.0.0.1/\r\n\r\n" + secret,
			"the answer was 302 Found"},
		"to nowhere": {"HTTP/1.1 302 Found\r\nLocation: http://" + secret + "/\r\n\r\n",
			"the connection broke, or what came was not an answer"},
		"other words": {"SSH-2.0-" + secret + "\r\n", "the connection broke, or what came was not an answer"},
		"bad field": {"HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n",
			"the connection broke, or what came was not an answer"},
		"bad length": {"HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n",
			"the connection broke, or what came was not an answer"},
		"nothing": {"", "the connection broke, or what came was not an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, came := setup(t), make(chan struct{})
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				defer close(came)
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				request, err := http.ReadRequest(bufio.NewReader(conn))
				if err == nil {
					_, err = io.Copy(io.Discard, request.Body)
				}
				if err == nil {
					_, err = io.WriteString(conn, c.answer)
				}
				if err != nil {
					t.Error(err)
				}
			}()
			hook := w.hookAt("http://" + listener.Addr().String() + "/")
			w.buy()
			stop := w.really(true)
			<-came
			stop()
			d := w.only(hook)
			if d.Error != c.says || strings.Contains(d.Error, "password") {
				t.Errorf("the log says %q", d.Error)
			}
		})
	}
}

// A private address is not even dialed, unless that is allowed, and the log says so.
func TestPrivateAddressInTheLog(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := setup(t)
		hook := w.hookAt("http://127.0.0.1:9/")
		w.buy()
		stop := w.really(false)
		time.Sleep(time.Second)
		stop()
		if d := w.only(hook); d.Status != refgrow.DeliveryPending ||
			!strings.Contains(d.Error, "the address is not public") {
			t.Errorf("the delivery is %+v", d)
		}
	})
}
