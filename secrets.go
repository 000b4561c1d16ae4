package refgrow

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrSecretKey says that a secret in the database is encrypted with a key that
// Config.SecretKey is not.
var ErrSecretKey = errors.New("the secret key is missing or another one")

// How a secret is kept, by its first byte.
const (
	secretPlain  = 0
	secretSealed = 1 // AES-256-GCM: nonce and sealed text
)

// A vault keeps the secrets of webhooks in the database: encrypted, if there is a
// key.
type vault struct{ aead cipher.AEAD }

func newVault(key []byte) (vault, error) {
	if len(key) == 0 {
		return vault{}, nil
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return vault{}, err
	}
	aead, err := cipher.NewGCM(block)
	return vault{aead}, err
}

// seal is how the database keeps a secret of a project; nil for none. What was
// sealed for one project opens for no other.
func (v vault) seal(project int64, secret string) []byte {
	switch {
	case secret == "":
		return nil
	case v.aead == nil:
		return append([]byte{secretPlain}, secret...)
	}
	sealed := make([]byte, 1+v.aead.NonceSize(), 1+v.aead.NonceSize()+len(secret)+v.aead.Overhead())
	sealed[0] = secretSealed
	_, _ = rand.Read(sealed[1:]) // never fails
	return v.aead.Seal(sealed, sealed[1:], []byte(secret), sealedFor(project))
}

// open gives back what seal was given. Errors: ErrSecretKey, ErrDamaged.
func (v vault) open(project int64, kept []byte) (string, error) {
	switch {
	case len(kept) == 0:
		return "", nil
	case kept[0] == secretPlain:
		return string(kept[1:]), nil
	case kept[0] != secretSealed:
		return "", fmt.Errorf("%w: a secret of kind %d", ErrDamaged, kept[0])
	case v.aead == nil:
		return "", ErrSecretKey
	case len(kept) < 1+v.aead.NonceSize():
		return "", fmt.Errorf("%w: a secret of %d bytes", ErrDamaged, len(kept))
	}
	nonce, sealed := kept[1:1+v.aead.NonceSize()], kept[1+v.aead.NonceSize():]
	secret, err := v.aead.Open(nil, nonce, sealed, sealedFor(project))
	if err != nil {
		return "", ErrSecretKey
	}
	return string(secret), nil
}

func sealedFor(project int64) []byte {
	return fmt.Appendf(nil, "refgrow webhook of project %d", project)
}

// The bounds of a secret that somebody chose, in bytes.
const (
	MinSecret = 24
	MaxSecret = 75
)

// rotation is for how long the former secret signs beside the new one.
const rotation = 24 * time.Hour

func checkSecret(secret string) error {
	const field = "secret"
	if len(secret) < MinSecret || len(secret) > MaxSecret || !printable(secret) || !ascii(secret) {
		return invalid(field, "must have %d to %d printable ASCII characters; leave it out to have one made, or send null to send without signatures",
			MinSecret, MaxSecret)
	}
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if _, err := base64.StdEncoding.DecodeString(encoded); err != nil {
			return invalid(field, "begins with whsec_, but what follows is not base64")
		}
	}
	return nil
}

// newSecret is one of Standard Webhooks, of 32 random bytes.
func newSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}
