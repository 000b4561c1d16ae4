package drivers

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// Crash kills a shop at random instants, again and again on the same file. After
// each kill every order that was acknowledged is there, each order has exactly its
// conversion and each conversion its order, what was undone is nowhere, and the file
// and the books are sound.
func Crash(t *testing.T, d Driver) {
	t.Parallel()
	rounds := 5
	switch {
	case long():
		rounds = 50
	case testing.Short():
		rounds = 2
	}
	for _, journal := range []string{"WAL", "DELETE"} {
		for _, connections := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s, %d connections", journal, connections), func(t *testing.T) {
				t.Parallel()
				s := usual()
				s.Journal, s.Connections = journal, connections
				c := &crash{t: t, driver: d, settings: s, file: filepath.Join(t.TempDir(), "app.db"),
					acknowledged: make(map[string]string)}
				c.run(rounds)
			})
		}
	}
}

type crash struct {
	t        *testing.T
	driver   Driver
	settings Settings
	file     string
	// acknowledged has for each order the last that was heard of it, in all rounds.
	acknowledged map[string]string
}

func (c *crash) run(rounds int) {
	t := c.t
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	early, halfway, orders := 0, 0, 0
	for round := range rounds {
		if heard := c.kill(round, round%3 == 1, time.Duration(random.IntN(300))*time.Millisecond); heard == 0 {
			early++
		}
		// A rollback journal that is left belongs to an unfinished transaction.
		if left, err := os.Stat(c.file + "-journal"); err == nil && left.Size() > 0 {
			halfway++
		}
		if orders = c.check(); t.Failed() {
			t.Fatalf("after round %d", round)
		}
	}
	t.Logf("%d kills, %d before anything was acknowledged, %d left a rollback journal; %d orders, %d acknowledged",
		rounds, early, halfway, orders, len(c.acknowledged))
}

// kill starts the shop, kills it after a delay, and returns how much it acknowledged.
// The delay is from the first acknowledgement, or from the start: then it may hit the
// migration or the recovery of the file.
func (c *crash) kill(round int, fromStart bool, after time.Duration) (heard int) {
	t := c.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a slow machine needs seconds
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), fileVariable+"="+c.file, journalVariable+"="+c.settings.Journal,
		connectionsVariable+"="+strconv.Itoa(c.settings.Connections), roundVariable+"="+strconv.Itoa(round))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var killed atomic.Bool
	kill := func() {
		killed.Store(true)
		_ = cmd.Process.Kill() // it may have ended by itself, which is noticed below
	}
	if fromStart {
		time.AfterFunc(after, kill)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); heard++ {
		if heard == 0 && !fromStart {
			time.AfterFunc(after, kill)
		}
		what, id, _ := strings.Cut(lines.Text(), " ")
		c.acknowledged[id] = what
	}
	_ = cmd.Wait() // it was killed
	if !killed.Load() || stderr.Len() > 0 {
		t.Fatalf("the shop ended by itself: %v %s", cmd.ProcessState, &stderr)
	}
	return heard
}

// check compares the orders with the conversions and with what was acknowledged, and
// returns how many there are.
func (c *crash) check() int {
	t, ctx := c.t, c.t.Context()
	t.Helper()
	pool, err := c.driver.pool(c.file, c.settings)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}()
	shop, err := openShop(ctx, pool)
	if err != nil {
		t.Fatal(err)
	}
	orders, err := shop.orders(ctx)
	if err != nil {
		t.Fatal(err)
	}
	conversions := make(map[string]string)
	for sold, err := range shop.project.AllConversions(ctx, refgrow.ListConversionsParams{}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := conversions[sold.Reference]; twice {
			t.Errorf("order %s has two conversions", sold.Reference)
		}
		conversions[sold.Reference] = ordered
		if sold.Status == refgrow.ConversionRefunded {
			conversions[sold.Reference] = returned
		}
	}
	for id, what := range orders {
		if conversions[id] != what {
			t.Errorf("order %s is %s, and its conversion %q", id, what, conversions[id])
		}
	}
	kept := int64(0)
	for id, what := range conversions {
		if orders[id] == "" {
			t.Errorf("there is a conversion without an order: %s", id)
		}
		if strings.HasSuffix(id, undone) {
			t.Errorf("order %s was undone, and is still there", id)
		}
		if what == ordered {
			kept++
		}
	}
	for id, what := range c.acknowledged {
		if got := orders[id]; got == "" || what == returned && got != returned {
			t.Errorf("order %s was acknowledged as %s, and is %q", id, what, got)
		}
	}
	c.checkBooks(shop, kept)
	return len(orders)
}

// orders returns those of the app's own table.
func (s *shop) orders(ctx context.Context) (map[string]string, error) {
	rows, err := s.pool.QueryContext(ctx, "SELECT id, returned FROM orders")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(map[string]string)
	for rows.Next() {
		var id string
		var back bool
		if err := rows.Scan(&id, &back); err != nil {
			return nil, err
		}
		all[id] = ordered
		if back {
			all[id] = returned
		}
	}
	return all, rows.Err()
}

// checkBooks checks the file and the books, with 2.00 for each order that was kept.
func (c *crash) checkBooks(s *shop, kept int64) {
	t, ctx := c.t, c.t.Context()
	t.Helper()
	var sound, journal string
	if err := s.pool.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("the file: %s %v", sound, err)
	}
	if err := s.pool.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil ||
		!strings.EqualFold(journal, c.settings.Journal) {
		t.Errorf("the journal is %s: %v", journal, err)
	}
	report, err := s.engine.Verify(ctx)
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("the books: %v %+v", err, report)
	}
	jane, err := s.project.AffiliateByCode(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	earned, err := s.project.Earnings(ctx, jane.ID)
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, b := range earned {
		total += b.Total.Minor()
	}
	if total != 200*kept {
		t.Errorf("%d cents were earned with %d orders", total, kept)
	}
}
