package refgrow

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// answersKept is how long the answer to a call with an Idempotency-Key is repeated.
const answersKept = 24 * time.Hour

// answersPruned is how many old answers, at most, a transaction prunes when it stores a
// new one.
const answersPruned = 256

// MaxAnswer is how much of an answer is kept for a call with an Idempotency-Key, in
// bytes.
const MaxAnswer = 256 << 10

// MaxAnswers is how much of the answers to one caller is kept, in bytes. The oldest go
// first; what the calls have done, and that they were done, stays.
const MaxAnswers = 64 << 20

// maxIdempotencyKey is the longest Idempotency-Key, in characters.
const maxIdempotencyKey = 255

// An Idempotency names a call that takes effect once, however often it is sent.
type Idempotency struct {
	// Caller is the key's owner, such as the id of an API key.
	Caller string
	// Key is what the caller chose: 1 to 255 characters.
	Key string
	// Request is everything that makes the call what it is: method, path and
	// body. The same key with another request is a conflict.
	Request []byte
}

// Check says what is wrong with the key; calls that use it do. Errors: ErrInvalid.
func (call Idempotency) Check() error {
	if call.Key == "" || utf8.RuneCountInString(call.Key) > maxIdempotencyKey || !form.Printable(call.Key) {
		return invalid("Idempotency-Key", "must have 1 to %d printable characters", maxIdempotencyKey)
	}
	return nil
}

// An Answer is what a call returned when it was done.
type Answer struct {
	// Status is chosen by the caller, such as an HTTP status: 0 or more.
	Status int
	Body   []byte
	// SecretOf is the id of the thing whose secret the body shows, 0 if it shows none.
	// Of an answer with a secret only this id is stored.
	SecretOf int64
	// ID is that of the thing which the call made or changed, 0 for none. It is what
	// remains of an answer that is no longer kept.
	ID int64
}

// withheld is stored instead of the status of an answer that showed a secret; the body
// is then the id of what the secret belongs to.
const withheld = -1

// tooLong is stored instead of the status and the body of an answer beyond MaxAnswer.
const tooLong = -4

// forgotten, less the status, is stored instead of the status of an answer that went
// because its caller has newer ones beyond MaxAnswers.
const forgotten = -1000

// Once is the handle of a call that takes effect once. It is bound to the transaction
// that the project is bound to.
type Once struct {
	project Project
	call    Idempotency
}

// Once returns the handle of a call that takes effect once.
func (p *Project) Once(call Idempotency) *Once { return &Once{*p, call} }

// Do runs work at most once for each key within 24 hours, and returns its answer each
// time. The answer is stored in the transaction of the work: both happen, or neither. A
// call that arrives while another with the same key is under way waits for it. If work
// fails, nothing is stored, and the key may be used again. Work must use the project it
// is passed, and may be run more than once before it takes effect. An answer that
// showed a secret cannot be repeated: a later call gets ErrConflict, and an Answer with
// nothing but SecretOf. Nor can one that is longer than MaxAnswer, or is no longer kept
// because newer ones of its caller come to MaxAnswers (Upkeep sees to that): its key
// stays used, and a later call gets ErrConflict, and an Answer with its ID. Errors:
// those of work; ErrInvalid for the key; ErrConflict also for a different request, and
// with CodeErased where the answer named somebody who was erased or deleted since.
func (once *Once) Do(
	ctx context.Context, work func(p *Project) (Answer, error),
) (answer Answer, replayed bool, err error) {
	p := &once.project
	if err := p.open(); err != nil {
		return answer, false, err
	}
	kept, err := once.call.keeping(p.id)
	if err != nil {
		return answer, false, err
	}
	err = p.foreign(ctx, func(ctx context.Context, tx *backend.Tx) error {
		var err error
		answer, replayed, err = p.once(ctx, tx, kept.at(p.engine.millis()), work)
		return err
	})
	return answer, replayed, p.engine.failed("running an idempotent call", err)
}

