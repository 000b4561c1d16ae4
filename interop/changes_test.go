package interop

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"

	_ "modernc.org/sqlite"
)

// expectations are the events of each conversion, in order, that acknowledged changes
// promised.
type expectations struct {
	mu     sync.Mutex
	labels map[string][]string
	events int
}

func (e *expectations) add(conversion string, labels ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.labels[conversion] = append(e.labels[conversion], labels...)
	e.events += len(labels)
}

func (e *expectations) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.events
}

// A customer makes changes through the REST API, one after another, each of which
// is acknowledged before the next.
type customer struct {
	name     string
	server   *server
	expected *expectations
	random   *rand.Rand
	changes  int
	sales    []*sale
}

// A sale is a conversion that a customer made and did not delete.
type sale struct {
	id             string
	base, refunded int64 // in dollars; base is 0 for a signup
}

// An answer shows a conversion.
type answer struct {
	Data struct {
		ID       json.Number     `json:"id"`
		Refunded json.RawMessage `json:"refunded_amount"`
		Value    json.RawMessage `json:"value"`
	} `json:"data"`
}

// change makes one change of a random kind.
func (c *customer) change() error {
	c.changes++
	if len(c.sales) == 0 || c.random.IntN(100) < 40 {
		return c.create()
	}
	at := c.random.IntN(len(c.sales))
	s := c.sales[at]
	switch n := c.random.IntN(100); {
	case n < 25:
		reference := fmt.Sprintf("%s-changed-%d", c.name, c.changes)
		_, err := c.send(http.MethodPut, "/conversions/"+s.id, fmt.Sprintf(`{"reference": %q}`, reference))
		if err != nil {
			return err
		}
		c.expected.add(s.id, labelOfChange("reference", json.RawMessage(strconv.Quote(reference))))
	case n < 45:
		shown, err := c.send(http.MethodPut, "/conversions/"+s.id, fmt.Sprintf(`{"value": %d.01}`, c.changes))
		if err != nil {
			return err
		}
		c.expected.add(s.id, labelOfChange("value", shown.Data.Value))
	case n < 65 && s.refunded+1 < s.base:
		shown, err := c.send(http.MethodPost, "/conversions/"+s.id+"/refund", `{"amount": 1, "reason": "a scratch"}`)
		if err != nil {
			return err
		}
		s.refunded++
		c.expected.add(s.id, labelOfChange("refunded_amount", shown.Data.Refunded))
	case n < 80 && s.refunded < s.base:
		if _, err := c.send(http.MethodPost, "/conversions/"+s.id+"/refund", `{}`); err != nil {
			return err
		}
		s.refunded = s.base
		c.expected.add(s.id, "referral_canceled")
	default:
		if _, err := c.send(http.MethodDelete, "/conversions/"+s.id, ""); err != nil {
			return err
		}
		c.sales = append(c.sales[:at], c.sales[at+1:]...)
		c.expected.add(s.id, "referral_canceled")
	}
	return nil
}

// create makes a purchase or, sometimes, a signup.
func (c *customer) create() error {
	email := fmt.Sprintf("%s-%d@example.com", c.name, c.changes)
	s := &sale{}
	labels := []string{"referral_signed_up", "referral_converted", "referral_updated"}
	body := fmt.Sprintf(`{"type": "signup", "affiliate_id": 1, "email": %q}`, email)
	if c.random.IntN(4) > 0 {
		labels = labels[1:]
		s.base = 2 + c.random.Int64N(100)
		body = fmt.Sprintf(`{"type": "purchase", "affiliate_id": 1,
			"email": %q, "base_value": %d, "base_value_currency": "USD"}`, email, s.base)
	}
	shown, err := c.send(http.MethodPost, "/conversions", body)
	if err != nil {
		return err
	}
	s.id = shown.Data.ID.String()
	c.sales = append(c.sales, s)
	c.expected.add(s.id, labels...)
	return nil
}

// send returns the conversion that the answer shows.
func (c *customer) send(method, path, body string) (shown answer, err error) {
	once := ""
	if method == http.MethodPost {
		once = fmt.Sprintf("%s-%d", c.name, c.changes)
	}
	status, text, sure, err := c.server.call(method, path, once, body)
	switch {
	case err != nil:
		return shown, err
	case method == http.MethodDelete && (status == http.StatusNoContent || status == http.StatusNotFound && !sure):
		return shown, nil
	case status != http.StatusOK && status != http.StatusCreated || method == http.MethodDelete:
		return shown, fmt.Errorf("%s %s %s: %d %s", method, path, body, status, text)
	}
	return shown, json.Unmarshal(text, &shown)
}

// rolledBack marks what nobody may ever hear of.
const rolledBack = "was rolled back"

// transact is a process with transactions of its own: every second one is rolled back,
// after changes of all kinds. It prints the conversions that it committed.
func transact(ctx context.Context, file string) error {
	clock, err := clockFromEnvironment()
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(os.Getenv(countVariable))
	if err != nil {
		return err
	}
	app, err := sql.Open("sqlite", "file:"+filepath.ToSlash(file)+
		"?_txlock=immediate&_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return err
	}
	defer app.Close()
	engine, err := refgrow.New(ctx, refgrow.SQLite(app),
		refgrow.Config{Now: clock, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	shop, err := engine.Project(ctx, shopName)
	if err != nil {
		return err
	}
	var kept int64
	for range count {
		if err := inTransaction(ctx, app, func(tx *sql.Tx) (bool, error) {
			return false, undone(ctx, shop.WithTx(tx), kept)
		}); err != nil {
			return err
		}
		if err := inTransaction(ctx, app, func(tx *sql.Tx) (bool, error) {
			recorded, err := shop.WithTx(tx).RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: 1, BaseValue: money.MustParse("49.00 USD"),
			})
			if err == nil {
				kept = recorded.ID
			}
			return true, err
		}); err != nil {
			return err
		}
		fmt.Println(kept)
		<-time.After(again)
	}
	return nil
}

// inTransaction commits what work wants committed.
func inTransaction(ctx context.Context, app *sql.DB, work func(*sql.Tx) (commit bool, err error)) error {
	tx, err := app.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	commit, err := work(tx)
	if err != nil || !commit {
		return err
	}
	return tx.Commit()
}

// undone makes changes that will be rolled back.
func undone(ctx context.Context, shop *refgrow.Project, kept int64) error {
	recorded, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: 1, BaseValue: money.MustParse("49.00 USD"), Reference: rolledBack,
	})
	if err != nil {
		return err
	}
	if _, err := shop.RefundConversion(ctx, recorded.ID, refgrow.RefundConversionParams{}); err != nil {
		return err
	}
	if err := shop.DeleteConversion(ctx, recorded.ID); err != nil || kept == 0 {
		return err
	}
	_, err = shop.UpdateConversion(ctx, kept, refgrow.UpdateConversionParams{Reference: refgrow.Set(rolledBack)})
	if err != nil {
		return err
	}
	return shop.DeleteConversion(ctx, kept)
}

// committed reads what transact prints, and expects its events.
func (e *expectations) committed(output io.Reader) error {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		e.add(lines.Text(), "referral_converted", "referral_updated")
	}
	return lines.Err()
}
