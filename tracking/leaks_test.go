package tracking_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/conformance"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/tracking"
)

// Tracking, and the queue of clicks that it feeds, leave nothing behind when the engine
// is closed, even if visitors hang up and nobody waits for the clicks.
func TestNothingLeft(t *testing.T) {
	conformance.NothingLeft(t)
	for _, patient := range []bool{true, false} {
		database, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "refgrow.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		engine, err := refgrow.New(t.Context(), database, refgrow.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		shop, err := engine.CreateProject(t.Context(), "shop",
			refgrow.Settings{LandingURL: landing, AllowedOrigins: []string{other}})
		if err != nil {
			t.Fatal(err)
		}
		jane := refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"}
		if _, err := shop.CreateAffiliate(t.Context(), jane); err != nil {
			t.Fatal(err)
		}
		visits(t, shop)

		ctx, cancel := context.WithCancel(t.Context())
		if !patient {
			cancel()
		}
		err = engine.Close(ctx)
		if counts := engine.Stats(); counts.ClicksWaiting != 0 || patient && (err != nil || counts.ClicksCounted == 0) {
			t.Errorf("the engine was closed with %+v: %v", counts, err)
		}
		cancel()
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	}
}

// visits lets many visitors come at once, some of whom do not wait for the page.
func visits(t *testing.T, shop *refgrow.Project) {
	t.Helper()
	options := quiet(tracking.Options{ClientIP: func(r *http.Request) netip.Addr {
		address, _ := netip.ParseAddr(r.Header.Get("Visitor"))
		return address
	}})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a page") })
	tracking.Register(mux, shop, options)
	server := httptest.NewServer(tracking.New(shop, options).Middleware(mux))
	defer server.Close()
	var wait sync.WaitGroup
	for visitor := range 16 {
		wait.Go(func() {
			for i := range 20 {
				if err := visitOnce(server.Listener.Addr().String(), visitor, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}

// visitOnce visits a page, or hangs up before it arrives, or while still asking for it.
func visitOnce(address string, visitor, i int) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	const claim = `{"type": "signup", "email": "carl@example.com", "code": "JANE"}`
	request := fmt.Sprintf("%s HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: %s\r\nOrigin: %s\r\n"+
		"Visitor: 203.0.%d.%d\r\nContent-Length: %d\r\n\r\n%s",
		[]string{"GET /?ref=JANE", "GET /r/JANE", "GET /r/NONE", "POST /refgrow/track", "GET /refgrow.js"}[i%5],
		browser, other, visitor, i, len(claim), claim)
	if i%4 == 3 {
		request = request[:len(request)/2]
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	if i%4 >= 2 {
		return nil
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
