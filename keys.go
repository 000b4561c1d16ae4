package refgrow

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/recent"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// An API key is rgk_, 12 characters that identify its row, _, and 32 characters of
// secret: 160 random bits. All parts have a fixed length, because bcrypt ignores
// whatever follows the first 72 bytes.
const (
	keyPrefix   = "rgk_"
	publicChars = 12
	secretChars = 32
	keyChars    = len(keyPrefix) + publicChars + 1 + secretChars
	// keyAlphabet has 32 characters, so that each takes 5 bits of a random byte.
	keyAlphabet = "abcdefghijklmnopqrstuvwxyz234567"
)

// A Key opens one project through the REST API. The secret itself is shown once, when
// the key is created, and stored only as a bcrypt hash.
type Key struct {
	ID          int64
	ProjectID   int64
	ProjectName string
	Name        string
	// ReadOnly keys can only read.
	ReadOnly  bool
	CreatedAt time.Time
	RevokedAt *time.Time // nil while the key works
}

// CreateKeyParams describe a new key.
type CreateKeyParams struct {
	// Name is a label for people.
	Name     string
	ReadOnly bool
}

// CreateKey creates an API key for a project and returns its text, which cannot be
// retrieved later.
func (e *Engine) CreateKey(ctx context.Context, p *Project, params CreateKeyParams) (token string, key *Key, err error) {
	if err := e.open(); err != nil {
		return "", nil, err
	}
	if err := at("name", form.Text(params.Name, 100)); err != nil {
		return "", nil, err
	}
	public, secret := randomText(publicChars), randomText(secretChars)
	hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.DefaultCost)
	if err != nil {
		return "", nil, e.failed("hashing a key", err)
	}
	key = &Key{ProjectID: p.id, ProjectName: p.name, Name: params.Name, ReadOnly: params.ReadOnly}
	err = p.backend.Atomic(ctx, backend.Work{Project: p.id, Run: func(ctx context.Context, tx *backend.Tx) error {
		now := e.millis()
		key.CreatedAt = stored.Instant(now)
		key.ID, err = tx.InsertKey(ctx, db.InsertKeyParams{
			ProjectID: p.id, Name: params.Name, ReadOnly: stored.Flag(params.ReadOnly), PublicID: public,
			SecretHash: string(hash), SecretCheck: secretCheck(secret), CreatedAt: now,
		})
		return err
	}})
	if err != nil {
		return "", nil, e.failed("creating a key", err)
	}
	return keyPrefix + public + "_" + secret, key, nil
}

// RevokeKey ends a key: at once in this process, within a second in others. Errors:
// ErrNotFound for an unknown key, ErrConflict for one that is already revoked.
func (e *Engine) RevokeKey(ctx context.Context, id int64) error {
	if err := e.open(); err != nil {
		return err
	}
	err := e.backend.Atomic(ctx, backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
		if _, err := tx.GetKey(ctx, id); err != nil {
			return missing(err, "Key")
		}
		n, err := tx.RevokeKey(ctx, db.RevokeKeyParams{KeyID: id, RevokedAt: new(e.millis())})
		if err == nil && n == 0 {
			return conflict("", "the key is already revoked").of(id)
		}
		return err
	}})
	e.keys.Forget(id)
	return e.failed("revoking a key", err)
}

// Keys returns all keys of all projects, oldest first.
func (e *Engine) Keys(ctx context.Context) ([]Key, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	rows, err := e.backend.Reader().ListKeys(ctx)
	if err != nil {
		return nil, e.failed("listing the keys", e.needed(err))
	}
	return convert(rows, func(r db.ListKeysRow) Key {
		return Key{
			ID: r.ID, ProjectID: r.ProjectID, ProjectName: r.ProjectName, Name: r.Name, ReadOnly: r.ReadOnly == 1,
			CreatedAt: stored.Instant(r.CreatedAt), RevokedAt: stored.OptionalInstant(r.RevokedAt),
		}
	}), nil
}

// Authenticate finds the key that a token belongs to, and its project. A wrong token
// costs microseconds, and takes the same time whether or not its row exists; bcrypt
// runs once for a valid one, which is then remembered. Errors: ErrUnauthorized.
func (e *Engine) Authenticate(ctx context.Context, token string) (*Key, *Project, error) {
	if err := e.open(); err != nil {
		return nil, nil, err
	}
	public, secret, ok := splitKey(token)
	if !ok {
		return nil, nil, unauthorized()
	}
	digest := sha256.Sum256([]byte(token))
	now := e.now()
	known, fresh, revocations := e.keys.Find(digest, now)
	if fresh {
		return e.opened(known)
	}
	// Where there is no such key this returns a check of zeros, so that a wrong secret
	// and an unknown id cost the same. The row is read only for a secret that passes
	// the check.
	ctx = inLane(ctx, backend.Keys)
	check, err := e.backend.Reader().GetSecretCheck(ctx, public)
	if err != nil {
		return nil, nil, e.failed("finding a key", err)
	}
	if subtle.ConstantTimeCompare(check, secretCheck(secret)) != 1 {
		return nil, nil, unauthorized()
	}
	row, err := e.backend.Reader().GetKeyByPublicID(ctx, public)
	switch {
	case errors.Is(err, sql.ErrNoRows): // a guess whose check is zeros, by chance
		return nil, nil, unauthorized()
	case err != nil:
		return nil, nil, e.failed("finding a key", err)
	case row.RevokedAt != nil: // a moment ago
		return nil, nil, unauthorized()
	}
	if known.Hash != row.SecretHash {
		if err := e.keys.Once(digest, func() error {
			return bcrypt.CompareHashAndPassword([]byte(row.SecretHash), []byte(secret))
		}); err != nil {
			return nil, nil, unauthorized()
		}
	}
	key := recent.Key{
		ID: row.ID, ProjectID: row.ProjectID, ProjectName: row.ProjectName, Name: row.Name, ReadOnly: row.ReadOnly == 1,
		CreatedAt: stored.Instant(row.CreatedAt), Hash: row.SecretHash,
	}
	e.keys.Keep(digest, key, now, revocations)
	return e.opened(key)
}

// opened returns a key that was verified, and the project that it opens.
func (e *Engine) opened(k recent.Key) (*Key, *Project, error) {
	key := &Key{
		ID: k.ID, ProjectID: k.ProjectID, ProjectName: k.ProjectName, Name: k.Name, ReadOnly: k.ReadOnly,
		CreatedAt: k.CreatedAt,
	}
	return key, &Project{
		engine: e, backend: e.backend, timeout: e.timeout, id: k.ProjectID, name: k.ProjectName,
	}, nil
}

func unauthorized() error {
	return &Error{Code: CodeUnauthorized, Message: "Invalid or missing API key"}
}

// splitKey takes a token apart, and reports whether it has the form of one.
func splitKey(token string) (public, secret string, ok bool) {
	if len(token) != keyChars || !strings.HasPrefix(token, keyPrefix) {
		return "", "", false
	}
	public, secret = token[len(keyPrefix):len(keyPrefix)+publicChars], token[len(keyPrefix)+publicChars+1:]
	ok = token[len(keyPrefix)+publicChars] == '_' &&
		form.ConsistsOf(public+secret, func(c rune) bool { return strings.ContainsRune(keyAlphabet, c) })
	return public, secret, ok
}

func randomText(chars int) string {
	b := make([]byte, chars)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = keyAlphabet[b[i]&31]
	}
	return string(b)
}

// secretCheck is compared first; bcrypt runs only when it matches.
func secretCheck(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:8]
}
