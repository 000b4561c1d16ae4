package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrPrivateAddress is the error of a connection to an address that is not on the
// public internet.
var ErrPrivateAddress = errors.New("webhook: the address is not public")

// timeout is how long one try may take, from the connection to the answer.
const timeout = 15 * time.Second

// dialer makes the connections.
func dialer(allowPrivate bool) *net.Dialer {
	d := &net.Dialer{Timeout: timeout}
	if !allowPrivate {
		d.Control = publicOnly
	}
	return d
}

// client makes the requests. It follows no redirects and uses no proxy: either could
// lead to an address other than the one that was checked.
func client(dialer *net.Dialer) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: timeout,
			MaxIdleConnsPerHost: 2, MaxIdleConns: 64, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// publicOnly refuses a connection after the name has been looked up, so that a name
// server's answer cannot change between the check and the use.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrPrivateAddress, address)
	}
	if !public(at.Addr()) {
		return fmt.Errorf("%w: %s", ErrPrivateAddress, at.Addr())
	}
	return nil
}

// public reports whether an address is on the public internet. IPv6 addresses that
// carry an IPv4 address, such as mapped, translated and tunnelled ones, are also judged
// by what they carry.
func public(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, block := range reserved() {
		if block.Contains(a) {
			return false
		}
	}
	if carried, ok := carried(a); ok {
		return public(carried)
	}
	return a.Is4() || netip.MustParsePrefix("2000::/3").Contains(a) // all that has ever been allocated
}

// reserved are the blocks of the IANA special-purpose registries that are global
// unicast by their form, but not for public services.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),        // this network
		netip.MustParsePrefix("100.64.0.0/10"),    // shared, behind carriers' NAT
		netip.MustParsePrefix("168.63.129.16/32"), // a large cloud's metadata service
		netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),     // documentation
		netip.MustParsePrefix("192.88.99.0/24"),   // former 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"),  // documentation
		netip.MustParsePrefix("203.0.113.0/24"),   // documentation
		netip.MustParsePrefix("240.0.0.0/4"),      // reserved
		netip.MustParsePrefix("2001:2::/48"),      // benchmarks
		netip.MustParsePrefix("2001:db8::/32"),    // documentation
		netip.MustParsePrefix("3fff::/20"),        // documentation
	}
}

// carried is the IPv4 address inside an IPv6 address of a transition mechanism.
func carried(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return a, false
	}
	b := a.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a): // NAT64
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(a): // 6to4
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case netip.MustParsePrefix("2001::/32").Contains(a): // Teredo: the client's, inverted
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}), true
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP
		return netip.AddrFrom4([4]byte(b[12:16])), true
	}
	return a, false
}
