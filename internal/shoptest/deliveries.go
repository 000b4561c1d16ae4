package shoptest

import (
	"cmp"
	"time"

	"github.com/refgrow-go/refgrow"
)

// Endpoint adds a webhook endpoint to the shop.
func (p *Program) Endpoint(params refgrow.CreateWebhookParams) *refgrow.Webhook {
	p.Helper()
	params.URL = cmp.Or(params.URL, "https://example.com/hooks")
	hook, err := p.Shop.Webhooks().Create(p.Context(), params)
	p.OK(err)
	return hook
}

// Spread makes deliveries of everything in the outbox.
func (p *Program) Spread() {
	p.Helper()
	for more := true; more; {
		var err error
		more, err = p.Engine.Outbox().Spread(p.Context())
		p.OK(err)
	}
}

// Claim leases what is due at an endpoint, for a minute.
func (p *Program) Claim(hook *refgrow.Webhook) []refgrow.Attempt {
	p.Helper()
	attempts, _, err := p.Engine.Outbox().Claim(p.Context(), hook.ID, 1000, time.Minute)
	p.OK(err)
	return attempts
}

// Finish reports what became of an attempt. One that is to be retried is due in a
// minute.
func (p *Program) Finish(a refgrow.Attempt, outcome refgrow.AttemptOutcome) {
	p.Helper()
	p.OK(p.Engine.Outbox().Finish(p.Context(), a, refgrow.AttemptResult{
		Outcome: outcome, ResponseStatus: 200, RetryAt: p.Clock.Now().Add(time.Minute),
	}))
}
