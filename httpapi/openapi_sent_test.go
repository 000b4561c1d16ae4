package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/webhook"
)

// What a webhook is really sent has the headers that the document lists, in the forms that
// it gives, and no others of ours.
func TestOpenAPIEventHeaders(t *testing.T) {
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{RateLimit: -1, PrivateWebhooks: true})
	arrived := make(chan http.Header, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- r.Header
	}))
	defer receiver.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- webhook.NewWorker(w.engine, webhook.Options{AllowPrivate: true}).Run(ctx)
	}()
	for _, secret := range []string{"", `, "secret": null`} {
		made := w.do(t, "POST", "/webhooks", `{"url": "`+receiver.URL+`"`+secret+`}`).ok(t, 201)
		w.do(t, "POST", "/webhooks/"+made.id()+"/test", `{"event": "referral_updated"}`).ok(t, 202)
		var header http.Header
		select {
		case header = <-arrived:
		case <-time.After(time.Minute):
			t.Fatal("nothing arrives")
		}
		o := operation{document: openAPI(), pointer: "#/webhooks/referral_updated/post"}
		listed := o.parameters("header")
		for name, p := range listed {
			text := header.Get(name)
			if there := secret == "" || o.at(p)["required"] == true; there != (text != "") {
				t.Errorf("with%s the header %s is %q", secret, name, text)
			}
			var value any = text
			if o.at(under(p, "schema"))["type"] == "integer" {
				value = json.Number(text)
			}
			if text != "" {
				for _, wrong := range o.check(value, under(p, "schema"), true, nil) {
					t.Errorf("the header %s%s", name, wrong)
				}
			}
		}
		for name := range header {
			if (strings.HasPrefix(name, "X-") || strings.HasPrefix(name, "Webhook-")) && listed[name] == "" {
				t.Errorf("it is sent the header %s, which the document does not have", name)
			}
		}
	}
	cancel()
	must(t, <-ended)
}
