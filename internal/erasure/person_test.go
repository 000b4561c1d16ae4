package erasure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
)

// jane is somebody with everything.
func jane() Person {
	return Person{
		Emails: []string{"jane@example.com", "pay@example.com"},
		Codes:  []string{"jane", "jane-old", "save10"},
		Others: []string{"co_jane", "4711", `a "<b>" & c`},
	}
}

func TestWhatIsShownOfTheErased(t *testing.T) {
	t.Parallel()
	if Shown(124) != "erased-124" || Email(124) != "erased-124@erased.invalid" {
		t.Errorf("shown are %s and %s", Shown(124), Email(124))
	}
	if !Is(124, Email(124)) || Is(12, Email(124)) || Is(124, "jane@example.com") {
		t.Error("an email is taken for that of somebody erased, or is not")
	}
	for email, free := range map[string]bool{
		"jane@example.com": true, "erased-1@example.com": true, "": true, "jane@not-erased.invalid": true,
		"erased-1@erased.invalid": false, "jane@erased.invalid": false,
	} {
		if err := Free(email); (err == nil) != free {
			t.Errorf("%q is free: %v", email, err)
		}
	}
}

func TestHashes(t *testing.T) {
	t.Parallel()
	is := Hash(1, ReferralCode, "Jane")
	if len(is) != 16 || !bytes.Equal(is, Hash(1, ReferralCode, "jANE")) {
		t.Errorf("the hash is %x", is)
	}
	for what, other := range map[string][]byte{
		"another program": Hash(2, ReferralCode, "jane"), "a coupon": Hash(1, CouponCode, "jane"),
		"another code": Hash(1, ReferralCode, "jane1"), "a number moved": Hash(11, ReferralCode, "jane"),
	} {
		if bytes.Equal(is, other) {
			t.Errorf("%s has the same hash", what)
		}
	}
}

func TestPersonIsKept(t *testing.T) {
	t.Parallel()
	text, err := jane().Text()
	if err != nil {
		t.Fatal(err)
	}
	got, err := personOf(&db.Erasure{Names: text})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(jane()) {
		t.Errorf("read back is %v (%v)", got, err)
	}
	if got, err := personOf(&db.Erasure{}); err != nil || fmt.Sprint(got) != fmt.Sprint(Person{}) {
		t.Errorf("nothing is %v (%v)", got, err)
	}
	if got := Lower([]string{"a"}, "B", "", "b", "A", "\u00c4"); !slices.Equal(got, []string{"a", "b", "\u00c4"}) {
		t.Errorf("in lower case it is %q", got)
	}
}

// A text is found in JSON however its writer escapes it.
func TestWords(t *testing.T) {
	t.Parallel()
	words := jane().words()
	for _, want := range []string{
		"jane", "pay@example.com", `a "<b>" & c`, `a \"<b>\" & c`, `a \"\u003cb\u003e\" \u0026 c`,
	} {
		if !slices.Contains(words, want) {
			t.Errorf("%s is not in %q", want, words)
		}
	}
}

