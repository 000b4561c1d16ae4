package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/benchmarks/population"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/sqlite"
)

// projectName is the one project of every generated database.
const projectName = "shop"

// options are the defaults, except where the role says NORMAL.
func (s servant) options() sqlite.Options {
	if s.role == "ours-normal" {
		return sqlite.Options{Durability: sqlite.Normal}
	}
	return sqlite.Options{}
}

// serveOurs serves our API over a file: with a key under /api/v1, and for comparison
// without one under /open.
func serveOurs(ctx context.Context, s servant) (err error) {
	db, err := sqlite.Open(ctx, s.file, s.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return s.serveStore(ctx, db)
}

// serveSingle is the same with one durable transaction per request.
func serveSingle(ctx context.Context, s servant) (err error) {
	db, err := sqlite.Open(ctx, s.file, s.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	one, err := openSingle(ctx, db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, one.close()) }()
	return s.serveStore(ctx, singleStore{one})
}

func (s servant) serveStore(ctx context.Context, store refgrow.Store) error {
	engine, err := refgrow.New(ctx, store, refgrow.Config{Now: s.now()})
	if err != nil {
		return err
	}
	shop, err := engine.Project(ctx, projectName)
	if err != nil {
		return err
	}
	if s.role == "ours-unwatched" {
		if err := switchOff(ctx, shop); err != nil {
			return err
		}
	}
	token, _, err := engine.CreateKey(ctx, shop, refgrow.CreateKeyParams{Name: "benchmark"})
	if err != nil {
		return err
	}
	debug.SetGCPercent(400) // as "refgrow serve" does, like the hourly upkeep
	if err := engine.Upkeep(ctx); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"success":true}`)
	})
	httpapi.Register(mux, "/api/v1", engine, httpapi.Options{RateLimit: -1})
	caller := httpapi.Caller{Project: shop, ID: "anybody"}
	httpapi.Register(mux, "/open", engine, httpapi.Options{
		RateLimit: -1, Authenticate: func(*http.Request) (httpapi.Caller, error) { return caller, nil },
	})
	return errors.Join(listen(mux, token), engine.Close(ctx))
}

// switchOff ends the shop's events.
func switchOff(ctx context.Context, shop *refgrow.Project) error {
	off := refgrow.WebhookInactive
	for hook, err := range shop.Webhooks().All(ctx, refgrow.ListWebhooksParams{}) {
		if err != nil {
			return err
		}
		if _, err := shop.Webhooks().Update(ctx, hook.ID, refgrow.UpdateWebhookParams{Status: &off}); err != nil {
			return err
		}
	}
	return nil
}

// affiliateID returns the id that the generator's affiliate of a rank has in our files.
func affiliateID(w *population.World, rank int) int64 { return int64(w.Affiliates - rank) }
