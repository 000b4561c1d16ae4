// Receiver is an endpoint for webhooks: it checks that each request was signed with its
// secret, recognizes a copy by its id, and prints what happened.
//
//	REFGROW_WEBHOOK_SECRET=whsec_... go run ./examples/receiver -addr 127.0.0.1:9000
//
// The secret is what "refgrow webhook create" printed.
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
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9000", "listen on this `address`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *addr, os.Getenv("REFGROW_WEBHOOK_SECRET")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, addr, secret string) error {
	if secret == "" {
		return errors.New("set REFGROW_WEBHOOK_SECRET to the secret of the endpoint")
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "waiting for events at http://%s/\n", listener.Addr())
	server := &http.Server{Handler: newReceiver(out, secret), ReadTimeout: 10 * time.Second}
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
