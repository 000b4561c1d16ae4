package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/refgrow-go/refgrow"
)

func backupCommand() command {
	return command{
		name: "backup", summary: "copy the database while it is in use",
		example: "refgrow backup --to refgrow-backup.db",
		text: "Writes a consistent copy of the database to a new file, readable by its owner only, while a server\n" +
			"goes on writing. An existing file is refused. To restore, stop the server and put the copy in\n" +
			"place of the database, without the -wal and -shm files next to it.\n\n" + `JSON: {"path", "bytes"}`,
		prepare: func(flags *flag.FlagSet) work {
			to := flags.String("to", "", "the new `FILE`; required")
			return func(ctx context.Context, c *call) error { return backup(ctx, c, *to) }
		},
	}
}

func backup(ctx context.Context, c *call, to string) error {
	if to == "" {
		return usage("\"refgrow backup\" needs --to FILE")
	}
	return c.withEngine(ctx, existing, func(engine *refgrow.Engine) error {
		stop := progress(c.stderr, "copying "+c.db)
		err := engine.Backup(ctx, to)
		stop()
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s already exists, and was left as it is: choose a new name", to)
		}
		if err != nil {
			return err
		}
		info, err := os.Stat(to)
		if err != nil {
			return err
		}
		if c.json {
			return c.stdout.json(backupJSON{Path: to, Bytes: info.Size()})
		}
		return c.stdout.printf("copied %s to %s (%d bytes)\n", c.db, to, info.Size())
	})
}

type backupJSON struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}
