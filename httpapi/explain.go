package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

func explainConversion(c *call) (work, error) {
	id, err := c.id()
	return giving(http.StatusOK, showExplanation,
		func(ctx context.Context, p *refgrow.Project) (*refgrow.Explanation, error) {
			return p.ExplainConversion(ctx, id)
		}), err
}

func showExplanation(o *wire.Object, e *refgrow.Explanation) { o.Merge(e.AppendJSON) }
