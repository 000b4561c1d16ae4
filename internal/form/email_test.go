package form

import (
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestEmail(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"jane@example.com":             "jane@example.com",
		"JANE+Refs@Example.COM":        "jane+refs@example.com",
		"Kunde@Müller.de":              "kunde@xn--mller-kva.de",
		"kunde@MÜLLER.DE":              "kunde@xn--mller-kva.de",
		"kunde@mu\u0308ller.de":        "kunde@xn--mller-kva.de",
		"kunde@XN--MLLER-KVA.de":       "kunde@xn--mller-kva.de",
		"kunde@faß.de":                 "kunde@xn--fa-hia.de",
		"kunde@fass.de":                "kunde@fass.de",
		"a@\u212aelvin.example":        "a@kelvin.example", // the same name in DNS
		"a@例え。テスト":                     "a@xn--r8jz45g.xn--zckzah",
		"a@r3---sn-apo3qvuoxuxbt.test": "a@r3---sn-apo3qvuoxuxbt.test",
		"jos\u00e9@example.com":        "jos\u00e9@example.com",
		"jose\u0301@example.com":       "jos\u00e9@example.com",
		"JOSE\u0301@example.com":       "jos\u00c9@example.com",
		"JOS\u00c9@example.com":        "jos\u00c9@example.com",
		"J\u030cx@example.com":         "\u01f0x@example.com",
		"\u01f0x@example.com":          "\u01f0x@example.com",
		"\u0130x@example.com":          "\u0130x@example.com",
		"用户@example.com":               "用户@example.com",
		"!#$%&'*+-/=?^_`{|}~@a.b":      "!#$%&'*+-/=?^_`{|}~@a.b",
		"a@b":                          "a@b",
		"x@" + strings.Repeat(strings.Repeat("a", 60)+".", 4) + "example": "x@" +
			strings.Repeat(strings.Repeat("a", 60)+".", 4) + "example",
		strings.Repeat("a", 64) + "@b": strings.Repeat("a", 64) + "@b",
	} {
		if got, err := Email(text); err != nil || got != want {
			t.Errorf("%q is %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"jane", "jane@", "@example.com", "jane@@example.com", "jane@a@example.com", "jane @example.com",
		" jane@example.com", "jane@example.com ", "jane\n@example.com", "jane\u00a0@example.com", "Jane <jane@example.com>",
		`"jane"@example.com`, "ja(ne)@example.com", "jane@-a.example", "jane@a-.example", "jane@example..com",
		"jane@example.com.", "jane@exa_mple.com", "jane@[127.0.0.1]", ".jane@example.com", "jane,joe@example.com",
		"\u212aate@example.com", "ka\u212a@example.com", "jane\u200b@example.com",
		"\u202egro@example.com", "ja\u00adne@example.com",
		"jane\ufe0f@example.com", "jane\u3164@example.com", "jane\u2800@example.com", "jane\ue000@example.com",
		"jane\u037e@example.com", "jane\ufffd@example.com",
		"jane\xff@example.com", "jane@exam\u200bple\u2024com", "jane@xn--a.example", "jane@xn--\u00fc.example",
		strings.Repeat("a", 65) + "@b", "x@" + strings.Repeat("a", 64) + ".example",
		"x@" + strings.Repeat("ü", 500) + ".example", "x@" + strings.Repeat(strings.Repeat("a", 60)+".", 4) + "examples.com",
	} {
		if got, err := CustomerEmail(text); err == nil {
			t.Errorf("%q is %q", text, got)
		}
	}
	if _, err := Email(""); err == nil || err.Error() != "is required" {
		t.Errorf("an empty one is %v", err)
	}
}

// Some Japanese carriers hand out addresses that no other server would.
func TestDotsOfCarriers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a..b@docomo.ne.jp", "a.@docomo.ne.jp", "a...@ezweb.ne.jp"} {
		if got, err := CustomerEmail(text); err != nil || got != text {
			t.Errorf("a customer's %s is %q, %v", text, got, err)
		}
		if got, err := Email(text); err == nil {
			t.Errorf("%s is %q", text, got)
		}
	}
}

