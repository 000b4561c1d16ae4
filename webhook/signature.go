package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a delivery.
const (
	// EventHeader names the event, such as "referral_converted".
	EventHeader = "X-Refgrow-Event"
	// SignatureHeader is "sha256=" and the HMAC-SHA256 of the raw body in hex, keyed
	// with the whole text of the secret. It is absent for an endpoint without a secret.
	// While a secret is being rotated it is that of the former one.
	SignatureHeader = "X-Refgrow-Signature"
	// IDHeader, TimestampHeader and StandardSignatureHeader are those of Standard
	// Webhooks (standardwebhooks.com). The id is the same on every try.
	IDHeader                = "Webhook-Id"
	TimestampHeader         = "Webhook-Timestamp"
	StandardSignatureHeader = "Webhook-Signature"
)

// What Verify finds wrong, for errors.Is.
var (
	// ErrNotSigned: a header that Verify needs is missing or malformed.
	ErrNotSigned = errors.New("webhook: the request is not signed")
	// ErrTimestamp: the request was signed too long ago, or in the future.
	ErrTimestamp = errors.New("webhook: the timestamp is outside the tolerance")
	// ErrSignature: no signature matches: the secret is a different one, or somebody
	// changed the request.
	ErrSignature = errors.New("webhook: no signature matches")
)

// DefaultTolerance is how far the time of a signature may be from now.
const DefaultTolerance = 5 * time.Minute

// A VerifyOption changes what Verify accepts.
type VerifyOption func(*verification)

type verification struct {
	tolerance time.Duration
	now       func() time.Time
}

// Tolerance sets how far the time of a signature may be from now, either way. It bounds
// how long a request that somebody intercepted can be sent again.
func Tolerance(t time.Duration) VerifyOption { return func(v *verification) { v.tolerance = t } }

// Clock sets where Verify takes the time from.
func Clock(now func() time.Time) VerifyOption { return func(v *verification) { v.now = now } }

// Verify checks, for a receiver, that a request was signed with the endpoint's
// secret, that its body has not changed since, and that this was not long ago. body is
// the raw body, as it was read. It uses the signature of Standard Webhooks, which
// covers the id and the time too. Without a secret nothing is valid. Errors:
// ErrNotSigned, ErrTimestamp, ErrSignature.
func Verify(body []byte, header http.Header, secret string, options ...VerifyOption) error {
	v := verification{
		tolerance: DefaultTolerance,
		now:       time.Now, //nolint:forbidigo // a receiver has no engine; Clock replaces it
	}
	for _, option := range options {
		option(&v)
	}
	id, signatures := header.Get(IDHeader), header.Get(StandardSignatureHeader)
	seconds, err := strconv.ParseInt(header.Get(TimestampHeader), 10, 64)
	if id == "" || signatures == "" || err != nil {
		return ErrNotSigned
	}
	if age := v.now().Sub(time.Unix(seconds, 0)); age > v.tolerance || age < -v.tolerance {
		return ErrTimestamp
	}
	if len(standardKey(secret)) == 0 {
		return ErrSignature // anybody can sign with an empty secret
	}
	right := standardSignature(secret, id, seconds, body)
	for signature := range strings.FieldsSeq(signatures) {
		if hmac.Equal([]byte(signature), []byte(right)) {
			return nil
		}
	}
	return ErrSignature
}

// Sign sets the headers of a request that sends body, signed with each of the secrets,
// the present one first; X-Refgrow-Signature, which is one value, with the last one. It
// is for tests of receivers. Without secrets there is no signature.
func Sign(header http.Header, id string, at time.Time, body []byte, secrets ...string) {
	header.Set(IDHeader, id)
	header.Set(TimestampHeader, strconv.FormatInt(at.Unix(), 10))
	header.Del(SignatureHeader)
	header.Del(StandardSignatureHeader)
	if len(secrets) == 0 {
		return
	}
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signatures[i] = standardSignature(secret, id, at.Unix(), body)
	}
	header.Set(StandardSignatureHeader, strings.Join(signatures, " "))
	// One value, as the header is documented: receivers compare the whole of it.
	header.Set(SignatureHeader, signature(secrets[len(secrets)-1], body))
}

// signature covers the body alone. Its key is the whole text of the secret.
func signature(secret string, body []byte) string {
	return "sha256=" + hex.EncodeToString(mac([]byte(secret), body))
}

// standardSignature is that of Standard Webhooks, version 1.
func standardSignature(secret, id string, seconds int64, body []byte) string {
	signed := id + "." + strconv.FormatInt(seconds, 10) + "."
	return "v1," + base64.StdEncoding.EncodeToString(mac(standardKey(secret), []byte(signed), body))
}

// standardKey is what a "whsec_" secret encodes, and the text itself of any other.
func standardKey(secret string) []byte {
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			return key
		}
	}
	return []byte(secret)
}

func mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, part := range parts {
		m.Write(part)
	}
	return m.Sum(nil)
}
