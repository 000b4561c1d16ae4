package httpapi_test

import (
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

// checkStored checks that each canary is somewhere before anybody goes: otherwise that it
// is not there afterwards would show nothing.
func (c *cage) checkStored(t *testing.T) {
	t.Helper()
	found := make(map[string]bool)
	c.columns(t, func(_ string, text []byte) {
		for _, name := range c.in(text) {
			found[name] = true
		}
	})
	for _, name := range slices.Sorted(maps.Keys(c.canaries)) {
		if why := neverStored(name); found[name] != (why == "") {
			t.Errorf("%s is stored: %v, although %q", name, found[name], why)
		}
	}
	for _, of := range []string{
		"events.data", "idempotency.body", "deliveries.error", "clicks.url", "claims.code", "conversions.candidates",
	} {
		table, name, _ := strings.Cut(of, ".")
		n := 0
		for _, value := range c.query(t, "SELECT CAST("+name+" AS TEXT) FROM refgrow_"+table+" WHERE "+name+" IS NOT NULL") {
			n += len(c.in([]byte(value)))
		}
		if n == 0 {
			t.Errorf("no canary is in %s", of)
		}
	}
}

// hook is one of the endpoints, in the order of their ids.
func (c *cage) hook(t *testing.T, n int) int64 {
	t.Helper()
	return c.hooks(t)[n]
}

func (c *cage) hooks(t *testing.T) (ids []int64) {
	t.Helper()
	all, err := c.shop.Webhooks().List(t.Context(), refgrow.ListWebhooksParams{})
	must(t, err)
	for i := range all.Items {
		ids = append(ids, all.Items[i].ID)
	}
	slices.Sort(ids)
	return ids
}

func (c *cage) claim(t *testing.T, hook int64) []refgrow.Attempt {
	t.Helper()
	for more := true; more; {
		var err error
		more, err = c.engine.Outbox().Spread(t.Context())
		must(t, err)
	}
	attempts, _, err := c.engine.Outbox().Claim(t.Context(), hook, 1000, time.Minute)
	must(t, err)
	return attempts
}

// finish reports an attempt. The endpoint repeated what it was sent.
func (c *cage) finish(t *testing.T, a refgrow.Attempt, outcome refgrow.AttemptOutcome) {
	t.Helper()
	result := refgrow.AttemptResult{Outcome: outcome, ResponseStatus: 200}
	if outcome != refgrow.AttemptSucceeded {
		result.ResponseStatus, result.Error = 500, fmt.Sprintf("the endpoint answered: cannot do %s", a.Body)
		result.RetryAt = c.clock.Now().Add(time.Hour)
	}
	must(t, c.engine.Outbox().Finish(t.Context(), a, result))
}

// deliver sends what is due: the first endpoint takes all of it, the second none yet, and
// the third every other one.
func (c *cage) deliver(t *testing.T) {
	t.Helper()
	for n, hook := range c.hooks(t) {
		for i, a := range c.claim(t, hook) {
			switch {
			case n == 1:
				c.finish(t, a, refgrow.AttemptRetry)
			case n == 2 && i%2 == 1:
				c.finish(t, a, refgrow.AttemptFailed)
			default:
				c.finish(t, a, refgrow.AttemptSucceeded)
			}
		}
	}
}

// requests looks at all that endpoints can still be sent: what waits, and what can be
// replayed.
func (c *cage) requests(t *testing.T, add func(place string, text []byte)) {
	t.Helper()
	n := 0
	for _, hook := range c.hooks(t) {
		log, err := c.shop.Webhooks().ListDeliveries(t.Context(), hook, refgrow.ListDeliveriesParams{Limit: 500})
		must(t, err)
		at := fmt.Sprintf("/webhooks/%d/replay", hook)
		for i := range log.Items {
			got := c.do(t, "POST", at, fmt.Sprintf(`{"delivery_id": %d}`, log.Items[i].ID))
			add("the answer to a replay", got.body)
		}
		c.do(t, "POST", at, `{"since": "2026-01-01"}`).ok(t, 202)
		for range 3 {
			for attempts := c.claim(t, hook); len(attempts) > 0; attempts = c.claim(t, hook) {
				for _, a := range attempts {
					n++
					add("a request to an endpoint", fmt.Append(nil, a.MessageID, a.Event, string(a.Body)))
					c.finish(t, a, refgrow.AttemptSucceeded)
				}
			}
			c.clock.Advance(24 * time.Hour)
		}
	}
	if n == 0 {
		t.Error("nothing is sent")
	}
}

// repeated makes each call again that had an Idempotency-Key: it gets the answer of the
// first time, or a refusal, and changes nothing.
func (c *cage) repeated(t *testing.T, add func(place string, text []byte)) {
	t.Helper()
	erased := 0
	for _, once := range c.sent {
		got := c.do(t, "POST", once.path, once.body, "Idempotency-Key", once.key)
		add("the answer to "+once.name, got.body)
		switch {
		case got.status == http.StatusConflict && text(got.json["code"]) == "erased":
			erased++
		case got.status < 300 && got.header.Get("Idempotent-Replayed") != "true", got.status >= 500:
			t.Errorf("%s, repeated, gives %d %s", once.name, got.status, got.body)
		}
	}
	if erased == 0 {
		t.Error("no answer named anybody")
	}
}

// shown looks at what every call that reads shows.
func (c *cage) shown(t *testing.T, add func(place string, text []byte)) {
	t.Helper()
	idsOf := make(map[string][]string) // by the path of the list
	for _, list := range []string{
		"/affiliates", "/conversions", "/referrals", "/coupons", "/rules", "/payouts", "/payouts/runs", "/webhooks",
	} {
		for _, item := range c.do(t, "GET", list+"?limit=500", "").ok(t, 200).items() {
			idsOf[list] = append(idsOf[list], asText(item["id"]))
		}
	}
	for _, route := range httpapi.Routes() {
		if route[0] != http.MethodGet {
			continue
		}
		before, _, after, one := brokenUp(route[1])
		ids := []string{""}
		if one {
			if ids = idsOf[strings.TrimSuffix(before, "/")]; len(ids) == 0 {
				t.Errorf("nobody knows what there is in %s", route[1])
			}
		}
		queries := []string{queryOf(route[1])}
		if route[1] == "/payouts/export" {
			queries = []string{"format=paypal", "format=wise", "format=wise_email"}
		}
		for _, id := range ids {
			for _, query := range queries {
				got := c.do(t, "GET", before+id+after+"?"+query, "").ok(t, 200)
				add("the answer to GET "+route[1], got.body)
				for name, values := range got.header {
					add("the header "+name, []byte(strings.Join(values, " ")))
				}
			}
		}
	}
}

// query returns the texts that a query of the tables finds.
func (c *cage) query(t *testing.T, text string) (found []string) {
	t.Helper()
	must(t, c.file.Tx(t.Context(), func(tx *sql.Tx) error {
		found = column(t, tx, text)
		return nil
	}))
	return found
}

// columns looks at every column of every table of the file.
func (c *cage) columns(t *testing.T, add func(place string, text []byte)) {
	t.Helper()
	for _, table := range c.query(t, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
		for _, name := range c.query(t, "SELECT name FROM pragma_table_info('"+table+"')") {
			for _, value := range c.query(t,
				"SELECT CAST("+name+" AS TEXT) FROM "+table+" WHERE "+name+" IS NOT NULL") {
				add(table+"."+name, []byte(value))
			}
		}
	}
}

// bytes looks at the file, at what is beside it, and at a backup.
func (c *cage) bytes(t *testing.T, add func(place string, text []byte)) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy.db")
	must(t, c.engine.Backup(t.Context(), copied))
	files, err := filepath.Glob(c.path + "*")
	must(t, err)
	if len(files) < 3 {
		t.Fatalf("the files are %s", files)
	}
	for _, file := range append(files, copied) {
		content, err := os.ReadFile(file)
		must(t, err)
		add("the bytes of "+path.Ext(file)+strings.TrimPrefix(filepath.Base(file), "refgrow.db"), content)
	}
}
