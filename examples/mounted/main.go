// Mounted is a server that has pages of its own and the REST API of an affiliate
// program below /api/v1, on one mux.
//
//	go run ./examples/mounted                       calls itself, and ends
//	go run ./examples/mounted -addr 127.0.0.1:8080  serves until Ctrl-C
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/sqlite"
)

const toTry = `The server is at %[1]s/ until Ctrl-C, and keeps nothing. What to try, in another terminal:

export KEY=%[2]s
curl %[1]s/
curl -H "Authorization: Bearer $KEY" -d '{"email": "jane@example.com", "referral_code": "JANE"}' %[1]s/api/v1/affiliates
curl -H "Authorization: Bearer $KEY" -d '{"type": "purchase", "referral_code": "JANE", "email": "carl@example.com",
  "base_value": 49.00, "reference": "in_123"}' %[1]s/api/v1/conversions
curl -H "Authorization: Bearer $KEY" %[1]s/api/v1/conversions/1/explain
curl -H "Authorization: Bearer $KEY" -d '{"reference": "in_123", "amount": 9.00}' %[1]s/api/v1/refunds
curl -H "Authorization: Bearer $KEY" %[1]s/api/v1/affiliates/jane%%40example.com
`

func main() {
	addr := flag.String("addr", "", "serve on this `address` instead of calling itself")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "refgrow-mounted")
	if err != nil {
		log.Fatal(err)
	}
	err = run(ctx, os.Stdout, filepath.Join(dir, "refgrow.db"), *addr)
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, path, addr string) error {
	db, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	engine, err := refgrow.New(ctx, db, refgrow.Config{})
	if err != nil {
		return err
	}
	defer engine.Close(context.WithoutCancel(ctx))
	shop, err := engine.EnsureProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		return err
	}
	// A key opens one project. It is shown now and never again.
	key, _, err := engine.CreateKey(ctx, shop, refgrow.CreateKeyParams{Name: "example"})
	if err != nil {
		return err
	}

	// The API goes route by route into the mux that the server already has, so that it
	// fits alongside any other pattern, even "GET /".
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", home)
	httpapi.Register(mux, "/api/v1", engine, httpapi.Options{})

	calling := addr == ""
	if calling {
		addr = "127.0.0.1:0"
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	url := "http://" + listener.Addr().String()
	if calling {
		err = callAll(ctx, out, url, key)
	} else {
		fmt.Fprintf(out, toTry, url, key)
		<-ctx.Done()
	}
	// Shutdown waits for running requests; the database is closed after it.
	if stopped := server.Shutdown(context.WithoutCancel(ctx)); stopped != nil {
		return stopped
	}
	<-served
	return err
}

func home(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "the app's own page")
}
