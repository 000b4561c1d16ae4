package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

var awkward = []string{
	"", "plain", `quotes " and \ and /`, "\x00\x01\x1f\x7f\t\r\n\b\f",
	"\u2028\u2029", "é ü ß 日本語 🙂", "\xff", "a\xc3", "\xc3(", "\xed\xa0\x80",
	"\xf4\x90\x80\x80", "</script><b>&", strings.Repeat("x", 5000) + `"`, "\ufffd", "\ufeff", "\u0085\u00a0",
}

// What is written is what encoding/json reads back.
func checkText(t *testing.T, s string) {
	t.Helper()
	written := httpapi.AppendText([]byte("x"), s)[1:]
	var read string
	if err := json.Unmarshal(written, &read); err != nil {
		t.Fatalf("%q becomes %s: %v", s, written, err)
	}
	if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && read != want ||
		utf8.RuneCountInString(read) != utf8.RuneCountInString(s) {
		t.Errorf("%q becomes %s, which is %q", s, written, read)
	}
	if bytes.ContainsAny(written, "\u2028\u2029") || !utf8.Valid(written) {
		t.Errorf("%q becomes %q", s, written)
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, s := range awkward {
		checkText(t, s)
	}
	for r := range rune(0x3000) {
		checkText(t, "a"+string(r)+"b")
	}
}

// checkObject compares what is read from a text with what encoding/json reads. Ours is
// stricter in the ways that are named, and in no others.
func checkObject(t *testing.T, text string) {
	t.Helper()
	ours, err := httpapi.ReadObject(text)
	text = strings.TrimPrefix(text, "\ufeff") // which may come before it
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var theirs any
	wrong := decoder.Decode(&theirs)
	_, isObject := theirs.(map[string]any)
	if !json.Valid([]byte(text)) || !isObject {
		wrong = errors.Join(wrong, errors.New("not an object, or something after it"))
	}
	switch {
	case err == nil && wrong != nil:
		t.Fatalf("%q is accepted; encoding/json says %v", text, wrong)
	case err == nil:
		if !reflect.DeepEqual(halves(ours), theirs) || !utf8.ValidString(text) {
			t.Fatalf("%q is read as %v, want %v", text, ours, theirs)
		}
	case wrong == nil:
		for _, reason := range []string{"UTF-8", "twice", "surrogate", "nested", "fields", "values"} {
			if strings.Contains(err.Error(), reason) {
				return
			}
		}
		t.Fatalf("%q is refused: %v", text, err)
	}
}

// halves has the character that encoding/json reads where a text has half of a surrogate
// pair.
func halves(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "\xff", "\ufffd")
	case []any:
		for i := range v {
			v[i] = halves(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = halves(v[name])
		}
	}
	return v
}

var objects = []string{
	`{}`, ` { } `, `{"a":1}`, `{"a":1,"b":[1,2,{"c":null}],"d":{"e":{}}}`,
	`{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude42"}`, `{"a":-0.5e+10}`, `{"a":1e5}`,
	`{"a":[]}`, `{"a":[ ]}`, `{"a":true,"b":false}`, `{"\u0061":1}`,
	"{\n\t\"a\"\r:\n1\t}", `{"":""}`, `{"a":1,"a":2}`, `{"a":"\ud800"}`, `{"a":"\ud800\u0041"}`,
	`{"a":01}`, `{"a":1.}`, `{"a":.1}`, `{"a":+1}`, `{"a":1e}`, `{"a":-}`,
	`{"a":tru}`, `{"a":nul}`, `{"a"}`, `{"a":}`, `{,}`, `{"a":1,}`, `{"a":[1,]}`, `{"a":[,1]}`,
	`{"a":"`, `{"a":"\`, `{"a":"\u12`, `{"a":"\uzzzz"}`, `{"a":"\q"}`,
	"{\"a\":\"\x01\"}", `[]`, `null`, `1`, `""`, ``, ` `, `{"a":1}x`, `{"a":1}{}`, `{"a":truex}`,
	`{"a":{"b":1,"b":2}}`, `{"a":1 "b":2}`, "{\"a\":\"\xff\"}", "\ufeff{}",
	`{"a":0}`, `{"a":-0}`, `{"a":00}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":/**/1}`,
	"{\"a\":\"\t\"}", "{\"a\":\"\\n\n\"}", "{\"a\":\"\x1f\"}", "{\"a\x00\":1}",
	"{\"a\":\"\x7f\u2028\"}", "{\f}", `{"a":[{"b":1,"b":1}]}`, `{"a":"\u0000"}`, `{"a":"\uD83D\uDe42x"}`,
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for _, text := range objects {
		checkObject(t, text)
		for i := range text { // and every beginning of it
			checkObject(t, text[:i])
		}
	}
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	if _, err := httpapi.ParseObject(deep(httpapi.MaxDepth)); err != nil {
		t.Error(err)
	}
	if _, err := httpapi.ParseObject(deep(httpapi.MaxDepth + 1)); err == nil {
		t.Error("a deeper one is accepted")
	}
}

// Texts come back as they were sent, but for blanks around them.
func TestTextsThroughTheAPI(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	for _, s := range awkward {
		if strings.TrimFunc(s, blank) != s || s == "" || !utf8.ValidString(s) ||
			strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 }) || len(s) > 255 {
			continue
		}
		sent, err := json.Marshal(map[string]any{"type": "signup", "product": s, "url": s})
		must(t, err)
		id := w.do(t, "POST", "/conversions", string(sent)).ok(t, 201).id()
		if got := w.do(t, "GET", "/conversions/"+id, "").ok(t, 200).data(); got["product"] != s || got["url"] != s {
			t.Errorf("%q comes back as %q", s, got["product"])
		}
	}
}
