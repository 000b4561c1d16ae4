package budget_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/sqlite"
)

// A readingBackend notes the statements that are not part of an operation.
type readingBackend struct {
	seam
	noted *countingBackend
}

func (b readingBackend) Backend() backend.Backend { return b }
func (b readingBackend) Reader() db.Querier       { return db.New(counter{b.noted.db, b.noted}) }

// Whatever is wrong with a key of the right form, its refusal costs the same one
// statement, so that its time does not reveal whether there is a key with that id; one
// of another form costs none. The time itself is measured by TestAttackKeysByTime in
// httpapi.
func TestRefusedKeysCostTheSame(t *testing.T) {
	t.Parallel()
	database, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "keys.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	noted := &countingBackend{db: database}
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	engine, err := refgrow.New(t.Context(), readingBackend{sqlite.New(database), noted},
		refgrow.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	var tokens []string
	for range 2 {
		token, key, err := engine.CreateKey(t.Context(), shop, refgrow.CreateKeyParams{})
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
	// A key has three parts: what it is, its id and its secret.
	parts, others := strings.Split(right, "_"), strings.Split(revoked, "_")
	if len(parts) != 3 || len(others) != 3 {
		t.Fatalf("the keys have other parts than a kind, an id and a secret: %d and %d", len(parts), len(others))
	}
	kind, id, secret := parts[0], parts[1], parts[2]
	key := func(id, secret string) string { return kind + "_" + id + "_" + secret }
	const one = "GetSecretCheck"
	for _, test := range []struct{ what, token, want string }{
		{"an unknown id", key(strings.Repeat("a", len(id)), secret), one},
		{"a wrong secret", key(id, strings.Repeat("a", len(secret))), one},
		{"another's secret", key(id, others[2]), one},
		{"a revoked key", revoked, one},
		{"a revoked key's id", key(others[1], secret), one},
		{"another form", right + "a", ""},
		{"nothing", "", ""},
	} {
		for range 3 { // nothing about it is remembered
			noted.statements = nil
			if _, _, err := engine.Authenticate(t.Context(), test.token); !errors.Is(err, refgrow.ErrUnauthorized) {
				t.Fatalf("%s: %v", test.what, err)
			}
			if got := strings.Join(noted.statements, " "); got != test.want {
				t.Errorf("%s costs %q, not %q", test.what, got, test.want)
			}
		}
	}
	// A valid key is read once a second.
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
		t.Errorf("a valid key costs %v", noted.statements)
	}
}
