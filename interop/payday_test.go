package interop

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A payday is a server that makes payouts, is killed while it does, and is asked again
// with the same Idempotency-Key.
type payday struct {
	t      *testing.T
	file   string
	server *server
	random *rand.Rand
	asked  int // how many requests there were
	kills  int // of them
	parts  int // kills that came when some was done, and some was not
}

// A run of payouts over some thousand affiliates is killed at random instants and
// repeated with its key, and so are the calls that pay them. In each round everybody
// gets one payout of what there was, and it is paid once.
func TestCrashWhilePayingOut(t *testing.T) {
	t.Parallel()
	payees := crashes(500, 2000, 2000)
	file := filepath.Join(t.TempDir(), "refgrow.db")
	key := makeProject(t, file)
	binary := build(t)
	least, rounds := crashes(1, 1, 20), 0
	d := &payday{t: t, file: file, random: newRandom(t)}
	d.join(payees)
	d.server = newServer(t, key, servingWith(binary, file))
	d.server.client = &http.Client{Timeout: 10 * time.Minute}
	// A run is short, and the kills are few: where none came half-way, there are more.
	for ; rounds < least || d.parts == 0 && rounds < 20; rounds++ {
		d.server.kill()
		d.earn(rounds)
		d.server.boot()
		if d.round(rounds, payees); t.Failed() {
			t.Fatalf("in round %d", rounds)
		}
	}
	d.server.kill()
	d.judge(rounds, payees)
	verifyWith(t, binary, file)
	t.Logf("%d rounds of %d payouts: %d requests, of which %d were killed, %d of them half-way", rounds, payees,
		d.asked, d.kills, d.parts)
	if d.kills < rounds || d.parts == 0 {
		t.Error("the kills are not at random instants")
	}
	d.server.boot() // the server is killed at the end
}

// of is what everybody earns in a round.
func of(round int) money.Amount { return money.New(int64(100+round), money.USD) }

