package refgrow

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// answersKept is how long the answer of a call with an Idempotency-Key is given
// again.
const answersKept = 24 * time.Hour

// answersPruned is how many old answers a transaction forgets that stores new ones.
const answersPruned = 256

// maxIdempotencyKey is the longest Idempotency-Key, in characters.
const maxIdempotencyKey = 255

// An Idempotency names a call that is done once, however often it is sent.
type Idempotency struct {
	// Caller is whom the key belongs to, such as an API key's id.
	Caller string
	// Key is what the caller chose: 1 to 255 characters.
	Key string
	// Request is everything that makes the call what it is: method, path and
	// body. The same key with another request is a conflict.
	Request []byte
}

// An Answer is what a call said when it was done.
type Answer struct {
	// Status is the caller's own, such as that of HTTP: 0 or more.
	Status int
	Body   []byte
	// SecretOf is the id of the thing whose secret the body shows, 0 when it shows
	// none. Of such an answer only this id is stored.
	SecretOf int64
}

// withheld is stored in place of the status of an answer that showed a secret; the
// body is then the id of what the secret belongs to.
const withheld = -1

// Once runs work, at most once for each key within 24 hours, and gives its
// answer each time. The answer is stored in the transaction of the work: both
// happen, or neither. A call that comes while its twin is under way waits for
// it. When work fails, nothing is stored, and the key may be used again. Work
// must use the project it gets, and may be run more than once. An answer that
// showed a secret cannot be given again: a repetition gets ErrConflict, and an
// Answer with nothing but SecretOf. Errors: those of work; ErrInvalid for the key;
// ErrConflict for another request, too.
func (p *Project) Once(ctx context.Context, call Idempotency, work func(p *Project) (Answer, error)) (answer Answer, replayed bool, err error) {
	if err := p.engine.open(); err != nil {
		return answer, false, err
	}
	key, request, err := call.digests(p.id)
	if err != nil {
		return answer, false, err
	}
	before, visits := p.engine.emitted.Load(), p.engine.visits.changed()
	err = p.backend.Atomic(ctx, backend.Work{
		Foreign: true,
		Run: func(ctx context.Context, tx *backend.Tx) error {
			var err error
			answer, replayed, err = p.once(ctx, tx, key, request, work)
			return err
		},
	})
	p.wakeIfChanged(before)
	if p.engine.visits.changed() != visits {
		p.engine.visits.forget(p.id)
	}
	return answer, replayed, failed("running an idempotent call", err)
}

func (p *Project) once(ctx context.Context, tx *backend.Tx, key, request []byte, work func(*Project) (Answer, error)) (Answer, bool, error) {
	k := keptAnswer{project: p.id, key: key, request: request, now: p.engine.millis()}
	known, found, err := k.find(ctx, tx)
	if err != nil || found {
		return known, found, err
	}
	answer, err := work(p.inside(tx))
	if err != nil {
		return Answer{}, false, err
	}
	answer, err = k.keep(ctx, tx, answer)
	return answer, false, err
}

// RecordConversionOnce is RecordConversion for a call that is done once: what Once
// does with RecordConversion inside, but faster, because it is one operation. answer
// says what is stored of the conversion; it must not call the engine, and may be
// called more than once. Errors: those of RecordConversion; ErrInvalid for the key;
// ErrConflict for another request, too.
func (p *Project) RecordConversionOnce(
	ctx context.Context, call Idempotency, params RecordConversionParams, answer func(*Conversion) Answer,
) (given Answer, replayed bool, err error) {
	key, request, err := call.digests(p.id)
	if err != nil {
		return Answer{}, false, err
	}
	if err := params.check(); err != nil {
		return Answer{}, false, err
	}
	err = p.writeAs(ctx, "recording a conversion", backend.Work{WritesLast: true}, func(ctx context.Context, o *op) error {
		k := keptAnswer{project: o.project, key: key, request: request, now: o.now}
		if given, replayed, err = k.find(ctx, o.Tx); err != nil || replayed {
			return err
		}
		row, err := o.recordConversion(ctx, params)
		if err != nil {
			return err
		}
		given, err = k.keep(ctx, o.Tx, answer(showConversion(row, o.now)))
		return err
	})
	return given, replayed, err
}

