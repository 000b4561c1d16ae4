package form

import (
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPage(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://shop.example/pricing?plan=1&ref=JANE":          "https://shop.example/pricing?ref=JANE",
		"https://shop.example/reset?token=secret123":            "https://shop.example/reset",
		"http://a.example/?utm_source=x&utm_medium=y&sub=3&z=1": "http://a.example/?utm_source=x&utm_medium=y&sub=3",
		"https://jane:pw@shop.example/a#access_token=1":         "https://shop.example/a",
		"/pricing?via=jane&email=a@b.example":                   "/pricing?via=jane",
		"//shop.example/x?q=1":                                  "//shop.example/x",
		"https://shop.example/a%2Fb?REF=x":                      "https://shop.example/a%2Fb",
		"https://jane:p@w@shop.example/@a/b@c?ref=x&token=1":    "https://shop.example/@a/b@c?ref=x",
		"https://shop.example/für?ref=Ü":                        "https://shop.example/für?ref=Ü",
		"mailto:jane@shop.example":                              "",
		"javascript:alert(1)":                                   "",
		"android-app://com.google.android.gm/":                  "",
		"https://shop.example/%zz":                              "",
		"":                                                      "",
	} {
		if got := Page(text, MaxURL); got != want {
			t.Errorf("%q is kept as %q, want %q", text, got, want)
		}
	}
}

// Nothing of a query is kept but what says how somebody came, whatever the URL is.
func TestPageKeepsNoSecret(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const canary = "s3cr3t"
		name := rapid.StringMatching(`[a-zA-Z_\[\]%;+-]{0,6}`).Draw(t, "name")
		query := rapid.StringMatching(`[a-z0-9=&;%+]{0,20}`).Draw(t, "query")
		text := "https://shop.example/" + rapid.StringMatching(`[a-z/%.]{0,9}`).Draw(t, "path") +
			"?" + query + "&" + name + "=" + canary + "#" + canary
		decoded, err := url.QueryUnescape(name)
		if err == nil && (strings.HasPrefix(decoded, "utm_") || decoded == "ref" || decoded == "via" || decoded == "sub") {
			t.Skip()
		}
		page := Page(text, MaxURL)
		if strings.Contains(page, canary) || Page(page, MaxURL) != page {
			t.Fatalf("%q is kept as %q", text, page)
		}
	})
}
