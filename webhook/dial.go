package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/refgrow-go/refgrow"
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
	if !refgrow.PublicAddress(at.Addr()) {
		return fmt.Errorf("%w: %s", ErrPrivateAddress, at.Addr())
	}
	return nil
}
