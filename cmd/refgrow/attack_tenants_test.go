package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

// attackers is how many clients of one program send its longest calls at once.
const attackers = 16

// A crowdedHouse is a server with two programs: one with very many rows, and one whose
// calls must not suffer from that.
type crowdedHouse struct {
	*testing.T
	url    string
	client *http.Client
	cmd    *exec.Cmd
	large  string // the keys
	small  string
}

// tenantSize is how much the large program has.
type tenantSize struct {
	conversions, entries, events int
	each                         time.Duration // how long each route is attacked
	atMost                       time.Duration // the p99 of the small program, or three times that of a quiet server
}

// TestAttackTenants lets a program with a million conversions send its longest legal
// calls, 16 at once, one route after the other. Another program hardly notices.
func TestAttackTenants(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it reads from /proc how much memory the server has")
	}
	single(t)
	// The short form shows that every call is answered beside the others, on whatever
	// machine; only the long one measures.
	size := tenantSize{20_000, 5_000, 5_000, 100 * time.Millisecond, time.Hour}
	if fullAttack() {
		size = tenantSize{1_000_000, 400_000, 100_000, 5 * time.Second, 100 * time.Millisecond}
	}
	h := openCrowdedHouse(t, size)
	quiet := h.probe(max(size.each, time.Second))
	t.Logf("| %-44s | %6s | %s | MiB |",
		"the large program sends, 16 at once", "calls", strings.Join(probeNames(), " | "))
	t.Logf("| %-44s | %6s | %s | %d |", "nothing", "", quiet, h.memory())
	last := strconv.Itoa(size.conversions - 1000)
	for _, call := range []string{
		"GET /conversions?type=signup&limit=500",
		"GET /conversions?offset=" + last,
		"GET /conversions?paid=true&from=2020-01-01",
		"GET /conversions?affiliate_id=1&offset=" + strconv.Itoa(size.conversions/3),
		"GET /conversions?referred_user_id=1&type=signup&paid=true",
		"GET /conversions?type=purchase&offset=9223372036854775807",
		"GET /affiliates?limit=500&offset=400",
		"GET /affiliates?status=inactive",
		"GET /referrals?status=direct",
		"GET /referrals?affiliate_id=1&status=converted",
		"GET /coupons?coupon_code=nothing",
		"GET /rules",
		"GET /payouts?status=returned",
		"GET /payouts/runs",
		"GET /payouts/export?format=paypal",
		"GET /affiliates/1/ledger?offset=" + strconv.Itoa(size.entries-10),
		"GET /affiliates/1/statement?month=2026-01",
		"GET /affiliates/1/statement?month=2026-01&format=csv",
		"GET /affiliates/1/earnings?as_of=2026-01-20",
		"GET /statistics",
		"GET /webhooks/1/deliveries?status=failed",
		`POST /payouts {"preview": true}`,
		`POST /webhooks/1/replay {"since": "2026-01-01"}`,
		"DELETE /affiliates/nobody@example.com",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var attack sync.WaitGroup
		var calls, broken int
		var mu sync.Mutex
		for range attackers {
			attack.Go(func() {
				for ctx.Err() == nil {
					status, err := h.send(ctx, h.large, call)
					mu.Lock()
					calls++
					if ctx.Err() == nil && (err != nil || status >= 500 && status != 503) {
						broken++
						t.Errorf("%s: %d %v", call, status, err)
					}
					mu.Unlock()
				}
			})
		}
		during := h.probe(size.each)
		cancel()
		attack.Wait()
		memory := h.memory()
		name, _, _ := strings.Cut(call, " {")
		t.Logf("| %-44s | %6d | %s | %d |", "`"+name+"`", calls, during, memory)
		for i, p99 := range during {
			if bound := max(size.atMost, 3*quiet[i]); p99 > bound {
				t.Errorf("during %s the p99 of %s is %v, and may be %v", call, probeNames()[i], p99, bound)
			}
		}
		if memory > 120 && fullAttack() {
			t.Errorf("during %s the server has %d MiB", call, memory)
		}
		if broken > 10 {
			t.FailNow()
		}
	}
}

