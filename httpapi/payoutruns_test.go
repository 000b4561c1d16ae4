package httpapi_test

import (
	"database/sql"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// A meter takes an answer, and notes its length, its end, and how much memory is in use
// while it is written.
type meter struct {
	http.ResponseWriter

	bytes int
	end   []byte
	most  uint64
}

func (m *meter) Write(b []byte) (int, error) {
	m.bytes += len(b)
	m.end = append(m.end[:0], b[max(0, len(b)-64):]...)
	m.most = max(m.most, inUse())
	return len(b), nil
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// The answer of a run with very many payouts is written in pages: it takes little memory,
// however long it is.
func TestLongRunsTakeLittleMemory(t *testing.T) {
	single(t) // not in parallel: memory is counted
	file := filepath.Join(t.TempDir(), "app.db")
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	must(t, err)
	t.Cleanup(func() { db.Close() })
	engine, clock := refgrowtest.On(t, refgrow.SQLite(db))
	w := serve(t, engine, clock, refgrow.Settings{}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": 5, "note": "a bonus"}`).ok(t, 201)
	run := func() *http.Request {
		r := w.request("POST", "/payouts", "")
		r.Header.Set("Idempotency-Key", "november")
		return r
	}
	short := send(t, w.mux, run()).ok(t, 201)
	const many = 40_000
	_, err = db.ExecContext(t.Context(), `INSERT INTO refgrow_payouts
		WITH RECURSIVE n (id) AS (VALUES (2) UNION ALL SELECT id + 1 FROM n WHERE id <= ?)
		SELECT n.id, project_id, affiliate_id, currency, amount, entry_count, cutoff, status, external_reference,
			created_at, paid_at, canceled_at, run_id, paid_on, returned_at, return_note
		FROM n, refgrow_payouts WHERE refgrow_payouts.id = 1`, many)
	must(t, err)
	before := inUse()
	m := &meter{ResponseWriter: httptest.NewRecorder()}
	w.mux.ServeHTTP(m, run())
	if want := len(short.body) + many*250; m.bytes < want || !strings.HasSuffix(string(m.end), `"left_out":[]}`) {
		t.Errorf("the answer has %d bytes, but should have more than %d, and ends with %s", m.bytes, want, m.end)
	}
	if more := int64(m.most) - int64(before); more > 1<<20 {
		t.Errorf("an answer of %d bytes took %d bytes of memory", m.bytes, more)
	} else {
		t.Logf("an answer of %d bytes took %d KiB", m.bytes, more>>10)
	}
}
