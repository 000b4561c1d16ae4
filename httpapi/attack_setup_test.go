package httpapi_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// fullAttack reports whether the suites named TestAttack run in their long form.
func fullAttack() bool { return os.Getenv("REFGROW_ATTACK") != "" }

// A siege is a database with a program that attacks, and usually one that is the
// victim; both have some of everything. Every text of the victim's begins with
// "victim", and its ids, whatever they are ids of, start at firstOfVictim.
type siege struct {
	*world
	file                   *sqlite.DB
	attacker, victim       *refgrow.Project
	attackerKey, victimKey string
}

const (
	firstOfVictim = 5_001
	afterVictim   = 9_001
)

// besiege makes the same database each time, except for what is random in it, and
// except for the victim, which may be missing: then nobody else has its ids. The
// victim's program is made before or after the attacker's.
func besiege(t testing.TB, withVictim, victimFirst bool) *siege {
	t.Helper()
	// Nothing here is about power cuts.
	file, err := sqlite.Open(t.Context(), refgrowtest.File(t), sqlite.Options{Durability: sqlite.Normal})
	must(t, err)
	t.Cleanup(func() { must(t, file.Close()) })
	engine, clock := refgrowtest.On(t, file)
	s := &siege{world: &world{engine: engine, clock: clock, mux: http.NewServeMux()}, file: file}
	httpapi.Register(s.mux, prefix, engine, httpapi.Options{RateLimit: -1, Logger: slog.New(slog.DiscardHandler)})
	if !victimFirst {
		s.attacker, s.attackerKey = s.furnish(t, "attacker")
	}
	s.nextIDs(t, firstOfVictim)
	if withVictim {
		s.victim, s.victimKey = s.furnish(t, "victim")
	}
	s.nextIDs(t, afterVictim)
	if victimFirst {
		s.attacker, s.attackerKey = s.furnish(t, "attacker")
	}
	s.key = s.attackerKey
	return s
}

// query runs a statement on the tables, as the engine's own file lets an app do, and
// returns the rows by the names of their columns.
func (s *siege) query(t testing.TB, text string, args ...any) (rows []map[string]any) {
	t.Helper()
	must(t, s.file.Tx(t.Context(), func(tx *sql.Tx) error {
		found, err := tx.QueryContext(t.Context(), text, args...)
		if err != nil {
			return err
		}
		defer found.Close()
		columns, err := found.Columns()
		if err != nil {
			return err
		}
		for found.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := found.Scan(into...); err != nil {
				return err
			}
			row := make(map[string]any, len(columns))
			for i, column := range columns {
				row[column] = values[i]
			}
			rows = append(rows, row)
		}
		return found.Err()
	}))
	return rows
}

