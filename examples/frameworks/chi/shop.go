package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/go-chi/chi/v5"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/tracking"

	_ "modernc.org/sqlite" // the app's driver; any other one for SQLite will do
)

const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id    INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: the program knows the sale by it
	email TEXT NOT NULL,
	cents INTEGER NOT NULL
)`

// open opens the app's database. _txlock=immediate makes every transaction take the
// write lock when it begins: one that reads first and writes later may lose to another.
func open(ctx context.Context, path string) (*sql.DB, error) {
	params := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?"+params.Encode())
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// A shop is the app.
type shop struct {
	db      *sql.DB
	engine  *refgrow.Engine
	program *refgrow.Project
}

func newShop(ctx context.Context, db *sql.DB, engine *refgrow.Engine) (*shop, error) {
	program, err := engine.EnsureProject(ctx, "shop", refgrow.Settings{
		Commission: refgrow.Percent("20"), HoldDays: 30, LandingURL: "/", // where /r/JANE leads
	})
	if err != nil {
		return nil, err
	}
	return &shop{db, engine, program}, nil
}

// prepare makes what there is to try: an affiliate, and a key for the REST API.
func (s *shop) prepare(ctx context.Context) (key string, err error) {
	if _, err := s.program.CreateAffiliate(ctx,
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"}); err != nil {
		return "", err
	}
	key, _, err = s.engine.CreateKey(ctx, s.program, refgrow.CreateKeyParams{Name: "example"})
	return key, err
}

func (s *shop) handler() http.Handler {
	router := chi.NewRouter()
	router.Group(func(pages chi.Router) {
		pages.Use(tracking.Middleware(s.program, tracking.Options{})) // who referred the visitor
		pages.Use(http.NewCrossOriginProtection().Handler)
		pages.Get("/", home)
		pages.Post("/orders", s.order)
		pages.Get("/partners/{code}", s.partner)
	})

	// The redirect, and the script for static sites, have a mux of their own.
	links := http.NewServeMux()
	tracking.Register(links, s.program, tracking.Options{})
	for _, path := range []string{"/r/*", "/refgrow.js", "/refgrow/*"} {
		router.Handle(path, links)
	}
	router.Mount("/api/v1", http.StripPrefix("/api/v1", httpapi.New(s.engine, httpapi.Options{})))
	return router
}

func home(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, `<!doctype html><title>Shop</title><form method="post" action="/orders">
<label>Email <input name="email" type="email" required></label> <button>Buy for 49.00 USD</button></form>
`)
}

var errDeclined = errors.New("the card was declined")

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	price := money.MustParse("49.00 USD")
	id, err := s.placeOrder(r.Context(), r.PostFormValue("email"), price, func() error {
		if r.PostFormValue("card") == "declined" {
			return errDeclined
		}
		return nil
	})
	switch {
	case errors.Is(err, errDeclined):
		http.Error(w, err.Error(), http.StatusPaymentRequired)
	case errors.Is(err, refgrow.ErrInvalid):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	case err != nil:
		fail(w, r, err)
	default:
		fmt.Fprintf(w, "order %d for %s: thank you\n", id, price)
	}
}

// placeOrder writes the order and its commission in one transaction of the app.
func (s *shop) placeOrder(ctx context.Context, email string, price money.Amount, pay func() error) (int64, error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() // does nothing after the commit
	added, err := tx.ExecContext(ctx, "INSERT INTO orders (email, cents) VALUES (?, ?)", email, price.Minor())
	if err != nil {
		return 0, err
	}
	id, err := added.LastInsertId()
	if err != nil {
		return 0, err
	}
	if _, err := s.program.WithTx(tx).RecordConversion(ctx, sale(ctx, id, email, price)); err != nil {
		return 0, err
	}
	// Whatever fails from here on undoes the commission together with the order.
	if err := pay(); err != nil {
		return 0, err
	}
	if err := tx.Commit(); err != nil {
		return 0, err
	}
	s.engine.Wake() // the engine cannot see the app's transaction commit
	return id, nil
}

// sale is what the program is told of an order.
func sale(ctx context.Context, id int64, email string, price money.Amount) refgrow.RecordConversionParams {
	return refgrow.RecordConversionParams{
		Type: refgrow.Purchase, Reference: fmt.Sprintf("order-%d", id), BaseValue: price,
		Customer: refgrow.Customer{Email: email}, ReferralCode: tracking.FromContext(ctx).ReferralCode,
	}
}

func (s *shop) partner(w http.ResponseWriter, r *http.Request) {
	affiliate, err := s.program.AffiliateByCode(r.Context(), chi.URLParam(r, "code"))
	switch {
	case errors.Is(err, refgrow.ErrNotFound):
		http.NotFound(w, r)
	case err != nil:
		fail(w, r, err)
	default:
		fmt.Fprintf(w, "%s: sales %d, earned %s\n", affiliate.ReferralCode, affiliate.Purchases, affiliate.Earnings[0].Total)
	}
}

func fail(w http.ResponseWriter, r *http.Request, err error) {
	slog.ErrorContext(r.Context(), "a request failed", "path", r.URL.Path, "error", err)
	http.Error(w, "Something went wrong. Please try again.", http.StatusInternalServerError)
}
