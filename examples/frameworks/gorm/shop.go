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

	"github.com/glebarez/sqlite" // the app's driver; any other one for SQLite will do
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/tracking"
)

type order struct {
	ID    int64 // GORM makes it AUTOINCREMENT: it is never reused, and the program knows the sale by it
	Email string
	Cents int64
}

// open opens the app's database. _txlock=immediate makes every transaction take the
// write lock when it begins: one that reads first and writes later may lose to another.
func open(path string) (*gorm.DB, error) {
	params := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
	}
	db, err := gorm.Open(sqlite.Open("file:"+filepath.ToSlash(path)+"?"+params.Encode()),
		&gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	return db, db.AutoMigrate(&order{})
}

// A shop is the app.
type shop struct {
	db      *gorm.DB
	engine  *refgrow.Engine
	program *refgrow.Project
}

func newShop(ctx context.Context, db *gorm.DB, engine *refgrow.Engine) (*shop, error) {
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
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", home)
	pages.HandleFunc("POST /orders", s.order)
	pages.HandleFunc("GET /partners/{code}", s.partner)
	guarded := http.NewCrossOriginProtection().Handler(pages)

	mux := http.NewServeMux()
	mux.Handle("/", tracking.Middleware(s.program, tracking.Options{})(guarded)) // who referred the visitor
	tracking.Register(mux, s.program, tracking.Options{})                        // /r/CODE, and the script
	httpapi.Register(mux, "/api/v1", s.engine, httpapi.Options{})
	return mux
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
	o := order{Email: email, Cents: price.Minor()}
	if err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&o).Error; err != nil {
			return err
		}
		inner, err := sqlTx(tx)
		if err != nil {
			return err
		}
		if _, err := s.program.WithTx(inner).RecordConversion(ctx, o.sale(ctx)); err != nil {
			return err
		}
		return pay() // if it fails, neither the order nor the commission is there
	}); err != nil {
		return 0, err
	}
	s.engine.Wake() // the engine cannot see the app's transaction commit
	return o.ID, nil
}

// sqlTx is the transaction of database/sql inside GORM's, with prepared statements
// (gorm.Config.PrepareStmt) or without.
func sqlTx(tx *gorm.DB) (*sql.Tx, error) {
	pool := tx.Statement.ConnPool
	if prepared, ok := pool.(*gorm.PreparedStmtTX); ok {
		pool = prepared.Tx
	}
	if inner, ok := pool.(*sql.Tx); ok {
		return inner, nil
	}
	return nil, fmt.Errorf("no transaction of database/sql: %T", pool)
}

// sale is what the program is told of an order.
func (o order) sale(ctx context.Context) refgrow.RecordConversionParams {
	return refgrow.RecordConversionParams{
		Type: refgrow.Purchase, Reference: fmt.Sprintf("order-%d", o.ID), BaseValue: money.New(o.Cents, "USD"),
		Customer: refgrow.Customer{Email: o.Email}, ReferralCode: tracking.FromContext(ctx).ReferralCode,
	}
}

func (s *shop) partner(w http.ResponseWriter, r *http.Request) {
	affiliate, err := s.program.AffiliateByCode(r.Context(), r.PathValue("code"))
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
