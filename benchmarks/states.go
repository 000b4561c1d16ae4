package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/benchmarks/population"
	"github.com/refgrow-go/refgrow/sqlite"
)

// generatorVersion is raised when the generator, or what PocketBase is filled with,
// changes: older files are no longer used.
const generatorVersion = "1"

// sizeFlags are a population.Size on the command line.
type sizeFlags struct{ affiliates, customers, conversions int }

func (s *sizeFlags) define(flags *flag.FlagSet) {
	flags.IntVar(&s.affiliates, "affiliates", 10_000, "affiliates of the shop")
	flags.IntVar(&s.customers, "customers", 200_000, "customers of the shop")
	flags.IntVar(&s.conversions, "conversions", 0, "conversions in the history of the shop")
}

func (s sizeFlags) size() population.Size {
	return population.Size{Affiliates: s.affiliates, Customers: s.customers, Conversions: s.conversions}
}

// arguments are the flags again.
func arguments(seed uint64, s population.Size) []string {
	return []string{
		"-seed", fmt.Sprint(seed), "-affiliates", fmt.Sprint(s.Affiliates), "-customers", fmt.Sprint(s.Customers),
		"-conversions", fmt.Sprint(s.Conversions),
	}
}

// A depot keeps what takes long to make: databases by their seed, size and schema, and
// the commands that are measured.
type depot struct {
	folder string
	seed   uint64
	self   string // this command
	log    func(format string, args ...any)

	mu     sync.Mutex // held while something is made
	worlds map[population.Size]*population.World
	built  map[string]string // commands, by their packages
	schema string
}

func newDepot(folder string, seed uint64, log func(format string, args ...any)) (*depot, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if folder == "" {
		if folder, err = os.UserCacheDir(); err != nil {
			return nil, err
		}
		folder = filepath.Join(folder, "refgrow-benchmarks")
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return nil, err
	}
	return &depot{
		folder: folder, seed: seed, self: self, log: log,
		worlds: make(map[population.Size]*population.World), built: make(map[string]string),
	}, os.MkdirAll(folder, 0o755)
}

func (d *depot) world(size population.Size) *population.World {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lockedWorld(size)
}

func (d *depot) lockedWorld(size population.Size) *population.World {
	if d.worlds[size] == nil {
		d.worlds[size] = population.New(d.seed, size)
	}
	return d.worlds[size]
}

// ours returns our database of a size, which is generated the first time.
func (d *depot) ours(ctx context.Context, size population.Size) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.schema == "" {
		var err error
		if d.schema, err = schemaDigest(ctx); err != nil {
			return "", err
		}
	}
	return d.keep(d.name("ours", size, d.schema)+".db", func(path string) error {
		return generate(ctx, d.lockedWorld(size), path, d.log)
	})
}

// pocketBase returns the data folder of PocketBase with the same shop.
func (d *depot) pocketBase(ctx context.Context, size population.Size) (string, error) {
	program, err := d.program(ctx, "pocketbase", "pocketbase", ".")
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.keep(d.name("pocketbase", size, "v"+generatorVersion), func(path string) error {
		return d.command(ctx, program, append([]string{"import", "-dir", path}, arguments(d.seed, size)...)...)
	})
}

func (d *depot) name(side string, s population.Size, version string) string {
	return fmt.Sprintf("%s-%d-%d-%d-%d-%s", side, d.seed, s.Affiliates, s.Customers, s.Conversions, version)
}

// keep makes a thing once. It is made under another name, so that an interrupted one is
// not taken for a complete one.
func (d *depot) keep(name string, fill func(path string) error) (string, error) {
	path := filepath.Join(d.folder, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	d.log("making %s, once", path)
	scratch, err := os.MkdirTemp(d.folder, "making-")
	if err != nil {
		return "", err
	}
	part := filepath.Join(scratch, name)
	err = fill(part)
	if err == nil {
		err = os.Rename(part, path)
	}
	return path, errors.Join(err, os.RemoveAll(scratch))
}

// program builds a command of this repository, once per run.
func (d *depot) program(ctx context.Context, name, folder, pkg string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if path := d.built[name]; path != "" {
		return path, nil
	}
	path := filepath.Join(d.folder, name)
	if err := d.command(ctx, "go", "build", "-C", folder, "-o", path, pkg); err != nil {
		return "", fmt.Errorf("%w (this command runs in the folder benchmarks)", err)
	}
	d.built[name] = path
	return path, nil
}

func (d *depot) command(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", program, args, err, out)
	}
	return nil
}

// schemaDigest identifies everything about our files that a generated one has to agree
// with: the schema's steps and the size of a page.
func schemaDigest(ctx context.Context) (string, error) {
	hash := sha256.New()
	fmt.Fprint(hash, generatorVersion)
	err := fs.WalkDir(refgrow.MigrationsFS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(refgrow.MigrationsFS, path)
		fmt.Fprint(hash, path, string(text))
		return err
	})
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "refgrow-bench")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "empty.db")
	db, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		return "", err
	}
	_, err = refgrow.Migrate(ctx, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return "", err
	}
	header := make([]byte, 18) // its last two bytes are the size of a page
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	_, err = io.ReadFull(f, header)
	hash.Write(header)
	return hex.EncodeToString(hash.Sum(nil)[:6]), errors.Join(err, f.Close())
}

// copyState copies a file, or a folder of files, and waits until the copy is on
// the disk, so that writing it back does not disturb what is measured.
func copyState(from, to string) error {
	entry, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !entry.IsDir() {
		return copyFile(from, to)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		if err := copyState(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
