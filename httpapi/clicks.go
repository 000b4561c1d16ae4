package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// recordClicks takes one click as the body, or a list of clicks in it.
func recordClicks(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	var clicks []refgrow.Click
	list := b.objects("clicks", refgrow.MaxClicks)
	if list != nil {
		for _, field := range []string{"referral_code", "url", "referrer", "ip_address", "user_agent"} {
			b.fixed(field, "cannot be used together with clicks")
		}
		clicks = make([]refgrow.Click, len(list))
		for i, inner := range list {
			clicks[i] = inner.click()
			b.each(inner)
		}
	} else {
		clicks = []refgrow.Click{b.click()}
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusAccepted, showCounts,
		func(ctx context.Context, p *refgrow.Project) (refgrow.ClickCounts, error) {
			if err := c.countClicks(c.caller.callerKey, len(clicks)); err != nil {
				return refgrow.ClickCounts{}, err
			}
			counts, err := p.RecordClicks(ctx, clicks)
			if list == nil {
				err = renamed(err, "clicks[0].referral_code", "referral_code")
			}
			return counts, err
		}), nil
}

// click reads one click. What a browser says about itself is taken as it is: nobody can
// correct it, so no click is refused for it.
func (b *body) click() refgrow.Click {
	return refgrow.Click{
		ReferralCode: b.required("referral_code"),
		URL:          b.reported("url"),
		Referrer:     b.reported("referrer"),
		Address:      b.address("ip_address"),
		UserAgent:    b.reported("user_agent"),
	}
}

func showCounts(o *wire.Object, n refgrow.ClickCounts) {
	o.Integer("counted", int64(n.Counted))
	o.Integer("ignored", int64(n.Ignored))
}
