package damage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// An asker puts questions to an engine and keeps the answers by the name of the
// question. A question that panics fails the test: nothing in a file may do that.
type asker struct {
	*program
	answers map[string]reply
}

type reply struct {
	text string // as JSON
	err  error
}

// The ids that the questions are about: all those in the lively program, and some more.
const (
	manyAffiliates  = 9
	manyConversions = 24
	manyOthers      = 12
)

// ask asks one question.
func (a *asker) ask(name string, question func() (any, error)) {
	a.Helper()
	var said reply
	defer func() {
		if v := recover(); v != nil {
			a.Errorf("%s panics: %v\n%s", name, v, debug.Stack())
			said = reply{err: fmt.Errorf("panic: %v", v)}
		}
		a.answers[name] = said
	}()
	thing, err := question()
	if err != nil {
		said.err = err
		return
	}
	text, err := json.Marshal(thing)
	if err != nil { // an instant in a year that has no form in JSON
		text = []byte(err.Error())
	}
	said.text = string(text)
}

// collected is a whole list.
func collected[T any](list iter.Seq2[T, error]) (any, error) {
	all := []T{}
	for item, err := range list {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

// askEverything reads everything that the public API shows.
func (p *program) askEverything(ctx context.Context) map[string]reply {
	p.Helper()
	a := &asker{program: p, answers: make(map[string]reply, 600)}
	a.ask("projects", func() (any, error) { return p.Engine.Projects(ctx) })
	a.ask("keys", func() (any, error) { return p.Engine.Keys(ctx) })
	a.ask("endpoints", func() (any, error) { return p.Engine.Outbox().Endpoints(ctx) })
	for _, name := range []string{"shop", "other"} {
		a.ask("project "+name, func() (any, error) {
			project, err := p.Engine.Project(ctx, name)
			if err == nil {
				a.askProject(ctx, name, project)
			}
			return nil, err
		})
	}
	return a.answers
}

func (a *asker) askProject(ctx context.Context, name string, shop *refgrow.Project) {
	a.Helper()
	ask := func(what string, question func() (any, error)) {
		a.Helper()
		a.ask(name+": "+what, question)
	}
	ask("name", func() (any, error) { return shop.CurrentName(ctx) })
	ask("settings", func() (any, error) {
		s, err := shop.Settings(ctx)
		return fmt.Sprintf("%+v", s), err
	})
	ask("tracking", func() (any, error) { return shop.TrackingSettings(ctx) })
	ask("statistics", func() (any, error) {
		return shop.Statistics(ctx, refgrow.StatisticsParams{To: a.Clock.Now(), From: a.Clock.Now().AddDate(0, 0, -300)})
	})
	a.askLists(ctx, ask, shop)
	a.askPayouts(ctx, ask, shop)
	for id := range int64(manyAffiliates) {
		a.askAffiliate(ctx, ask, shop, id+1)
	}
	for id := range int64(manyConversions) {
		of := fmt.Sprintf(" conversion %d", id+1)
		ask("find"+of, func() (any, error) {
			c, err := shop.GetConversion(ctx, id+1)
			if err != nil {
				return nil, err
			}
			decision, err := c.Decision()
			return []any{c, decision}, err
		})
		ask("explain"+of, func() (any, error) { return shop.ExplainConversion(ctx, id+1) })
	}
	for id := range int64(manyOthers) {
		of := fmt.Sprintf(" %d", id+1)
		ask("coupon"+of, func() (any, error) { return shop.GetCoupon(ctx, id+1) })
		ask("referral"+of, func() (any, error) { return shop.GetReferral(ctx, id+1) })
		ask("rule"+of, func() (any, error) { return shop.GetRule(ctx, id+1) })
		ask("payout"+of, func() (any, error) { return shop.GetPayout(ctx, id+1) })
		ask("entries of payout"+of, func() (any, error) {
			return collected(shop.AllPayoutEntries(ctx, id+1, refgrow.ListPayoutEntriesParams{Limit: 2}))
		})
	}
	for id := range int64(3) {
		of := fmt.Sprintf(" webhook %d", id+1)
		ask("find"+of, func() (any, error) { return shop.Webhooks().Get(ctx, id+1) })
		ask("deliveries of"+of, func() (any, error) {
			return collected(shop.Webhooks().AllDeliveries(ctx, id+1, refgrow.ListDeliveriesParams{Limit: 3}))
		})
		ask("count deliveries of"+of, func() (any, error) {
			return shop.Webhooks().CountDeliveries(ctx, id+1, refgrow.ListDeliveriesParams{})
		})
	}
}

// askLists walks the lists, page by page, and counts them.
func (a *asker) askLists(ctx context.Context, ask func(string, func() (any, error)), shop *refgrow.Project) {
	a.Helper()
	const few = 3 // so that there are several pages
	ask("affiliates", func() (any, error) {
		return collected(shop.AllAffiliates(ctx, refgrow.ListAffiliatesParams{Limit: few}))
	})
	ask("coupons", func() (any, error) { return collected(shop.AllCoupons(ctx, refgrow.ListCouponsParams{Limit: few})) })
	ask("referrals", func() (any, error) {
		return collected(shop.AllReferrals(ctx, refgrow.ListReferralsParams{Limit: few}))
	})
	ask("rules", func() (any, error) { return collected(shop.AllRules(ctx, refgrow.ListRulesParams{Limit: few})) })
	ask("webhooks", func() (any, error) {
		return collected(shop.Webhooks().All(ctx, refgrow.ListWebhooksParams{Limit: few}))
	})
	for what, filter := range map[string]refgrow.ListConversionsParams{
		"all": {}, "signups": {Type: refgrow.Signup}, "paid": {Paid: new(true)},
		"of affiliate 5": {AffiliateID: 5}, "of customer 1": {ReferredUserID: 1},
		"of a month": {From: a.Clock.Now().AddDate(0, -2, 0), To: a.Clock.Now().AddDate(0, -1, 0)},
	} {
		ask("count conversions: "+what, func() (any, error) { return shop.CountConversions(ctx, filter) })
		filter.Limit = few
		ask("conversions: "+what, func() (any, error) { return collected(shop.AllConversions(ctx, filter)) })
	}
	ask("count affiliates", func() (any, error) { return shop.CountAffiliates(ctx, refgrow.ListAffiliatesParams{}) })
	ask("count coupons", func() (any, error) { return shop.CountCoupons(ctx, refgrow.ListCouponsParams{}) })
	ask("count referrals", func() (any, error) { return shop.CountReferrals(ctx, refgrow.ListReferralsParams{}) })
	ask("count rules", func() (any, error) { return shop.CountRules(ctx, refgrow.ListRulesParams{}) })
	ask("count webhooks", func() (any, error) { return shop.Webhooks().Count(ctx) })
	for _, code := range []string{"JANE", "former", "shoes", "joe", "nobody"} {
		ask("who is "+code, func() (any, error) { return shop.AffiliateByCode(ctx, code) })
		ask("where leads "+code, func() (any, error) { return shop.LeadsToAffiliate(ctx, code) })
	}
	for _, id := range []string{"carl", "karl", "charles", "nobody"} {
		ask("customer with the id "+id, func() (any, error) { return shop.ReferralByExternalID(ctx, id) })
	}
	for _, email := range []string{"carl@example.com", "dora@example.com", "nobody@example.com"} {
		ask("customer "+email, func() (any, error) { return shop.ReferralByEmail(ctx, email) })
	}
	ask("customer ada", func() (any, error) { return shop.ReferralByExternalID(ctx, "ada") })
}

func (a *asker) askPayouts(ctx context.Context, ask func(string, func() (any, error)), shop *refgrow.Project) {
	a.Helper()
	ask("payouts", func() (any, error) { return collected(shop.AllPayouts(ctx, refgrow.ListPayoutsParams{Limit: 2})) })
	ask("count payouts", func() (any, error) { return shop.CountPayouts(ctx, refgrow.ListPayoutsParams{}) })
	ask("pending payouts", func() (any, error) {
		return collected(shop.AllPayouts(ctx, refgrow.ListPayoutsParams{Status: refgrow.PayoutPending}))
	})
	for _, currency := range []money.Currency{"", money.USD, money.EUR} {
		ask("payable in "+string(currency), func() (any, error) {
			return shop.PreviewPayouts(ctx, refgrow.PayoutRunParams{Currency: currency})
		})
		for _, format := range []refgrow.PayoutFormat{refgrow.PayPalFile, refgrow.WiseFile, refgrow.WiseEmailFile} {
			ask(fmt.Sprintf("file for %s in %s", format, currency), func() (any, error) {
				return shop.ExportPayouts(ctx, refgrow.ExportPayoutsParams{Format: format, Currency: currency})
			})
		}
	}
}

func (a *asker) askAffiliate(
	ctx context.Context, ask func(string, func() (any, error)), shop *refgrow.Project, id int64,
) {
	a.Helper()
	of := fmt.Sprintf(" affiliate %d", id)
	ask("find"+of, func() (any, error) {
		found, err := shop.GetAffiliate(ctx, id)
		if err != nil {
			return nil, err
		}
		_, err = shop.AffiliateByEmail(ctx, found.Email)
		return found, err
	})
	ask("earnings of"+of, func() (any, error) { return shop.Earnings(ctx, id) })
	ask("earlier earnings of"+of, func() (any, error) {
		return shop.Earnings(ctx, id, refgrow.AsOf(a.Clock.Now().AddDate(0, -2, 0)))
	})
	ask("ledger of"+of, func() (any, error) {
		return collected(shop.AllLedger(ctx, id, refgrow.ListLedgerParams{Limit: 4}))
	})
	ask("count ledger of"+of, func() (any, error) { return shop.CountLedger(ctx, id) })
	ask("days of"+of, func() (any, error) {
		return shop.Statistics(ctx, refgrow.StatisticsParams{
			AffiliateID: id, To: a.Clock.Now(), From: a.Clock.Now().AddDate(0, 0, -300),
		})
	})
	for _, month := range []time.Month{time.February, time.March} {
		ask(fmt.Sprintf("statement of %v of%s", month, of), func() (any, error) {
			statement, err := shop.Statement(ctx, id, 2026, month)
			if err != nil {
				return nil, err
			}
			var text bytes.Buffer
			err = shop.WriteStatementCSV(ctx, &text, statement)
			return []any{statement, text.String()}, err
		})
	}
}

// typed reports whether an error is one that a caller can tell from others.
func typed(err error) bool {
	var own *refgrow.Error
	return errors.As(err, &own) || errors.Is(err, refgrow.ErrDamaged) || errors.Is(err, refgrow.ErrSchema) ||
		errors.Is(err, refgrow.ErrSecretKey)
}

// lastOfLively is when the program of damageable has done everything.
var lastOfLively = time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)
