package refgrow

import (
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/money"
)

const (
	maxText = 255
	maxURL  = 2048
	minCode = 3
	maxCode = 64
)

// address checks and lower-cases an email address: a plain one, within the
// lengths of RFC 5321, without a display name or a quoted local part. What it gives
// is an address itself: some letters are longer in lower case.
func address(field, text string) (string, error) {
	if text == "" {
		return "", invalid(field, "is required")
	}
	lower := strings.ToLower(text)
	local, domain, ok := strings.Cut(lower, "@")
	// Of the letters beyond ASCII some are within it in lower case: no domain has them.
	wrong := !ok || len(local) > 64 || len(domain) > 255 || len(lower) > 254 || strings.ContainsAny(text, "\"<>(), \t\r\n") ||
		!ascii(text[strings.IndexByte(text, '@')+1:]) || !printable(text)
	if !wrong {
		parsed, err := mail.ParseAddress(lower)
		wrong = err != nil || parsed.Address != lower || parsed.Name != ""
	}
	if wrong || !hostname(domain) {
		return "", invalid(field, "must be a plain email address such as jane@example.com")
	}
	return lower, nil
}

// hostname tells whether a domain has labels of letters, digits and hyphens.
func hostname(domain string) bool {
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if c != '-' && !letter(c) && !digit(c) {
				return false
			}
		}
	}
	return true
}

// code checks a referral or coupon code.
func code(field, text string) error {
	if len(text) < minCode || len(text) > maxCode || !consistsOf(text, func(c rune) bool { return letter(c) || digit(c) || c == '-' || c == '_' }) {
		return invalid(field, "must be %d to %d of A-Z, a-z, 0-9, - and _", minCode, maxCode)
	}
	return nil
}

func slug(field, text string) error {
	if len(text) < minCode || len(text) > maxCode ||
		!consistsOf(text, func(c rune) bool { return 'a' <= c && c <= 'z' || digit(c) || c == '-' || c == '_' }) {
		return invalid(field, "must be %d to %d of a-z, 0-9, - and _", minCode, maxCode)
	}
	return nil
}

// fold is how codes and slugs are compared: they are ASCII, and nothing else is
// equal to one.
func fold(code string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}, code)
}

// optionalText checks a free text that may be absent. Control characters have
// no business in one.
func optionalText(field, text string, longest int) error {
	switch {
	case utf8.RuneCountInString(text) > longest:
		return invalid(field, "is longer than %d characters", longest)
	case !printable(text):
		return invalid(field, "must be valid UTF-8 without control characters")
	}
	return nil
}

// givenText is optionalText for a three-state field: null clears it, an empty
// text is refused because it could mean either.
func givenText(field string, text Null[string], longest int) error {
	if text.Value() == nil {
		return nil
	}
	if *text.Value() == "" {
		return invalid(field, "must not be empty: leave it out, or clear it with null")
	}
	return optionalText(field, *text.Value(), longest)
}

// amount checks one that a caller gave.
func amount(field string, a money.Amount) error {
	switch {
	case a.Currency() == "" && !a.IsZero():
		return invalid(field, "has no currency")
	case a.Currency() == "":
		return nil
	case a.Sign() < 0:
		return invalid(field, "must be 0 or more")
	case a.Minor() > money.MaxMinor:
		return invalid(field, "must be at most 9 * 10^15 minor units")
	}
	return nil
}

// storedCurrency reads a currency from the database, where it stands as its code
// in capitals.
func storedCurrency(text string) (money.Currency, error) {
	currency, err := money.ParseCurrency(text)
	if err != nil || string(currency) != text {
		return "", fmt.Errorf("%w: the currency %q", ErrDamaged, text)
	}
	return currency, nil
}

// positive checks an id.
func positive(field string, id int64) error {
	if id <= 0 {
		return invalid(field, "must be a positive integer")
	}
	return nil
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func ascii(text string) bool {
	return consistsOf(text, func(c rune) bool { return c <= unicode.MaxASCII })
}

func consistsOf(text string, allowed func(rune) bool) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return !allowed(c) })
}

func letter(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func digit(c rune) bool  { return '0' <= c && c <= '9' }

// endpoint checks where events are to be sent.
func endpoint(text string) error {
	const field = "url"
	if text == "" {
		return invalid(field, "is required")
	}
	if err := optionalText(field, text, maxURL); err != nil {
		return err
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || !u.IsAbs() || u.Hostname() == "" || u.Opaque != "" || strings.ContainsAny(text, " \\"):
		return invalid(field, "must be a whole address such as https://example.com/hooks")
	case u.Scheme != "https" && u.Scheme != "http":
		return invalid(field, "must begin with https:// or http://")
	case u.User != nil:
		return invalid(field, "must not have a user or password in it: requests are signed")
	case !reachable(u):
		return invalid(field, "must have a host such as example.com, or an address, and a port from 1 to 65535 if any")
	case u.Fragment != "":
		return invalid(field, "must not have a part after #")
	}
	return nil
}

// reachable tells whether there can be a host of that name, and such a port.
func reachable(u *url.URL) bool {
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	_, err := netip.ParseAddr(u.Hostname())
	return err == nil || hostname(strings.TrimSuffix(u.Hostname(), "."))
}

// cutText is at most so many bytes of a text, as UTF-8, with blanks for control
// characters. It keeps nothing of the whole text in memory.
func cutText(text string, longest int) string {
	text = strings.ToValidUTF8(text[:min(len(text), longest)], "")
	return strings.Clone(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, text))
}
