package interop

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Other people's tools find nothing wrong with the document of the API, and a client that
// they make of it is sound TypeScript and drives the whole life of a program.
func TestOpenAPI(t *testing.T) {
	dir := installed(t, "openapi", "redocly.yaml", "spectral.yaml", "tsconfig.json", "life.ts")
	document, err := os.ReadFile(filepath.Join("..", "docs", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "openapi.json"), document, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "NO_COLOR=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	tool := func(name string, args ...string) string {
		t.Helper()
		return run(filepath.Join(dir, "node_modules", ".bin", name), args...)
	}

	// Neither tool fails for mere warnings.
	said := tool("redocly", "lint", "--config", "redocly.yaml", "--format", "json", "openapi.json")
	if !strings.Contains(said, `"problems": []`) {
		t.Errorf("redocly: %s", said)
	}
	said = tool("spectral", "lint", "--fail-severity", "hint", "--ruleset", "spectral.yaml", "openapi.json")
	if !strings.Contains(said, "No results") {
		t.Errorf("spectral: %s", said)
	}

	tool("openapi-typescript", "openapi.json", "-o", "api.d.ts")
	tool("tsc", "-p", ".")
	binary, file := build(t), filepath.Join(dir, "refgrow.db")
	run(binary, "project", "create", "shop", "--db", file)
	made := exec.CommandContext(t.Context(), binary, "key", "create", "--project", "shop", "--db", file)
	key, err := made.Output()
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, string(bytes.TrimSpace(key)), released(t, file))
	if told := run("node", filepath.Join("out", "life.js"), s.url+"/api/v1", s.key); strings.TrimSpace(told) != "told" {
		t.Errorf("%s", told)
	}
}
