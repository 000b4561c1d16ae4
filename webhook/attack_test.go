package webhook

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// carriers writes an IPv4 address into the IPv6 addresses that may lead to it.
func carriers(a netip.Addr) map[string]netip.Addr {
	v4 := a.As4()
	in := func(prefix string, at int, not byte) netip.Addr {
		b := netip.MustParseAddr(prefix).As16()
		for i, c := range v4 {
			b[at+i] = c ^ not
		}
		return netip.AddrFrom16(b)
	}
	return map[string]netip.Addr{
		"itself": a, "mapped": in("::ffff:0:0", 12, 0), "compatible": in("::", 12, 0),
		"translated": in("::ffff:0:0:0", 12, 0),
		"NAT64":      in("64:ff9b::", 12, 0), "local NAT64": in("64:ff9b:1::", 12, 0), "6to4": in("2002::1", 2, 0),
		"Teredo": in("2001:0:808:808::", 12, 0xff), "ISATAP": in("2606:4700::5efe:0:0", 12, 0),
		"ISATAP, unique": in("2606:4700::200:5efe:0:0", 12, 0),
	}
}

// Every address of a block that is not for public services is refused: at both ends of
// the block, in the middle, and in whatever form it is written.
func TestAttackAddresses(t *testing.T) {
	t.Parallel()
	for block := range strings.FieldsSeq(`0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16
		172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24
		203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32 168.63.129.16/32`) {
		prefix := netip.MustParsePrefix(block)
		first := prefix.Masked().Addr().As4()
		last, middle := first, first
		for bit := prefix.Bits(); bit < 32; bit++ {
			last[bit/8] |= 0x80 >> (bit % 8)
			if bit%2 == 0 {
				middle[bit/8] |= 0x80 >> (bit % 8)
			}
		}
		for _, v4 := range [][4]byte{first, middle, last} {
			for shape, a := range carriers(netip.AddrFrom4(v4)) {
				if refgrow.PublicAddress(a) || refgrow.PublicAddress(a.WithZone("eth0")) {
					t.Errorf("%v (%s, in %s) counts as public", a, shape, block)
				}
			}
		}
	}
	for block := range strings.FieldsSeq(`::/128 ::1/128 ::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64
		2001:2::/48 2001:db8::/32 3fff::/20 5f00::/16 fc00::/7 fe80::/10
		fec0::/10 ff00::/8 4000::/3 8000::/1`) {
		prefix := netip.MustParsePrefix(block)
		last := prefix.Masked().Addr().As16()
		for bit := prefix.Bits(); bit < 128; bit++ {
			last[bit/8] |= 0x80 >> (bit % 8)
		}
		for _, a := range []netip.Addr{prefix.Masked().Addr(), netip.AddrFrom16(last)} {
			if refgrow.PublicAddress(a) {
				t.Errorf("%v (in %s) counts as public", a, block)
			}
		}
	}
}

// The attacker's name server answers as it likes: for what some resolvers read as a
// number, for names that look harmless, and with a different address each time it is
// asked. No connection reaches this machine.
func TestAttackNames(t *testing.T) {
	t.Parallel()
	port, reached := listening(t)
	var asked atomic.Int64
	lying := dialer(false)
	lying.Resolver = names(t, func(v6 bool) netip.Addr {
		inside := [...]netip.Addr{
			netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("0.0.0.0"),
			netip.MustParseAddr("::1"), netip.MustParseAddr("::"),
			netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("64:ff9b::7f00:1"),
		}
		for n := asked.Add(1); ; n++ {
			if a := inside[n%int64(len(inside))]; a.Is6() == v6 {
				return a
			}
		}
	})
	c := client(lying)
	for _, host := range []string{
		"2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
		"127.1", "127.0.1", "0", "00000", "localhost", "localhost.", "LOCALHOST.localdomain",
		"127.0.0.1.nip.example", "metadata.google.internal", "rebinding.example",
		"xn--lcalhost-55a.example", "①②⑦.⓪.⓪.①", "[::ffff:7f00:1]", "[::127.0.0.1]",
		"[0:0:0:0:0:ffff:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]",
		"[fe80::1%25lo]", "127.0.0.1", "0.0.0.0", "[::]", "[::1]",
	} {
		for range 4 { // a different address each time
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+host+":"+port+"/", nil)
			if err != nil {
				continue // not a URL at all
			}
			answer, err := c.Do(request)
			if err == nil {
				answer.Body.Close()
				t.Errorf("%s was reached", host)
			}
		}
	}
	if n := reached.Load(); n != 0 || asked.Load() == 0 {
		t.Errorf("there were %d connections, and %d questions", n, asked.Load())
	}
}

// A server that may be reached cannot send the worker elsewhere: neither with any kind
// of redirect, nor with a proxy that the environment names.
func TestAttackRedirects(t *testing.T) {
	inside := httptest.NewServer(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the inside was reached") }))
	defer inside.Close()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, inside.URL)
	}
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Location", inside.URL)
		w.Header().Set("Content-Location", inside.URL)
		w.Header().Set("Refresh", "0; url="+inside.URL)
		w.Header().Set("Alt-Svc", `h2="`+strings.TrimPrefix(inside.URL, "http://")+`"; ma=3600`)
		w.WriteHeader(status)
	}))
	defer outside.Close()
	// Connections to the outside server pass, as if it had a public address.
	c := client(dialer(true))
	for _, status := range []int{201, 300, 301, 302, 303, 304, 305, 307, 308, 401, 407, 503} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			outside.URL+"/"+strconv.Itoa(status), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := c.Do(request)
		if err != nil {
			t.Errorf("%d: %v", status, err)
			continue
		}
		answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("%d became %d", status, answer.StatusCode)
		}
	}
	// The proxy that the environment names for a host like this is not asked.
	named := dialer(true)
	named.Resolver = names(t, func(v6 bool) netip.Addr {
		if v6 {
			return netip.Addr{}
		}
		return netip.MustParseAddr("127.0.0.1")
	})
	_, port, _ := strings.Cut(strings.TrimPrefix(outside.URL, "http://"), ":")
	if err := post(t, client(named), "http://public.example.:"+port+"/200"); err != nil {
		t.Error(err)
	}
}
