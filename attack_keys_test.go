package refgrow

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/sqlite"
)

// A readingBackend notes the statements that are no part of an operation.
type readingBackend struct {
	seam
	noted *countingBackend
}

func (b readingBackend) Backend() backend.Backend { return b }
func (b readingBackend) Reader() db.Querier       { return db.New(counter{b.noted.db, b.noted}) }

// Whatever is wrong with a key of the right form, its refusal costs the same one
// statement, so that its time does not tell whether there is a key with that id; one of
// another form costs none. What the time is, TestAttackKeysByTime measures in httpapi.
func TestRefusedKeysCostTheSame(t *testing.T) {
	t.Parallel()
	database, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "keys.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	noted := &countingBackend{db: database}
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	engine, err := New(t.Context(), readingBackend{sqlite.New(database), noted}, Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.CreateProject(t.Context(), "shop", Settings{})
	if err != nil {
		t.Fatal(err)
	}
	var tokens []string
	for range 2 {
		token, key, err := engine.CreateKey(t.Context(), shop, CreateKeyParams{})
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
		if len(tokens) == 2 {
			if err := engine.RevokeKey(t.Context(), key.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	right, revoked := tokens[0], tokens[1]
	secret := right[len(right)-secretChars:]
	const one = "GetSecretCheck"
	for _, test := range []struct{ what, token, want string }{
		{"an unknown id", keyPrefix + strings.Repeat("a", publicChars) + "_" + secret, one},
		{"a wrong secret", strings.TrimSuffix(right, secret) + strings.Repeat("a", secretChars), one},
		{"another's secret", strings.TrimSuffix(right, secret) + revoked[len(revoked)-secretChars:], one},
		{"a revoked key", revoked, one},
		{"a revoked key's id", strings.TrimSuffix(revoked, revoked[len(revoked)-secretChars:]) + secret, one},
		{"another form", right + "a", ""},
		{"nothing", "", ""},
	} {
		for range 3 { // nothing is remembered of it
			noted.statements = nil
			if _, _, err := engine.Authenticate(t.Context(), test.token); !errors.Is(err, ErrUnauthorized) {
				t.Fatalf("%s: %v", test.what, err)
			}
			if got := strings.Join(noted.statements, " "); got != test.want {
				t.Errorf("%s costs %q, not %q", test.what, got, test.want)
			}
		}
	}
	// A right key is read once a second.
	noted.statements = nil
	for range 3 {
		for range 3 {
			if _, _, err := engine.Authenticate(t.Context(), right); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Second)
	}
	if !slices.Equal(noted.statements, slices.Repeat([]string{one, "GetKeyByPublicID"}, 3)) {
		t.Errorf("a right key costs %v", noted.statements)
	}
}
