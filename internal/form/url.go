package form

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Endpoint checks where events are to be sent.
func Endpoint(text string) error {
	if text == "" {
		return errors.New("is required")
	}
	if err := Text(text, MaxURL); err != nil {
		return err
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || !u.IsAbs() || u.Hostname() == "" || u.Opaque != "" || strings.ContainsAny(text, " \\"):
		return errors.New("must be a whole address such as https://example.com/hooks")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must begin with https:// or http://")
	case u.User != nil:
		return errors.New("must not have a user or password in it: requests are signed")
	case !reachable(u):
		return errors.New("must have a host such as example.com, or an address, and a port from 1 to 65535 if any")
	case u.Fragment != "":
		return errors.New("must not have a part after #")
	}
	return nil
}

// reachable reports whether there can be a host with that name, and such a port.
func reachable(u *url.URL) bool {
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	_, err := netip.ParseAddr(u.Hostname())
	return err == nil || hostname(strings.TrimSuffix(u.Hostname(), "."))
}

// Landing checks where referral links lead, if anywhere: a URL, or a path on the same
// host.
func Landing(text string) error {
	if text == "" {
		return nil
	}
	if err := Text(text, MaxURL); err != nil {
		return err
	}
	_, err := url.Parse(text)
	path := err == nil && text[0] == '/' && !strings.HasPrefix(text, "//") && !strings.Contains(text, "\\")
	if !path && website(text) == nil {
		return errors.New("must be an http or https URL such as https://example.com/start, " +
			`or a path that begins with one "/"`)
	}
	return nil
}

// website parses the URL of a page. It returns nil if it is not one.
func website(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || u.User != nil || u.Hostname() == "" ||
		!reachable(u) || strings.ContainsAny(text, " \\") {
		return nil
	}
	return u
}

// Page returns what is kept of the URL of a page: scheme, host and path as they are
// written, and of the query only what says how somebody came there (ref, via, sub and
// utm_*). The rest can hold secrets, such as the token of a link in a mail. It is at most
// longest bytes long, and "" for what is not the URL of a page.
func Page(text string, longest int) string {
	text = Cut(text, 4*longest)
	text, _, _ = strings.Cut(text, "#")
	page, query, _ := strings.Cut(text, "?")
	u, err := url.Parse(page)
	if err != nil || u.Opaque != "" || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	page = WithoutUser(page)
	mark := "?"
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if name == "ref" || name == "via" || name == "sub" || strings.HasPrefix(name, "utm_") {
			page, mark = page+mark+part, "&"
		}
	}
	return Cut(page, longest)
}

// WithoutUser leaves the user and the password out of a URL.
func WithoutUser(text string) string {
	before, rest, found := strings.Cut(text, "//")
	if !found || before != "" && !strings.HasSuffix(before, ":") {
		return text
	}
	host := rest[:strings.IndexAny(rest+"/", "/?#\\")]
	return before + "//" + rest[strings.LastIndexByte(host, '@')+1:]
}

// Origins checks and sorts a list of sites, no more than most: each a scheme, a host,
// and a port unless it is the scheme's own.
func Origins(list []string, most int) ([]string, error) {
	if len(list) > most {
		return nil, fmt.Errorf("must be at most %d", most)
	}
	checked := make([]string, 0, len(list))
	for _, text := range list {
		u := website(text)
		// No browser shows a page from an address with a zone, such as fe80::1%eth0.
		if u == nil || strings.Contains(u.Host, "%") || !Printable(text) || len(text) > MaxURL ||
			u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") || u.Path != "" && u.Path != "/" {
			return nil, fmt.Errorf("must each be a scheme and a host such as https://example.com, not %.64q", text)
		}
		origin := originOf(u)
		if slices.Contains(checked, origin) {
			return nil, fmt.Errorf("has %.64q twice", origin)
		}
		checked = append(checked, origin)
	}
	slices.Sort(checked)
	return checked, nil
}

// originOf returns a site as a browser writes it.
func originOf(u *url.URL) string {
	host := strings.ToLower(strings.TrimSuffix(u.Host, ":"+u.Port()))
	if address, err := netip.ParseAddr(u.Hostname()); err == nil && address.Is6() {
		host = "[" + address.String() + "]"
	}
	origin := u.Scheme + "://" + host
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || u.Scheme == "http" && port == 80 || u.Scheme == "https" && port == 443 {
		return origin
	}
	return origin + ":" + strconv.FormatUint(port, 10)
}
