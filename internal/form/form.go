// Package form says what input from outside must look like: emails, codes, texts,
// amounts and ids. Addresses of pages and endpoints are in url.go. An error says what
// is wrong, in words for the person who must fix it, but not which field it is: whoever
// knows its name adds that.
package form

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/money"
)

const (
	// MaxText is the length of the longest text, in characters.
	MaxText = 255
	// MaxURL is the length of the longest URL, in characters.
	MaxURL = 2048

	minCode, maxCode = 3, 64
)

// hostname reports whether a domain has labels of letters, digits and hyphens.
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

// Code checks a referral or coupon code.
func Code(text string) error {
	if len(text) < minCode || len(text) > maxCode ||
		!ConsistsOf(text, func(c rune) bool { return letter(c) || digit(c) || c == '-' || c == '_' }) {
		return fmt.Errorf("must be %d to %d of A-Z, a-z, 0-9, - and _", minCode, maxCode)
	}
	return nil
}

// LinkCode returns a code from a link without the blanks and the punctuation that
// surround it in a mail: those of ASCII, Latin 1 and Unicode's blocks for them. The
// browser script has the same rule.
func LinkCode(text string) string {
	return strings.TrimFunc(text, func(c rune) bool {
		return !letter(c) && !digit(c) && c != '-' && c != '_' &&
			(c < 0xc0 || 0x2000 <= c && c <= 0x206f || 0x3000 <= c && c <= 0x303f)
	})
}

// MaxCodes is how many codes of a visitor are looked at.
const MaxCodes = 6

// Codes returns the codes in a text, at most MaxCodes and each once, in the order in which
// they count: a single one, or several with dots between them, the newest first. Of
// anything else it returns none.
func Codes(text string, oldestFirst bool) []string {
	if text == "" {
		return nil
	}
	codes := make([]string, 0, MaxCodes)
	for code := range strings.SplitSeq(text, ".") {
		if Code(code) != nil {
			return nil
		}
		if len(codes) < MaxCodes {
			codes = append(codes, code)
		}
	}
	if oldestFirst {
		slices.Reverse(codes)
	}
	once := codes[:0]
	for _, code := range codes {
		if !slices.ContainsFunc(once, func(c string) bool { return Fold(c) == Fold(code) }) {
			once = append(once, code)
		}
	}
	return once
}

// CodeList checks that there are codes in a text.
func CodeList(text string) error {
	if len(Codes(text, false)) == 0 {
		return Code(text)
	}
	return nil
}

// Slug checks a partner slug.
func Slug(text string) error {
	if len(text) < minCode || len(text) > maxCode ||
		!ConsistsOf(text, func(c rune) bool { return 'a' <= c && c <= 'z' || digit(c) || c == '-' || c == '_' }) {
		return fmt.Errorf("must be %d to %d of a-z, 0-9, - and _", minCode, maxCode)
	}
	return nil
}

// Fold returns the form in which codes and slugs are compared: they are ASCII, and
// nothing else equals one.
func Fold(code string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}, code)
}

// Text checks a free text of at most longest characters, which may be absent. Control
// characters have no business in one, and blanks alone say nothing.
func Text(text string, longest int) error {
	switch {
	case utf8.RuneCountInString(text) > longest:
		return fmt.Errorf("is longer than %d characters", longest)
	case !Printable(text):
		return errors.New("must be valid UTF-8 without control characters")
	case text != "" && Trim(text) == "":
		return errors.New("must not be blank")
	}
	return nil
}

// Trim removes blanks and what cannot be seen from both ends of a text: people paste
// codes, and their phones add a blank.
func Trim(text string) string {
	return strings.TrimFunc(text, func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsControl(c) || c == '\u200b' || c == '\ufeff'
	})
}

// Clean leaves out what no text may have: control characters, and bytes that are no
// UTF-8.
func Clean(text string) string {
	if Printable(text) {
		return text
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, ""))
}

// First is the beginning of a text, of at most so many characters.
func First(text string, characters int) string {
	if len(text) <= characters {
		return text
	}
	n := 0
	for at := range text {
		if n == characters {
			return text[:at]
		}
		n++
	}
	return text
}

// Cut returns at most longest bytes of a text, as UTF-8, with blanks for control
// characters. It does not keep the whole text in memory.
func Cut(text string, longest int) string {
	text = strings.ToValidUTF8(text[:min(len(text), longest)], "")
	return strings.Clone(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, text))
}

// Formula reports whether a spreadsheet would take a text for a formula.
func Formula(text string) bool {
	return text != "" && (text[0] == '=' || text[0] == '+' || text[0] == '-' || text[0] == '@')
}

// Amount checks an optional amount.
func Amount(a money.Amount) error {
	switch {
	case a.Currency() == "" && !a.IsZero():
		return errors.New("has no currency")
	case a.Currency() == "":
		return nil
	case a.Sign() < 0:
		return errors.New("must be 0 or more")
	case a.Minor() > money.MaxMinor:
		return errors.New("must be at most 9 * 10^15 minor units")
	}
	return nil
}

// ID checks an id.
func ID(id int64) error {
	if id <= 0 {
		return errors.New("must be a positive integer")
	}
	return nil
}

// Printable reports whether a text is UTF-8 without control characters.
func Printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// ASCII reports whether a text has only ASCII characters.
func ASCII(text string) bool {
	return ConsistsOf(text, func(c rune) bool { return c <= unicode.MaxASCII })
}

// ConsistsOf reports whether a text has only allowed characters.
func ConsistsOf(text string, allowed func(rune) bool) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return !allowed(c) })
}

func letter(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func digit(c rune) bool  { return '0' <= c && c <= '9' }
