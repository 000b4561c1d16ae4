package tracking

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/refgrow-go/refgrow"
)

const (
	// patience is how long a request waits for the database. What is asked here takes
	// less than a millisecond, unless something is wrong.
	patience = 20 * time.Millisecond
	// coldPatience is how long a link waits when not even the settings were ever read.
	coldPatience = 2 * time.Second
	// lookupTime is how long a lookup may go on after that, so that later requests know
	// its answer.
	lookupTime = 5 * time.Second
	// maxLookups is how many lookups may be under way at once.
	maxLookups = 4
)

// known is what can be known of a project without waiting for its database.
type known struct {
	project  *refgrow.Project
	trouble  *trouble
	patience time.Duration
	lookups  chan struct{}
	last     atomic.Pointer[refgrow.TrackingSettings] // nil until they have been read
}

func newKnown(project *refgrow.Project, trouble *trouble) *known {
	return &known{project: project, trouble: trouble, patience: patience, lookups: make(chan struct{}, maxLookups)}
}

// An answer is what a request needs to know.
type answer struct {
	settings refgrow.TrackingSettings
	// guessed is set when the settings are the defaults, because they have not been
	// read so far.
	guessed bool
	link    string // the first of the link's codes that leads to an affiliate, or ""
	held    string // of the codes in the cookies the one that counts, or ""
	chosen  bool   // there were several, and it is known which of them lead to somebody
	keeps   bool   // the cookie stays, because the first touch counts or the link is only believed
}

// credited is the code of whoever referred the visitor, "" for nobody.
func (a answer) credited() string {
	if a.link == "" || a.keeps {
		return a.held
	}
	return a.link
}

// settings returns the settings in force.
func (k *known) settings() answer { return k.answer(nil, nil) }

// answer looks up the codes of a link and those of the cookies, which begin with the
// newest, in the engine's memory, or else within patience in the database. After that
// the settings are the last ones read, and the codes are believed: the engine will see
// what they lead to when it writes the click. What is only believed takes nobody's
// cookie away.
func (k *known) answer(links, held []string) answer {
	return k.answerWithin(k.patience, links, held)
}

// answerWithin is answer with another patience.
func (k *known) answerWithin(patience time.Duration, links, held []string) answer {
	// With a context that is over, only the memory is asked.
	over, end := context.WithCancel(context.Background())
	end()
	if a, err := k.ask(over, links, held); err == nil {
		return a
	}
	timeout := time.NewTimer(patience)
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
// page, and in a goroutine of our own it would end the whole app.
func (k *known) ask(ctx context.Context, links, held []string) (a answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	settings, err := k.project.TrackingSettings(ctx)
	if err != nil {
		return a, err
	}
	k.last.Store(&settings)
	a.settings = settings
	if a.link, err = k.leading(ctx, links); err != nil {
		return a, err
	}
	first := settings.Touch == refgrow.TouchFirst
	switch {
	case len(held) > 1:
		if first {
			held = oldestFirst(held)
		}
		leading, err := k.leading(ctx, held)
		if err != nil {
			return a, err
		}
		a.held, a.chosen, a.keeps = cmp.Or(leading, held[0]), true, first && a.link != "" && leading != ""
	case len(held) == 1:
		a.held = held[0]
		if a.link != "" && first {
			a.keeps, err = k.project.LeadsToAffiliate(ctx, a.held)
		}
	}
	return a, err
}

// leading returns the first of the codes that leads to an affiliate, "" for none.
func (k *known) leading(ctx context.Context, codes []string) (string, error) {
	for _, code := range codes {
		if leads, err := k.project.LeadsToAffiliate(ctx, code); leads || err != nil {
			return code, err
		}
	}
	return "", nil
}

// oldestFirst turns the codes of the cookies around: the cookie itself, which comes
// last, has the first code.
func oldestFirst(held []string) []string {
	held = slices.Clone(held)
	slices.Reverse(held)
	return held
}

func (k *known) guess(links, held []string) answer {
	var a answer
	if len(held) > 0 { // what was there first was no guess of this kind
		a.held = held[len(held)-1]
	}
	if last := k.last.Load(); last != nil {
		a.settings = *last
	} else {
		a.settings, a.guessed = refgrow.TrackingSettings{Touch: refgrow.TouchLast, CookieDays: 60}, true
	}
	if len(links) > 0 {
		a.link = links[0]
	}
	a.keeps = a.link != "" && a.held != ""
	return a
}
