package conformance

import (
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

func keyTests() []test {
	return []test{
		{"right and wrong", authenticateKeys},
		{"revoked", revokeKeys},
		{"listed", listKeys},
	}
}

// key makes a key, which has to succeed.
func (w *world) key(p *refgrow.Project, params refgrow.CreateKeyParams) (string, *refgrow.Key) {
	w.Helper()
	token, key, err := w.engine.CreateKey(w.Context(), p, params)
	w.ok(err)
	return token, key
}

func authenticate(w *world, engine *refgrow.Engine, token string) error {
	_, _, err := engine.Authenticate(w.Context(), token)
	return err
}

func authenticateKeys(w *world) {
	ctx := w.Context()
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	token, made := w.key(w.shop, refgrow.CreateKeyParams{Name: "server"})
	reading, _ := w.key(other, refgrow.CreateKeyParams{ReadOnly: true})
	if len(token) != len("rgk_")+12+1+32 || !strings.HasPrefix(token, "rgk_") ||
		len(reading) != len(token) || token == reading {
		w.Errorf("the keys are %q and %q", token, reading)
	}
	for range 2 { // checked, then remembered
		key, project, err := w.engine.Authenticate(ctx, token)
		w.ok(err)
		equal(w, "the key", *key, *made)
		equal(w, "its project", project.ID(), w.shop.ID())
		equal(w, "its project's name", project.Name(), "shop")
		equal(w, "read only", key.ReadOnly, false)
		w.ok(errOf(project.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: w.clock.Now().String()})))
		w.clock.Advance(time.Hour)
	}
	key, project, err := w.engine.Authenticate(ctx, reading)
	w.ok(err)
	equal(w, "the other key's project", project.ID(), other.ID())
	equal(w, "read only", key.ReadOnly, true)

	change := func(at int) string { // one character for another of the alphabet
		c := byte('a')
		if token[at] == c {
			c = 'b'
		}
		return token[:at] + string(c) + token[at+1:]
	}
	for what, wrong := range map[string]string{
		"nothing": "", "the prefix alone": "rgk_", "another prefix": "sk__" + token[4:], "another public part": change(4),
		"the secret's first": change(17), "the secret's last": change(len(token) - 1), "a short one": token[:len(token)-1],
		"a long one": token + "a", "an over-long one": token + strings.Repeat("a", 1<<16), "capitals": strings.ToUpper(token),
		"a capital": token[:20] + strings.ToUpper(token[20:]), "spaces": " " + token,
		"no separator": token[:16] + "a" + token[17:], "another's secret": token[:17] + reading[17:],
		"a NUL": token[:len(token)-1] + "\x00", "not UTF-8": token[:len(token)-1] + "\xff",
		"an unknown one": "rgk_" + strings.Repeat("a", 12) + "_" + strings.Repeat("a", 32),
	} {
		w.refused(what, authenticate(w, w.engine, wrong), refgrow.ErrUnauthorized, "")
	}
	w.ok(authenticate(w, w.engine, token)) // the failures do not affect it
	_, _, err = w.engine.CreateKey(ctx, w.shop, refgrow.CreateKeyParams{Name: strings.Repeat("x", 101)})
	w.refused("a long name", err, refgrow.ErrInvalid, "name")

	// The secret itself is nowhere in the database.
	secret := token[17:]
	if n := value[int](w,
		"SELECT COUNT(*) FROM refgrow_api_keys WHERE secret_hash LIKE '%' || ?1 || '%' OR instr(secret_check, ?1) > 0",
		secret); n != 0 {
		w.Error("the secret is stored")
	}
	w.verify()
}

// A revoked key is refused at once by the engine that revoked it, and by others
// within a second.
func revokeKeys(w *world) {
	ctx := w.Context()
	other := must(refgrow.New(ctx, w.Store, refgrow.Config{Now: w.clock.Now}))
	defer func() { w.ok(other.Close(ctx)) }()
	token, key := w.key(w.shop, refgrow.CreateKeyParams{})
	kept, _ := w.key(w.shop, refgrow.CreateKeyParams{})
	for _, engine := range []*refgrow.Engine{w.engine, other} {
		for _, token := range []string{token, kept} {
			w.ok(authenticate(w, engine, token))
		}
	}
	w.clock.Advance(500 * time.Millisecond)
	w.ok(w.engine.RevokeKey(ctx, key.ID))
	w.refused("the key at once", authenticate(w, w.engine, token), refgrow.ErrUnauthorized, "")
	w.clock.Advance(time.Second)
	w.refused("the key in another engine", authenticate(w, other, token), refgrow.ErrUnauthorized, "")
	w.refused("the key again", authenticate(w, w.engine, token), refgrow.ErrUnauthorized, "")
	w.ok(authenticate(w, w.engine, kept))
	w.ok(authenticate(w, other, kept))
	w.refused("a second revocation", w.engine.RevokeKey(ctx, key.ID), refgrow.ErrConflict, "")
	w.refused("an unknown key", w.engine.RevokeKey(ctx, 1<<40), refgrow.ErrNotFound, "")
	// Even one that nobody has seen yet.
	unseen, key := w.key(w.shop, refgrow.CreateKeyParams{})
	w.ok(other.RevokeKey(ctx, key.ID))
	w.refused("a key that was never used", authenticate(w, w.engine, unseen), refgrow.ErrUnauthorized, "")
}

func listKeys(w *world) {
	ctx := w.Context()
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	_, first := w.key(w.shop, refgrow.CreateKeyParams{Name: "first"})
	_, second := w.key(other, refgrow.CreateKeyParams{Name: "second", ReadOnly: true})
	w.clock.Advance(time.Minute)
	w.ok(w.engine.RevokeKey(ctx, first.ID))
	keys := must(w.engine.Keys(ctx))
	if len(keys) != 2 {
		w.Fatalf("there are %d keys", len(keys))
	}
	if at := keys[0].RevokedAt; at == nil || !at.Equal(w.clock.Now()) {
		w.Errorf("the first key was revoked at %v", at)
	}
	keys[0].RevokedAt = nil
	equal(w, "the first key", keys[0], *first)
	equal(w, "the second key", keys[1], *second)
	equal(w, "the second key's project", keys[1].ProjectName, "other")
}