// Over all of Unicode: two local parts are one address exactly when they are canonically
// equivalent, or differ in the case of ASCII letters. What cannot be seen makes none.
func TestEveryCharacterOfEmails(t *testing.T) {
	t.Parallel()
	first := make(map[string]rune)
	for c := rune(0); c <= unicode.MaxRune; c++ {
		if unicode.Is(unicode.Cs, c) { // halves of pairs are no text
			continue
		}
		text := "a" + string(c) + "b@example.com"
		form, err := Email(text)
		if err != nil {
			if unicode.IsLetter(c) && norm.NFC.String(string(c)) == string(c) &&
				!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, c) {
				t.Errorf("%U, a letter, makes no address: %v", c, err)
			}
			continue
		}
		if unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Co) {
			t.Errorf("%U makes the address %q", c, form)
		}
		if again, err := Email(form); err != nil || again != form {
			t.Errorf("the form of %U is %q, and its form %q, %v", c, form, again, err)
		}
		if c > unicode.MaxASCII && len(form) == len("axb@example.com") && letter(rune(form[1])) {
			t.Errorf("%U writes %q", c, form)
		}
		other, taken := first[form]
		if !taken {
			first[form] = c
			continue
		}
		if norm.NFC.String(string(c)) != norm.NFC.String(string(other)) && string(c) != strings.ToLower(string(other)) {
			t.Errorf("%U and %U are one address, %q", c, other, form)
		}
	}
}

// Over all of Unicode: a domain is what a browser would look up.
func TestEveryCharacterOfDomains(t *testing.T) {
	t.Parallel()
	last := rune(unicode.MaxRune)
	if testing.Short() {
		last = 0xffff
	}
	for c := rune(unicode.MaxASCII + 1); c <= last; c++ {
		if unicode.Is(unicode.Cs, c) {
			continue
		}
		name := "x" + string(c) + ".example"
		want, err := idna.Lookup.ToASCII(name)
		if err == nil {
			want, err = idna.Lookup.ToASCII(want) // of some characters it is no name
		}
		got, wrong := Email("a@" + name)
		if (err == nil && hostname(want)) != (wrong == nil) || wrong == nil && got != "a@"+want {
			t.Errorf("%U: the domain is %q, %v, want %q, %v", c, got, wrong, want, err)
		}
	}
}

// Over all of Unicode: an address is the same in any order of composing and lowering.
func TestFormsOfEmails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mostly := func(usual string) *rapid.Generator[rune] {
			runes := rapid.RuneFrom([]rune(usual))
			return rapid.OneOf(runes, runes, runes, runes, runes, runes, rapid.Rune())
		}
		local := rapid.StringOfN(mostly("aAbJ+-_\u0301\u030c\u0331\u0308é\u00c9ßſ"), 0, 8, 56)
		domain := rapid.StringOfN(mostly("aAü\u0308.ßſ。"), 0, 8, 100)
		text := "x" + local.Draw(t, "local") + "@x" + domain.Draw(t, "domain") + "x.example"
		form, err := CustomerEmail(text)
		if err != nil {
			return
		}
		if _, host, _ := strings.Cut(form, "@"); !ASCII(host) || host != strings.ToLower(host) {
			t.Fatalf("the domain of %q is %q", text, host)
		}
		for _, same := range []string{
			form, norm.NFC.String(text), norm.NFD.String(text), Fold(norm.NFC.String(text)),
			strings.Map(func(c rune) rune {
				if 'a' <= c && c <= 'z' {
					c -= 'a' - 'A'
				}
				return c
			}, norm.NFC.String(text)),
		} {
			if again, err := CustomerEmail(same); err != nil || again != form {
				t.Fatalf("%q is %q, but %q is %q, %v", text, form, same, again, err)
			}
		}
	})
}
