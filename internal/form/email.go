package form

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Email checks a plain email address and returns the one form that all spellings of it
// have: in the local part ASCII letters lowered and nothing else folded, in Unicode's
// NFC; the domain in IDNA's ASCII form by UTS 46. Two texts are one address exactly when
// their forms are equal, so no other letters may become ASCII ones, and nothing that
// cannot be seen is taken.
func Email(text string) (string, error) { return email(text, false) }

// CustomerEmail is Email for the address of a customer. It also takes consecutive and
// trailing dots in the local part, which some Japanese carriers hand out.
func CustomerEmail(text string) (string, error) { return email(text, true) }

var errEmail = errors.New("must be a plain email address such as jane@example.com")

func email(text string, carrier bool) (string, error) {
	if text == "" {
		return "", errors.New("is required")
	}
	local, domain, ok := strings.Cut(text, "@")
	if !ok || !utf8.ValidString(text) {
		return "", errEmail
	}
	if local, ok = localPart(local, carrier); !ok {
		return "", errEmail
	}
	if domain, ok = domainPart(domain); !ok || len(local)+1+len(domain) > 254 {
		return "", errEmail
	}
	return local + "@" + domain, nil
}

// localPart returns the form of a local part (RFC 5321, RFC 6532), which is no quoted
// one.
func localPart(text string, carrier bool) (string, bool) {
	if ASCII(text) {
		text = Fold(text)
	} else {
		if strings.ContainsFunc(text, unlikeItself) {
			return "", false
		}
		// A lowered letter can combine with an accent that the capital did not combine with.
		text = norm.NFC.String(Fold(norm.NFC.String(text)))
	}
	if text == "" || len(text) > 64 || text[0] == '.' || !ConsistsOf(text, mailable) {
		return "", false
	}
	return text, carrier || text[len(text)-1] != '.' && !strings.Contains(text, "..")
}

// unlikeItself reports whether a character outside ASCII is an ASCII letter in NFC, as
// the Kelvin sign is, so that somebody else's address could be written with it.
func unlikeItself(c rune) bool {
	if c <= unicode.MaxASCII {
		return false
	}
	same := norm.NFC.PropertiesString(string(c)).Decomposition()
	return len(same) == 1 && letter(rune(same[0]))
}

// mailable reports whether a local part can have a character: of ASCII those of an atom
// and the dot, and whatever else can be seen.
func mailable(c rune) bool {
	if c <= unicode.MaxASCII {
		return letter(c) || digit(c) || strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", c)
	}
	return unicode.IsGraphic(c) && !unicode.IsSpace(c) && !Invisible(c) && c != utf8.RuneError
}

// Invisible reports whether a character shows nothing, or changes how others are shown:
// format characters, such as zero-width and bidirectional ones, and fillers.
func Invisible(c rune) bool {
	return unicode.In(c, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		c == '\u2800' // the empty Braille pattern
}

// domains is UTS 46 for looking a name up, which keeps ß and the like as they are. As
// in DNS, hyphens may stand in any place within a label.
//
//nolint:gochecknoglobals // a constant in all but name
var domains = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckJoiners(true),
	idna.CheckHyphens(false), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// domainPart returns the ASCII form of a domain.
func domainPart(text string) (string, bool) {
	if len(text) > 1000 { // more than any that could become short enough
		return "", false
	}
	lower := Fold(text)
	if ASCII(text) && !slices.ContainsFunc(strings.Split(lower, "."), encoded) {
		return lower, hostname(lower)
	}
	// The mapping is not always the same for what is canonically equivalent, and what it
	// leads to is not always a name itself.
	mapped, err := domains.ToASCII(text)
	for range 2 {
		if err == nil {
			mapped, err = domains.ToASCII(norm.NFC.String(text))
		}
		text = mapped
	}
	return mapped, err == nil && hostname(mapped)
}

// encoded reports whether a label of a domain, in lower case, is the ASCII form of
// another text.
func encoded(label string) bool { return strings.HasPrefix(label, "xn--") }
