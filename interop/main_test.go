package interop

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/webhook"
)

// What the test binary is told when it runs as one of the other processes.
const (
	roleVariable  = "REFGROW_INTEROP_ROLE"
	fileVariable  = "REFGROW_INTEROP_FILE"
	beganVariable = "REFGROW_INTEROP_BEGAN"
	countVariable = "REFGROW_INTEROP_COUNT"
	longVariable  = "REFGROW_INTEROP_LONG"
	// durabilityVariable is the sqlite.Durability of a server.
	durabilityVariable = "REFGROW_INTEROP_DURABILITY"
)

const (
	serving     = "serving"
	transacting = "transacting"
	measuring   = "measuring"
	clicking    = "clicking"
)

// TestMain lets the test binary be the other processes too.
func TestMain(m *testing.M) {
	var err error
	ctx, file := context.Background(), os.Getenv(fileVariable)
	switch os.Getenv(roleVariable) {
	case serving:
		err = serve(ctx, file)
	case transacting:
		err = transact(ctx, file)
	case measuring:
		err = measure(ctx, file)
	case clicking:
		err = click(ctx, file)
	default:
		os.Exit(runTests(m))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runTests runs the tests and removes the binary that they built.
func runTests(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "refgrow-interop-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := os.RemoveAll(binaries); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// haste is how much faster than real time the clock of the hurried server goes, so
// that a lease, which lasts a minute, is over after six seconds.
const haste = 10

// hurriedClock shows the same time in all processes that know when it began.
func hurriedClock(began time.Time) func() time.Time {
	return func() time.Time { return began.Add(haste * time.Since(began)) }
}

// clockFromEnvironment is the hurried clock of the parent process, or real time if
// it has none.
func clockFromEnvironment() (func() time.Time, error) {
	text := os.Getenv(beganVariable)
	if text == "" {
		return time.Now, nil
	}
	began, err := strconv.ParseInt(text, 10, 64)
	return hurriedClock(time.UnixMilli(began)), err
}

// shortened reduces a delay of the schedule to what a test can wait for, on the hurried
// clock: 5 seconds, then 15 seconds.
func shortened(delay time.Duration) time.Duration { return min(delay, 15*time.Second) - delay }

// serve is what "refgrow serve" does, in a hurry.
func serve(ctx context.Context, file string) error {
	clock, err := clockFromEnvironment()
	if err != nil {
		return err
	}
	database, err := sqlite.Open(ctx, file,
		sqlite.Options{Durability: sqlite.Durability(os.Getenv(durabilityVariable))})
	if err != nil {
		return err
	}
	engine, err := refgrow.New(ctx, database, refgrow.Config{Now: clock})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	worker := webhook.NewWorker(engine, webhook.Options{
		Jitter: shortened,
		Client: &http.Client{
			Timeout:       15 * time.Second / haste,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	})
	ended := make(chan error, 2)
	go func() { ended <- worker.Run(ctx) }()
	go func() {
		options := httpapi.Options{RateLimit: -1, PrivateWebhooks: true}
		ended <- http.Serve(listener, http.StripPrefix("/api/v1", httpapi.New(engine, options)))
	}()
	fmt.Printf("listening on http://%s\n", listener.Addr())
	return <-ended
}
