package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const healthName = "health"

// healthWithin is how long a server may take to say that it is ready.
const healthWithin = 5 * time.Second

func healthCommand() command {
	return command{
		name: healthName, summary: "ask a running server whether it is ready: exit code 1 if not",
		example: "refgrow health --addr 127.0.0.1:8080",
		text: "Asks the server of --addr for /readyz, as what restarts containers does where there is no curl. It\n" +
			"opens no database.\n\n" +
			`JSON: {"status", "notes"}; status is "ready".`,
		prepare: func(flags *flag.FlagSet) work {
			addr := flags.String("addr", defaultAddr, "`HOST:PORT` of the server")
			return func(ctx context.Context, c *call) error { return c.health(ctx, *addr) }
		},
	}
}

func (c *call) health(ctx context.Context, addr string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+local(addr)+"/readyz", nil)
	if err != nil {
		return usage("--addr must be a host and a port, such as %s, not %q", defaultAddr, addr)
	}
	client := http.Client{Timeout: healthWithin}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no server answers: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: it answers %s", answer.Status)
	}
	var said healthJSON
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
		return fmt.Errorf("this is no server of refgrow: %w", err)
	}
	if c.json {
		return c.stdout.json(said)
	}
	for _, note := range said.Notes {
		if err := c.stdout.printf("note: %s\n", note); err != nil {
			return err
		}
	}
	return c.stdout.printf("%s\n", said.Status)
}

type healthJSON struct {
	Status string   `json:"status"`
	Notes  []string `json:"notes"`
}

// local is where this machine reaches a server that listens on an address: one that
// listens everywhere listens here.
func local(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "127.0.0.1"
		if a.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}
