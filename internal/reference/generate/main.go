// Command generate writes docs/reference.md from docs/openapi.json. It is run in the
// root of the repository, by make generate.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/refgrow-go/refgrow/docs"
	"github.com/refgrow-go/refgrow/internal/reference"
)

func main() {
	text, err := reference.Markdown(docs.OpenAPI())
	if err == nil {
		err = os.WriteFile(filepath.Join("docs", "reference.md"), []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
