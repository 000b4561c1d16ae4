package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/money"
)

// soakVariable set to anything makes the long form of tests that are bounded by time
// or by the number of seeds.
const soakVariable = "REFGROW_SOAK"

// A pair is two processes that serve one file: this one, and another one that runs the
// same binary.
type pair struct {
	shop   *refgrow.Project
	jane   int64 // an affiliate, with 20 %
	key    string
	urls   []string // of the API in this process, and in the other one
	client *http.Client
}

// newPair makes both processes. In the end the engine of this one checks the books.
func newPair(t *testing.T) *pair {
	t.Helper()
	file := filepath.Join(t.TempDir(), "refgrow.db")
	p := alone(t, look(t, file), func(api http.Handler) http.Handler { return api })
	there := newServer(t, p.key, func(ctx context.Context) *exec.Cmd { return ourselves(ctx, serving, file) })
	p.urls = append(p.urls, there.url)
	return p
}

// alone is a pair without the other process, whose API is served through something.
func alone(t *testing.T, engine *refgrow.Engine, through func(http.Handler) http.Handler) *pair {
	t.Helper()
	shop, err := engine.CreateProject(t.Context(), shopName, refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	jane, err := shop.CreateAffiliate(t.Context(),
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := engine.CreateKey(t.Context(), shop, refgrow.CreateKeyParams{})
	if err != nil {
		t.Fatal(err)
	}
	here := httptest.NewServer(
		http.StripPrefix("/api/v1", through(httpapi.New(engine, httpapi.Options{RateLimit: -1}))))
	t.Cleanup(here.Close)
	p := &pair{
		shop: shop, jane: jane.ID, key: key, urls: []string{here.URL},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: 30 * time.Second},
	}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// An outcome is what came of a call.
type outcome struct {
	status int
	body   []byte
	field  string // named by an error
}

// send calls one of the processes, once; clients with even numbers call this one.
func (p *pair) send(ctx context.Context, client int, method, path, once, body string) (outcome, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.urls[client%len(p.urls)]+"/api/v1"+path,
		strings.NewReader(body))
	if err != nil {
		return outcome{}, err
	}
	r.Header.Set("Authorization", "Bearer "+p.key)
	if once != "" {
		r.Header.Set("Idempotency-Key", once)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return outcome{}, err
	}
	defer answer.Body.Close()
	got := outcome{status: answer.StatusCode}
	if got.body, err = io.ReadAll(answer.Body); err != nil {
		return got, err
	}
	if len(got.body) == 0 {
		return got, nil
	}
	var shown struct {
		Field string `json:"field"`
	}
	err = json.Unmarshal(got.body, &shown)
	got.field = shown.Field
	return got, err
}

// atOnce lets clients post at the same time, every other one to the other process.
func (p *pair) atOnce(t *testing.T, clients int, path, once string, body func(client int) string) []outcome {
	t.Helper()
	got, errs := make([]outcome, clients), make([]error, clients)
	var start, end sync.WaitGroup
	start.Add(1)
	for i := range clients {
		end.Go(func() {
			start.Wait()
			got[i], errs[i] = p.send(t.Context(), i, http.MethodPost, path, once, body(i))
		})
	}
	start.Done()
	end.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// Of fifty clients of two processes that post something unique at once, one gets it,
// and the others are told that it is taken.
func TestManyAtOnceInTwoProcesses(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	const clients, references, others = 50, 100, 10
	for _, kind := range []struct {
		path, field string
		names       int
		body        func(client, n int) string
	}{
		{"/conversions", "reference", references, func(client, n int) string {
			return fmt.Sprintf(`{"type": "purchase", "affiliate_id": %d, "base_value": 10,
				"reference": "order-%d", "url": "https://example.com/%d"}`, p.jane, n, client)
		}},
		{"/referrals", "email", others, func(_, n int) string {
			return fmt.Sprintf(`{"email": "carl-%d@example.com"}`, n)
		}},
		{"/affiliates", "email", others, func(client, n int) string {
			return fmt.Sprintf(`{"email": "bob-%d@example.com", "referral_code": "BOB-%d-%d"}`, n, n, client)
		}},
		{"/affiliates", "referral_code", others, func(client, n int) string {
			return fmt.Sprintf(`{"email": "ina-%d-%d@example.com", "referral_code": "CODE-%d"}`, n, client, n)
		}},
		{"/coupons", "coupon_code", others, func(_, n int) string {
			return fmt.Sprintf(`{"affiliate_id": %d, "coupon_code": "SAVE-%d"}`, p.jane, n)
		}},
	} {
		var won [2]int // by clients of each process
		for n := range kind.names {
			winners := 0
			for client, got := range p.atOnce(t, clients, kind.path, "",
				func(client int) string { return kind.body(client, n) }) {
				switch {
				case got.status == http.StatusCreated:
					winners++
					won[client%2]++
				case got.status != http.StatusConflict || got.field != kind.field:
					t.Errorf("%s, number %d: %d %s", kind.path, n, got.status, got.body)
				}
			}
			if winners != 1 {
				t.Errorf("%s, number %d went to %d", kind.path, n, winners)
			}
		}
		t.Logf("%s, %s: %d went to this process, %d to the other one", kind.path, kind.field, won[0], won[1])
	}
	p.expect(t, references, others, 1+2*others, others)
	earned, err := p.shop.Earnings(t.Context(), p.jane)
	if err != nil {
		t.Fatal(err)
	}
	if want := money.New(200*references, "USD"); earned[0].Total != want {
		t.Errorf("she has earned %v, want %v", earned[0].Total, want)
	}
}

// expect checks how much there is of everything.
func (p *pair) expect(t *testing.T, conversions, customers, affiliates, coupons int64) {
	t.Helper()
	ctx := t.Context()
	for _, list := range []struct {
		what  string
		want  int64
		count func() (int64, error)
	}{
		{"conversions", conversions,
			func() (int64, error) { return p.shop.CountConversions(ctx, refgrow.ListConversionsParams{}) }},
		{"customers", customers,
			func() (int64, error) { return p.shop.CountReferrals(ctx, refgrow.ListReferralsParams{}) }},
		{"affiliates", affiliates,
			func() (int64, error) { return p.shop.CountAffiliates(ctx, refgrow.ListAffiliatesParams{}) }},
		{"coupons", coupons, func() (int64, error) { return p.shop.CountCoupons(ctx, refgrow.ListCouponsParams{}) }},
	} {
		if n, err := list.count(); n != list.want || err != nil {
			t.Errorf("there are %d %s, want %d: %v", n, list.what, list.want, err)
		}
	}
}

// One Idempotency-Key at once in two processes: one change, and everybody gets its
// answer.
func TestOneKeyInTwoProcesses(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	const rounds = 5
	for n := range rounds {
		got := p.atOnce(t, 100, "/conversions", fmt.Sprint("key-", n), func(int) string {
			return fmt.Sprintf(`{"type": "purchase", "affiliate_id": %d, "base_value": 10}`, p.jane)
		})
		for _, one := range got {
			if one.status != http.StatusCreated || !bytes.Equal(one.body, got[0].body) {
				t.Fatalf("one gets %d %s, and another %d %s", got[0].status, got[0].body, one.status, one.body)
			}
		}
	}
	p.expect(t, rounds, 0, 1, 0)
}

// 32 writers, half of them in another process, and none is turned away: neither process
// keeps the file from the other one.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	p, lasting := newPair(t), 2*time.Second
	if os.Getenv(soakVariable) != "" {
		lasting = 30 * time.Second
	}
	const writers = 32
	took := make([][]time.Duration, writers)
	until := time.Now().Add(lasting)
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			for n := 0; time.Now().Before(until); n++ {
				began := time.Now()
				if err := p.sell(t.Context(), i%2, fmt.Sprintf("sale-%d-%d", i, n)); err != nil {
					t.Errorf("writer %d, after %v: %v", i, time.Since(began), err)
					return
				}
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	wait.Wait()
	var all [2][]time.Duration
	for i, durations := range took {
		all[i%2] = append(all[i%2], durations...)
	}
	for process, durations := range all {
		if len(durations) == 0 {
			t.Fatalf("process %d wrote nothing", process)
		}
		slices.Sort(durations)
		t.Logf("process %d: %d sales in %v, half of them within %v, 99 %% within %v, all within %v",
			process, len(durations), lasting,
			durations[len(durations)/2], durations[len(durations)*99/100], durations[len(durations)-1])
	}
	p.expect(t, int64(len(all[0])+len(all[1])), 0, 1, 0)
}

// sell records a sale, through the engine in this process or the API of the other one.
func (p *pair) sell(ctx context.Context, process int, reference string) error {
	if process == 0 {
		_, err := p.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: p.jane, BaseValue: money.MustParse("10.00 USD"), Reference: reference,
		})
		return err
	}
	got, err := p.send(ctx, process, http.MethodPost, "/conversions", "",
		fmt.Sprintf(`{"type": "purchase", "affiliate_id": %d, "base_value": 10, "reference": %q}`, p.jane, reference))
	if err == nil && got.status != http.StatusCreated {
		err = fmt.Errorf("%d %s", got.status, got.body)
	}
	return err
}
