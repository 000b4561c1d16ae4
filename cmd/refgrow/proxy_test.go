package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestClientAddress(t *testing.T) {
	t.Parallel()
	var trusted proxies
	for _, network := range []string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32"} {
		if err := trusted.Set(network); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		// A peer that is not a proxy is the client, whatever it says.
		{"198.51.100.1:1234", nil, "198.51.100.1"},
		{"198.51.100.1:1234", []string{"203.0.113.9"}, "198.51.100.1"},
		{"[2001:db9::1]:1234", []string{"203.0.113.9"}, "2001:db9::1"},
		// A proxy's word counts, and what the client claimed before that does not.
		{"10.1.2.3:1234", []string{"203.0.113.9"}, "203.0.113.9"},
		{"[::ffff:10.1.2.3]:1234", []string{"203.0.113.9"}, "203.0.113.9"},
		{"[2001:db8::5]:1234", []string{"2001:db9::9"}, "2001:db9::9"},
		{"10.1.2.3:1234", []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9"},
		{"10.1.2.3:1234", []string{"1.1.1.1", "203.0.113.9,10.9.9.9 , 192.0.2.7"}, "203.0.113.9"},
		{"10.1.2.3:1234", []string{"203.0.113.9:5555"}, "203.0.113.9"},
		{"10.1.2.3:1234", []string{"[2001:db9::9]:5555"}, "2001:db9::9"},
		{"10.1.2.3:1234", []string{"[2001:db9::9]"}, "2001:db9::9"},
		// Proxies all the way, nothing, or nonsense: as far as we know.
		{"10.1.2.3:1234", []string{"10.3.3.3, 10.4.4.4"}, "10.3.3.3"},
		{"10.1.2.3:1234", nil, "10.1.2.3"},
		{"10.1.2.3:1234", []string{""}, "10.1.2.3"},
		{"10.1.2.3:1234", []string{"203.0.113.9, unknown"}, "10.1.2.3"},
		{"10.1.2.3:1234", []string{"203.0.113.9, unknown, 10.4.4.4"}, "10.4.4.4"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.peer
		for _, line := range test.forwarded {
			r.Header.Add("X-Forwarded-For", line)
		}
		if got := trusted.client(r).String(); got != test.want {
			t.Errorf("peer %s, forwarded for %q: %s, want %s", test.peer, test.forwarded, got, test.want)
		}
	}
	for _, wrong := range []string{"", "proxy.example.com", "10.0.0.0/33", "10.0.0.0/8,192.0.2.7", "fe80::1%eth0"} {
		if err := trusted.Set(wrong); err == nil {
			t.Errorf("%q was accepted", wrong)
		}
	}
}
