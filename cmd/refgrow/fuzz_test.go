package main

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// FuzzClientAddress: only what trusted proxies have heard counts. Whatever a client
// claims, it cannot pass for anybody else.
func FuzzClientAddress(f *testing.F) {
	for _, forwarded := range []string{
		"", "203.0.113.9", "1.1.1.1, 203.0.113.9", "1.1.1.1\n203.0.113.9,10.9.9.9 , 192.0.2.7",
		"203.0.113.9:5555", "[2001:db9::9]:5555", "[2001:db9::9]", "10.3.3.3, 10.4.4.4",
		"203.0.113.9, unknown", "::ffff:10.1.1.1", "fe80::1%eth0", "unknown",
		"_hidden", ",,,", "[[::1]]", "010.0.0.1", "1.2.3.4.5", "\x00", "127.0.0.1:99999", "for=203.0.113.9",
	} {
		for _, peer := range []string{"10.1.2.3:1234", "198.51.100.1:1234", "[2001:db8::5]:1"} {
			f.Add(peer, forwarded)
		}
	}
	f.Add("@", "203.0.113.9") // a Unix socket
	var trusted proxies
	for _, network := range []string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32"} {
		if err := trusted.Set(network); err != nil {
			f.Fatal(err)
		}
	}
	client := func(peer string, lines ...string) netip.Addr {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		r.Header["X-Forwarded-For"] = lines
		return trusted.client(r)
	}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		lines := strings.Split(forwarded, "\n")
		got := client(peer, lines...)
		if got.Is4In6() || got.Zone() != "" {
			t.Errorf("%s for %q: one address has two forms, as %s", peer, forwarded, got)
		}
		direct := client(peer)
		if !direct.IsValid() || !trusted.trust(direct) {
			if got != direct {
				t.Errorf("%s is not a proxy, but is believed to ask for %s (%q)", peer, got, forwarded)
			}
			return
		}
		if !got.IsValid() {
			t.Errorf("%s for %q: nobody", peer, forwarded)
		}
		// What the proxies heard is at the right end; what a client claims before that
		// changes nothing, unless it is a proxy itself.
		if trusted.trust(got) {
			return
		}
		for _, claim := range []string{"127.0.0.1", "10.1.1.1", "unknown", "", "203.0.113.77"} {
			if again := client(peer, append([]string{claim}, lines...)...); again != got {
				t.Errorf("%s for %q: %s; and %s after a claim to be %q", peer, forwarded, got, again, claim)
			}
			if again := client(peer, claim+","+strings.Join(lines, ",")); again != got {
				t.Errorf("%s for %q in one line: %s; and %s after a claim to be %q", peer, forwarded, got, again, claim)
			}
		}
		// It is the last one that is not a proxy's: everything after it is.
		all := strings.Split(strings.Join(lines, ","), ",")
		for i := len(all) - 1; ; i-- {
			if i < 0 {
				t.Fatalf("%s for %q: %s is not among them", peer, forwarded, got)
			}
			if address := client(strings.TrimSpace(all[i])); !trusted.trust(address) {
				if address != got {
					t.Errorf("%s for %q: %s, want %s", peer, forwarded, got, address)
				}
				return
			}
		}
	})
}
