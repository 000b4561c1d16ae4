package sqlite

import (
	"fmt"
	"time"

	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// Durability is what an acknowledged write survives.
type Durability string

const (
	// Full writes survive a power cut: every commit waits for the disk.
	Full Durability = "FULL"
	// Normal writes survive a crash of the app. A power cut may undo the last of them;
	// the file stays consistent.
	Normal Durability = "NORMAL"
)

// Options of an owned file. The zero value is right for most apps.
type Options struct {
	// Durability of a write. Defaults to Full.
	Durability Durability

	// Readers is the number of connections that read lists and whatever else has no
	// reader of its own: keys are checked, referral links followed and webhooks sent
	// over one further connection each. Defaults to 4.
	Readers int

	// CacheKiB is the page cache of the connection that writes, in KiB; it takes nearly
	// twice that much memory. Each connection that reads has up to half as much.
	// Defaults to 8192.
	CacheKiB int

	// CheckpointPages is the length of the write-ahead log, in pages, at which a commit
	// copies it into the file. A longer one makes writing faster and the slowest
	// commits slower. Defaults to 4000.
	CheckpointPages int

	// PageSize of a file that does not exist yet, in bytes: a power of two
	// from 512 to 65536. Defaults to 2048.
	PageSize int

	// Dedicated refuses a database that is somebody else's, one that has tables but
	// none of the engine's, and leaves it as it is. Otherwise such a file gets a
	// write-ahead log, and the engine adds its tables to it.
	Dedicated bool

	// LockWait is how long a write waits for another process that holds the file's
	// lock, unless its context ends first. Defaults to 5 seconds.
	LockWait time.Duration
}

// complete returns the options with their defaults, or an error that names the
// field at fault.
func (o Options) complete() (Options, error) {
	switch o.Durability {
	case "":
		o.Durability = Full
	case Full, Normal:
	default:
		return o, fmt.Errorf("sqlite: Options.Durability is %q: it must be %q or %q", o.Durability, Full, Normal)
	}
	for _, f := range []struct {
		name               string
		value              *int
		usual, least, most int
	}{
		{"Readers", &o.Readers, 4, 1, 64},
		{"CacheKiB", &o.CacheKiB, 8192, 64, 4 << 20},
		{"CheckpointPages", &o.CheckpointPages, 4000, 100, 1 << 20},
		{"PageSize", &o.PageSize, 2048, 512, 65536},
	} {
		if *f.value == 0 {
			*f.value = f.usual
		}
		if *f.value < f.least || *f.value > f.most {
			return o, fmt.Errorf("sqlite: Options.%s is %d: it must be from %d to %d", f.name, *f.value, f.least, f.most)
		}
	}
	if o.PageSize&(o.PageSize-1) != 0 {
		return o, fmt.Errorf("sqlite: Options.PageSize is %d: it must be a power of two", o.PageSize)
	}
	if o.LockWait == 0 {
		o.LockWait = base.Patience
	}
	if o.LockWait < 0 {
		return o, fmt.Errorf("sqlite: Options.LockWait is %v: it must not be negative", o.LockWait)
	}
	return o, nil
}
