// Receiver is an endpoint for webhooks: it checks that each request was signed with its
// secret, recognizes a copy by its id, and prints what happened.
//
//	REFGROW_WEBHOOK_SECRET=whsec_... go run ./examples/receiver -addr 127.0.0.1:9000
//
// The secret is what "refgrow webhook create" printed. Without one it says how to make
// one, and with one what to try.
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
	"time"
)

const noSecret = `set REFGROW_WEBHOOK_SECRET to the secret of the endpoint. To make both, in an empty folder:

refgrow project create shop --commission 20%%
export REFGROW_WEBHOOK_SECRET=$(refgrow webhook create --url http://%s/)

It signs what is sent, and is shown once`

const toTry = `waiting for events at http://%s/
What to try, in another terminal, where refgrow.db is:

refgrow serve --webhook-allow-private &    sends events, on this machine too
refgrow webhook test 1                     an event that did not happen

`

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
		return fmt.Errorf(noSecret, addr)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, toTry, listener.Addr())
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
