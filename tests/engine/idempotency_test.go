package engine_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
)

// once does a call that counts how often it is done.
func (p *program) once(key string, answer refgrow.Answer, done *int) (refgrow.Answer, bool) {
	p.Helper()
	call := refgrow.Idempotency{Caller: "key 1", Key: key, Request: []byte("POST /")}
	got, replayed, err := p.Shop.Once(call).Do(p.Context(), func(*refgrow.Project) (refgrow.Answer, error) {
		*done++
		return answer, nil
	})
	p.OK(err)
	return got, replayed
}

// An answer may have no body; it is stored and replayed like any other.
func TestAnswerWithoutBody(t *testing.T) {
	t.Parallel()
	for name, body := range map[string][]byte{"nil": nil, "empty": {}, "zero byte": {0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inAppsFile(t, 2, refgrow.Settings{})
			done := 0
			for n := range 3 {
				got, replayed := p.once("k", refgrow.Answer{Status: 202, Body: body}, &done)
				if got.Status != 202 || !bytes.Equal(got.Body, body) || replayed != (n > 0) {
					t.Errorf("call %d returned %+v, replayed: %v", n, got, replayed)
				}
			}
			if rows := p.Count("SELECT COUNT(*) FROM refgrow_idempotency"); done != 1 || rows != 1 {
				t.Errorf("the call was done %d times and has %d answers", done, rows)
			}
		})
	}
}

// Answers written while the clock was far ahead are not replayed for a year, and do not
// keep others from being removed.
func TestAnswersFromTheFuture(t *testing.T) {
	t.Parallel()
	p := inAppsFile(t, 2, refgrow.Settings{})
	const year, many = 365 * 24 * time.Hour, 20
	today := p.Clock.Now()
	p.Clock.Set(today.Add(year))
	old, fresh := 0, 0
	for n := range many {
		p.once(fmt.Sprint("ahead ", n), refgrow.Answer{Status: 201}, &old)
	}
	p.Clock.Set(today)
	if got, replayed := p.once("ahead 0", refgrow.Answer{Status: 200}, &fresh); replayed || got.Status != 200 ||
		fresh != 1 {
		t.Errorf("the answer from the future is %+v, replayed: %v", got, replayed)
	}
	if got, replayed := p.once("ahead 0", refgrow.Answer{Status: 204}, &fresh); !replayed || got.Status != 200 {
		t.Errorf("the answer that took its place is %+v, replayed: %v", got, replayed)
	}
	// Each is to be kept for a day, and nobody uses a key again.
	for day := range 50 {
		p.once(fmt.Sprint("day ", day), refgrow.Answer{Status: 200}, &fresh)
		p.Clock.Advance(25 * time.Hour)
	}
	if fresh != 51 {
		t.Errorf("%d calls were done", fresh)
	}
	if rows := p.Count("SELECT COUNT(*) FROM refgrow_idempotency"); rows > 5 {
		t.Errorf("%d answers are kept", rows)
	}
	if old := p.Count("SELECT COUNT(*) FROM refgrow_idempotency WHERE created_at > ?",
		p.Clock.Now().Add(24*time.Hour).UnixMilli()); old != 0 {
		t.Errorf("%d of them are from the future", old)
	}
}

// The longest key is counted in characters, not in bytes.
func TestIdempotencyKeyLength(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	done := 0
	for _, key := range []string{strings.Repeat("k", 255), strings.Repeat("é", 255), strings.Repeat("鍵", 255)} {
		p.once(key, refgrow.Answer{Status: 200}, &done)
		_, _, err := p.Shop.Once(refgrow.Idempotency{Key: key + "k"}).Do(t.Context(),
			func(*refgrow.Project) (refgrow.Answer, error) {
				done++
				return refgrow.Answer{}, nil
			})
		p.Refused("a longer key", err, refgrow.ErrInvalid, "Idempotency-Key")
	}
	if done != 3 {
		t.Errorf("%d calls were done", done)
	}
}

