// Command mutate says what the tests of the money would not notice. It changes the code
// in one place at a time, such as an operator, a bound, a sign, the kind of a ledger
// entry or the instant at which it becomes available, and runs the tests, of which one
// has to fail. A mutant that no test notices survives: then a test is missing, or the
// mutant does the same as the code, which equivalent.txt is for.
//
//	go run -C internal/tools ./mutate -list
//	go run -C internal/tools ./mutate -seed 1 -n 200
//	go run -C internal/tools ./mutate -run 3f2a91c0
//
// No file of the tree is changed: a mutant is built with the overlay of the go command.
// Those that do not compile, and those whose SQL the database refuses as no SQL, are not
// counted. The tests run from the fastest to the slowest until one fails; one that does
// not end within -limit has noticed as well. Which mutants are drawn depends on the seed
// and on each mutant's id alone, which names its file, function and change, but no line:
// a change elsewhere does not change what a seed draws.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// errTooFew is for a run that found fewer mutants than it was to find.
var errTooFew = errors.New("too few mutants were found")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case errors.Is(err, errTooFew):
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
}

// What is changed where the command line does not say otherwise: where the rules of
// money and the books are kept.
const defaultFiles = "internal/ledger/*.go,internal/pricing/*.go,conversions_change.go," +
	"conversions_credit.go,payouts*.go,internal/db/ledger.sql.go,internal/db/payouts.sql.go"

// defaultTests are the arguments of go test, from the fastest tests to the slowest. A
// failure is not shrunk, and leaves no file.
func defaultTests() []string {
	const rapid = " -rapid.nofailfile -rapid.shrinktime=1ms"
	return []string{
		"./internal/ledger ./internal/pricing" + rapid,
		"./internal/db -run TestQueries -rapid.checks=300" + rapid,
		"-short ./tests/books" + rapid,
		"./tests/engine",
		"-short ./tests/damage",
	}
}

// Options are what the command line says.
type options struct {
	root, files, equivalent string
	tests                   []string
	seed                    string
	n, parallel, least      int
	limit                   time.Duration
	list                    bool
	run                     string
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", "../..", "the `folder` of the module")
	flags.StringVar(&o.files, "files", defaultFiles, "`patterns` of the files to change, with commas between them")
	flags.StringVar(&o.equivalent, "equivalent", "mutate/equivalent.txt", "the `file` of mutants that do the same")
	flags.Func("tests", "`arguments` of go test; repeated, from the fastest to the slowest", func(s string) error {
		o.tests = append(o.tests, s)
		return nil
	})
	flags.StringVar(&o.seed, "seed", "1", "which mutants are drawn")
	flags.IntVar(&o.n, "n", 50, "how many mutants are tried")
	flags.IntVar(&o.parallel, "j", 1, "how many at once")
	flags.IntVar(&o.least, "least", 0, "fail when fewer `percent` are found")
	flags.DurationVar(&o.limit, "limit", 5*time.Minute, "how long the tests of one package may take")
	flags.BoolVar(&o.list, "list", false, "list all mutants, whether or not they compile, and try none")
	flags.StringVar(&o.run, "run", "", "try the mutants with these `ids` only, with commas between them")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if o.tests == nil {
		o.tests = defaultTests()
	}
	root, err := filepath.Abs(o.root)
	o.root = root
	return o, err
}

func run(ctx context.Context, out io.Writer, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	code, err := load(ctx, o.root, strings.Split(o.files, ","))
	if err != nil {
		return err
	}
	mutants := code.mutants()
	known, err := readEquivalents(o.equivalent)
	if err != nil {
		return err
	}
	if err := known.missing(mutants, code); err != nil {
		return err
	}
	report := log.New(out, "", 0)
	switch {
	case o.list:
		for _, m := range mutants {
			note := ""
			if known[m.name()] != "" {
				note = " (does the same: " + known[m.name()] + ")"
			}
			report.Printf("%s %s [%s]%s", m.id(), m, m.kind, note)
		}
		return nil
	case o.run != "":
		chosen, err := named(mutants, strings.Split(o.run, ","))
		if err != nil {
			return err
		}
		o.n = len(chosen)
		return o.try(ctx, report, code, chosen)
	}
	return o.try(ctx, report, code, drawn(known.without(mutants), o.seed))
}

// try tries the first mutants that compile and reports on each.
func (o options) try(ctx context.Context, report *log.Logger, code *code, mutants []*mutant) (err error) {
	folder, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	lab := lab{root: o.root, folder: folder, tests: o.tests, limit: o.limit}
	if err := lab.sound(ctx); err != nil {
		return err
	}
	compiling := func(yield func(*mutant) bool) {
		for left := o.n; left > 0 && len(mutants) > 0; mutants = mutants[1:] {
			if code.check(mutants[0]) != nil {
				continue
			}
			left--
			if !yield(mutants[0]) {
				return
			}
		}
	}
	var sum summary
	for r := range lab.all(ctx, o.parallel, compiling, code.changed) {
		if r.err != nil {
			return r.err
		}
		sum.add(r)
		difference := ""
		if o.run != "" {
			difference = "\n" + code.difference(r.mutant)
		}
		report.Printf("%s %s: %s (%s)%s", r.mutant.id(), r.mutant, r.outcome(), r.took.Round(time.Second/10), difference)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	report.Print(sum)
	if sum.found()*100 < o.least*sum.counted() {
		return fmt.Errorf("%w: %s, but at least %d%% are wanted", errTooFew, sum.share(), o.least)
	}
	return nil
}
