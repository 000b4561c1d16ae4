package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/benchmarks/population"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// runInProcess records purchases without HTTP: the clients are goroutines of the
// process that has the engine. Each line on the standard input is the length of a
// load, whose outcome is printed.
func runInProcess(ctx context.Context, s servant) (err error) {
	db, err := sqlite.Open(ctx, s.file, s.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	engine, err := refgrow.New(ctx, db, refgrow.Config{Now: s.now()})
	if err != nil {
		return err
	}
	shop, err := engine.Project(ctx, projectName)
	if err != nil {
		return err
	}
	return s.load(func(p population.Purchase, reference, email string) error {
		_, err := shop.RecordConversion(ctx, recordParams(p, reference, email))
		return err
	})
}

// recordParams is a purchase as the engine takes it.
func recordParams(p population.Purchase, reference, email string) refgrow.RecordConversionParams {
	params := refgrow.RecordConversionParams{
		Type: refgrow.Purchase, Reference: reference, BaseValue: money.New(p.Base, money.Currency(p.Currency)),
		Customer: refgrow.Customer{Email: email},
	}
	if p.Code != population.Nobody {
		params.ReferralCode = population.Code(p.Code)
	}
	return params
}

// runPlainInProcess does the same with the plain table.
func runPlainInProcess(ctx context.Context, s servant) (err error) {
	table, err := openPlain(ctx, s.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.close()) }()
	return s.load(func(p population.Purchase, reference, _ string) error {
		return table.record(ctx, p.Base, p.Currency, reference)
	})
}

// load runs the loads that it reads from the standard input, until that ends.
func (s servant) load(record func(p population.Purchase, reference, email string) error) error {
	world := population.New(s.seed, s.world.size())
	draws := make([]func() (population.Purchase, string, string), s.clients)
	for i := range draws {
		draws[i] = addressee{world: world, client: i}.drawing()
	}
	if err := send(ready{}); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		length, err := time.ParseDuration(lines.Text())
		if err != nil {
			return err
		}
		var writes atomic.Int64
		done, err := clock(s.clients, length, func(i int) func() error {
			return func() error {
				err := record(draws[i]())
				if err == nil {
					writes.Add(1)
				}
				return err
			}
		}, &writes)
		if err != nil {
			return err
		}
		if err := send(done); err != nil {
			return err
		}
	}
	return lines.Err()
}