// Of an answer that showed a secret only the id is kept, whatever its body.
func TestAnswerWithASecret(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p := inAppsFile(t, 2, refgrow.Settings{})
	done := 0
	answer := refgrow.Answer{Status: 201, Body: []byte("the secret"), SecretOf: 7}
	if got, replayed := p.once("k", answer, &done); replayed || got.Status != 201 || string(got.Body) != "the secret" ||
		got.SecretOf != 7 {
		t.Errorf("the first answer is %+v, replayed: %v", got, replayed)
	}
	again := func(request string) (refgrow.Answer, error) {
		got, _, err := p.Shop.Once(refgrow.Idempotency{Caller: "key 1", Key: "k", Request: []byte(request)}).Do(t.Context(),
			func(*refgrow.Project) (refgrow.Answer, error) {
				done++
				return answer, nil
			})
		return got, err
	}
	got, err := again("POST /")
	p.Refused("the second answer", err, refgrow.ErrConflict, "Idempotency-Key")
	if got.Status != 0 || got.Body != nil || got.SecretOf != 7 {
		t.Errorf("the second answer is %+v", got)
	}
	got, err = again("POST /other")
	p.Refused("another request", err, refgrow.ErrConflict, "Idempotency-Key")
	if got.SecretOf != 0 || done != 1 {
		t.Errorf("another request gets %+v, and the call was done %d times", got, done)
	}
	if kept := p.Count("SELECT COUNT(*) FROM refgrow_idempotency WHERE body = CAST('7' AS BLOB)"); kept != 1 {
		t.Error("something other than the id is kept")
	}
	_, _, err = p.Shop.Once(refgrow.Idempotency{Key: "negative"}).Do(t.Context(),
		func(*refgrow.Project) (refgrow.Answer, error) {
			return refgrow.Answer{Status: -1}, nil
		})
	p.Refused("a negative status", err, refgrow.ErrInvalid, "Status")
	p.Clock.Advance(24 * time.Hour)
	if got, replayed := p.once("k", answer, &done); replayed || got.SecretOf != 7 || done != 2 {
		t.Errorf("after a day the answer is %+v, replayed: %v", got, replayed)
	}
}

// An answer that is too long is not kept; its call is done once nevertheless. Upkeep
// forgets what no longer counts.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p := inAppsFile(t, 2, refgrow.Settings{})
	done := 0
	longest := bytes.Repeat([]byte("x"), refgrow.MaxAnswer)
	for range 2 {
		if got, _ := p.once("longest", refgrow.Answer{Status: 200, Body: longest}, &done); !bytes.Equal(got.Body, longest) {
			t.Errorf("an answer of %d bytes came back with %d", len(longest), len(got.Body))
		}
	}
	longer := append(longest, 'x')
	if got, _ := p.once("longer", refgrow.Answer{Status: 200, Body: longer}, &done); !bytes.Equal(got.Body, longer) {
		t.Errorf("an answer of %d bytes came back with %d at once", len(longer), len(got.Body))
	}
	call := refgrow.Idempotency{Caller: "key 1", Key: "longer", Request: []byte("POST /")}
	_, replayed, err := p.Shop.Once(call).Do(t.Context(), func(*refgrow.Project) (refgrow.Answer, error) {
		done++
		return refgrow.Answer{}, nil
	})
	p.Refused("the longer one again", err, refgrow.ErrConflict, "Idempotency-Key")
	if done != 2 || !replayed {
		t.Errorf("two calls were done %d times (replayed: %v)", done, replayed)
	}
	if kept := p.Count("SELECT SUM(length(body)) FROM refgrow_idempotency"); kept != refgrow.MaxAnswer {
		t.Errorf("%d bytes are kept", kept)
	}
	p.Verify()
	p.Clock.Advance(24*time.Hour + time.Millisecond)
	p.OK(p.Engine.Upkeep(t.Context()))
	if rows := p.Count("SELECT COUNT(*) FROM refgrow_idempotency"); rows != 0 {
		t.Errorf("%d answers are kept after a day", rows)
	}
}
