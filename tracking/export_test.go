package tracking

import (
	"net/http"
	"time"
)

// WaitFor makes requests wait so long for the database.
func (t *Tracker) WaitFor(patience time.Duration) { t.known.patience = patience }

// Register does what the function does, for a tracker that is there.
func (t *Tracker) Register(mux *http.ServeMux) { t.register(mux) }
