package refgrow

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// landing checks where referral links lead: a URL, or a path of the same host.
func landing(field, text string) error {
	if text == "" {
		return nil
	}
	if err := optionalText(field, text, maxURL); err != nil {
		return err
	}
	_, err := url.Parse(text)
	path := err == nil && text[0] == '/' && !strings.HasPrefix(text, "//") && !strings.Contains(text, "\\")
	if !path && website(text) == nil {
		return invalid(field, `must be an http or https URL such as https://example.com/start, or a path that begins with one "/"`)
	}
	return nil
}

// website reads the URL of a page, nil if it is none.
func website(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || u.User != nil || u.Hostname() == "" ||
		!reachable(u) || strings.ContainsAny(text, " \\") {
		return nil
	}
	return u
}

// origins checks and sorts a list of sites: each a scheme, a host, and a port unless
// it is the scheme's own.
func origins(field string, list []string) ([]string, error) {
	if len(list) > MaxAllowedOrigins {
		return nil, invalid(field, "must be at most %d", MaxAllowedOrigins)
	}
	checked := make([]string, 0, len(list))
	for _, text := range list {
		u := website(text)
		// No browser shows a page of an address with a zone, such as fe80::1%eth0.
		if u == nil || strings.Contains(u.Host, "%") || !printable(text) || len(text) > maxURL || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") ||
			u.Path != "" && u.Path != "/" {
			return nil, invalid(field, "must each be a scheme and a host such as https://example.com, not %.64q", text)
		}
		origin := originOf(u)
		if slices.Contains(checked, origin) {
			return nil, invalid(field, "has %.64q twice", origin)
		}
		checked = append(checked, origin)
	}
	slices.Sort(checked)
	return checked, nil
}

// originOf is a site as a browser writes it.
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

// originsText is how the database keeps a checked list.
func originsText(list []string) (string, error) {
	text, err := json.Marshal(list)
	return string(text), err
}

// storedOrigins reads a list from the database.
func storedOrigins(text string) ([]string, error) {
	list := []string{}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("%w: the allowed origins: %w", ErrDamaged, err)
	}
	return list, nil
}

// canonicalOrigins is how a list in the database should be written.
func canonicalOrigins(text string) (string, error) {
	list, err := storedOrigins(text)
	if err != nil {
		return "", err
	}
	if list, err = origins("allowed_origins", list); err != nil {
		return "", err
	}
	return originsText(list)
}
