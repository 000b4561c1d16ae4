package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/benchmarks/population"
)

// The depot starts its own binary as a server, which in a test is this one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	os.Exit(runTests(m))
}

// shared is the depot of all tests, so that each command is built once.
var shared *depot

func runTests(m *testing.M) int {
	folder, err := os.MkdirTemp("", "refgrow-bench")
	if err == nil {
		shared, err = newDepot(folder, 1, func(string, ...any) {})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	return m.Run()
}

// tiny is large enough for two pages of everything.
func tiny() scale { return scaleOf(150, 300, 50, 1200, 60*time.Millisecond) }

// Every row, and so every role, in one short round: each answer and the rows in each
// file are checked along the way.
func TestRows(t *testing.T) {
	t.Parallel()
	once := &bench{depot: shared, rounds: 1, length: 40 * time.Millisecond, log: t.Logf}
	twice := &bench{depot: shared, rounds: 2, length: 40 * time.Millisecond, log: t.Logf}
	all := rows(tiny())
	if testing.Short() { // PocketBase takes minutes to build
		all = slices.DeleteFunc(all, func(r row) bool { return strings.HasPrefix(r.theirs.label, "PocketBase") })
	}
	var mu sync.Mutex
	rep := &report{command: "go run . -quick", begun: time.Now(), bench: once, scale: tiny()}
	t.Cleanup(func() { checkReport(t, rep, all) }) // after all rows
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := once
			if r.kept {
				b = twice
			}
			r.clients = min(r.clients, 8)
			measured, err := b.run(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			for side := range r.sides() {
				if n := len(measured.samples[side]); n != b.rounds {
					t.Fatalf("%d rounds of side %d", n, side)
				}
				for _, s := range measured.samples[side] {
					if s[rate] <= 0 || s[p50] <= 0 || s[p99] < s[p50] || s[rss] < 1 {
						t.Errorf("side %d has %v", side, s)
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			rep.results = append(rep.results, measured)
		})
	}
}

func checkReport(t *testing.T, rep *report, all []row) {
	if t.Failed() {
		return
	}
	text := string(rep.markdown())
	for _, want := range append([]string{"`go run . -quick`", "PocketBase ", "goals met", "1 pairs of rounds"},
		names(all)...) {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not contain %q:\n%s", want, text)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(shared.folder, "round-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func names(rows []row) []string {
	var all []string
	for _, r := range rows {
		all = append(all, "| "+r.name+" |")
	}
	return all
}

// A server that has more or less than it acknowledged is detected.
func TestRowsAreCounted(t *testing.T) {
	t.Parallel()
	s := tiny()
	d := shared
	subjects := []subject{ours("ours", "ours", s.empty, 0, each(purchases(nil)))}
	if !testing.Short() {
		subjects = append(subjects, pocketBase("equal", "equal", s.empty, each(equalPurchases)))
	}
	for _, subject := range subjects {
		r, err := subject.start(t.Context(), d, place{folder: t.TempDir()}, 2)
		if err != nil {
			t.Fatal(err)
		}
		done, err := r.load(20 * time.Millisecond)
		if err != nil || done.Writes == 0 {
			t.Fatal(done, err)
		}
		if err := r.stop(t.Context(), done.Writes+1); err == nil || !strings.Contains(err.Error(), "were acknowledged") {
			t.Errorf("%s: a missing one returns %v", subject.label, err)
		}
	}
}

// Both sides show the same 20 affiliates, each with earnings in two currencies.
func TestSamePage(t *testing.T) {
	t.Parallel()
	size := population.Size{Affiliates: 150, Customers: 300, Conversions: 6000}
	d := shared
	mine := firstPage(t, d, ours("ours", "ours", size, 0, nobody), "/api/v1/affiliates")
	var page struct {
		Data []struct {
			Email      string            `json:"user_email"`
			Purchases  int               `json:"purchases"`
			Currencies []json.RawMessage `json:"earnings_by_currency"`
		} `json:"data"`
	}
	if err := json.Unmarshal(mine, &page); err != nil {
		t.Fatal(err)
	}
	theirs := firstPage(t, d, pocketBase("plain", "plain", size, nobody),
		"/api/collections/affiliates/records?page=1&perPage=20&sort=-created&expand=balances_via_affiliate")
	var list struct {
		Total int `json:"totalItems"`
		Items []struct {
			Email  string `json:"email"`
			Expand struct {
				Balances []struct {
					Purchases int `json:"purchases"`
				} `json:"balances_via_affiliate"`
			} `json:"expand"`
		} `json:"items"`
	}
	if err := json.Unmarshal(theirs, &list); err != nil {
		t.Fatal(err)
	}
	if len(page.Data) != 20 || len(list.Items) != 20 || list.Total != size.Affiliates {
		t.Fatalf("%d and %d of %d affiliates: %s", len(page.Data), len(list.Items), list.Total, mine)
	}
	for i, a := range page.Data {
		purchases := 0
		for _, b := range list.Items[i].Expand.Balances {
			purchases += b.Purchases
		}
		if a.Email != population.AffiliateEmail(i) || list.Items[i].Email != a.Email || purchases != a.Purchases ||
			i < 5 && len(a.Currencies) != 1 {
			t.Errorf("%d: %+v and %+v", i, a, list.Items[i])
		}
	}
}

// nobody sends anything.
func nobody(context.Context, addressee, int) ([]source, error) { return nil, nil }

func firstPage(t *testing.T, d *depot, s subject, path string) []byte {
	t.Helper()
	r, err := s.start(t.Context(), d, place{folder: t.TempDir()}, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := r.(*server).ready
	body, err := get(t.Context(), at.Addr, at.Token, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.stop(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "shop.db")
	if err := generateCommand(t.Context(), []string{
		"-affiliates", "150", "-customers", "300", "-conversions", "3000", "-to", file,
	}); err != nil {
		t.Fatal(err)
	}
	for table, least := range map[string]int64{
		"refgrow_affiliates": 150, "refgrow_referrals": 300, "refgrow_conversions": 3000, "refgrow_payouts": 10,
		"refgrow_ledger_entries WHERE kind = 'reversal'": 50, "refgrow_ledger_entries WHERE kind = 'settlement'": 10,
		"refgrow_accounts WHERE currency = 'EUR'": 50, "refgrow_accounts WHERE currency = 'GBP'": 1,
	} {
		if n, err := count(t.Context(), file, table); err != nil || n < least {
			t.Errorf("%d in %s: %v", n, table, err)
		}
	}
	if err := generateCommand(t.Context(), []string{"-to", file}); err == nil {
		t.Error("a file that exists was overwritten")
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all := rows(tiny())
	if chosen, err := choose(all, "floor,create64"); err != nil || len(chosen) != 2 || chosen[0].name != "floor" {
		t.Error(names(chosen), err)
	}
	if _, err := choose(all, "flor"); err == nil {
		t.Error("a row that does not exist was chosen")
	}
}
