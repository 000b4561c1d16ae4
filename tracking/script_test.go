package tracking_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/tracking"
)

func TestScript(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	get := func(target string) (http.Header, string) {
		t.Helper()
		a := serve(mux, w.request("GET", target))
		if a.Code != http.StatusOK {
			t.Errorf("%s: %d", target, a.Code)
		}
		return a.Header(), a.Body.String()
	}
	h, text := get("/refgrow.js")
	for name, want := range map[string]string{
		"Content-Type": "text/javascript; charset=utf-8", "X-Content-Type-Options": "nosniff",
		"Cache-Control": "public, max-age=300", "Set-Cookie": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if !strings.HasSuffix(text, `})(60, "last", "");`+"\n") {
		t.Errorf("the script ends with %q", text[len(text)-40:])
	}

	days := 400
	first := refgrow.TouchFirst
	w.set(refgrow.UpdateSettingsParams{Touch: &first, CookieDays: &days})
	if _, text := get("/refgrow.js"); !strings.HasSuffix(text, `})(400, "first", "");`+"\n") {
		t.Errorf("the script ends with %q", text[len(text)-40:])
	}

	// Nothing from a request is in it.
	_, text = get("/refgrow.js")
	for _, target := range []string{"/refgrow.js?<script>alert(1)</script>",
		"/refgrow.js?project=evil&ref=EVIL&callback=evil", "/refgrow.js?ref=JANE"} {
		r := w.request("GET", "/refgrow.js", "Host", "evil.example",
			"Referer", "https://evil.example", "Origin", "https://evil.example")
		r.URL.RawQuery = strings.TrimPrefix(target, "/refgrow.js?")
		a := serve(mux, r)
		if a.Body.String() != text || len(a.Header()["Set-Cookie"]) > 0 ||
			a.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s is another script: %v %s", target, a.Header(), a.Body)
		}
	}
}

// The script gets the domain that http.SetCookie would write, and nothing else.
func TestScriptIsToldTheCookieDomain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, test := range []struct{ domain, want string }{
		{"example.com", "example.com"}, {".Example.com", "example.com"}, {"127.0.0.1", "127.0.0.1"}, {"", ""},
		{"..example.com", ""}, {`example.com", alert(1), "`, ""},
		{"</script>", ""}, {"example.com; secure", ""}, {"DAYS", "days"},
	} {
		tracker := w.tracker(tracking.Options{CookieDomain: test.domain})
		text := serve(http.HandlerFunc(tracker.ServeScript), w.request("GET", "/refgrow.js")).Body.String()
		if !strings.HasSuffix(text, `})(60, "last", "`+test.want+`");`+"\n") {
			t.Errorf("%q: the script ends with %q", test.domain, text[len(text)-60:])
		}
		cookie := visit(tracker, w.request("GET", "/?ref=JANE")).Cookies()[0]
		if got := strings.ToLower(cookie.Domain); got != test.want {
			t.Errorf("%q: the middleware's cookie is for %q", test.domain, got)
		}
	}
}

// What a strict Content-Security-Policy forbids is not in the script, and it is small.
func TestScriptIsSmallAndStrict(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("refgrow.js")
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if zipped.Len() >= 2048 {
		t.Errorf("it has %d bytes when compressed", zipped.Len())
	}
	for _, word := range []string{
		"eval", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
		"Function(", "setTimeout", "setInterval", "createElement", ".style", "javascript:",
		"=>", "`", "let ", "const ", "class ", "import", "http://", "https://",
	} {
		if bytes.Contains(text, []byte(word)) {
			t.Errorf("there is %q in it", word)
		}
	}
	for _, place := range []string{"DAYS", "TOUCH", "DOMAIN"} {
		if n := bytes.Count(text, []byte(place)); n != 1 {
			t.Errorf("%s is in it %d times", place, n)
		}
	}
}

// What Register mounts, alongside the pages of an app.
func TestRegister(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	for _, test := range []struct {
		method, target string
		status         int
		page           bool
	}{
		{"GET", "/", 200, true}, {"GET", "/r/", 200, true}, {"GET", "/r/JANE/more", 200, true},
		{"GET", "/refgrow/track", 200, true},
		{"GET", "/r/JANE", 302, false}, {"HEAD", "/r/JANE", 302, false}, {"POST", "/r/JANE", 405, false},
		{"GET", "/refgrow.js", 200, false}, {"HEAD", "/refgrow.js", 200, false}, {"POST", "/refgrow.js", 405, false},
		{"POST", "/refgrow/track", 202, false}, {"OPTIONS", "/refgrow/track", 204, false},
		{"PUT", "/refgrow/track", 405, false},
	} {
		a := serve(mux, w.request(test.method, test.target))
		if a.Code != test.status || strings.Contains(a.Body.String(), "a page") != test.page {
			t.Errorf("%s %s: %d %q", test.method, test.target, a.Code, a.Body)
		}
	}
}
