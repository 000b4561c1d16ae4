package engine_test

import (
	"database/sql"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
)

// A program is shoptest's, with what the tests here do to it.
type program struct{ *shoptest.Program }

func inOwnFile(t *testing.T, settings refgrow.Settings) *program {
	t.Helper()
	return &program{shoptest.InOwnFile(t, settings)}
}

func inOwnFileAtOnce(t *testing.T, settings refgrow.Settings) *program {
	t.Helper()
	return &program{shoptest.InOwnFileAtOnce(t, settings)}
}

func inAppsFile(t *testing.T, connections int, settings refgrow.Settings) *program {
	t.Helper()
	return &program{shoptest.InAppsFile(t, connections, settings)}
}

func programOn(t *testing.T, store refgrow.Store, app *sql.DB, settings refgrow.Settings) *program {
	t.Helper()
	return &program{shoptest.On(t, store, app, settings)}
}

func (p *program) decision(c *refgrow.Conversion) refgrow.Decision {
	p.Helper()
	d, err := c.Decision()
	p.OK(err)
	return d
}
