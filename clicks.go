package refgrow

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/clicks"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// A Click is one visit through a referral link or code.
type Click struct {
	// ReferralCode is the affiliate's code or partner slug; required. Blanks and
	// punctuation around it, as links get them in mails, are no part of it. It may be
	// several, as in RecordConversionParams: the click is of the one that counts.
	ReferralCode string
	// URL is the page that was visited, Referrer the one before. Both are cut to
	// 2048 bytes.
	URL, Referrer string
	// Address is the visitor's. It is stored only as a hash under a key that changes
	// every UTC day and is deleted after 48 hours. Without an address, repeats are not
	// recognized.
	Address netip.Addr
	// UserAgent is the visitor's browser, cut to 512 bytes.
	UserAgent string
}

// ClickCounts says what became of clicks.
type ClickCounts struct {
	// Counted ones are in the statistics.
	Counted int
	// Ignored ones lead to no active affiliate, come from a bot, or repeat a click from
	// the same address to the same affiliate within RepeatWindow.
	Ignored int
}

const (
	// MaxQueuedClicks is how many clicks may wait in memory.
	MaxQueuedClicks = 4096
	// pruneStep is how many clicks, and how many claims, one transaction prunes, so
	// that nobody waits long for it.
	pruneStep = 500
)

const (
	// MaxClicks is the most that RecordClicks takes at once.
	MaxClicks = 500
	// RepeatWindow is how long further clicks from the same address do not count.
	RepeatWindow = 30 * time.Minute
)

// visit is what is kept of a click, except its time.
func (c Click) visit() clicks.Visit {
	return clicks.Visit{
		Code: c.ReferralCode, URL: c.URL, Referrer: c.Referrer, UserAgent: c.UserAgent, Address: c.Address,
	}.Cut()
}

// RecordClicks records clicks and returns after they are committed. Errors:
// ErrInvalid, with a field such as "clicks[3].referral_code", ErrBusy, ErrClosed.
func (p *Project) RecordClicks(ctx context.Context, clicks []Click) (ClickCounts, error) {
	if len(clicks) == 0 || len(clicks) > MaxClicks {
		return ClickCounts{}, invalid("clicks", "must be 1 to %d", MaxClicks)
	}
	visits, err := visitsOf(clicks, p.engine.millis())
	if err != nil {
		return ClickCounts{}, err
	}
	counted, err := p.recordVisits(ctx, visits)
	if err != nil {
		return ClickCounts{}, err
	}
	counts := ClickCounts{Counted: counted, Ignored: len(clicks) - counted}
	if !p.inTransaction() { // inside one it may be undone
		p.engine.clicks.Count(counts.Counted, counts.Ignored)
	}
	return counts, nil
}

// visitsOf returns the clicks that may count, as visits at now.
func visitsOf(list []Click, now int64) ([]clicks.Visit, error) {
	visits := make([]clicks.Visit, 0, len(list))
	for i, click := range list {
		click.ReferralCode = form.LinkCode(click.ReferralCode)
		if err := at(fmt.Sprintf("clicks[%d].referral_code", i), form.CodeList(click.ReferralCode)); err != nil {
			return nil, err
		}
		if !IsBot(click.UserAgent) {
			v := click.visit()
			v.At = now
			visits = append(visits, v)
		}
	}
	return visits, nil
}

// recordVisits writes those that count, in one transaction, and returns their number.
func (p *Project) recordVisits(ctx context.Context, visits []clicks.Visit) (counted int, err error) {
	if len(visits) == 0 {
		return 0, p.open()
	}
	err = p.writeAs(ctx, "recording clicks", backend.Work{WritesLast: true}, func(ctx context.Context, o *op) error {
		counted, err = clicks.Record(ctx, o.Tx, o.project, o.now, o.state.settings.Touch == TouchFirst, visits)
		return err
	})
	return counted, err
}

// newClickQueue is a queue that writes to the engine's database.
func newClickQueue(e *Engine) *clicks.Queue {
	return clicks.NewQueue(clicks.Config{
		Record: func(ctx context.Context, project int64, visits []clicks.Visit) (int, error) {
			return (&Project{engine: e, backend: e.backend, id: project}).recordVisits(ctx, visits)
		},
		Prune:      e.PruneClicks,
		Operations: func() int64 { return e.backend.Stats().Operations },
		Now:        e.now,
		Logger:     e.logger,
	})
}

// QueueClick hands a click to the engine, which writes it soon after, together with
// others. It never waits. It reports false when MaxQueuedClicks are waiting, or the
// engine is closed: then the click is dropped, counted in Stats, and reported in the
// log now and then. What is queued is lost when the process is killed. The project
// of a transaction (WithTx, Atomic) queues clicks outside of it.
func (p *Project) QueueClick(click Click) bool {
	if p.engine == nil {
		return false
	}
	click.ReferralCode = form.LinkCode(click.ReferralCode)
	if form.CodeList(click.ReferralCode) != nil || IsBot(click.UserAgent) {
		p.engine.clicks.Count(0, 1)
		return true
	}
	return p.engine.clicks.Add(p.id, click.visit())
}

// FlushClicks returns when everything that was queued before the call is written,
// or dropped. Inside Atomic and while a transaction of the caller's holds the
// database, nothing is written, and it would wait until ctx ends. Errors: that of ctx.
func (e *Engine) FlushClicks(ctx context.Context) error { return e.clicks.Flush(ctx) }

// PruneClicks forgets the single clicks that are older than each project's
// ClickDays, the claims of browsers that are older than its CookieDays, and the keys
// under which addresses were hashed before yesterday: a few hundred of each at a time.
// It reports whether there may be more. It changes no statistic. An engine does this
// by itself once an hour while it writes queued clicks. Errors: ErrBusy, ErrClosed.
func (e *Engine) PruneClicks(ctx context.Context) (more bool, err error) {
	projects, err := e.Projects(ctx)
	if err != nil {
		return false, err
	}
	for _, p := range projects {
		err := p.write(ctx, "pruning clicks", func(ctx context.Context, o *op) error {
			full, err := o.pruneClicks(ctx)
			more = more || full
			return err
		})
		if err != nil {
			return more, err
		}
	}
	return more, nil
}

func (o *op) pruneClicks(ctx context.Context) (more bool, err error) {
	more, err = clicks.Prune(ctx, o, o.now, db.PruneClicksParams{
		ProjectID: o.project, CreatedBefore: o.daysAgo(o.state.settings.ClickDays), AtMost: pruneStep,
	})
	if err != nil {
		return false, err
	}
	if err := o.PruneRetiredCodes(ctx, db.PruneRetiredCodesParams{
		ProjectID: o.project, DeletedBefore: o.daysAgo(o.state.settings.CookieDays), AtMost: pruneStep,
	}); err != nil {
		return false, err
	}
	claims := o.state.claims
	err = o.pruneClaims(ctx, o.daysAgo(o.state.settings.CookieDays), pruneStep)
	return more || claims-o.state.claims == pruneStep, err
}

// daysAgo is an instant n days of 24 hours before now.
func (o *op) daysAgo(n int) int64 { return o.now - int64(n)*stored.DayMillis }

// IsBot reports whether a user agent says that it is not a visitor: a crawler, the
// preview of a link in a message, or a monitor. Without a user agent, or with that of
// a tool such as curl, a visit counts: there are people behind these, too.
func IsBot(userAgent string) bool { return clicks.IsBot(userAgent) }
