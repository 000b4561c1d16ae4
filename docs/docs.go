// Package docs has the document that describes the REST API, for whoever serves or reads
// it.
package docs

import _ "embed"

//go:embed openapi.json
var openAPI string

// OpenAPI is the REST API as an OpenAPI 3.1 document: the file docs/openapi.json, which
// tests hold against the running API.
func OpenAPI() string { return openAPI }
