package tracking

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/refgrow-go/refgrow"
)

const (
	// patience is how long a request waits for the database. What is asked here
	// takes it less than a millisecond, unless something is wrong.
	patience = 20 * time.Millisecond
	// lookupTime is how long a question may go on after that, so that its answer
	// is known to those who come next.
	lookupTime = 5 * time.Second
	// maxLookups is how many questions may be under way at once.
	maxLookups = 4
)

// known is what can be known of a project without waiting for its database.
type known struct {
	project  *refgrow.Project
	trouble  *trouble
	patience time.Duration
	lookups  chan struct{}
	last     atomic.Pointer[refgrow.TrackingSettings] // nil until they were read
}

func newKnown(project *refgrow.Project, trouble *trouble) *known {
	return &known{project: project, trouble: trouble, patience: patience, lookups: make(chan struct{}, maxLookups)}
}

// An answer is what a request needs to know.
type answer struct {
	settings refgrow.TrackingSettings
	// guessed is set when the settings are the defaults, because they could not be
	// read so far.
	guessed bool
	link    string // the first of the link's codes that leads to an affiliate, or ""
	held    string // the cookie's code, or ""
	keeps   bool   // the cookie stays, because the first touch counts or the link is only believed
}

// credited is the code of who referred the visitor, "" for nobody.
func (a answer) credited() string {
	if a.link == "" || a.keeps {
		return a.held
	}
	return a.link
}

// settings gives those that count.
func (k *known) settings() answer { return k.answer(nil, "") }

// answer looks at the codes of a link and of a cookie. It comes from the engine's
// memory, or else within the time of patience from the database. After that
// the settings are the last that were read, and the codes are believed: the engine
// will see what they lead to when it writes the click. What is only believed takes
// nobody's cookie away.
func (k *known) answer(links []string, held string) answer {
	// A context that is over asks the memory alone.
	over, end := context.WithCancel(context.Background())
	end()
	if a, err := k.ask(over, links, held); err == nil {
		return a
	}
	timeout := time.NewTimer(k.patience)
	defer timeout.Stop()
	select {
	case k.lookups <- struct{}{}:
	case <-timeout.C:
		return k.guess(links, held)
	}
	found := make(chan answer, 1)
	go func() {
		defer func() { <-k.lookups }()
		ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
		defer cancel()
		a, err := k.ask(ctx, links, held)
		if err != nil {
			k.trouble.warn("referral links are believed: they cannot be looked up", err)
			a = k.guess(links, held)
		}
		found <- a
	}()
	select {
	case a := <-found:
		return a
	case <-timeout.C:
		return k.guess(links, held)
	}
}

// ask asks the engine. A panic there is an error here: it must not cost a visitor the
// page, and in a goroutine of our own it would end the whole program.
func (k *known) ask(ctx context.Context, links []string, held string) (a answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	a = answer{held: held}
	settings, err := k.project.TrackingSettings(ctx)
	if err != nil {
		return a, err
	}
	k.last.Store(&settings)
	a.settings = settings
	for _, link := range links {
		leads, err := k.project.LeadsToAffiliate(ctx, link)
		if err != nil {
			return a, err
		}
		if leads {
			a.link = link
			break
		}
	}
	if a.link != "" && held != "" && settings.Touch == refgrow.TouchFirst {
		a.keeps, err = k.project.LeadsToAffiliate(ctx, held)
	}
	return a, err
}

func (k *known) guess(links []string, held string) answer {
	a := answer{held: held}
	if last := k.last.Load(); last != nil {
		a.settings = *last
	} else {
		a.settings, a.guessed = refgrow.TrackingSettings{Touch: refgrow.TouchLast, CookieDays: 60}, true
	}
	if len(links) > 0 {
		a.link = links[0]
	}
	a.keeps = a.link != "" && held != ""
	return a
}
