package httpapi

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// halfOfPair stands for half of a surrogate pair, which is not a character.
	halfOfPair rune = -1
	// notUTF8 is where a string has one. The body is valid UTF-8, so that no other string
	// is not.
	notUTF8  = 0xff
	halfText = "half of a surrogate pair, which is not a character"
)

// string reads a string. One without escapes is a substring of the text.
func (p *parser) string() (string, error) {
	p.at++
	begin := p.at
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return p.text[begin : p.at-1], nil
		case c == '\\':
			return p.escaped(begin)
		case c < ' ':
			return "", p.unexpected("in a string")
		}
		p.at++
	}
	return "", p.unexpected("in a string")
}

// escaped continues where string found the first backslash.
func (p *parser) escaped(begin int) (string, error) {
	b := []byte(p.text[begin:p.at])
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case c == '"':
			p.at++
			return string(b), nil
		case c < ' ':
			return "", p.unexpected("in a string")
		case c != '\\':
			b = append(b, c)
			p.at++
			continue
		}
		p.at++
		r, err := p.escape()
		if err != nil {
			return "", err
		}
		if r == halfOfPair {
			b = append(b, notUTF8)
			continue
		}
		b = utf8.AppendRune(b, r)
	}
	return "", p.unexpected("in a string")
}

// escape reads what follows a backslash.
func (p *parser) escape() (rune, error) {
	if p.at >= len(p.text) {
		return 0, p.unexpected("")
	}
	const letters, meant = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if at := strings.IndexByte(letters, p.text[p.at]); at >= 0 {
		p.at++
		return rune(meant[at]), nil
	}
	if p.text[p.at] != 'u' {
		return 0, p.unexpected("after a backslash")
	}
	r, err := p.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if strings.HasPrefix(p.text[p.at:], `\u`) {
		next := p.at
		p.at++
		low, err := p.hex()
		if err != nil {
			return 0, err
		}
		if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
			return whole, nil
		}
		p.at = next
	}
	return halfOfPair, nil
}

// hex reads the u and the four digits of an escape.
func (p *parser) hex() (rune, error) {
	p.at++
	var r rune
	for range 4 {
		if p.at >= len(p.text) {
			return 0, p.unexpected("")
		}
		c := p.text[p.at]
		switch lower := c | 0x20; {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= lower && lower <= 'f':
			r = r<<4 | rune(lower-'a'+10)
		default:
			return 0, p.unexpected("in an escape")
		}
		p.at++
	}
	return r, nil
}