// A keptAnswer is where the answer of a call is found again.
type keptAnswer struct {
	project      int64
	key, request []byte
	now          int64
}

// oldest and newest are when an answer that counts was written. One from the future
// was written before the clock was set back.
func (k keptAnswer) oldest() int64 { return k.now - answersKept.Milliseconds() }
func (k keptAnswer) newest() int64 { return k.now + answersKept.Milliseconds() }

// find gives the answer that the call had before.
func (k keptAnswer) find(ctx context.Context, tx *backend.Tx) (answer Answer, found bool, err error) {
	known, err := tx.GetAnswer(ctx, db.GetAnswerParams{ProjectID: k.project, KeyHash: k.key})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Answer{}, false, nil
	case err != nil:
		return Answer{}, false, err
	case known.CreatedAt <= k.oldest() || known.CreatedAt > k.newest():
		return Answer{}, false, tx.DeleteAnswer(ctx, db.DeleteAnswerParams{ProjectID: k.project, KeyHash: k.key})
	case subtle.ConstantTimeCompare(known.RequestHash, k.request) != 1:
		return Answer{}, false, conflict("Idempotency-Key", "was used for another request")
	case known.Status == withheld:
		id, err := strconv.ParseInt(string(known.Body), 10, 64)
		if err != nil {
			return Answer{}, false, fmt.Errorf("%w: the id that an answer is about: %w", ErrDamaged, err)
		}
		return Answer{SecretOf: id}, true, conflict("Idempotency-Key",
			"was used already, for the thing with id %d: the answer showed its secret, and is not kept", id)
	}
	return Answer{Status: int(known.Status), Body: known.Body}, true, nil
}

// pruned says in a transaction's memo that old answers were pruned in it.
type pruned struct{}

// keep stores an answer, and prunes old ones.
func (k keptAnswer) keep(ctx context.Context, tx *backend.Tx, answer Answer) (Answer, error) {
	if answer.Status < 0 {
		return Answer{}, invalid("Status", "of an answer must be 0 or more, not %d", answer.Status)
	}
	if answer.Body == nil {
		answer.Body = []byte{}
	}
	status, body := int64(answer.Status), answer.Body
	if answer.SecretOf != 0 {
		status, body = withheld, strconv.AppendInt(nil, answer.SecretOf, 10)
	}
	if _, done := tx.Memo[pruned{}]; !done {
		if err := tx.PruneAnswers(ctx, db.PruneAnswersParams{CreatedBefore: k.oldest(), CreatedAfter: k.newest(), AtMost: answersPruned}); err != nil {
			return Answer{}, err
		}
		tx.Memo[pruned{}] = true
	}
	return answer, tx.InsertAnswer(ctx, db.InsertAnswerParams{
		ProjectID: k.project, KeyHash: k.key, RequestHash: k.request, Status: status, Body: body, CreatedAt: k.now,
	})
}

// digests checks the key, and gives what is stored of it and of the request.
func (call Idempotency) digests(project int64) (key, request []byte, err error) {
	if call.Key == "" || utf8.RuneCountInString(call.Key) > maxIdempotencyKey || !printable(call.Key) {
		return nil, nil, invalid("Idempotency-Key", "must have 1 to %d printable characters", maxIdempotencyKey)
	}
	return digest(strconv.FormatInt(project, 10), call.Caller, call.Key), digest(string(call.Request)), nil
}

// digest is 16 bytes of a hash over parts that cannot be shifted against each
// other.
func digest(parts ...string) []byte {
	h := sha256.New()
	for _, part := range parts {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return h.Sum(nil)[:16]
}
