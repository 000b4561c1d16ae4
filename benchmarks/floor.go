package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/benchmarks/population"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// serveFloor serves a purchase at the least possible cost: net/http, the engine's own
// statements for it, prepared, and one transaction per batch; no key, no rules, no
// validation, no errors but those of the database.
func serveFloor(ctx context.Context, s servant) (err error) {
	pool, err := openFile(s.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	f := &floor{stmts: base.NewStatements(conn, never), queue: make(chan *recording, 1024), now: s.now()}
	defer func() { err = errors.Join(err, f.stmts.Close(), conn.Close()) }()
	f.queries = db.New(f.stmts)
	written := make(chan struct{})
	go func() {
		defer close(written)
		f.write(ctx)
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/conversions", f.serve)
	err = listen(mux, "")
	close(f.queue)
	<-written
	return err
}

// A recording is one request on its way through the floor.
type recording struct {
	Email        string      `json:"email"`
	Reference    string      `json:"reference"`
	ReferralCode string      `json:"referral_code"`
	BaseValue    json.Number `json:"base_value"`
	Currency     string      `json:"base_value_currency"`

	id   int64
	done chan error
}

// base is the base value in minor units. It has two decimals.
func (c *recording) base() (int64, error) {
	return strconv.ParseInt(strings.Replace(c.BaseValue.String(), ".", "", 1), 10, 64)
}

type floor struct {
	stmts   *base.Statements
	queries *db.Queries
	queue   chan *recording
	now     func() time.Time
}

func (f *floor) serve(w http.ResponseWriter, r *http.Request) {
	c := &recording{done: make(chan error, 1)}
	err := json.NewDecoder(r.Body).Decode(c)
	if err == nil {
		f.queue <- c
		err = <-c.done
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(append(strconv.AppendInt([]byte(`{"success":true,"data":{"id":`), c.id, 10), "}}\n"...))
}

// mostTogether is the most recordings that are committed at once.
const mostTogether = 256

// write commits what has arrived, again and again, until the queue is closed.
func (f *floor) write(ctx context.Context) {
	for first := range f.queue {
		batch := []*recording{first}
	gather:
		for len(batch) < mostTogether {
			select {
			case c, open := <-f.queue:
				if !open {
					break gather
				}
				batch = append(batch, c)
			default:
				break gather
			}
		}
		err := f.commit(ctx, batch)
		for _, c := range batch {
			c.done <- err
		}
	}
}

func (f *floor) commit(ctx context.Context, batch []*recording) (err error) {
	if err := f.stmts.Control(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	var totals backend.Totals
	for _, c := range batch {
		if err := f.record(ctx, c, &totals); err != nil {
			return errors.Join(err, f.stmts.Control(ctx, "ROLLBACK"))
		}
	}
	if err := totals.Write(ctx, f.queries); err != nil {
		return errors.Join(err, f.stmts.Control(ctx, "ROLLBACK"))
	}
	return f.stmts.Control(ctx, "COMMIT")
}

// record runs the statements of one purchase.
func (f *floor) record(ctx context.Context, c *recording, totals *backend.Totals) error {
	const project = 1
	now := f.now().UnixMilli()
	available := now + population.HoldDays*24*time.Hour.Milliseconds()
	paid, err := c.base()
	if err != nil {
		return err
	}
	value := (paid*population.CommissionPercent + 50) / 100

	var affiliate, referral *int64
	event := db.InsertEventParams{ProjectID: project, Kind: "purchase_recorded", CreatedAt: now, ReferralEmail: &c.Email}
	if c.ReferralCode != "" {
		a, err := f.queries.FindAffiliateByCode(ctx, db.FindAffiliateByCodeParams{
			ProjectID: project, Code: strings.ToLower(c.ReferralCode),
		})
		if err != nil {
			return err
		}
		affiliate = &a.ID
		event.AffiliateEmail, event.AffiliateCode = &a.Email, &a.ReferralCode
		event.PaypalEmail, event.WiseAccountID, event.WiseEmail = a.PaypalEmail, a.WiseAccountID, a.WiseEmail
	}
	customer, err := f.queries.FindReferralByEmail(ctx, db.FindReferralByEmailParams{ProjectID: project, Email: c.Email})
	if err == nil {
		referral = &customer.ID
		if customer.AffiliateID != nil {
			affiliate = customer.AffiliateID
			event.AffiliateEmail, event.AffiliateCode = customer.AffiliateEmail, customer.AffiliateCode
			event.PaypalEmail, event.WiseAccountID, event.WiseEmail =
				customer.PaypalEmail, customer.WiseAccountID, customer.WiseEmail
		}
	} else if !errors.Is(err, sql.ErrNoRows) {
		return err
	} else {
		id, err := backend.Inserted(f.queries.InsertReferral(ctx, db.InsertReferralParams{
			ProjectID: project, Email: &c.Email, AffiliateID: affiliate, Status: "converted", ConversionDate: &now,
			CreatedAt: now, Reference: &c.Reference,
		}))
		if err != nil {
			return err
		}
		referral = &id
		totals.Add(db.AddTotalsParams{ProjectID: project, ReferralsConverted: 1})
	}
	rule := int64(1)
	if affiliate == nil {
		value = 0
	}
	c.id, err = backend.Inserted(f.queries.InsertConversion(ctx, db.InsertConversionParams{
		ProjectID: project, Type: "purchase", AffiliateID: affiliate, ReferralID: referral,
		Currency: c.Currency, CurrencyGiven: 1, Value: value, BaseValue: &paid,
		Reference: &c.Reference, ReferralCode: &c.ReferralCode,
		Candidates: fmt.Sprintf(`[{"source":"customer","affiliate_id":%d,"outcome":"credited"}]`, orZero(affiliate)),
		Reason:     "customer", CommissionReason: "rule", RuleID: &rule, RuleVersion: &rule,
		PricedBaseValue: &paid, PricedCurrency: c.Currency, PricedValue: value, CreatedAt: now, AvailableAt: available,
	}))
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("reference %s is taken", c.Reference)
	}
	if err != nil {
		return err
	}
	totals.Add(db.AddTotalsParams{ProjectID: project, PurchasesUnpaid: 1, LastStamp: now})
	day := now / (24 * time.Hour).Milliseconds()
	totals.AddProjectDay(db.AddToProjectDayParams{
		ProjectID: project, Day: day, Currency: c.Currency, Purchases: 1, Earned: value,
	})
	if affiliate != nil {
		totals.Add(db.AddTotalsParams{ProjectID: project, LedgerEntries: 1})
		totals.AddAffiliateDay(db.AddToAffiliateDayParams{
			ProjectID: project, Day: day, AffiliateID: *affiliate, Currency: c.Currency, Purchases: 1, Earned: value,
		})
		if err := f.post(ctx, *affiliate, c, value, now, available); err != nil {
			return err
		}
	}
	event.Lane, event.AffiliateID, event.ReferralID = c.id, affiliate, referral
	event.Data = fmt.Sprintf(`{"id":%d,"type":"purchase","affiliate_id":%d,"referred_user_id":%d,"value":%d,`+
		`"base_value":%d,"base_value_currency":%q,"reference":%q,"referral_code":%q,"paid":false,"created_at":%d}`,
		c.id, orZero(affiliate), orZero(referral), value, paid, c.Currency, c.Reference, c.ReferralCode, now)
	_, err = f.queries.InsertEvent(ctx, event)
	return err
}

// post writes the ledger entry and adds it to the account.
func (f *floor) post(ctx context.Context, affiliate int64, c *recording, value, now, available int64) error {
	if _, err := f.queries.InsertEntry(ctx, db.InsertEntryParams{
		ProjectID: 1, AffiliateID: affiliate, Currency: c.Currency, Kind: "commission", Amount: value,
		AvailableAt: available, CreatedAt: now, ConversionID: &c.id,
	}); err != nil {
		return err
	}
	return f.queries.PostToAccount(ctx, db.PostToAccountParams{
		AffiliateID: affiliate, Currency: c.Currency, ProjectID: 1, Total: value, RolledTo: now,
		NextReleaseAt: &available, Purchases: 1,
	})
}

func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
