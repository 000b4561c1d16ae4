package form

import (
	"net/netip"
	"net/url"
	"strings"
)

// PublicEndpoint reports whether events may be sent to a URL as far as can be seen from
// its text: its host is a name that has to be looked up, or an address on the public
// internet. Every computer calls itself localhost.
func PublicEndpoint(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return true // which Endpoint refuses
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if a, err := netip.ParseAddr(host); err == nil {
		return PublicAddress(a)
	}
	return host != "localhost" && !strings.HasSuffix(host, ".localhost")
}

// PublicAddress reports whether an address is on the public internet. IPv6 addresses that
// carry an IPv4 address, such as mapped, translated and tunnelled ones, are also judged
// by what they carry.
func PublicAddress(a netip.Addr) bool {
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
		return PublicAddress(carried)
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
