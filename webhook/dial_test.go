package webhook

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/refgrow-go/refgrow"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"8.8.8.8": true, "93.184.216.34": true, "1.1.1.1": true, "2606:4700:4700::1111": true, "::ffff:8.8.8.8": true,
		"64:ff9b::808:808": true, "2002:808:808::1": true,

		"127.0.0.1": false, "127.255.255.254": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.1.1": false, "169.254.169.254": false, "169.254.170.2": false,
		"100.64.0.1": false, "100.100.100.200": false,
		"0.0.0.0": false, "0.1.2.3": false, "192.0.0.192": false,
		"192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false,
		"203.0.113.1": false, "224.0.0.1": false, "239.255.255.255": false,
		"240.0.0.1": false, "255.255.255.255": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false,
		"fc00::1": false, "fd00:ec2::254": false, "ff02::1": false,
		"fec0::1": false, "2001:db8::1": false, "100::1": false, "3fff::1": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false,
		"64:ff9b::a9fe:a9fe": false, "64:ff9b:1::1": false, "2002:7f00:1::": false, "2002:a9fe:a9fe::1": false,
		"2001:0:808:808::80ff:fffe": false,                            // Teredo: 127.0.0.1, inverted
		"::ffff:0:127.0.0.1":        false, "::ffff:0:8.8.8.8": false, // translated
		// ISATAP.
		"2606:4700::5efe:10.0.0.1": false, "2606:4700::200:5efe:127.0.0.1": false, "2606:4700::200:5efe:8.8.8.8": true,
		"5f00::1": false, "4000::1": false, "1000::1": false, "2001:2::1": false,
	} {
		if got := refgrow.PublicAddress(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s counts as public: %v", address, got)
		}
	}
}

// However a private address is written, no connection reaches it.
func TestNoConnectionToPrivateAddresses(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(net.Conn, http.ConnState) { reached.Add(1) }
	server.Start()
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	guarded := client(dialer(false))
	for _, host := range []string{
		"127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001",
		"0177.0.0.1", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "LOCALHOST.",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+host+":"+port+"/", nil)
		if err != nil {
			continue // not a URL at all
		}
		answer, err := guarded.Do(request)
		if err == nil {
			answer.Body.Close()
			t.Errorf("%s was reached", host)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("there were %d connections", n)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guarded.Do(request); !errors.Is(err, ErrPrivateAddress) {
		t.Errorf("the error is %v", err)
	}
	answer, err := client(dialer(true)).Do(request)
	if err != nil {
		t.Fatalf("with private addresses allowed: %v", err)
	}
	answer.Body.Close()
}

// A redirect is an answer like any other: it is not followed.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer target.Close()
	server := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client(dialer(true)).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusTemporaryRedirect || reached.Load() != 0 {
		t.Errorf("the answer is %d, and the target was reached %d times", answer.StatusCode, reached.Load())
	}
}