// nextIDs makes the ids of all tables continue with n.
func (s *siege) nextIDs(t testing.TB, n int64) {
	t.Helper()
	tables := s.query(t, "SELECT name FROM sqlite_schema WHERE "+
		"type = 'table' AND name LIKE 'refgrow\\_%' ESCAPE '\\' AND sql LIKE '%AUTOINCREMENT%'")
	must(t, s.file.Tx(t.Context(), func(tx *sql.Tx) error {
		for _, table := range tables {
			for _, statement := range []string{"DELETE FROM sqlite_sequence WHERE name = ?",
				"INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)"} {
				args := []any{table["name"], n - 1}
				_, err := tx.ExecContext(t.Context(), statement, args[:strings.Count(statement, "?")]...)
				if err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// furnish makes a program with some of everything. All its texts begin with its name.
func (s *siege) furnish(t testing.TB, name string) (*refgrow.Project, string) {
	t.Helper()
	p := s.project(t, name, refgrow.Settings{
		Commission: refgrow.Percent("20"), LandingURL: "https://" + name + "-landing.example/",
		AllowedOrigins: []string{"https://" + name + "-origin.example"},
	})
	key := s.newKey(t, p, refgrow.CreateKeyParams{Name: name + "-server"})
	// The calls name what earlier ones made: {bob} is the id from the call marked bob.
	made := map[string]string{}
	for _, call := range []string{
		`POST /affiliates {"email": "NAME-jane@example.com", "referral_code": "NAME-JANE-OLD",
			"partner_slug": "NAME-slug"} jane`,
		`PUT /affiliates/NAME-jane@example.com {"referral_code": "NAME-JANE",
			"payout_preferences": {"paypal_email": "NAME-paypal@example.com",
				"wise_details": {"accountId": "4711", "email": "NAME-wise@example.com"}, "wise_name": "NAME-wise"}}`,
		`POST /affiliates {"email": "NAME-bob@example.com", "referral_code": "NAME-BOB"} bob`,
		`POST /affiliates {"email": "NAME-gone@example.com", "referral_code": "NAME-GONE"} gone`,
		`POST /affiliates {"email": "NAME-ina@example.com", "referral_code": "NAME-INA"} ina`,
		`PUT /affiliates/NAME-ina@example.com {"status": "inactive"}`,
		`POST /rules {"affiliate_id": {bob}, "product": "NAME-product", "commission": "30%"} rule`,
		`POST /rules {"product": "NAME-product", "commission": "7.00", "commission_duration": "6 payments"} ended`,
		`DELETE /rules/{ended}`,
		`POST /rules {"product": "NAME-other", "commission": "9.00"}`,
		`POST /webhooks {"url": "https://NAME-hook.example/", "secret": "NAME-secret-of-the-webhook"} hook`,
		`POST /webhooks {"url": "https://NAME-off.example/", "events": ["referral_canceled"],
			"status": "inactive"} off`,
		`POST /webhooks/{hook}/test`,
		`POST /webhooks/{hook}/rotate`,
		`POST /referrals {"email": "NAME-carl@example.com", "affiliate_id": {jane}} carl`,
		`POST /referrals {"email": "NAME-dora@example.com"} dora`,
		`POST /referrals {"email": "NAME-twin@example.com"} twin`,
		`POST /referrals/{dora}/merge {"from": {twin}}`,
		`POST /coupons {"affiliate_id": {jane}, "coupon_code": "NAME-COUPON",
			"stripe_coupon_id": "NAME-stripe", "lemonsqueezy_discount_code": "NAME-lemon"} coupon`,
		`POST /coupons {"affiliate_id": {bob}, "coupon_code": "NAME-COUPON-OFF", "status": "inactive"}`,
		`POST /conversions {"type": "signup", "referral_code": "NAME-JANE"}`,
		`POST /conversions {"type": "purchase", "email": "NAME-carl@example.com", "base_value": 50,
			"reference": "NAME-order-1", "product": "NAME-product", "url": "https://NAME-shop.example/thanks"} sale`,
		`POST /conversions {"type": "purchase", "external_id": "NAME-user-7",
			"referral_code": "NAME-BOB", "base_value": 70, "reference": "NAME-order-2"} refunded`,
		`POST /conversions {"type": "signup", "email": "NAME-carl@example.com", "external_id": "NAME-user-8"}`,
		`POST /conversions {"type": "signup", "email": "NAME-carl@example.com", "external_id": "NAME-user-9"}`,
		`POST /conversions/{refunded}/refund {"amount": 20, "reason": "NAME-reason"}`,
		`POST /conversions/{refunded}/refund {"amount": 10, "refund_reference": "NAME-refund"}`,
		`POST /refunds {"reference": "NAME-order-1", "refunded_total": 0, "told_at": "2026-01-15"}`,
		`POST /conversions/{refunded}/undo-refund {"amount": 10}`,
		`POST /conversions {"type": "purchase", "coupon_code_used": "NAME-COUPON",
			"base_value": 7771.93, "paid": true}`,
		`POST /conversions {"type": "signup", "affiliate_id": {gone}, "value": 3, "base_value_currency": "JPY"}`,
		`DELETE /affiliates/NAME-gone@example.com`,
		`POST /conversions {"type": "purchase", "email": "NAME-dora@example.com", "base_value": 7,
			"affiliate_id": {bob}} undone`,
		`POST /conversions/{undone}/refund {"reason": "NAME-reason"}`,
		`DELETE /conversions/{undone}`,
		`POST /payouts {} canceled`,
		`POST /payouts/{canceled}/cancel`,
		`POST /adjustments {"affiliate_id": {jane}, "amount": 33, "note": "NAME-note"}`,
		`POST /payouts {} paid`,
		`POST /payouts/{paid}/pay {"external_reference": "NAME-transfer"}`,
		`POST /adjustments {"affiliate_id": {jane}, "amount": 22, "note": "NAME-note"}`,
		`POST /payouts {} returned`,
		`POST /payouts/{returned}/pay {"external_reference": "NAME-bounced"}`,
		`POST /payouts/{returned}/return {"note": "NAME-closed-account"}`,
		`POST /adjustments {"affiliate_id": {bob}, "amount": 44, "note": "NAME-note"}`,
		`POST /adjustments {"affiliate_id": {jane}, "amount": 55, "note": "NAME-note"}`,
		`POST /payouts {} pending`,
		`POST /clicks {"referral_code": "NAME-JANE", "url": "https://NAME-page.example/",
			"referrer": "https://NAME-from.example/", "ip_address": "203.0.113.9", "user_agent": "NAME-browser"}`,
	} {
		method, rest, _ := strings.Cut(strings.ReplaceAll(call, "NAME", name), " ")
		path, body, _ := strings.Cut(rest, " ")
		mark := body[strings.LastIndex(body, "}")+1:]
		body = body[:len(body)-len(mark)]
		for of, id := range made {
			path, body = strings.ReplaceAll(path, "{"+of+"}", id), strings.ReplaceAll(body, "{"+of+"}", id)
		}
		got := s.do(t, method, path, body, "Authorization", "Bearer "+key)
		if got.status >= 300 {
			t.Fatalf("%s: %d %s", call, got.status, got.body)
		}
		if mark = strings.TrimSpace(mark); mark != "" {
			id := got.id()
			if items := got.items(); len(items) > 0 {
				id = asText(items[0]["id"])
			}
			made[mark] = id
		}
	}
	must(t, p.ClaimSignup(t.Context(), name+"-claimed@example.com", name+"-JANE"))
	s.do(t, "POST", "/referrals", `{"email": "`+name+`-once@example.com"}`,
		"Authorization", "Bearer "+key, "Idempotency-Key", name+"-once").ok(t, 201)
	s.do(t, "POST", "/payouts", `{"currency": "CHF"}`,
		"Authorization", "Bearer "+key, "Idempotency-Key", name+"-run").ok(t, 201)
	// A question was asked while the clock was wrong, and its owner took that back.
	right := s.clock.Now()
	s.clock.Advance(90 * 24 * time.Hour)
	s.do(t, "GET", "/affiliates/"+name+"-jane@example.com/earnings?as_of="+s.clock.Now().Format(time.RFC3339), "",
		"Authorization", "Bearer "+key).ok(t, 200)
	s.clock.Set(right)
	_, err := s.engine.ResetStamp(t.Context(), p)
	must(t, err)
	// A replay sends what has already been spread to webhooks.
	for more := true; more; {
		var err error
		more, err = s.engine.Outbox().Spread(t.Context())
		must(t, err)
	}
	return p, key
}

// owners says whose the rows are in tables without a project_id.
func owners() map[string]string {
	return map[string]string{
		"refgrow_projects":       "id = ?1",
		"refgrow_payout_entries": "payout_id IN (SELECT id FROM refgrow_payouts WHERE project_id = ?1)",
		// These belong to nobody.
		"refgrow_address_keys": "",
		"refgrow_migrations":   "",
	}
}

// rowsOf returns every row of a program in every table, without the columns named.
func (s *siege) rowsOf(t testing.TB, p *refgrow.Project, without ...string) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for table, rows := range s.valuesOf(t, p) {
		for _, row := range rows {
			var b strings.Builder
			for _, column := range slices.Sorted(maps.Keys(row)) {
				if !slices.Contains(without, table+"."+column) {
					fmt.Fprintf(&b, "%s=%#v ", column, row[column])
				}
			}
			all[table] = append(all[table], b.String())
		}
	}
	return all
}

func (s *siege) valuesOf(t testing.TB, p *refgrow.Project) map[string][]map[string]any {
	t.Helper()
	all := make(map[string][]map[string]any)
	for _, table := range s.query(t,
		"SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name LIKE 'refgrow\\_%' ESCAPE '\\'") {
		name, where := asText(table["name"]), "project_id = ?1"
		if !strings.Contains(asText(table["sql"]), "project_id") {
			var known bool
			if where, known = owners()[name]; !known {
				t.Fatalf("whose are the rows of %s?", name)
			}
		}
		if where != "" {
			all[name] = s.query(t, "SELECT * FROM "+name+" WHERE "+where, p.ID())
		}
	}
	return all
}
