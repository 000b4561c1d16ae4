package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/sqlite"
)

// open makes an engine with a program and a key.
func open(ctx context.Context) (engine *refgrow.Engine, shop *refgrow.Project, key string, closing func()) {
	dir, err := os.MkdirTemp("", "refgrow")
	if err != nil {
		log.Fatal(err)
	}
	db, err := sqlite.Open(ctx, filepath.Join(dir, "refgrow.db"), sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	engine, err = refgrow.New(ctx, db, refgrow.Config{})
	if err != nil {
		log.Fatal(err)
	}
	shop, err = engine.CreateProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		log.Fatal(err)
	}
	key, _, err = engine.CreateKey(ctx, shop, refgrow.CreateKeyParams{})
	if err != nil {
		log.Fatal(err)
	}
	return engine, shop, key, func() {
		err := errors.Join(engine.Close(ctx), db.Close(), os.RemoveAll(dir))
		if err != nil {
			log.Print(err)
		}
	}
}

func call(h http.Handler, method, path, body, header, value string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set(header, value)
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	fmt.Println(recorder.Code, recorder.Body)
}

func home(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "home") }

func ExampleRegister() {
	engine, _, key, closing := open(context.Background())
	defer closing()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /", home)
	httpapi.Register(mux, "/api/v1", engine, httpapi.Options{})

	call(mux, "POST", "/api/v1/coupons", `{"affiliate_id": 1, "coupon_code": "JANE20"}`, "Authorization", "Bearer "+key)
	call(mux, "GET", "/api/v1/payments", "", "Authorization", "Bearer "+key)
	call(mux, "GET", "/api/v1/coupons", "", "Authorization", "Bearer rgk_wrong")
	// Output:
	// 404 {"success":false,"error":"Affiliate not found","code":"not_found"}
	// 404 {"success":false,"error":"There is nothing at this path","code":"not_found"}
	// 401 {"success":false,"error":"Invalid or missing API key","code":"unauthorized"}
}

func ExampleNew() {
	engine, _, key, closing := open(context.Background())
	defer closing()

	api := http.StripPrefix("/api/v1", httpapi.New(engine, httpapi.Options{RateLimit: 1000}))

	call(api, "GET", "/api/v1/affiliates?limit=10", "", "Authorization", "Bearer "+key)
	// Output:
	// 200 {"success":true,"data":[],"pagination":{"limit":10,"offset":0,"total":0,"has_more":false,"next_cursor":null}}
}

// An app with sessions of its own needs no API keys.
func ExampleOptions() {
	engine, shop, _, closing := open(context.Background())
	defer closing()

	api := httpapi.New(engine, httpapi.Options{
		Authenticate: func(r *http.Request) (httpapi.Caller, error) {
			user := r.Header.Get("X-User") // set by the app's own middleware
			if user == "" {
				return httpapi.Caller{}, refgrow.ErrUnauthorized
			}
			return httpapi.Caller{Project: shop, ID: user, ReadOnly: user != "owner"}, nil
		},
	})

	call(api, "DELETE", "/conversions/7", "", "X-User", "owner")
	call(api, "DELETE", "/conversions/7", "", "X-User", "guest")
	// Output:
	// 404 {"success":false,"error":"Conversion not found","code":"not_found"}
	// 403 {"success":false,"error":"This API key can only read","code":"forbidden"}
}