func (p *Project) once(
	ctx context.Context, tx *backend.Tx, k keptAnswer, work func(*Project) (Answer, error),
) (Answer, bool, error) {
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

// DoAfter is Do for work that takes several transactions and does no harm when it is
// done again: the answer is stored after it. Errors: those of work; ErrInvalid for the
// key; ErrConflict also for a different request.
func (once *Once) DoAfter(
	ctx context.Context, work func(p *Project) (Answer, error),
) (answer Answer, replayed bool, err error) {
	p := &once.project
	kept, err := once.call.keeping(p.id)
	if err != nil {
		return Answer{}, false, err
	}
	err = p.write(ctx, "running an idempotent call", func(ctx context.Context, o *op) error {
		answer, replayed, err = kept.at(o.now).find(ctx, o.Tx)
		return err
	})
	if err != nil || replayed {
		return answer, replayed, err
	}
	done, err := work(p)
	if err != nil {
		return Answer{}, false, err
	}
	err = p.write(ctx, "running an idempotent call", func(ctx context.Context, o *op) error {
		if answer, replayed, err = kept.at(o.now).find(ctx, o.Tx); err != nil || replayed {
			return err // of a twin
		}
		answer, err = kept.at(o.now).keep(ctx, o.Tx, done)
		return err
	})
	return answer, replayed, err
}

// RecordConversion does what Do does with Project.RecordConversion as its work, but
// faster, because it is a single operation. answer turns the conversion into the answer
// to store; it must not call the engine, and may be called more than once. Errors:
// those of RecordConversion; ErrInvalid for the key; ErrConflict also for a different
// request.
func (once *Once) RecordConversion(
	ctx context.Context, params RecordConversionParams, answer func(*Conversion) Answer,
) (given Answer, replayed bool, err error) {
	p := &once.project
	kept, err := once.call.keeping(p.id)
	if err != nil {
		return Answer{}, false, err
	}
	if err := params.check(); err != nil {
		return Answer{}, false, err
	}
	err = p.writeAs(ctx, "recording a conversion", backend.Work{WritesLast: true}, func(ctx context.Context, o *op) error {
		k := kept.at(o.now)
		if given, replayed, err = k.find(ctx, o.Tx); err != nil || replayed {
			return err
		}
		recorded, err := o.recordConversion(ctx, params)
		if err != nil {
			return err
		}
		given, err = k.keep(ctx, o.Tx, answer(recorded))
		return err
	})
	return given, replayed, err
}

// A keptAnswer is where the answer to a call is stored and found.
type keptAnswer struct {
	project      int64
	key, request []byte
	caller       int64 // a hash
	now          int64
}

// at is where the answer is found at an instant.
func (k keptAnswer) at(now int64) keptAnswer {
	k.now = now
	return k
}

// oldest and newest bound when an answer that counts was written. One from the future
// was written before the clock was set back.
func (k keptAnswer) oldest() int64 { return k.now - answersKept.Milliseconds() }
func (k keptAnswer) newest() int64 { return k.now + answersKept.Milliseconds() }

// pruneAnswers forgets the oldest of the answers that no longer count, of a project at
// least, and reports whether there may be more.
func pruneAnswers(ctx context.Context, tx *backend.Tx, project, now int64) (more bool, err error) {
	at := keptAnswer{now: now}
	gone, err := tx.PruneAnswers(ctx, db.PruneAnswersParams{
		ProjectID: project, CreatedBefore: at.oldest(), CreatedAfter: at.newest(), AtMost: answersPruned,
	})
	return gone > 0, err
}

// lengthsRead is how many answers are looked at in one step, and answersForgotten how
// many one transaction forgets.
const lengthsRead, answersForgotten = 5000, 500

// forgetAnswers forgets the oldest answers of each caller beyond MaxAnswers.
func (e *Engine) forgetAnswers(ctx context.Context) error {
	kept, before := make(map[int64]int64), int64(math.MaxInt64)
	for {
		rows, err := e.backend.Reader().ListAnswerLengths(ctx, db.ListAnswerLengthsParams{
			BeforeID: before, AtMost: lengthsRead,
		})
		if err != nil || len(rows) == 0 {
			return e.failed("adding up answers", err)
		}
		var beyond []int64
		for _, r := range rows {
			before = r.ID
			if r.CallerHash == nil || r.Bytes == 0 {
				continue
			}
			if kept[*r.CallerHash] += r.Bytes; kept[*r.CallerHash] > MaxAnswers {
				beyond = append(beyond, r.ID)
			}
		}
		for ids := range slices.Chunk(beyond, answersForgotten) {
			if err := e.failed("forgetting answers", e.backend.Atomic(ctx, backend.Work{
				Run: func(ctx context.Context, tx *backend.Tx) error { return tx.ForgetAnswers(ctx, stored.IDs(ids)) },
			})); err != nil {
				return err
			}
		}
	}
}

// find returns the answer that the call got before, if any.
func (k keptAnswer) find(ctx context.Context, tx *backend.Tx) (answer Answer, found bool, err error) {
	known, err := tx.GetAnswer(ctx, db.GetAnswerParams{ProjectID: k.project, KeyHash: k.key})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Answer{}, false, nil
	case err != nil:
		return Answer{}, false, err
	case known.Status == inSteps:
		return Answer{}, false, usedKey()
	case known.CreatedAt <= k.oldest() || known.CreatedAt > k.newest():
		return Answer{}, false, tx.DeleteAnswer(ctx, db.DeleteAnswerParams{ProjectID: k.project, KeyHash: k.key})
	case subtle.ConstantTimeCompare(known.RequestHash, k.request) != 1:
		return Answer{}, false, usedKey()
	case known.Status == withheld:
		id, err := strconv.ParseInt(string(known.Body), 10, 64)
		if err != nil {
			return Answer{}, false, fmt.Errorf("%w: the id in a withheld answer: %w", ErrDamaged, err)
		}
		return Answer{SecretOf: id}, true, conflict("Idempotency-Key",
			"was already used, for the thing with id %d: the answer showed its secret, and is not kept", id).of(id)
	case known.Status == erasure.Gone:
		return Answer{}, true, erased("Idempotency-Key",
			"was already used: the answer named somebody who was erased or deleted, and is not kept")
	}
	made := stored.OrZero(known.MadeID)
	if known.Status == tooLong {
		return Answer{ID: made}, true, conflict("Idempotency-Key",
			"was already used, and its call was done: the answer was longer than %d bytes, and is not kept", MaxAnswer).of(made)
	}
	if known.Status <= forgotten {
		return Answer{Status: int(forgotten - known.Status), ID: made}, true, conflict("Idempotency-Key",
			"was already used, and its call was done: the answer is not kept any more").of(made)
	}
	return Answer{Status: int(known.Status), Body: known.Body, ID: made}, true, nil
}

