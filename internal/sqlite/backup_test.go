package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/db"
)

// deaf does not say that its statement was interrupted, as some drivers do.
type deaf struct {
	db.DBTX
	cancel func()
}

func (d deaf) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if strings.HasPrefix(query, "VACUUM") {
		d.cancel()
		return nil, nil //nolint:nilnil // what such a driver returns
	}
	return d.DBTX.ExecContext(context.WithoutCancel(ctx), query, args...)
}

func (d deaf) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return d.DBTX.QueryRowContext(context.WithoutCancel(ctx), query, args...)
}

// A backup that was canceled is none, even if no statement says so: of an empty copy one
// would learn when it is needed.
func TestInterruptedBackup(t *testing.T) {
	t.Parallel()
	_, pool := setup(t)
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := Backup(ctx, deaf{conn, cancel}, path); !errors.Is(err, context.Canceled) {
		t.Errorf("the backup returned %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy is left: %v", err)
	}
}
