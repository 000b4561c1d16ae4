package httpapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/httpapi"
)

// An app can have the page about the API wherever it likes.
func TestReferencePage(t *testing.T) {
	t.Parallel()
	page := httpapi.Reference()
	get := func(method, known string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, "/anything", nil)
		r.Header.Set("If-None-Match", known)
		got := httptest.NewRecorder()
		page.ServeHTTP(got, r)
		return got
	}
	got := get("GET", "")
	tag := got.Header().Get("ETag")
	for _, o := range openAPI().operations() {
		if !strings.Contains(got.Body.String(), ` id="`+strings.ToLower(o.id)+`"`) {
			t.Errorf("the page does not have %s", o.id)
		}
	}
	h := got.Header()
	if got.Code != 200 || h.Get("Cache-Control") != "public, no-cache" || len(tag) < 20 ||
		h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", got.Code, got.Header())
	}
	if got := get("HEAD", `"other"`); got.Code != 200 || got.Body.Len() > 0 {
		t.Errorf("HEAD: %d %v", got.Code, got.Header())
	}
	if got := get("GET", tag); got.Code != 304 || got.Body.Len() > 0 || got.Header().Get("ETag") != tag {
		t.Errorf("known: %d %v", got.Code, got.Header())
	}
	if got := get("POST", ""); got.Code != 405 || got.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", got.Code, got.Header())
	}
}