func TestMentions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{}`: false, `[]`: false, `null`: false, `"jane"`: false,
		`{"user_email": "Jane@Example.com"}`:                       true,
		`{"anything": "PAY@example.com"}`:                          true,
		`{"a": {"b": [{"c": "jane@example.com"}]}}`:                true,
		`{"user_email": "jane2@example.com"}`:                      false,
		`{"referral_code": "JANE"}`:                                true,
		`{"referral_code": "joe.Jane.bob"}`:                        true,
		`{"referral_code": " jane/ "}`:                             true,
		`{"referral_code": "janet"}`:                               false,
		`{"partner_slug": "jane-old"}`:                             true,
		`{"coupon_code_used": "SAVE10"}`:                           true,
		`{"coupon_code_used": "CO_Jane"}`:                          true,
		`{"changes": {"coupon_code_used": [null, "save10"]}}`:      true,
		`{"product": "jane"}`:                                      false,
		`{"reference": "co_jane"}`:                                 false,
		`{"note": "4711"}`:                                         false,
		`{"accountId": "4711"}`:                                    true,
		`{"wise_name": "A \"<b>\" & c"}`:                           true,
		`{"external_id": "CO_JANE"}`:                               true,
		`{"external_ids": ["x", "co_jane"]}`:                       true,
		`{"url": "https://example.com/jane?q=jane"}`:               false,
		`{"url": "https://example.com/?a=1&ref=JANE#x"}`:           true,
		`{"referrer": "https://example.com/?via=save10"}`:          true,
		`{"affiliate_id": 1, "id": 2, "user_email": "x@a.b"}`:      false,
		`no JSON, but jane@example.com is in it`:                   true,
		`no JSON, and jane is only a word`:                         false,
		`{"referral_code": "jane"} {"referral_code": "something"}`: false, // no JSON
	} {
		if got := jane().mentionsIn([]byte(text)).person; got != want {
			t.Errorf("%s names jane: %v", text, got)
		}
	}
	m := Person{}.mentionsIn([]byte(`{"data": [
		{"id": 1, "user_email": "a@example.com", "referral_code": "x"}, {"id": 2, "conversion_status": "pending"},
		{"id": 3, "affiliate_id": 4, "referred_user_id": 5}, {"id": 6.5, "conversion_status": ""}, {"affiliate_id": "7"}]}`))
	if got := fmt.Sprint(m.affiliates, m.customers, m.emails); got != "[1 4] [2 5] [a@example.com]" {
		t.Errorf("named are %s", got)
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]string{
		"https://example.com/":                                "",
		"https://example.com/jane":                            "",
		"https://example.com/?ref=joe":                        "",
		"https://example.com/?sub=jane&utm_source=jane":       "",
		"https://example.com/?ref=JANE":                       "https://example.com/?ref=X",
		"https://example.com/?a=1&via=jane-old&b=%20#ref":     "https://example.com/?a=1&via=X&b=%20#ref",
		"https://example.com/?ref=%4aane&via=save10":          "https://example.com/?ref=X&via=X",
		"https://example.com/?ref=jane%2F&ref=joe&via=%zz":    "https://example.com/?ref=X&ref=joe&via=%zz",
		"https://example.com/#?ref=jane":                      "https://example.com/#?ref=X",
		"?ref=jane":                                           "?ref=X",
		"https://example.com/?to=https://a.example/?ref=jane": "",
	} {
		got, found := jane().Rename(page, "X")
		if wanted := want; found != (want != "") || found && got != wanted || !found && got != page {
			t.Errorf("%s becomes %s (%v), want %s", page, got, found, want)
		}
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	const long = `{"referral_code": "joe.JANE.bob", "id": 12345678901234567890, "value": 1.50}`
	for text, want := range map[string]string{
		`{}`: `{}`, `[ 1 , "x" ]`: `[1,"x"]`, `null`: `null`, `-1.50`: `-1.50`,
		long: `{"referral_code":"joe.X.bob","id":12345678901234567890,"value":1.50}`,
		`{"coupon_code_used": "CO_jane", "product": "jane"}`: `{"coupon_code_used":"X","product":"jane"}`,
		`{"user_email": "Jane@example.com", "b": "x@a.b"}`:   `{"user_email":"X@erased.invalid","b":"x@a.b"}`,
		`{"url": "https://a.b/?ref=jane&q=\u00e9"}`:          `{"url":"https://a.b/?ref=X&q=` + "\u00e9" + `"}`,
		`{"changes": {"referral_code": ["JANE", null]}}`:     `{"changes":{"referral_code":["X",null]}}`,
	} {
		if got, err := jane().without([]byte(text), "X"); err != nil || string(got) != want {
			t.Errorf("%s becomes %s (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{`{`, `{"a"}`, `[1,`, `"x`, `{"a": "\ud83d`} {
		if got, err := jane().without([]byte(text), "X"); err == nil {
			t.Errorf("%s becomes %s", text, got)
		}
	}
}

// Whatever is put together of fields and texts: afterwards nobody is named, what did not
// name the person is what it was, and doing it again changes nothing.
func TestNobodyIsNamedAfterwards(t *testing.T) {
	t.Parallel()
	of := jane()
	names := append(slices.Concat(of.Emails, of.Codes, of.Others),
		"joe", "joe.jane", "Jane.joe.SAVE10", "x@example.com", "", "https://a.example/?ref=jane&x=jane",
		"https://a.example/?via=joe#ref=jane", "jane/", "JANE@EXAMPLE.COM", "\u00e9 <&>\u2028")
	fields := []string{
		"user_email", "referral_code", "coupon_code_used", "url", "referrer", "partner_slug", "external_id",
		"external_ids", "accountId", "wise_name", "product", "note",
	}
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		return rapid.Custom(func(t *rapid.T) any {
			kind := rapid.IntRange(0, 5).Draw(t, "kind")
			switch {
			case kind == 4 && depth > 0:
				return rapid.SliceOfN(value(depth-1), 0, 3).Draw(t, "list")
			case kind == 5 && depth > 0:
				return rapid.MapOfN(rapid.SampledFrom(fields), value(depth-1), 0, 4).Draw(t, "object")
			case kind == 3:
				return rapid.Int64().Draw(t, "number")
			}
			text := rapid.SampledFrom(names).Draw(t, "text")
			if rapid.Bool().Draw(t, "upper") {
				text = strings.ToUpper(text)
			}
			return text
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		before, err := json.Marshal(rapid.MapOfN(rapid.SampledFrom(fields), value(3), 0, 6).Draw(t, "object"))
		if err != nil {
			t.Fatal(err)
		}
		after, err := of.without(before, "erased-7")
		if err != nil {
			t.Fatal(err)
		}
		if of.mentionsIn(after).person {
			t.Fatalf("%s still names jane: %s", before, after)
		}
		again, err := of.without(after, "erased-7")
		if err != nil || !bytes.Equal(again, after) {
			t.Fatalf("%s becomes %s (%v)", after, again, err)
		}
		if !of.mentionsIn(before).person && normal(t, before) != normal(t, after) {
			t.Fatalf("%s does not name jane, and becomes %s", before, after)
		}
		// One word of each search is in what names her.
		if of.mentionsIn(before).person && !slices.ContainsFunc(of.words(), func(word string) bool {
			return strings.Contains(strings.ToLower(string(before)), word)
		}) {
			t.Fatalf("no word of %q finds %s", of.words(), before)
		}
	})
}

func normal(t *rapid.T, text []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%#v", value)
}
