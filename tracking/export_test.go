package tracking

import (
	"net/http"
	"time"
)

// WaitFor sets how long requests wait for the database.
func (t *Tracker) WaitFor(patience time.Duration) { t.known.patience = patience }

// Register does what the function does, for an existing tracker.
func (t *Tracker) Register(mux *http.ServeMux) { t.register(mux) }
