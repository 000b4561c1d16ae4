package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An archive has the files, with the modes that they need, and nothing of the machine and
// the moment that made it. interop/supply builds real ones.
func TestArchives(t *testing.T) {
	t.Parallel()
	files := []file{
		{"refgrow-1/README.md", []byte("# refgrow\n"), 0o644},
		{"refgrow-1/refgrow", []byte{0x7f, 'E', 'L', 'F'}, 0o755},
	}
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	elsewhere := at.In(time.FixedZone("elsewhere", 5*60*60))
	for name, pack := range map[string]func([]file, time.Time) ([]byte, error){"tar": tarred, "zip": zipped} {
		first, err := pack(files, at)
		if err != nil {
			t.Fatal(err)
		}
		second, err := pack(files, elsewhere)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s: another machine makes other bytes, %v", name, err)
		}
		if name == "zip" {
			archive, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range archive.File {
				r, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(r)
				if err != nil || f.Name != files[i].name || f.Mode() != files[i].mode || !f.Modified.Equal(at) ||
					!bytes.Equal(text, files[i].text) {
					t.Errorf("%s: %v %v %v %q", f.Name, f.Mode(), f.Modified, err, text)
				}
			}
			continue
		}
		text, err := gzip.NewReader(bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		archive := tar.NewReader(text)
		for _, want := range files {
			f, err := archive.Next()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(archive)
			if err != nil || f.Name != want.name || f.Mode != int64(want.mode) || !f.ModTime.Equal(at) ||
				f.Uname != "" || f.Uid != 0 || !bytes.Equal(text, want.text) {
				t.Errorf("%s: %+v %v %q", want.name, f, err, text)
			}
		}
	}
}

// What is no version names no file.
func TestVersions(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "1", "v1.2", "0.1.0/../..", "main", "0.1.0 ", "0.1.0\n", "0.1.0+x", "v0.1.0-"} {
		if _, err := Make(t.Context(), Options{Dir: t.TempDir(), Version: version}); err == nil ||
			!strings.Contains(err.Error(), "a version is such as 0.1.0") {
			t.Errorf("%q: %v", version, err)
		}
	}
	for _, version := range []string{"0.1.0", "v0.1.0", "v1.20.3-rc.1"} {
		if !versions().MatchString(version) {
			t.Errorf("%q is no version", version)
		}
	}
}

// All texts of a licence are there, and a module without one is an error.
func TestLicences(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"LICENSE": "Do as you like.\r\n", "LICENSE-3RD-PARTY.md": "Theirs.", "PATENTS": "None.", "license.go": "package x",
		"README.md": "Unlicensed.",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := Licences([]Module{{"example.com/x", "v1.0.0", dir}})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"\nexample.com/x v1.0.0: LICENSE\n=============================\n\nDo as you like.\n", "Theirs.\n", "None.\n",
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("no %q in %s", part, text)
		}
	}
	for _, part := range []string{"\r", "Unlicensed", "package x"} {
		if strings.Contains(string(text), part) {
			t.Errorf("%q is in %s", part, text)
		}
	}
	if _, err := Licences([]Module{{"example.com/y", "v1.0.0", t.TempDir()}}); err == nil {
		t.Error("a module without a licence is passed on")
	}
}
