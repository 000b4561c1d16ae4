package main

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks whose word on a client's address is believed. It is
// the value of a flag that may be repeated.
type proxies []netip.Prefix

func (p *proxies) String() string {
	if p == nil {
		return ""
	}
	texts := make([]string, len(*p))
	for i, network := range *p {
		texts[i] = network.String()
	}
	return strings.Join(texts, ",")
}

// Set adds a network. A single address is one too.
func (p *proxies) Set(text string) error {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		address, failed := netip.ParseAddr(text)
		if failed != nil || address.Zone() != "" {
			return usage("must be a network such as 10.0.0.0/8 or an address, not %q", text)
		}
		network = netip.PrefixFrom(address, address.BitLen())
	}
	*p = append(*p, network.Masked())
	return nil
}

// Several reports that a variable may name several, with commas between them.
func (p *proxies) Several() bool { return true }

func (p proxies) trust(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(address) })
}

// client returns the address that a request came from. Each proxy adds whom it heard to
// the right end of X-Forwarded-For, so the list is read from there, and only as far as
// every address on the way is a proxy's. What is further left is anybody's claim.
func (p proxies) client(r *http.Request) netip.Addr {
	peer := parseAddress(r.RemoteAddr)
	if !p.trust(peer) {
		return peer
	}
	claims := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, claim := range slices.Backward(claims) {
		address := parseAddress(strings.TrimSpace(claim))
		if !address.IsValid() {
			break // not an address: the last proxy that named one is as far as we know
		}
		peer = address
		if !p.trust(peer) {
			break
		}
	}
	return peer
}

// https reports whether the client speaks TLS: with this server, or with a proxy that
// says so in X-Forwarded-Proto, where the client's end of a chain comes first.
func (p proxies) https(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if !p.trust(parseAddress(r.RemoteAddr)) {
		return false
	}
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.EqualFold(strings.TrimSpace(first), "https")
}

// parseAddress reads an address with or without a port. The result is not valid if text
// is not an address.
func parseAddress(text string) netip.Addr {
	address, err := netip.ParseAddr(text)
	if err != nil {
		var withPort netip.AddrPort
		if withPort, err = netip.ParseAddrPort(text); err != nil {
			address, _ = netip.ParseAddr(strings.Trim(text, "[]"))
		} else {
			address = withPort.Addr()
		}
	}
	return address.Unmap().WithZone("")
}
