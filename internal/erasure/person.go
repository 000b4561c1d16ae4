package erasure

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// A Person is what names an affiliate or a customer in texts, all of it in lower case.
// Its tags are the form in which the database keeps it until the copies are gone.
type Person struct {
	Emails []string `json:"emails,omitempty"`
	// Codes are referral codes, slugs and coupons.
	Codes []string `json:"codes,omitempty"`
	// Others name the person only where they are expected: accounts of payment services,
	// external ids, names.
	Others []string `json:"others,omitempty"`
	// Former says that some of the others were found in conversions: codes of coupons that
	// are gone.
	Former bool `json:"former,omitempty"`
}

// Text returns the form in which the database keeps a person.
func (p Person) Text() (string, error) {
	text, err := json.Marshal(p)
	return string(text), err
}

// Lower adds texts to a list, in lower case and once each, without empty ones.
func Lower(list []string, texts ...string) []string {
	for _, text := range texts {
		if text = form.Fold(text); text != "" && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// personOf reads what the database keeps of a person. Errors: stored.ErrDamaged.
func personOf(job *db.Erasure) (p Person, err error) {
	if job.Names == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(job.Names), &p); err != nil {
		return p, fmt.Errorf("%w: the names of erasure %d: %w", stored.ErrDamaged, job.ID, err)
	}
	return p, nil
}

// Shown is what is shown of a code of an affiliate of whom nothing else is left.
func Shown(id int64) string { return "erased-" + strconv.FormatInt(id, 10) }

// Email is what is shown instead of the email of somebody of whom nothing else is left.
func Email(id int64) string { return Shown(id) + "@" + Domain }

// Is reports whether an email is what is shown instead of one.
func Is(id int64, email string) bool { return email == Email(id) }

// Free refuses an email that is kept for people of whom nothing else is left.
func Free(email string) error {
	if strings.HasSuffix(email, "@"+Domain) {
		return errors.New("must be an address: those at " + Domain + " are shown instead of erased ones")
	}
	return nil
}

// Domain is that of the emails that Email returns. No mail arrives there.
const Domain = "erased.invalid"

// A CodeKind says what a code is one of. Codes and coupons have a namespace each.
type CodeKind string

// The kinds of codes. A partner slug is a referral code, and a provider's id of a coupon
// one of the coupon's codes.
const (
	ReferralCode CodeKind = "code"
	CouponCode   CodeKind = "coupon"
)

// Hash is what is kept of a code that stays in use.
func Hash(project int64, kind CodeKind, code string) []byte {
	sum := sha256.Sum256([]byte(strconv.FormatInt(project, 10) + " " + string(kind) + " " + form.Fold(code)))
	return sum[:16]
}

// words are parts of a text in which the person may be named, in the form in which JSON
// has them.
func (p Person) words() []string {
	var words []string
	for _, list := range [][]string{p.Emails, p.Codes, p.Others} {
		for _, text := range list {
			quoted, err := json.Marshal(text) // as decisions have it
			if err == nil {
				words = Lower(words, string(quoted[1:len(quoted)-1]))
			}
			shown := wire.AppendText(nil, text) // as the API and events have it
			words = Lower(words, text, string(shown[1:len(shown)-1]))
		}
	}
	return words
}

// Mentions are those whom a JSON text names.
type mentions struct {
	affiliates, customers []int64
	emails                []string // in lower case
	person                bool     // one of the texts of the person is where it names somebody
}

// mentionsIn reads a JSON text. What is no JSON can only be searched for emails.
func (p Person) mentionsIn(text []byte) mentions {
	var m mentions
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		lower := form.Fold(string(text))
		m.person = slices.ContainsFunc(p.Emails, func(email string) bool { return strings.Contains(lower, email) })
		return m
	}
	m.add(p, "", value)
	return m
}

// add notes whom a value names that is the member of a name.
func (m *mentions) add(p Person, name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		m.object(v)
		for name, member := range v {
			m.add(p, name, member)
		}
	case []any:
		for _, member := range v {
			m.add(p, name, member)
		}
	case json.Number:
		id, err := v.Int64()
		switch {
		case err != nil:
		case name == "affiliate_id":
			m.affiliates = append(m.affiliates, id)
		case name == "referred_user_id":
			m.customers = append(m.customers, id)
		}
	case string:
		m.text(p, name, v)
	}
}

