package outbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// ErrSecretKey says that a secret is encrypted with a key that the vault does not have.
var ErrSecretKey = errors.New("the secret key is missing or is a different one")

// How a secret is kept, by its first byte.
const (
	secretPlain  = 0
	secretSealed = 1 // AES-256-GCM: nonce and sealed text
)

// A Vault converts the secrets of webhooks to and from what the database keeps:
// encrypted, if there is a key.
type Vault struct{ aead cipher.AEAD }

// NewVault makes a vault with a key of 32 bytes, or without one.
func NewVault(key []byte) (Vault, error) {
	if len(key) == 0 {
		return Vault{}, nil
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Vault{}, err
	}
	aead, err := cipher.NewGCM(block)
	return Vault{aead}, err
}

// HasKey reports whether the vault encrypts.
func (v Vault) HasKey() bool { return v.aead != nil }

// Seal returns what the database keeps of a project's secret, nil for none. What was
// sealed for one project opens for no other.
func (v Vault) Seal(project int64, secret string) []byte {
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

// Open returns what Seal was given. Errors: ErrSecretKey, stored.ErrDamaged.
func (v Vault) Open(project int64, kept []byte) (string, error) {
	switch {
	case len(kept) == 0:
		return "", nil
	case kept[0] == secretPlain:
		return string(kept[1:]), nil
	case kept[0] != secretSealed:
		return "", fmt.Errorf("%w: a secret of kind %d", stored.ErrDamaged, kept[0])
	case v.aead == nil:
		return "", ErrSecretKey
	case len(kept) < 1+v.aead.NonceSize():
		return "", fmt.Errorf("%w: a secret of %d bytes", stored.ErrDamaged, len(kept))
	}
	nonce, sealed := kept[1:1+v.aead.NonceSize()], kept[1+v.aead.NonceSize():]
	secret, err := v.aead.Open(nil, nonce, sealed, sealedFor(project))
	if err != nil {
		return "", ErrSecretKey
	}
	return string(secret), nil
}

// Sealed reports whether what the database keeps of a secret is encrypted.
func Sealed(kept []byte) bool { return len(kept) > 0 && kept[0] == secretSealed }

func sealedFor(project int64) []byte {
	return fmt.Appendf(nil, "refgrow webhook of project %d", project)
}

// secretsOf opens the secrets that sign an endpoint's deliveries: the current one, and
// the former one while it still signs.
func (v Vault) secretsOf(row *db.Webhook, now int64) ([]string, error) {
	secret, err := v.Open(row.ProjectID, row.Secret)
	if err != nil || secret == "" {
		return nil, err
	}
	secrets := []string{secret}
	if stored.OrZero(row.FormerUntil) > now {
		former, err := v.Open(row.ProjectID, row.FormerSecret)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, former)
	}
	return secrets, nil
}

// The bounds of a secret that is not generated, in bytes.
const (
	MinSecret = 24
	MaxSecret = 75
)

// CheckSecret says what is wrong with a secret that is not generated.
func CheckSecret(secret string) error {
	if len(secret) < MinSecret || len(secret) > MaxSecret || !form.Printable(secret) || !form.ASCII(secret) {
		return fmt.Errorf("must have %d to %d printable ASCII characters; "+
			"leave it out to have one made, or send null to send without signatures", MinSecret, MaxSecret)
	}
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if _, err := base64.StdEncoding.DecodeString(encoded); err != nil {
			return errors.New("begins with whsec_, but what follows is not base64")
		}
	}
	return nil
}

// NewSecret makes a secret in the form of Standard Webhooks, from 32 random bytes.
func NewSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}
