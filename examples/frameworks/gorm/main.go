// Gorm is a shop that keeps its orders with GORM, on the driver glebarez/sqlite, which
// needs no cgo: an order and its commission are written in one transaction. The REST
// API, the links of affiliates and the webhooks are in the same process.
//
//	go run ./gorm -addr 127.0.0.1:8080
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
	"sync"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/webhook"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "serve on this `address`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "refgrow-gorm")
	if err != nil {
		log.Fatal(err)
	}
	err = run(ctx, os.Stdout, filepath.Join(dir, "app.db"), *addr)
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

// run serves until the context ends. What it opens first, it closes last.
func run(ctx context.Context, out io.Writer, path, addr string) error {
	orm, err := open(path)
	if err != nil {
		return err
	}
	db, err := orm.DB() // what GORM works with
	if err != nil {
		return err
	}
	defer db.Close() // 4. nobody uses the database any more

	engine, err := refgrow.New(ctx, refgrow.SQLite(db), refgrow.Config{})
	if err != nil {
		return err
	}
	defer engine.Close(context.WithoutCancel(ctx)) // 3. writes the clicks that are queued

	s, err := newShop(ctx, orm, engine)
	if err != nil {
		return err
	}
	key, err := s.prepare(ctx)
	if err != nil {
		return err
	}

	// What happens in the background outlives the last request.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = engine.Run(background) })
	tasks.Go(func() { _ = webhook.NewWorker(engine, webhook.Options{}).Run(background) })
	defer tasks.Wait()
	defer stop() // 2. a webhook that is being sent may end

	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(out, `The shop is open at %[1]s/. What to try, in another terminal:

curl -L -c jar %[1]s/r/JANE                                     come by Jane's link
curl -b jar -d email=carl@example.com %[1]s/orders              buy something
curl -b jar -d 'email=carl@example.com&card=declined' %[1]s/orders
curl %[1]s/partners/JANE                                        what Jane has earned
curl -H 'Authorization: Bearer %[2]s' %[1]s/api/v1/conversions

Ctrl-C closes the shop, and nothing is kept.
`, "http://"+listener.Addr().String(), key)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	// 1. No more requests; those that run may end.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(ending)
}
