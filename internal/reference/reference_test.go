package reference_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/docs"
	"github.com/refgrow-go/refgrow/internal/reference"
)

// The page in the repository is the one that the document makes.
func TestMarkdownIsUpToDate(t *testing.T) {
	t.Parallel()
	want, err := reference.Markdown(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/reference.md is not what docs/openapi.json makes: run make generate")
	}
	for _, link := range regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllStringSubmatch(want, -1) {
		if !strings.Contains(want, `<a id="`+link[1]+`"></a>`) {
			t.Errorf("a link leads to #%s, and there is no such place", link[1])
		}
	}
}

// Each link of the page leads somewhere on it, and nothing on it comes from elsewhere.
func TestHTML(t *testing.T) {
	t.Parallel()
	content, policy, err := reference.HTML(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	ids := make(map[string]int)
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		ids[id[1]]++
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%d places are called %s", n, id)
		}
	}
	links := regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1)
	for _, link := range links {
		if name, inside := strings.CutPrefix(link[1], "#"); !inside || ids[name] == 0 {
			t.Errorf("a link leads to %s", link[1])
		}
	}
	if len(links) < 200 || len(ids) < 100 {
		t.Errorf("the page has %d links to %d places", len(links), len(ids))
	}
	for _, foreign := range []string{"<script", "<img", "<link", "src=", "style=", "@import", "url(", "ZgotmplZ"} {
		if strings.Contains(page, foreign) {
			t.Errorf("the page has %s", foreign)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("the policy is %s", policy)
	}
}

// What is in a document is text, whatever it looks like.
func TestEscaping(t *testing.T) {
	t.Parallel()
	const document = `{"info": {"title": "<b>", "description": "a < b\n\n| <i> | x |\n| --- | --- |\n| <u> | <s> |"},
		"webhooks": {"e": {"post": {"summary": "<q>", "requestBody": {"content": {"application/json": {}}}}}}}`
	content, _, err := reference.HTML(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"<b>", "<i>", "<u>", "<s>", "<q>"} {
		if strings.Contains(string(content), tag) {
			t.Errorf("the page has %s", tag)
		}
	}
}

func TestBrokenDocuments(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", "[]", `{"a": [1,}`, `{"a": }`, `{} {}`, `{"a" 1}`, `[1`} {
		if _, err := reference.Markdown(text); err == nil {
			t.Errorf("%s makes a page", text)
		}
		if _, _, err := reference.HTML(text); err == nil {
			t.Errorf("%s makes a page", text)
		}
	}
}
