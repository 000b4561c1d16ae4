// Package webhook sends the events of an engine's projects to the URLs that you register,
// and, in receivers written in Go, verifies that a request came from there.
//
// # Sending
//
// A [Worker] delivers what the engine has written to its outbox in the transaction of
// each change: there is no change without its event, and no event without its change.
// Run it alongside the server:
//
//	go webhook.NewWorker(engine, webhook.Options{}).Run(ctx)
//
// Each event arrives at least once, with the same id on every try, so that a receiver
// can recognize what it has already seen. What happens to one conversion, and to one
// payout or affiliate, arrives in order: a delivery waits until the one before it has
// succeeded or permanently failed.
// Endpoints do not wait for each other.
//
// Any 2xx is success. After anything else, and after 15 seconds without an answer,
// the delivery is tried again after 5 seconds, 5 minutes, 30 minutes, 2, 5, 10, 14,
// 20 and 24 hours, with some jitter, or later if the endpoint says so in Retry-After.
// Then it has failed. An endpoint that answers 410, or has accepted nothing during the
// whole schedule of a delivery, is switched off; what waits is canceled, and can be
// replayed once it is switched on again. Redirects are not followed.
//
// Connections to private, loopback, link-local and other addresses that are not on
// the public internet are refused after the name has been looked up, unless
// [Options.AllowPrivate] is set.
//
// # Bodies
//
// A body is JSON with event, timestamp (Unix seconds), project_id, referrer (the
// affiliate with the payout preferences, null for none), referred (the customer, null for
// none) and data: the conversion as the REST API shows it, with changes ({field: [old,
// new]}) where it was changed, and for referral_signed_up also referral_code,
// signup_date, user_agent and ip_address. The data of payout_updated is the payout, that
// of affiliate_updated the affiliate as the REST API retrieves it; endpoints get these
// two only if they name them. An endpoint that declines payout preferences is sent none,
// in either place.
//
// # Signatures
//
// Each request to an endpoint that has a secret carries two signatures. The
// headers of Standard Webhooks (Webhook-Id, Webhook-Timestamp, Webhook-Signature)
// cover id, time and body; their key is what the secret encodes after "whsec_", or
// the bytes of any other secret. X-Refgrow-Signature covers the body alone, keyed
// with the whole text of the secret. While a secret is being rotated, Webhook-Signature
// has a signature of the new and one of the former secret. X-Refgrow-Signature is always
// one value, which receivers compare whole: that of the former secret until its time is
// over, and that of the new one from then on. Rotating without overlap changes both at
// once.
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