// pruned marks in a transaction's memo that it has pruned old answers.
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
	if len(body) > MaxAnswer {
		status, body = tooLong, []byte{}
	}
	if _, done := tx.Memo[pruned{}]; !done {
		if _, err := pruneAnswers(ctx, tx, k.project, k.now); err != nil {
			return Answer{}, err
		}
		tx.Memo[pruned{}] = true
	}
	return answer, tx.InsertAnswer(ctx, db.InsertAnswerParams{
		ProjectID: k.project, KeyHash: k.key, RequestHash: k.request, Status: status, Body: body, CreatedAt: k.now,
		CallerHash: &k.caller, MadeID: stored.IDOrNull(answer.ID),
	})
}

// keeping checks the key, and returns where the answer is kept.
func (call Idempotency) keeping(project int64) (keptAnswer, error) {
	if err := call.Check(); err != nil {
		return keptAnswer{}, err
	}
	within := strconv.FormatInt(project, 10)
	return keptAnswer{
		project: project, key: digest(within, call.Caller, call.Key), request: digest(string(call.Request)),
		caller: int64(binary.BigEndian.Uint64(digest(within, call.Caller))), //nolint:gosec // any number will do
	}, nil
}

// digest returns 16 bytes of a hash over the parts. Moving text from one part to the
// next changes it.
func digest(parts ...string) []byte {
	h := sha256.New()
	for _, part := range parts {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return h.Sum(nil)[:16]
}
