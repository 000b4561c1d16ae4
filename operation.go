package refgrow

import (
	"context"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// An op is one operation of a project inside its write transaction.
type op struct {
	*backend.Tx
	project int64
	now     int64 // the operation's one reading of the clock, Unix milliseconds
	state   *state
	emitted bool // it has written to the outbox
	visits  bool // it has changed what is answered to visits from memory
}

// write runs an operation of the project in a write transaction.
func (p *Project) write(ctx context.Context, doing string, work func(context.Context, *op) error) error {
	return p.writeAs(ctx, doing, backend.Work{}, work)
}

// writeAs is write for an operation with properties that the backend makes use of.
func (p *Project) writeAs(
	ctx context.Context, doing string, as backend.Work, work func(context.Context, *op) error,
) error {
	if err := p.open(); err != nil {
		return err
	}
	ctx, ended := p.engine.observed(ctx, doing)
	var done struct {
		emitted, visits bool
		lastStamp, now  int64
	}
	as.Project = p.id
	as.Run = func(ctx context.Context, tx *backend.Tx) error {
		o := &op{Tx: tx, project: p.id, now: p.engine.millis()}
		done.lastStamp, done.now = 0, o.now
		defer func() {
			if done.emitted, done.visits = o.emitted, o.visits; o.state != nil {
				done.lastStamp = o.state.lastStamp
			}
		}()
		if known, ok := tx.Memo[stateKey(p.id)]; ok {
			o.state = known.(*state)
		} else {
			fresh, err := readState(ctx, tx, p.id)
			if err != nil {
				return p.engine.needed(err)
			}
			o.state = fresh
			tx.Memo[stateKey(p.id)] = fresh
		}
		return work(ctx, o)
	}
	err := p.engine.failed(doing, p.backend.Atomic(ctx, as))
	if done.emitted && err == nil {
		p.engine.emitted.Add(1)
		p.engine.Wake()
	}
	if done.visits {
		p.engine.visits.Forget(p.id)
	}
	p.met(ctx, done.lastStamp, done.now)
	ended(err)
	return err
}

// UpdateProject, UpdateAffiliate and HideAffiliate are the statements that change what
// is remembered for visits. They note it here, so that no operation can forget to.
func (o *op) UpdateProject(ctx context.Context, params db.UpdateProjectParams) error {
	o.visits = true
	return o.Tx.UpdateProject(ctx, params)
}

// UpdateAffiliate is described at UpdateProject.
func (o *op) UpdateAffiliate(ctx context.Context, params db.UpdateAffiliateParams) error {
	o.visits = true
	return o.Tx.UpdateAffiliate(ctx, params)
}

// HideAffiliate is described at UpdateProject.
func (o *op) HideAffiliate(ctx context.Context, params db.HideAffiliateParams) error {
	o.visits = true
	return o.Tx.HideAffiliate(ctx, params)
}

// change runs an operation that returns what it made.
func change[T any](
	ctx context.Context, p *Project, doing string, as backend.Work, work func(context.Context, *op) (*T, error),
) (*T, error) {
	var made *T
	err := p.writeAs(ctx, doing, as, func(ctx context.Context, o *op) (err error) {
		made, err = work(ctx, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// read runs one query.
func read[T any](
	ctx context.Context, p *Project, doing string, query func(context.Context, db.Querier) (T, error),
) (T, error) {
	return readIn(ctx, backend.Lists, p, doing, query)
}

// readIn is read in a lane.
func readIn[T any](
	ctx context.Context, lane backend.Lane, p *Project, doing string,
	query func(context.Context, db.Querier) (T, error),
) (T, error) {
	var result T
	if err := p.open(); err != nil {
		return result, err
	}
	ctx, ended := p.engine.observed(ctx, doing)
	ctx, end := backend.WithDeadline(inLane(ctx, lane), p.timeout)
	result, err := query(ctx, p.backend.Reader())
	err = p.engine.failed(doing, p.engine.needed(end(err)))
	ended(err)
	return result, err
}

// inLane is ctx for what is read in a lane.
func inLane(ctx context.Context, lane backend.Lane) context.Context {
	return backend.Reading{Lane: lane}.Under(ctx)
}

// snapshot runs queries that belong together against one state of the database.
func (p *Project) snapshot(ctx context.Context, doing string, work func(context.Context, db.Querier) error) error {
	if err := p.open(); err != nil {
		return err
	}
	ctx, ended := p.engine.observed(ctx, doing)
	ctx = backend.Reading{Within: p.timeout}.Under(ctx)
	err := p.engine.failed(doing, p.engine.needed(p.backend.Snapshot(ctx, work)))
	ended(err)
	return err
}

// post writes a posting to its account, unless it is empty.
func (o *op) post(ctx context.Context, p ledger.Posting) error {
	if p.Empty() {
		return nil
	}
	if o.state.reset != 0 {
		if err := ledger.PutBack(ctx, o.Tx, o.project, o.stamp(), p.Affiliate); err != nil {
			return err
		}
	}
	return ledger.Post(ctx, o.Tx, o.project, o.stamp(), p)
}

// stamp returns the instant of the entries that this operation writes. It never goes
// back within a project, whatever the clock does.
func (o *op) stamp() int64 {
	o.stampFrom(o.now)
	return o.state.lastStamp
}

// stampFrom ensures that no later entry has an instant before t.
func (o *op) stampFrom(t int64) {
	o.state.lastStamp = max(o.state.lastStamp, t)
	o.Add(db.AddTotalsParams{ProjectID: o.project, LastStamp: o.state.lastStamp})
}

// state is what every operation needs to know about its project. It is read once for
// all operations that commit together, inside their transaction.
type state struct {
	name     string
	settings Settings
	rules    pricing.Rules
	// watched reports whether there is an endpoint for events, the others whether one
	// asks for the events of payouts, and of affiliates.
	watched, watchesPayouts, watchesAffiliates bool

	lastStamp int64 // of the newest ledger entry, Unix milliseconds
	claims    int64 // made by browsers and not used yet
	// reset is the id of a reset of the last stamp after which accounts may still be
	// rolled beyond it, 0 for none.
	reset int64
}

type stateKey int64

func readState(ctx context.Context, q db.Querier, project int64) (*state, error) {
	row, err := q.GetProject(ctx, project)
	if err != nil {
		return nil, missing(err, "Project")
	}
	totals, err := q.GetProjectTotals(ctx, project)
	if err != nil {
		return nil, err
	}
	rules, err := q.ListProjectRulesInForce(ctx, project)
	if err != nil {
		return nil, err
	}
	s := &state{name: row.Name, lastStamp: totals.LastStamp, claims: totals.Claims, reset: totals.UnfinishedReset}
	s.rules.Own = make(map[string]db.CommissionRule, len(rules))
	for _, r := range rules {
		s.rules.Own[r.CommissionRule.ConversionType] = r.CommissionRule
		s.rules.Overridden, s.watched = r.Overridden == 1, r.Watched == 1
		s.watchesPayouts, s.watchesAffiliates = r.PayoutsWatched == 1, r.AffiliatesWatched == 1
	}
	if len(s.rules.Own) != 2 {
		return nil, fmt.Errorf("%w: project %d does not have one commission rule in force for each type of conversion",
			ErrDamaged, project)
	}
	currency, err := stored.Currency(row.Currency)
	if err != nil {
		return nil, fmt.Errorf("project %d: %w", project, err)
	}
	s.settings = Settings{
		Currency: currency, HoldDays: int(row.HoldDays),
		CouponFirst: row.CouponFirst == 1, SelfReferral: SelfReferral(row.SelfReferral),
		MinimumPayout: money.New(row.MinimumPayout, currency),
		Touch:         Touch(row.Touch), CookieDays: int(row.CookieDays), ClickDays: int(row.ClickDays),
		LandingURL: stored.OrZero(row.LandingURL),
	}
	if s.settings.AllowedOrigins, err = stored.Origins(row.Origins); err != nil {
		return nil, fmt.Errorf("project %d: %w", project, err)
	}
	purchases, err := pricing.TermsOf(s.rules.Own[pricing.Purchase])
	if err != nil {
		return nil, err
	}
	s.settings.Commission = showCommission(purchases.Commission)
	s.settings.CommissionDuration = showDuration(purchases.Duration)
	signups, err := pricing.CommissionOf(s.rules.Own[pricing.Signup])
	s.settings.SignupCommission = showCommission(signups)
	return s, err
}

// reload reads the state again after something in it was changed.
func (o *op) reload(ctx context.Context) error {
	fresh, err := readState(ctx, o, o.project)
	if err != nil {
		return err
	}
	// The totals of this transaction are not written yet.
	fresh.lastStamp, fresh.claims = max(fresh.lastStamp, o.state.lastStamp), o.state.claims
	o.state = fresh
	o.Memo[stateKey(o.project)] = fresh
	return nil
}

// The totals of a project count its rows by their status. In a damaged file there may
// be another status, which is not counted anywhere.

func (o *op) countAffiliate(status AffiliateStatus, by int64) {
	delta := db.AddTotalsParams{ProjectID: o.project}
	switch status {
	case AffiliateActive:
		delta.AffiliatesActive = by
	case AffiliateInactive:
		delta.AffiliatesInactive = by
	}
	o.Add(delta)
}

func (o *op) countCoupon(status CouponStatus, by int64) {
	delta := db.AddTotalsParams{ProjectID: o.project}
	switch status {
	case CouponActive:
		delta.CouponsActive = by
	case CouponInactive:
		delta.CouponsInactive = by
	}
	o.Add(delta)
}

func (o *op) countReferral(status ReferralStatus, by int64) {
	delta := db.AddTotalsParams{ProjectID: o.project}
	switch status {
	case ReferralPending:
		delta.ReferralsPending = by
	case ReferralConverted:
		delta.ReferralsConverted = by
	case ReferralDirect:
		delta.ReferralsDirect = by
	case ReferralDirectSignup:
		delta.ReferralsDirectSignup = by
	}
	o.Add(delta)
}

// countType counts a conversion, by its type and whether it is paid.
func (o *op) countType(kind ConversionType, paid bool, by int64) {
	delta := db.AddTotalsParams{ProjectID: o.project}
	switch kind {
	case Signup:
		if paid {
			delta.SignupsPaid = by
		} else {
			delta.SignupsUnpaid = by
		}
	case Purchase:
		if paid {
			delta.PurchasesPaid = by
		} else {
			delta.PurchasesUnpaid = by
		}
	}
	o.Add(delta)
}

func (o *op) countPayout(status PayoutStatus, by int64) {
	delta := db.AddTotalsParams{ProjectID: o.project}
	switch status {
	case PayoutPending:
		delta.PayoutsPending = by
	case PayoutPaid:
		delta.PayoutsPaid = by
	case PayoutCanceled:
		delta.PayoutsCanceled = by
	case PayoutReturned:
		delta.PayoutsReturned = by
	}
	o.Add(delta)
}

func (o *op) countClaims(by int64) {
	o.state.claims += by
	o.Add(db.AddTotalsParams{ProjectID: o.project, Claims: by})
}

// writeEvent adds a change to the outbox, in the transaction of the operation.
func (o *op) writeEvent(ctx context.Context, c outbox.Change) (int64, error) {
	o.emitted = true
	c.Project, c.At = o.project, o.now
	return outbox.Write(ctx, o, c)
}

// emit writes a change that concerns an affiliate and a customer, as they are now. In a
// project without an endpoint nobody will ask for it: nothing is written, and callers
// make no JSON.
func (o *op) emit(ctx context.Context, affiliate, referral *int64, c outbox.Change) (err error) {
	if !o.state.watched {
		return nil
	}
	if c.Parties, err = outbox.Describe(ctx, o, o.project, affiliate, referral); err != nil {
		return err
	}
	_, err = o.writeEvent(ctx, c)
	return err
}
