package outbox

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

func vaultWith(t interface{ Fatal(args ...any) }, key []byte) Vault {
	v, err := NewVault(key)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A sealed secret opens with its key for its project, and never as any other.
func TestVaults(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
		project := rapid.Int64Min(1).Draw(t, "project")
		secret := rapid.StringN(1, MaxSecret, MaxSecret).Draw(t, "secret")
		sealing, plain := vaultWith(t, key), vaultWith(t, nil)
		if !sealing.HasKey() || plain.HasKey() {
			t.Fatal("the wrong one has a key")
		}
		kept := sealing.Seal(project, secret)
		if got, err := sealing.Open(project, kept); err != nil || got != secret {
			t.Errorf("%q opens as %q (%v)", secret, got, err)
		}
		if len(secret) > 3 && bytes.Contains(kept, []byte(secret)) {
			t.Errorf("%q is kept as %q", secret, kept)
		}
		if again := sealing.Seal(project, secret); bytes.Equal(again, kept) {
			t.Error("the same bytes were made twice")
		}
		for _, v := range []Vault{sealing, plain} { // a key that came later
			if got, err := v.Open(project, plain.Seal(project, secret)); err != nil || got != secret {
				t.Errorf("%q in plain text opens as %q (%v)", secret, got, err)
			}
		}

		other := slices.Clone(key)
		other[rapid.IntRange(0, 31).Draw(t, "byte of the key")] ^= rapid.ByteMin(1).Draw(t, "other key")
		damaged := slices.Clone(kept)
		damaged[rapid.IntRange(1, len(kept)-1).Draw(t, "byte")] ^= rapid.ByteMin(1).Draw(t, "damage")
		for name, open := range map[string]func() (string, error){
			"another project": func() (string, error) { return sealing.Open(project-1, kept) },
			"another key":     func() (string, error) { return vaultWith(t, other).Open(project, kept) },
			"no key":          func() (string, error) { return plain.Open(project, kept) },
			"damage":          func() (string, error) { return sealing.Open(project, damaged) },
		} {
			if got, err := open(); !errors.Is(err, ErrSecretKey) || got != "" {
				t.Errorf("%s: %q opens as %q (%v)", name, secret, got, err)
			}
		}
	})
}

func TestVaultsWithoutASecret(t *testing.T) {
	t.Parallel()
	for _, v := range []Vault{vaultWith(t, nil), vaultWith(t, make([]byte, 32))} {
		kept := v.Seal(1, "")
		if got, err := v.Open(1, kept); kept != nil || got != "" || err != nil {
			t.Errorf("none is kept as %q and opens as %q (%v)", kept, got, err)
		}
	}
	v := vaultWith(t, make([]byte, 32))
	for _, kept := range [][]byte{{2, 'x'}, {secretSealed}, append([]byte{secretSealed}, make([]byte, 11)...)} {
		if got, err := v.Open(1, kept); !errors.Is(err, stored.ErrDamaged) || got != "" {
			t.Errorf("%q opens as %q (%v)", kept, got, err)
		}
	}
	if _, err := NewVault([]byte("short")); err == nil {
		t.Error("a short key was accepted")
	}
}

// The former secret signs until an instant, and need not be readable after it.
func TestSecretsThatSign(t *testing.T) {
	t.Parallel()
	v, other := vaultWith(t, make([]byte, 32)), vaultWith(t, bytes.Repeat([]byte{1}, 32))
	for _, c := range []struct {
		name            string
		present, former []byte
		until           *int64
		want            []string
		err             error
	}{
		{name: "none"},
		{name: "one", present: v.Seal(1, "now"), want: []string{"now"}},
		{
			name: "two", present: v.Seal(1, "now"), former: v.Seal(1, "before"), until: new(int64(11)),
			want: []string{"now", "before"},
		},
		{
			name: "a former one that has expired", present: v.Seal(1, "now"), former: other.Seal(1, "before"),
			until: new(int64(10)), want: []string{"now"},
		},
		{
			name: "a former one of another key", present: v.Seal(1, "now"), former: other.Seal(1, "before"),
			until: new(int64(11)), err: ErrSecretKey,
		},
		{name: "one of another key", present: other.Seal(1, "now"), err: ErrSecretKey},
	} {
		webhook := db.Webhook{ProjectID: 1, Secret: c.present, FormerSecret: c.former, FormerUntil: c.until}
		got, err := v.secretsOf(&webhook, 10)
		if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%s: the secrets are %q (%v), but should be %q (%v)", c.name, got, err, c.want, c.err)
		}
	}
}

func TestCheckSecret(t *testing.T) {
	t.Parallel()
	const form = "must have 24 to 75 printable ASCII characters; " +
		"leave it out to have one made, or send null to send without signatures"
	for secret, want := range map[string]string{
		"":                                form,
		strings.Repeat("s", 23):           form,
		strings.Repeat("s", 24):           "",
		strings.Repeat("s", 75):           "",
		strings.Repeat("s", 76):           form,
		strings.Repeat("s", 30) + "\n":    form,
		strings.Repeat("s", 30) + "ü":     form,
		"whsec_" + "MfKQ9r8GKYqrTwjUPD":   "begins with whsec_, but what follows is not base64",
		"whsec_" + "MfKQ9r8GKYqrTwjUPA==": "",
		NewSecret():                       "",
	} {
		got := ""
		if err := CheckSecret(secret); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, but should be %q", secret, got, want)
		}
	}
}
