// Saas is a small web shop with an affiliate program inside: visitors come through a
// link, sign up, buy, and get their money back; partners see on the account page what
// came of it. The shop's tables and those of the program are in one SQLite file, and an
// order and its commission are written in one transaction.
//
//	go run ./examples/saas                with two partners to try it out; all is gone at the end
//	go run ./examples/saas -db shop.db    an empty shop, kept in a file
package main

import (
	"context"
	"errors"
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
	"syscall"
	"time"

	"github.com/refgrow-go/refgrow"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "listen on this `address`; port 0 takes a free one")
	path := flag.String("db", "", "keep the shop in this `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, os.Stdout, *addr, *path); err != nil {
		log.Fatal(err)
	}
}

// start runs the shop on a file, or without one for trying it out.
func start(ctx context.Context, out io.Writer, addr, path string) error {
	if path != "" {
		return run(ctx, out, addr, path, false)
	}
	dir, err := os.MkdirTemp("", "refgrow-saas")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return run(ctx, out, addr, filepath.Join(dir, "shop.db"), true)
}

func run(ctx context.Context, out io.Writer, addr, path string, trial bool) (err error) {
	db, err := open(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	engine, err := refgrow.New(ctx, refgrow.SQLite(db), refgrow.Config{})
	if err != nil {
		return err
	}
	// Close writes the clicks that are still in memory. The database is closed after
	// it.
	defer func() { err = errors.Join(err, engine.Close(context.WithoutCancel(ctx))) }()
	// What the engine does in the background ends before that.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = engine.Run(background) })
	defer tasks.Wait()
	defer stop()
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	s, err := newShop(ctx, db, engine, "http://"+listener.Addr().String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintf(out, "The shop is open at %s/\n", s.url)
	if trial {
		err = s.invitePartners(ctx, out)
	} else {
		_, err = fmt.Fprintln(out, "Sign up there, and become a partner on the account page.")
	}
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	server := &http.Server{Handler: s.handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	// Shutdown waits for running requests.
	return server.Shutdown(context.WithoutCancel(ctx))
}

// invitePartners makes two partners and says what there is to try.
func (s *shop) invitePartners(ctx context.Context, out io.Writer) error {
	const password = "let me in"
	for _, p := range []struct{ email, code string }{{"jane@example.com", "JANE"}, {"bob@example.com", "BOB"}} {
		c, err := s.addCustomer(ctx, p.email, password)
		if err != nil {
			return err
		}
		if err := s.addPartner(ctx, c, p.code); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, `
1. Come through Jane's link:  %[1]s/?ref=JANE
2. Leave, come back without the link:  %[1]s/
   Sign up with any email, and buy something. Bob's coupon BOB10 takes 10 %% off.
3. Log out, and log in at %[1]s/login as jane@example.com with the password "%[2]s":
   the account page shows what Jane has earned.

Ctrl-C closes the shop, and nothing is kept.
`, s.url, password)
	return err
}
