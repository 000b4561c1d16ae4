package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/refgrow-go/refgrow/docs"
	"github.com/refgrow-go/refgrow/internal/reference"
)

// documentPath is where the document about the API is, below the API's prefix.
const documentPath = "/openapi.json"

// documentTag names the version of the document, for caches.
//
//nolint:gochecknoglobals // a constant in all but name
var documentTag = sync.OnceValue(func() string { return tagOf([]byte(docs.OpenAPI())) })

func tagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// unchanging sets the headers of what is the same for everybody until the server changes,
// and reports whether the client has it already.
func unchanging(h http.Header, r *http.Request, tag string) bool {
	h.Set("Cache-Control", "public, no-cache")
	h.Set("ETag", tag)
	return known(r.Header.Values("If-None-Match"), tag)
}

// document answers with the document about the API. It is the same for everybody, and
// says nothing about any program: so it needs no key, like OPTIONS, and is not counted.
func (a *api) document(h http.Header, r *http.Request, segments []string) (answer, error) {
	ofFailures(a.failures.Look(a.clientIP(r))).write(h)
	if _, _, err := a.router.find(r.Method, segments); err != nil {
		return answer{}, err
	}
	if unchanging(h, r, documentTag()) {
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

// A referencePage is the page of Reference.
type referencePage struct {
	content     []byte
	policy, tag string
}

//nolint:gochecknoglobals // a constant in all but name
var theReference = sync.OnceValue(func() referencePage {
	content, policy, err := reference.HTML(docs.OpenAPI())
	if err != nil {
		panic(err) // the document is ours, and tests read it
	}
	return referencePage{content, policy, tagOf(content)}
})

// Reference returns a handler that answers GET and HEAD, whatever the path, with one page
// about the API for people: every call with its fields, errors and examples. It is made of
// the document at /openapi.json, says nothing about any program and needs no key. It has
// no scripts, and nothing from elsewhere.
func Reference() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "use GET or HEAD", http.StatusMethodNotAllowed)
			return
		}
		page := theReference()
		h.Set("Content-Security-Policy", page.policy)
		h.Set("Referrer-Policy", "no-referrer")
		if unchanging(h, r, page.tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(page.content)))
		if r.Method != http.MethodHead {
			// A client that is gone needs no answer.
			_, _ = w.Write(page.content)
		}
	})
}