// timings are the p99 of each probe.
type timings [4]time.Duration

func (p timings) String() string {
	texts := make([]string, len(p))
	for i, d := range p {
		texts[i] = fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return strings.Join(texts, " | ")
}

func probeNames() []string { return []string{"a sale", "a list", "a 401", "/healthz"} }

// probe measures what the small program sees, for a while.
func (h *crowdedHouse) probe(during time.Duration) (p99 timings) {
	var all sync.WaitGroup
	for i, probe := range []func() (int, error){
		func() (int, error) {
			return h.send(h.Context(), h.small, `POST /conversions {"type": "purchase", "base_value": 10}`)
		},
		func() (int, error) { return h.send(h.Context(), h.small, "GET /affiliates") },
		func() (int, error) { return h.send(h.Context(), "rgk_unknown", "GET /affiliates") },
		func() (int, error) {
			answer, err := h.client.Get(h.url + "/healthz")
			if err != nil {
				return 0, err
			}
			return answer.StatusCode, answer.Body.Close()
		},
	} {
		all.Go(func() {
			var took []time.Duration
			for began := time.Now(); time.Since(began) < during || len(took) < 20; {
				before := time.Now()
				status, err := probe()
				took = append(took, time.Since(before))
				if want := []int{201, 200, 401, 200}[i]; err != nil || status != want && (i != 2 || status != 429) {
					h.Errorf("%s: %d %v", probeNames()[i], status, err)
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			slices.Sort(took)
			p99[i] = took[len(took)*99/100]
		})
	}
	all.Wait()
	return p99
}

// send sends a call such as "POST /path {body}", and reads the whole answer.
func (h *crowdedHouse) send(ctx context.Context, key, call string) (status int, err error) {
	method, rest, _ := strings.Cut(call, " ")
	path, body, _ := strings.Cut(rest, " ")
	r, err := http.NewRequestWithContext(ctx, method, h.url+apiRoot+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	answer, err := h.client.Do(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, joined(err, answer.Body.Close())
}

func joined(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// memory is how much of it the server has, in MiB.
func (h *crowdedHouse) memory() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.cmd.Process.Pid))
	if err != nil {
		h.Fatal(err)
	}
	_, after, _ := bytes.Cut(status, []byte("VmRSS:"))
	kib, err := strconv.Atoi(strings.Fields(string(after))[0])
	if err != nil {
		h.Fatal(err)
	}
	return kib / 1024
}

func openCrowdedHouse(t *testing.T, size tenantSize) *crowdedHouse {
	t.Helper()
	h := &crowdedHouse{T: t, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4 * attackers}}}
	file := filepath.Join(t.TempDir(), "refgrow.db")
	h.fill(file, size)
	h.cmd = exec.CommandContext(t.Context(), os.Args[0],
		"serve", "--db", file, "--addr", "127.0.0.1:0", "--rate-limit", "0")
	h.cmd.Env = append(os.Environ(), asProgram+"=1")
	log := new(journal)
	h.cmd.Stderr = log
	stdout, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for h.url == "" && lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			h.url = url
		}
	}
	if h.url == "" {
		t.Fatalf("the server did not start: %s", log)
	}
	t.Cleanup(func() {
		h.client.CloseIdleConnections()
		if err := h.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = h.cmd.Wait()
	})
	return h
}