// object notes whom an object is about, as the API shows affiliates and referred users.
func (m *mentions) object(members map[string]any) {
	number, _ := members["id"].(json.Number)
	id, err := number.Int64()
	if err != nil {
		return
	}
	_, email := members["user_email"]
	_, code := members["referral_code"]
	_, status := members["conversion_status"]
	switch {
	case status:
		m.customers = append(m.customers, id)
	case email && code:
		m.affiliates = append(m.affiliates, id)
	}
}

func (m *mentions) text(p Person, name, text string) {
	lower := form.Fold(text)
	switch {
	case strings.Contains(lower, "@"):
		m.emails = append(m.emails, lower)
		m.person = m.person || p.hasEmail(text)
	case strings.Contains(name, "url") || strings.Contains(name, "referrer"):
		_, named := p.Rename(text, "")
		m.person = m.person || named
	case strings.Contains(name, "code") || strings.Contains(name, "slug") || strings.Contains(name, "coupon"):
		m.person = m.person || slices.ContainsFunc(strings.Split(lower, "."), p.hasCode) || slices.Contains(p.Others, lower)
	case strings.HasPrefix(name, "external_id") || strings.Contains(name, "wise") || name == "accountId":
		m.person = m.person || slices.Contains(p.Others, lower)
	}
}

// without puts something else in the place of what names the person in a JSON text.
func (p Person) without(text []byte, shown string) ([]byte, error) {
	if !json.Valid(text) {
		return nil, fmt.Errorf("%w: %.64q is not JSON", stored.ErrDamaged, text)
	}
	return p.replaced(nil, "", text, shown)
}

// replaced appends a value that is the member of a name.
func (p Person) replaced(b []byte, name string, value json.RawMessage, shown string) ([]byte, error) {
	switch value = bytes.TrimSpace(value); {
	case bytes.HasPrefix(value, []byte("{")):
		members, err := outbox.Members(value)
		if err != nil {
			return nil, err
		}
		o := wire.Begin(b)
		for _, m := range members {
			o.Member(m.Name)
			if o.B, err = p.replaced(o.B, m.Name, m.Value, shown); err != nil {
				return nil, err
			}
		}
		return o.End(), nil
	case bytes.HasPrefix(value, []byte("[")):
		var list []json.RawMessage
		if err := json.Unmarshal(value, &list); err != nil {
			return nil, err
		}
		b = append(b, '[')
		for i, member := range list {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = p.replaced(b, name, member, shown); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case bytes.HasPrefix(value, []byte(`"`)):
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, err
		}
		return wire.AppendText(b, p.instead(name, text, shown)), nil
	}
	return append(b, value...), nil
}

// instead is a text that is the member of a name, or what stands in its place: shown for
// each of the codes of the person, and for a name of the person.
func (p Person) instead(name, text, shown string) string {
	var m mentions
	if m.text(p, name, text); !m.person {
		return text
	}
	if renamed, found := p.Rename(text, shown); found {
		return renamed
	}
	if p.hasEmail(text) {
		return shown + "@" + Domain
	}
	codes := strings.Split(text, ".")
	for i := range codes {
		if p.hasCode(codes[i]) {
			codes[i] = shown
		}
	}
	if joined := strings.Join(codes, "."); joined != text {
		return joined
	}
	return shown
}

// hasCode reports whether a text is a code of the person, with what may surround it in a
// link.
func (p Person) hasCode(text string) bool {
	return slices.Contains(p.Codes, form.Fold(form.LinkCode(text)))
}

// hasEmail reports whether a text is an email of the person, in any of its forms.
func (p Person) hasEmail(text string) bool {
	if !strings.Contains(text, "@") {
		return false
	}
	if email, err := form.CustomerEmail(text); err == nil {
		text = email
	}
	return slices.Contains(p.Emails, form.Fold(text))
}

// Rename puts another text in the place of a code of the person in the query of a URL,
// where links have it, and reports whether there was one. Elsewhere a word that equals a
// code is only a word.
func (p Person) Rename(page, to string) (string, bool) {
	before, query, ok := strings.Cut(page, "?")
	if !ok {
		return page, false
	}
	query, fragment, _ := strings.Cut(query, "#")
	parts, found := strings.Split(query, "&"), false
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(value)
		if err == nil && (name == "ref" || name == "via") && p.hasCode(plain) {
			parts[i], found = name+"="+to, true
		}
	}
	if !found {
		return page, false
	}
	page = before + "?" + strings.Join(parts, "&")
	if fragment != "" {
		page += "#" + fragment
	}
	return page, true
}
