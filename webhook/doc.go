// Package webhook sends the events of an engine's projects to the endpoints that
// their owners have named, and verifies, in receivers written in Go, that a
// request came from there.
//
// # Sending
//
// A [Worker] delivers what the engine has written to its outbox, which happens in
// the transaction of each change: there is no change without its event, and no
// event without its change. Run it beside the server:
//
//	go webhook.NewWorker(engine, webhook.Options{}).Run(ctx)
//
// Each event arrives at least once, with the same id on every try, so that a
// receiver can tell what it has had. What happens to one conversion arrives in
// order: a delivery waits until the one before it has succeeded or failed for good.
// Endpoints do not wait for each other.
//
// Any 2xx is success. After anything else, and after 15 seconds without an answer,
// the delivery is tried again after 5 seconds, 5 minutes, 30 minutes, 2, 5, 10, 14,
// 20 and 24 hours, with some jitter, or later where the endpoint says so in
// Retry-After. Then it has failed. An endpoint that answers 410, or has taken
// nothing during the whole schedule of a delivery, is switched off; what waits is
// canceled, and can be replayed once it is switched on again. Redirects are not
// followed.
//
// Connections to private, loopback, link-local and other addresses that are not on
// the public internet are refused after the name was looked up, unless
// [Options.AllowPrivate] is set.
//
// # Signatures
//
// Two signatures come with each request of an endpoint that has a secret. The
// headers of Standard Webhooks (Webhook-Id, Webhook-Timestamp, Webhook-Signature)
// cover id, time and body; their key is what the secret encodes after "whsec_", or
// the bytes of any other secret. X-Refgrow-Signature covers the body alone, keyed
// with the whole text of the secret. While a secret is being rotated, both the new
// and the former one sign, the new one first.
//
// # Receiving
//
// [Verify] checks the first kind:
//
//	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
//	if err := webhook.Verify(body, r.Header, secret); err != nil {
//		http.Error(w, "not for me", http.StatusUnauthorized)
//		return
//	}
package webhook
