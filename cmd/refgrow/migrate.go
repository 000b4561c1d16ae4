package main

import (
	"context"
	"flag"

	"github.com/refgrow-go/refgrow"
)

func migrateCommand() command {
	return command{
		name: "migrate", summary: "bring the database up to date with this version",
		example: "refgrow migrate",
		text: "Brings the schema of the database up to date, as \"refgrow serve\" does, and prints what changed. Make a\n" +
			"backup first (\"refgrow backup\", with the version that you have): an older version does not open the\n" +
			"database any more. No balance changes.\n\n" +
			`JSON: {"from", "to", "paid_changed": [{"project_id", "conversion_id", "paid"}]}; from and to are the` +
			"\nversions of the schema, and paid_changed has the conversions that are paid since, or are not.",
		prepare: func(*flag.FlagSet) work { return migrate },
	}
}

func migrate(ctx context.Context, c *call) error {
	if err := c.fileExists(); err != nil {
		return err
	}
	return c.withEngine(ctx, creating, func(engine *refgrow.Engine) error {
		report := engine.Migrated()
		if c.json {
			return c.stdout.json(report)
		}
		if report.From == report.To {
			return c.stdout.printf("%s is up to date: version %d\n", c.db, report.To)
		}
		return c.stdout.printf("%s\n", migrationText(c.db, report))
	})
}
