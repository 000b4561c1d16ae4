package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/webhook"
)

// FuzzVerify signs requests with two secrets and verifies them. They are valid with
// each of the secrets; with another one, another body, id or time, or a header that
// somebody made up, they never are.
func FuzzVerify(f *testing.F) {
	const secret, former = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "an own secret of the endpoint's owner"
	for _, forged := range []string{
		"", "v1,", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		"v1a,xyz v2,abc", " , ", "v1,,v1,", strings.Repeat("v1,x ", 100), "v1,\x00", "V1,g0hM", "sha256=00",
	} {
		f.Add("msg_p5jXN8AQM9LWM0D4loKWxJek", int64(1614265330), []byte(`{"test": 2432232314}`),
			secret, former, forged, uint16(3))
	}
	f.Add("", int64(0), []byte{}, secret, former, "", uint16(0))
	f.Add("evt_1", int64(math.MaxInt64), []byte("x"), secret, secret, "", uint16(1))
	f.Add("evt_1", int64(math.MinInt64), []byte("x"), "whsec_", "", "", uint16(0))
	f.Add("a.1", int64(-1), []byte("1.x"), "whsec_not base64", strings.Repeat("s", 100), "", uint16(2))
	f.Fuzz(func(t *testing.T, id string, seconds int64, body []byte, secret, former, forged string, at uint16) {
		signedAt := time.Unix(seconds, 0)
		now := webhook.Clock(func() time.Time { return signedAt })
		signed := func(secrets ...string) http.Header {
			header := make(http.Header)
			webhook.Sign(header, id, signedAt, body, secrets...)
			return header
		}
		verify := func(body []byte, header http.Header, secret string, want error, what string) {
			t.Helper()
			if err := webhook.Verify(body, header, secret, now); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		both := signed(secret, former)
		for _, s := range []string{secret, former} {
			switch {
			case id == "":
				verify(body, both, s, webhook.ErrNotSigned, "no id")
			case len(keyOf(s)) == 0:
				verify(body, both, s, webhook.ErrSignature, "no secret")
			default:
				verify(body, both, s, nil, "right")
				verify(body, signed(s), s, nil, "right, with one signature")
			}
		}
		for _, header := range []http.Header{both, signed(former)} {
			want := []string{"sha256=" + hex.EncodeToString(macOf([]byte(former), body))}
			if got := header.Values(webhook.SignatureHeader); !slices.Equal(got, want) {
				t.Errorf("the signature of the body is %q, not %q", got, want)
			}
		}
		if id == "" || len(keyOf(secret)) == 0 {
			return
		}

		right := signed(secret)
		changed := append(bytes.Clone(body), 0)
		verify(changed, right, secret, webhook.ErrSignature, "a byte more")
		if len(body) > 0 {
			changed = bytes.Clone(body)
			changed[int(at)%len(body)] ^= 1 << (at % 8)
			verify(changed, right, secret, webhook.ErrSignature, "another byte")
			verify(body[:len(body)-1], right, secret, webhook.ErrSignature, "a byte less")
		}
		if !bytes.Equal(paddedKey(secret), paddedKey(former)) {
			verify(body, right, former, webhook.ErrSignature, "another secret")
		}
		other := right.Clone()
		other.Set(webhook.IDHeader, id+"x")
		verify(body, other, secret, webhook.ErrSignature, "another id")
		if late := webhook.Clock(func() time.Time { return signedAt.Add(time.Second) }); seconds < math.MaxInt64/2 &&
			seconds > math.MinInt64/2 {
			other = signed(secret)
			webhook.Sign(other, id, signedAt.Add(time.Second), body, former)
			other.Set(webhook.StandardSignatureHeader, right.Get(webhook.StandardSignatureHeader))
			if err := webhook.Verify(body, other, secret, late); !errors.Is(err, webhook.ErrSignature) {
				t.Errorf("another time: %v", err)
			}
		}

		other = right.Clone()
		other.Set(webhook.StandardSignatureHeader, forged)
		if err := webhook.Verify(body, other, secret, now); err == nil &&
			!slices.Contains(strings.Fields(forged), right.Get(webhook.StandardSignatureHeader)) {
			t.Errorf("%q is right for %q", forged, body)
		}
		other.Set(webhook.StandardSignatureHeader, forged+" "+right.Get(webhook.StandardSignatureHeader))
		verify(body, other, secret, nil, "the right one after others")
	})
}

// keyOf is what a secret signs with, according to the specification of Standard
// Webhooks.
func keyOf(secret string) []byte {
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			return key
		}
	}
	return []byte(secret)
}

// paddedKey is what HMAC makes of a key (RFC 2104, section 2): keys that differ only in
// zeros at their end are the same.
func paddedKey(secret string) []byte {
	key := keyOf(secret)
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	return append(bytes.Clone(key), make([]byte, sha256.BlockSize-len(key))...)
}

func macOf(key, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(body)
	return m.Sum(nil)
}