// fill makes the two programs. The rows of the large one are written by SQL, which is
// faster than a million sales.
func (h *crowdedHouse) fill(file string, size tenantSize) {
	ctx := h.Context()
	check := func(err error) {
		if err != nil {
			h.Helper()
			h.Fatal(err)
		}
	}
	database, err := sqlite.Open(ctx, file, sqlite.Options{Durability: sqlite.Normal})
	check(err)
	defer func() { check(database.Close()) }()
	engine, err := refgrow.New(ctx, database, refgrow.Config{})
	check(err)
	defer func() { check(engine.Close(ctx)) }()
	large, err := engine.CreateProject(ctx, "large", refgrow.Settings{Commission: refgrow.Percent("20")})
	check(err)
	for i := range 1000 {
		_, err := large.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: fmt.Sprintf("a%d@example.com", i)})
		check(err)
	}
	h.large, _, err = engine.CreateKey(ctx, large, refgrow.CreateKeyParams{})
	check(err)
	_, err = large.Webhooks().Create(ctx, refgrow.CreateWebhookParams{
		URL: "https://refgrow.invalid/", Events: []refgrow.Event{refgrow.EventReferralCanceled},
	})
	check(err)
	small, err := engine.CreateProject(ctx, "small", refgrow.Settings{})
	check(err)
	for i := range 20 {
		_, err := small.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: fmt.Sprintf("a%d@example.com", i)})
		check(err)
	}
	h.small, _, err = engine.CreateKey(ctx, small, refgrow.CreateKeyParams{})
	check(err)
	const january = 1767225600000 // 1 January 2026
	check(database.Tx(ctx, func(tx *sql.Tx) error {
		for _, fill := range []struct {
			rows int
			text string
		}{
			{size.conversions / 10, `INSERT INTO refgrow_referrals (id, project_id, email, affiliate_id, status, created_at)
				SELECT i, 1, 'c' || i || '@example.com', 1 + i % 900, 'converted', @at + i FROM n`},
			{size.conversions, `INSERT INTO refgrow_conversions (project_id, type, affiliate_id, referral_id, currency,
					currency_given, value, base_value, paid, reference, reason, candidates, commission_reason, priced_currency,
					priced_value, created_at, available_at)
				SELECT 1, CASE WHEN i % 3 = 0 THEN 'signup' ELSE 'purchase' END, CASE WHEN i % 5 < 2 THEN 1 ELSE 1 + i % 900 END,
					CASE WHEN i % 10 = 0 THEN 1 ELSE 1 + i % @tenth END, 'USD', 1, 200, 1000, 0, 'sale-' || i, 'code', '[]', '',
					'USD', 200, @at + i, @at + i FROM n`},
			{size.entries, `INSERT INTO refgrow_ledger_entries (project_id, affiliate_id, currency, kind, amount, available_at,
					created_at, note) SELECT 1, 1, 'USD', 'adjustment', 100, @at + i, @at + i, 'a bonus' FROM n`},
			{size.events, `INSERT INTO refgrow_events (project_id, kind, lane, data, created_at)
				SELECT 1, 'purchase_recorded', i, '{}', @at + i FROM n`},
			{1, `UPDATE refgrow_outbox_positions SET position = (SELECT MAX(id) FROM refgrow_events)`},
			{size.conversions, `UPDATE refgrow_project_totals SET signups_unpaid = @rows / 3,
					purchases_unpaid = @rows - @rows / 3, referrals_converted = @rows / 10 WHERE project_id = 1`},
			{size.entries, `UPDATE refgrow_project_totals SET ledger_entries = @rows, last_stamp = @at + @rows
				WHERE project_id = 1`},
			{size.entries, `INSERT INTO refgrow_accounts (affiliate_id, currency, project_id, total, paid, eligible,
					rolled_to, signups, purchases) VALUES (1, 'USD', 1, 100 * @rows, 0, 100 * @rows, @at + @rows, 0, 0)`},
		} {
			text := fill.text
			if strings.HasSuffix(text, "FROM n") {
				text = strings.Replace(text, "SELECT ", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "+
					"WHERE i < @rows) SELECT ", 1)
			}
			for name, value := range map[string]int{"@rows": fill.rows, "@tenth": size.conversions / 10, "@at": january} {
				text = strings.ReplaceAll(text, name, strconv.Itoa(value))
			}
			if _, err := tx.ExecContext(ctx, text); err != nil {
				return fmt.Errorf("%w in %s", err, text)
			}
		}
		return nil
	}))
}
