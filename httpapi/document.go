package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"

	"github.com/refgrow-go/refgrow/docs"
)

// documentPath is where the document about the API is, below the API's prefix.
const documentPath = "/openapi.json"

// documentTag names the version of the document, for caches.
//
//nolint:gochecknoglobals // a constant in all but name
var documentTag = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(docs.OpenAPI()))
	return `"` + hex.EncodeToString(sum[:16]) + `"`
})

// document answers with the document about the API. It is the same for everybody, and
// says nothing about any program: so it needs no key, like OPTIONS, and is not counted.
func (a *api) document(h http.Header, r *http.Request, segments []string) (answer, error) {
	ofFailures(a.failures.Look(a.clientIP(r))).write(h)
	if _, _, err := a.router.find(r.Method, segments); err != nil {
		return answer{}, err
	}
	// Whoever has it asks whether it is still the same: it changes with the server.
	h.Set("Cache-Control", "public, no-cache")
	h.Set("ETag", documentTag())
	if known(r.Header.Values("If-None-Match"), documentTag()) {
		return answer{status: http.StatusNotModified}, nil
	}
	return answer{status: http.StatusOK, body: []byte(docs.OpenAPI())}, nil
}

// known reports whether a header If-None-Match names a tag, weakly or not.
func known(headers []string, tag string) bool {
	for one := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}
