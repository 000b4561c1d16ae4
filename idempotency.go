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
	if call.Key == "" || utf8.RuneCountInString(call.Key) > maxIdempotencyKey || !printable(call.Key) {
		return answer, false, invalid("Idempotency-Key", "must have 1 to %d printable characters", maxIdempotencyKey)
	}
	key := digest(strconv.FormatInt(p.id, 10), call.Caller, call.Key)
	request := digest(string(call.Request))
	before := p.engine.emitted.Load()
	err = p.backend.Atomic(ctx, backend.Work{
		Foreign: true,
		Run: func(ctx context.Context, tx *backend.Tx) error {
			var err error
			answer, replayed, err = p.once(ctx, tx, key, request, work)
			return err
		},
	})
	p.wakeIfChanged(before)
	return answer, replayed, failed("running an idempotent call", err)
}

func (p *Project) once(ctx context.Context, tx *backend.Tx, key, request []byte, work func(*Project) (Answer, error)) (Answer, bool, error) {
	now := p.engine.millis()
	// An answer from the future was written before the clock was set back.
	oldest, newest := now-answersKept.Milliseconds(), now+answersKept.Milliseconds()
	known, err := tx.GetAnswer(ctx, db.GetAnswerParams{ProjectID: p.id, KeyHash: key})
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return Answer{}, false, err
	case known.CreatedAt <= oldest || known.CreatedAt > newest:
		if err := tx.DeleteAnswer(ctx, db.DeleteAnswerParams{ProjectID: p.id, KeyHash: key}); err != nil {
			return Answer{}, false, err
		}
	case subtle.ConstantTimeCompare(known.RequestHash, request) != 1:
		return Answer{}, false, conflict("Idempotency-Key", "was used for another request")
	case known.Status == withheld:
		id, err := strconv.ParseInt(string(known.Body), 10, 64)
		if err != nil {
			return Answer{}, false, fmt.Errorf("%w: the id that an answer is about: %w", ErrDamaged, err)
		}
		return Answer{SecretOf: id}, true, conflict("Idempotency-Key",
			"was used already, for the thing with id %d: the answer showed its secret, and is not kept", id)
	default:
		return Answer{Status: int(known.Status), Body: known.Body}, true, nil
	}
	answer, err := work(p.inside(tx))
	if err != nil {
		return Answer{}, false, err
	}
	if answer.Status < 0 {
		return Answer{}, false, invalid("Status", "of an answer must be 0 or more, not %d", answer.Status)
	}
	if answer.Body == nil {
		answer.Body = []byte{}
	}
	status, body := int64(answer.Status), answer.Body
	if answer.SecretOf != 0 {
		status, body = withheld, strconv.AppendInt(nil, answer.SecretOf, 10)
	}
	if err := tx.PruneAnswers(ctx, db.PruneAnswersParams{CreatedBefore: oldest, CreatedAfter: newest}); err != nil {
		return Answer{}, false, err
	}
	return answer, false, tx.InsertAnswer(ctx, db.InsertAnswerParams{
		ProjectID: p.id, KeyHash: key, RequestHash: request, Status: status, Body: body, CreatedAt: now,
	})
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
