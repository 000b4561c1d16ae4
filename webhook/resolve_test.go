package webhook

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// names is a name server on loopback, which answers each question for an A or AAAA
// record with what answer returns.
func names(t *testing.T, answer func(v6 bool) netip.Addr) *net.Resolver {
	t.Helper()
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		question := make([]byte, 1500)
		for {
			n, from, err := server.ReadFromUDPAddrPort(question)
			if err != nil {
				return // closed
			}
			if _, err := server.WriteToUDPAddrPort(reply(question[:n], answer), from); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// reply answers a question of RFC 1035.
func reply(question []byte, answer func(v6 bool) netip.Addr) []byte {
	const header = 12
	end := header
	for question[end] != 0 { // a name is labels, each after its length
		end += 1 + int(question[end])
	}
	end += 5 // the last length, type and class
	kind := question[end-3]
	b := []byte{question[0], question[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}
	b = append(b, question[header:end]...)
	const a, aaaa = 1, 28
	if kind != a && kind != aaaa {
		return b
	}
	at := answer(kind == aaaa)
	if !at.IsValid() {
		return b
	}
	b[7] = 1
	b = append(b, 0xc0, header, 0, kind, 0, 1, 0, 0, 0, 0, 0, byte(at.BitLen()/8)) // not to be cached
	return append(b, at.AsSlice()...)
}

// listening counts the connections to a port on the loopback addresses.
func listening(t *testing.T) (port string, reached *atomic.Int64) {
	t.Helper()
	reached = new(atomic.Int64)
	accept := func(l net.Listener) {
		accepted := make(chan struct{})
		go func() {
			defer close(accepted)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				reached.Add(1)
				c.Close()
			}
		}()
		t.Cleanup(func() {
			l.Close()
			<-accepted
		})
	}
	four, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accept(four)
	_, port, _ = net.SplitHostPort(four.Addr().String())
	if six, err := net.Listen("tcp6", "[::1]:"+port); err == nil { // where there is IPv6
		accept(six)
	}
	return port, reached
}

func post(t *testing.T, c *http.Client, url string) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(request)
	if err == nil {
		answer.Body.Close()
	}
	return err
}

// A name that had a public address when it was looked up, and has a private one when it
// is dialed, leads nowhere.
func TestNameThatChangesItsAddress(t *testing.T) {
	t.Parallel()
	port, reached := listening(t)
	var looked atomic.Bool
	resolver := names(t, func(v6 bool) netip.Addr {
		switch {
		case v6:
			return netip.Addr{}
		case looked.Load():
			return netip.MustParseAddr("127.0.0.1")
		}
		return netip.MustParseAddr("93.184.216.34")
	})
	seen, err := resolver.LookupNetIP(t.Context(), "ip", "rebinding.example.")
	if err != nil || len(seen) != 1 || !refgrow.PublicAddress(seen[0]) {
		t.Fatalf("at first it is %v, %v", seen, err)
	}
	looked.Store(true)
	guarded := dialer(false)
	guarded.Resolver = resolver
	if err := post(t, client(guarded), "http://rebinding.example.:"+port+"/"); !errors.Is(err, ErrPrivateAddress) {
		t.Errorf("the error is %v", err)
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("there were %d connections", n)
	}
	open := dialer(true)
	open.Resolver = resolver
	if err := post(t, client(open), "http://rebinding.example.:"+port+"/"); err == nil || reached.Load() == 0 {
		t.Errorf("with private addresses allowed there were %d connections, and the error is %v", reached.Load(), err)
	}
}

// All addresses of a name are tried, and each one is checked.
func TestNameWithSeveralAddresses(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct{ four, six string }{
		"loopback":                {"127.0.0.1", "::1"},
		"mapped":                  {"127.0.0.1", "::ffff:127.0.0.1"},
		"private first, metadata": {"169.254.169.254", "fd00:ec2::254"},
		"unspecified":             {"0.0.0.0", "::"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port, reached := listening(t)
			var asked atomic.Int64
			guarded := dialer(false)
			guarded.Resolver = names(t, func(v6 bool) netip.Addr {
				asked.Add(1)
				if v6 {
					return netip.MustParseAddr(at.six)
				}
				return netip.MustParseAddr(at.four)
			})
			var refused atomic.Int64
			check := guarded.Control
			guarded.Control = func(network, address string, c syscall.RawConn) error {
				err := check(network, address, c)
				if err != nil {
					refused.Add(1)
				}
				return err
			}
			if err := post(t, client(guarded), "http://many.example.:"+port+"/"); !errors.Is(err, ErrPrivateAddress) {
				t.Errorf("the error is %v", err)
			}
			if asked.Load() < 2 || refused.Load() != 2 || reached.Load() != 0 {
				t.Errorf("of %d records %d addresses were refused, and there were %d connections",
					asked.Load(), refused.Load(), reached.Load())
			}
		})
	}
}

// A public server that redirects to a metadata service gains nothing: the redirect is
// not followed, and the guard would refuse it.
func TestRedirectToMetadata(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"http://169.254.169.254/latest/meta-data/",
		"http://[fd00:ec2::254]/", "http://metadata.example./"} {
		guarded := dialer(false)
		guarded.Resolver = names(t, func(v6 bool) netip.Addr {
			if v6 {
				return netip.Addr{}
			}
			return netip.MustParseAddr("169.254.169.254")
		})
		c := client(guarded)
		if c.CheckRedirect(nil, nil) != http.ErrUseLastResponse {
			t.Error("redirects are followed")
		}
		c.CheckRedirect = nil
		guard := c.Transport
		c.Transport = redirecting{guard, to}
		if err := post(t, c, "http://public.example/"); !errors.Is(err, ErrPrivateAddress) {
			t.Errorf("%s: the error is %v", to, err)
		}
	}
}

// redirecting answers the first request itself.
type redirecting struct {
	then http.RoundTripper
	to   string
}

func (r redirecting) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.URL.Host != "public.example" {
		return r.then.RoundTrip(q)
	}
	return &http.Response{
		StatusCode: http.StatusFound, Header: http.Header{"Location": {r.to}}, Body: http.NoBody, Request: q,
	}, nil
}
