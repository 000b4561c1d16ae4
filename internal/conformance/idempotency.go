package conformance

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

func idempotencyTests() []test {
	return []test{
		{"replay", replay},
		{"another request", otherRequest},
		{"failing work", failingWork},
		{"a day", answersForADay},
		{"an answer without a body", emptyAnswer},
		{"wrong keys", wrongIdempotencyKeys},
	}
}

// create is a call that adds a customer and answers with its id.
func (w *world) create(key, request string) (refgrow.Answer, bool, error) {
	return w.shop.Once(refgrow.Idempotency{Caller: "key 1", Key: key, Request: []byte(request)}).Do(w.Context(),
		func(p *refgrow.Project) (refgrow.Answer, error) {
			r, err := p.CreateReferral(w.Context(), refgrow.CreateReferralParams{
				ExternalID: fmt.Sprint(request, " ", w.clock.Now().UnixMilli()),
			})
			if err != nil {
				return refgrow.Answer{}, err
			}
			return refgrow.Answer{Status: 201, Body: fmt.Appendf(nil, `{"id":%d}`, r.ID)}, nil
		})
}

// once checks the answer of a call and whether its work was done.
func (w *world) once(what, key, request string, anew bool) string {
	w.Helper()
	before := must(w.shop.CountReferrals(w.Context(), refgrow.ListReferralsParams{}))
	answer, replayed, err := w.create(key, request)
	w.ok(err)
	equal(w, what+": replayed", replayed, !anew)
	equal(w, what+": the status", answer.Status, 201)
	done := must(w.shop.CountReferrals(w.Context(), refgrow.ListReferralsParams{})) - before
	equal(w, what+": done", done == 1, anew)
	return string(answer.Body)
}

func replay(w *world) {
	first := w.once("the first", "k", "POST /a", true)
	w.clock.Advance(time.Minute)
	equal(w, "the second answer", w.once("the second", "k", "POST /a", false), first)
	if w.once("another key", "K", "POST /a", true) == first {
		w.Error("another key returned the same answer")
	}
	// A key belongs to its caller, in its project.
	other := must(w.engine.CreateProject(w.Context(), "other", refgrow.Settings{}))
	for what, call := range map[string]struct {
		project *refgrow.Project
		caller  string
	}{"another caller": {w.shop, "key 2"}, "another project": {other, "key 1"}} {
		_, replayed, err := call.project.Once(refgrow.Idempotency{
			Caller: call.caller, Key: "k", Request: []byte("POST /b"),
		}).Do(w.Context(),
			func(*refgrow.Project) (refgrow.Answer, error) {
				return refgrow.Answer{Status: 200, Body: []byte("{}")}, nil
			})
		if replayed || err != nil {
			w.Errorf("%s: replayed %v: %v", what, replayed, err)
		}
	}
	w.verify()
}

func otherRequest(w *world) {
	w.once("the first", "k", "POST /a", true)
	_, _, err := w.create("k", "POST /b")
	w.refused("another request", err, refgrow.ErrConflict, "Idempotency-Key")
	w.once("the first again", "k", "POST /a", false)
	w.verify()
}

// Work that fails stores nothing, and its key may be used again.
func failingWork(w *world) {
	ctx := w.Context()
	call := refgrow.Idempotency{Caller: "key 1", Key: "k", Request: []byte("POST /a")}
	for range 2 {
		_, _, err := w.shop.Once(call).Do(ctx, func(p *refgrow.Project) (refgrow.Answer, error) {
			w.ok(errOf(p.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "lost@example.com"})))
			return refgrow.Answer{Status: 201}, errUndo
		})
		if !errors.Is(err, errUndo) {
			w.Error(err)
		}
	}
	equal(w, "the count of customers", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 0)
	_, _, err := w.shop.Once(call).Do(ctx, func(p *refgrow.Project) (refgrow.Answer, error) {
		return refgrow.Answer{}, errOf(p.CreateReferral(ctx, refgrow.CreateReferralParams{}))
	})
	w.refused("what the work refused", err, refgrow.ErrInvalid, "email")
	w.once("the key of the failures", "k", "POST /b", true)
	w.verify()
}

// An answer is kept for 24 hours.
func answersForADay(w *world) {
	first := w.once("the first", "k", "POST /a", true)
	w.clock.Advance(24*time.Hour - time.Millisecond)
	w.once("another key", "k2", "POST /a", true)
	equal(w, "the answer after a day, nearly", w.once("nearly a day later", "k", "POST /a", false), first)
	w.clock.Advance(time.Millisecond)
	if w.once("a day later", "k", "POST /b", true) == first { // the key is free for another request
		w.Error("the answer was returned again after a day")
	}
	w.once("the other key", "k2", "POST /a", false)
	w.verify()
}

// An answer may have no body, such as that of a 204.
func emptyAnswer(w *world) {
	for _, anew := range []bool{true, false} {
		answer, replayed, err := w.shop.Once(refgrow.Idempotency{
			Caller: "key 1", Key: "k", Request: []byte("POST /a"),
		}).Do(w.Context(),
			func(*refgrow.Project) (refgrow.Answer, error) { return refgrow.Answer{Status: 204}, nil })
		w.ok(err)
		equal(w, "replayed", replayed, !anew)
		equal(w, "the status", answer.Status, 204)
		equal(w, "the body", string(answer.Body), "")
	}
	w.verify()
}

func wrongIdempotencyKeys(w *world) {
	for _, key := range []string{"", strings.Repeat("x", 256), "a\nb", "\xff"} {
		_, _, err := w.create(key, "POST /a")
		w.refused(fmt.Sprintf("the key %.20q", key), err, refgrow.ErrInvalid, "Idempotency-Key")
	}
	w.once("the longest key", strings.Repeat("x", 255), "POST /a", true)
	equal(w, "the count of customers", must(w.shop.CountReferrals(w.Context(), refgrow.ListReferralsParams{})), 1)
}
