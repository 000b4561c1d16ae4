package httpapi_test

import (
	"database/sql"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// While the disk is full, calls that write are answered with 503 and JSON, reads are
// served, and once there is room the very same calls succeed, without a restart.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	database, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "refgrow.db"), sqlite.Options{})
	must(t, err)
	t.Cleanup(func() { database.Close() })
	engine, clock := refgrowtest.On(t, database)
	w := serve(t, engine, clock, refgrow.Settings{Commission: refgrow.Percent("20")}, httpapi.Options{RateLimit: -1})
	server := httptest.NewServer(w.mux)
	t.Cleanup(server.Close)
	room := func(pages int64) { // SQLite knows how much of the disk the file may take
		must(t, database.Tx(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(new(int64))
		}))
	}
	// What has a page of its own needs one more.
	long := "https://example.com/" + strings.Repeat("x", 2000)
	large := []sent{
		{method: "POST", path: "/conversions",
			body: `{"type": "signup", "email": "a@example.com", "url": "` + long + `"}`},
		{method: "POST", path: "/conversions",
			body: `{"type": "purchase", "base_value": 1, "reference": "r", "url": "` + long + `"}`},
		{method: "POST", path: "/conversions", body: `{"type": "purchase", "base_value": 1, "url": "` +
			long + `"}`, once: "1"},
		{method: "POST", path: "/webhooks", body: `{"url": "` + long + `"}`, once: "2"},
	}
	small := w.calls(t, 0)
	// Migrations leave free pages in the file. An app's table takes them, a page a row.
	must(t, database.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "CREATE TABLE app_photos (photo BLOB)")
		for free := 1; err == nil && free > 0; {
			if _, err = tx.ExecContext(ctx, "INSERT INTO app_photos VALUES (zeroblob(4000))"); err == nil {
				err = tx.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free)
			}
		}
		return err
	}))
	room(1)
	for _, got := range sendAll(t, server, w.key, slices.Concat(large, small)) {
		written := got.method != http.MethodGet && got.status < 300
		isLarge := strings.Contains(got.body, long)
		switch {
		case got.status == http.StatusServiceUnavailable && got.method != http.MethodGet:
			if got.code() != "busy" || got.header.Get("Retry-After") == "" ||
				!strings.Contains(string(got.answer), "the disk is full") {
				t.Errorf("%s %s: %s, with Retry-After %q",
					got.method, got.path, got.answer, got.header.Get("Retry-After"))
			}
		case got.status >= 300 || written && isLarge:
			t.Errorf("%s %s: %d %s", got.method, got.path, got.status, got.answer)
		}
	}
	w.sound(t)

	room(math.MaxInt32)
	for _, call := range large {
		got := sendAll(t, server, w.key, []sent{call})[0]
		if got.status != http.StatusCreated || got.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("with room, %s: %d %s", got.path, got.status, got.answer)
		}
	}
	w.sound(t)
}

// sound checks that Verify finds nothing.
func (w *world) sound(t *testing.T) {
	t.Helper()
	report, err := w.engine.Verify(t.Context())
	must(t, err)
	for _, d := range report.Differences {
		t.Errorf("Verify: %v", d)
	}
}
