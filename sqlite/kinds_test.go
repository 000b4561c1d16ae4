package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// kinds of operations; each inserts a thing of its name, one way or another.
func (d *DB) kinds(name string) map[string]backend.Work {
	insertThen := func(end func() error) func(context.Context, *backend.Tx) error {
		return func(ctx context.Context, tx *backend.Tx) error {
			if err := d.inserting(name).Run(ctx, tx); err != nil {
				return err
			}
			return end()
		}
	}
	fail := func() error { return errBoom }
	return map[string]backend.Work{
		"good":            d.inserting(name),
		"good, savepoint": {Run: d.inserting(name).Run},
		"good, foreign":   {Run: d.inserting(name).Run, Foreign: true},
		"refused":         {WritesLast: true, Run: func(context.Context, *backend.Tx) error { return errBoom }},
		"refused by insert": {WritesLast: true,
			Run: func(ctx context.Context, tx *backend.Tx) error { return d.insert(ctx, "taken") }},
		"fails late":      {WritesLast: true, Run: insertThen(fail)},
		"fails":           {Run: insertThen(fail)},
		"fails, foreign":  {Run: insertThen(fail), Foreign: true},
		"panics":          {WritesLast: true, Run: insertThen(func() error { panic("boom") })},
		"panics, foreign": {Run: insertThen(func() error { panic("boom") }), Foreign: true},
		"ends":            {Run: insertThen(func() error { runtime.Goexit(); return nil }), Foreign: true},
		"bomb": {WritesLast: true, Run: func(ctx context.Context, tx *backend.Tx) error {
			if err := d.insert(ctx, name); err != nil {
				return err
			}
			return d.insert(ctx, "bomb")
		}},
		"bomb swallowed": {Run: func(ctx context.Context, tx *backend.Tx) error {
			_ = d.insert(ctx, "bomb")
			_ = d.insert(ctx, name)
			return nil
		}},
		"dangling": {WritesLast: true, Run: func(ctx context.Context, tx *backend.Tx) error {
			return d.exec(ctx, "INSERT INTO part VALUES ('nothing')")
		}},
		"nested": {Foreign: true, Run: func(ctx context.Context, tx *backend.Tx) error {
			if err := tx.Nested.Atomic(ctx, d.inserting("taken")); !errors.Is(err, backend.ErrConstraint) {
				return fmt.Errorf("nested: %w", err)
			}
			if err := tx.Nested.Atomic(ctx, d.inserting(name)); err != nil {
				return err
			}
			return nil
		}},
	}
}

// want returns the error with which each kind must end.
func want(kind string) error {
	switch kind {
	case "good", "good, savepoint", "good, foreign", "nested":
		return nil
	case "refused by insert", "bomb", "dangling":
		return backend.ErrConstraint
	case "bomb swallowed":
		return backend.ErrLost
	case "panics", "panics, foreign":
		return errPanic
	case "ends":
		return errGoexit
	}
	return errBoom
}
