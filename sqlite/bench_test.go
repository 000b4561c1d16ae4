package sqlite

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/refgrow-go/refgrow/internal/backend"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// BenchmarkInsert compares, in one run, the ways to insert durably: through group
// commit, and with one prepared insert per IMMEDIATE transaction on a connection that
// one goroutine has to itself.
func BenchmarkInsert(b *testing.B) {
	const insert = "INSERT INTO thing (name, size) VALUES (?1, 1)"
	var n atomic.Int64
	name := func() string { return fmt.Sprintf("%016x", uint64(n.Add(1))*0x9E3779B97F4A7C15) }

	b.Run("plain", func(b *testing.B) {
		d := setup(b, Options{})
		ctx := context.Background()
		var stmts *base.Statements
		if err := d.writer.Acquire(ctx, d.writer.session.Begin); err != nil {
			b.Fatal(err)
		}
		defer d.writer.Release()
		d.writer.session.Rollback()
		stmts = d.writer.session.stmts
		d.writer.session.permit.Store(true)
		defer d.writer.session.permit.Store(false)
		run := func(query string, args ...any) {
			d.writer.session.lost.Store(false)
			if _, err := stmts.ExecContext(ctx, query, args...); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			run("BEGIN IMMEDIATE")
			run(insert, name())
			run("COMMIT")
		}
	})
	for _, how := range []struct {
		name string
		work backend.Work
	}{
		{"plainly", backend.Work{WritesLast: true}},
		{"savepoint", backend.Work{}},
		{"foreign", backend.Work{Foreign: true}},
	} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("group/%s/%d", how.name, writers), func(b *testing.B) {
				d := setup(b, Options{})
				b.SetParallelism(max(1, writers/2))
				work := how.work
				insertOne := func() {
					work := work
					work.Run = func(ctx context.Context, tx *backend.Tx) error { return d.exec(ctx, insert, name()) }
					if err := d.atomic(work); err != nil {
						b.Error(err)
					}
				}
				before := d.Backend().Stats()
				if writers == 1 {
					for b.Loop() {
						insertOne()
					}
				} else {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							insertOne()
						}
					})
				}
				after := d.Backend().Stats()
				b.ReportMetric(float64(after.Operations-before.Operations)/float64(after.Batches-before.Batches), "ops/batch")
			})
		}
	}
}

// BenchmarkBorrowed is the same insert on a borrowed pool, unprepared.
func BenchmarkBorrowed(b *testing.B) {
	d := setup(b, Options{})
	pool, err := d.file.connect(1, Options{Durability: Full, CacheKiB: 8192, CheckpointPages: 4000}.writerPragmas())
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	borrowed := base.New(pool)
	i := 0
	for b.Loop() {
		i++
		if err := borrowed.Atomic(context.Background(), boundInsert(fmt.Sprint(i))); err != nil {
			b.Fatal(err)
		}
	}
}
