package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"slices"
	"time"
)

// A file is one of an archive.
type file struct {
	name string
	text []byte
	mode fs.FileMode // 0 for that of a text
}

// archive is the release for one target, and its name.
func (o *Options) archive(ctx context.Context, target Target, common []file) (name string, archive []byte, err error) {
	binary, err := o.build(ctx, target)
	if err != nil {
		return "", nil, err
	}
	folder := "refgrow-" + o.Version + "-" + target.OS + "-" + target.Arch
	files := append(slices.Clone(common), file{name: target.Binary(), text: binary, mode: 0o755})
	for i := range files {
		files[i].name = folder + "/" + files[i].name
		files[i].mode = cmp.Or(files[i].mode, 0o644)
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	if target.OS == "windows" {
		archive, err = zipped(files, o.Time)
		return folder + ".zip", archive, err
	}
	archive, err = tarred(files, o.Time)
	return folder + ".tar.gz", archive, err
}

// tarred and zipped have nothing in them but the files: no owner, and one time.
func tarred(files []file, at time.Time) ([]byte, error) {
	var packed bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(compressed)
	for _, f := range files {
		if err := archive.WriteHeader(&tar.Header{
			Name: f.name, Mode: int64(f.mode), Size: int64(len(f.text)), ModTime: at, Format: tar.FormatUSTAR,
		}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(f.text); err != nil {
			return nil, err
		}
	}
	return closed(&packed, archive, compressed)
}

func zipped(files []file, at time.Time) ([]byte, error) {
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at.UTC()}
		header.SetMode(f.mode)
		w, err := archive.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.text); err != nil {
			return nil, err
		}
	}
	return closed(&packed, archive)
}

// closed ends what writes into packed, and returns it.
func closed(packed *bytes.Buffer, writers ...io.Closer) ([]byte, error) {
	for _, w := range writers {
		if err := w.Close(); err != nil {
			return nil, err
		}
	}
	return packed.Bytes(), nil
}