// inside works on the file while no server does.
func (d *payday) inside(work func(shop *refgrow.Project) error) {
	d.t.Helper()
	ctx := d.t.Context()
	database, err := sqlite.Open(ctx, d.file, sqlite.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	defer database.Close()
	engine, err := refgrow.New(ctx, database, refgrow.Config{})
	if err != nil {
		d.t.Fatal(err)
	}
	shop, err := engine.Project(ctx, shopName)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := work(shop); err != nil {
		d.t.Fatal(err)
	}
}

// join lets more affiliates join, until there are n.
func (d *payday) join(n int) {
	d.t.Helper()
	ctx := d.t.Context()
	d.inside(func(shop *refgrow.Project) error {
		return shop.Atomic(ctx, func(shop *refgrow.Project) error {
			for i := affiliates; i < n; i++ {
				if _, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
					Email: fmt.Sprintf("partner-%d@example.com", i),
				}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// earn gives everybody what a round is about.
func (d *payday) earn(round int) {
	d.t.Helper()
	ctx := d.t.Context()
	d.inside(func(shop *refgrow.Project) error {
		return shop.Atomic(ctx, func(shop *refgrow.Project) error {
			for a, err := range shop.AllAffiliates(ctx, refgrow.ListAffiliatesParams{Limit: 500}) {
				if err != nil {
					return err
				}
				if _, err := shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
					AffiliateID: a.ID, Amount: of(round), Note: "a bonus",
				}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// A paidOut is what is said of payouts.
type paidOut struct {
	Data []struct {
		ID     int64  `json:"id"`
		Status string `json:"status"`
	} `json:"data"`
	Run struct {
		ID    int64 `json:"id"`
		Count int   `json:"count"`
	} `json:"run"`
}

// round makes payouts for everybody and pays them.
func (d *payday) round(round, payees int) {
	d.t.Helper()
	run := d.ask("/payouts", fmt.Sprint("run ", round), "{}", 1+d.random.IntN(3))
	if len(run.Data) != payees || run.Run.Count != payees {
		d.t.Fatalf("the run made %d payouts, and says that it made %d", len(run.Data), run.Run.Count)
	}
	again := d.ask("/payouts", fmt.Sprint("run ", round), "{}", 0)
	if again.Run != run.Run || len(again.Data) != payees {
		d.t.Fatalf("asked once more it is %+v with %d payouts", again.Run, len(again.Data))
	}
	for first := 0; first < payees; first += refgrow.MaxPayouts {
		part := run.Data[first:min(first+refgrow.MaxPayouts, payees)]
		payments := make([]string, len(part))
		for i, p := range part {
			payments[i] = fmt.Sprintf(`{"id": %d, "external_reference": "wire-%d"}`, p.ID, p.ID)
		}
		key, body := fmt.Sprint("pay ", round, first), `{"payouts": [`+strings.Join(payments, ", ")+`]}`
		paid := d.ask("/payouts/pay", key, body, d.random.IntN(2))
		if len(paid.Data) != len(part) {
			d.t.Fatalf("%d of %d are paid", len(paid.Data), len(part))
		}
		for i, p := range paid.Data {
			if p.ID != part[i].ID || p.Status != "paid" {
				d.t.Fatalf("payout %d is said to be %+v", part[i].ID, p)
			}
		}
	}
}

// ask sends a request, kills the server a number of times before it answers, and asks
// again.
func (d *payday) ask(path, key, body string, kills int) (said paidOut) {
	d.t.Helper()
	type reply struct {
		status int
		text   []byte
		err    error
	}
	for ; ; kills-- {
		answered := make(chan reply, 1)
		go func() {
			status, text, err := d.server.try(http.MethodPost, path, key, body)
			answered <- reply{status, text, err}
		}()
		d.asked++
		var r reply
		if kills <= 0 {
			r = <-answered
		} else {
			<-time.After(within(d.random, 1500*time.Millisecond))
			d.server.kill()
			r = <-answered
			d.kills++
			d.look()
			d.server.client.CloseIdleConnections()
			d.server.boot()
		}
		switch {
		case r.err == nil && (r.status == http.StatusOK || r.status == http.StatusCreated):
			if err := json.Unmarshal(r.text, &said); err != nil {
				d.t.Fatalf("%v: %s", err, r.text)
			}
			return said
		case r.err == nil || kills <= 0:
			d.t.Fatalf("%s was answered with %d %s: %v", path, r.status, r.text, r.err)
		}
	}
}

// look notes whether a kill came half-way.
func (d *payday) look() {
	d.t.Helper()
	ctx := d.t.Context()
	d.inside(func(shop *refgrow.Project) error {
		runs, err := shop.PayoutRuns().List(ctx, refgrow.ListPayoutRunsParams{Limit: 1})
		if err != nil || len(runs.Items) == 0 {
			return err
		}
		all, err := shop.CountAffiliates(ctx, refgrow.ListAffiliatesParams{})
		if err != nil {
			return err
		}
		params := refgrow.ListPayoutsParams{RunID: runs.Items[0].ID, Status: refgrow.PayoutPaid}
		paid, err := shop.CountPayouts(ctx, params)
		if made := runs.Items[0].Count; made > 0 && made < all || paid%refgrow.MaxPayouts > 0 {
			d.parts++
		}
		return err
	})
}

// judge checks that everybody got one payout in each round, of all that there was, and
// that nothing is left.
func (d *payday) judge(rounds, payees int) {
	d.t.Helper()
	ctx := d.t.Context()
	d.inside(func(shop *refgrow.Project) error {
		got := make(map[int64]map[string]int)
		for p, err := range shop.AllPayouts(ctx, refgrow.ListPayoutsParams{Limit: 500}) {
			if err != nil {
				return err
			}
			if got[p.AffiliateID] == nil {
				got[p.AffiliateID] = make(map[string]int)
			}
			got[p.AffiliateID][fmt.Sprint(p.Amount, " ", p.Status, " ", p.ExternalReference == fmt.Sprint("wire-", p.ID))]++
		}
		if len(got) != payees {
			d.t.Errorf("%d affiliates got payouts", len(got))
		}
		for id, payouts := range got {
			for round := range rounds {
				if payouts[fmt.Sprint(of(round), " paid true")] != 1 || len(payouts) != rounds {
					d.t.Fatalf("affiliate %d got %v", id, payouts)
				}
			}
		}
		runs, err := shop.PayoutRuns().Count(ctx)
		if err != nil || runs != int64(rounds) {
			d.t.Errorf("there are %d runs: %v", runs, err)
		}
		left, err := shop.PayoutRuns().Preview(ctx, refgrow.PayoutRunParams{})
		if err != nil || len(left.Payouts) > 0 || len(left.LeftOut) > 0 {
			d.t.Errorf("there is left to pay %+v: %v", left, err)
		}
		return nil
	})
}
