package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// installed is a copy of a folder for Node.js, with what npm installs there. It ends the
// test if there is no Node.js.
func installed(t *testing.T, folder string, files ...string) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the JavaScript libraries are not tried: there is no %s", tool)
		}
	}
	// Not next to the sources: what npm installs can have files for other tools.
	dir := t.TempDir()
	for _, name := range append(files, "package.json", "package-lock.json") {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return dir
}

// askNode returns what each JavaScript library says about each delivery, "" for
// accepted.
func askNode(t *testing.T, all []signed) []map[string]string {
	t.Helper()
	dir := installed(t, "node", "verify.mjs")
	var lines bytes.Buffer
	for _, s := range all {
		headers := make(map[string]string)
		for name := range s.header {
			headers[name] = s.header.Get(name)
		}
		line := map[string]any{"secret": s.secret, "headers": headers, "body": string(s.body)}
		err := json.NewEncoder(&lines).Encode(line)
		if err != nil {
			t.Fatal(err)
		}
	}
	node := exec.CommandContext(t.Context(), "node", "verify.mjs")
	var stderr bytes.Buffer
	node.Dir, node.Stdin, node.Stderr = dir, &lines, &stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, &stderr)
	}
	var verdicts []map[string]string
	for scanner := bufio.NewScanner(bytes.NewReader(out)); scanner.Scan(); {
		var verdict map[string]string
		if err := json.Unmarshal(scanner.Bytes(), &verdict); err != nil || len(verdict) != 2 {
			t.Fatalf("%v: %s", err, scanner.Bytes())
		}
		verdicts = append(verdicts, verdict)
	}
	if len(verdicts) != len(all) {
		t.Fatalf("node judged %d of %d deliveries", len(verdicts), len(all))
	}
	return verdicts
}
