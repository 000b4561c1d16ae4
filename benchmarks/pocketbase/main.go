// Command pocketbase is the peer of the benchmarks: PocketBase as a library, with
// collections that keep what our tables keep and have the same indexes, and on request
// with hooks that do what our engine does for a purchase. It is a command of its own,
// so that its code is in nobody else's memory.
//
//	pocketbase import -dir DIR -affiliates N -customers N -conversions N -seed N
//	pocketbase serve plain|equal -dir DIR
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations" // of PocketBase's own tables

	"github.com/refgrow-go/refgrow/benchmarks/population"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pocketbase:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "import" {
		flags := flag.NewFlagSet("import", flag.ContinueOnError)
		dir := flags.String("dir", "", "data folder to create")
		seed := flags.Uint64("seed", 1, "seed of the shop")
		var size population.Size
		flags.IntVar(&size.Affiliates, "affiliates", 10_000, "affiliates of the shop")
		flags.IntVar(&size.Customers, "customers", 200_000, "customers of the shop")
		flags.IntVar(&size.Conversions, "conversions", 0, "conversions of the shop")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return fill(*dir, population.New(*seed, size))
	}
	if len(args) < 2 || args[0] != "serve" || args[1] != "plain" && args[1] != "equal" {
		return errors.New("usage: pocketbase import FLAGS, or pocketbase serve plain|equal -dir DIR")
	}
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	dir := flags.String("dir", "", "data folder")
	if err := flags.Parse(args[2:]); err != nil {
		return err
	}
	return serve(*dir, args[1] == "equal")
}

// open starts PocketBase on a data folder, with the settings of its own binary and not
// in development mode.
func open(dir string) (core.App, error) {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		return nil, err
	}
	return app, app.RunAllMigrations()
}

const superuser = "benchmark@example.com"

// serve serves until the standard input ends.
func serve(dir string, equal bool) error {
	app, err := open(dir)
	if err != nil {
		return err
	}
	if equal {
		doEqualWork(app)
	}
	admin, err := app.FindAuthRecordByEmail(core.CollectionNameSuperusers, superuser)
	if err != nil {
		return err
	}
	token, err := admin.NewAuthToken()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Listener, e.InstallerFunc = listener, nil
		return e.Next()
	})
	served := make(chan error, 1)
	go func() { served <- apis.Serve(app, apis.ServeConfig{HttpAddr: listener.Addr().String()}) }()
	// Connections that come before it serves wait in the listener's queue.
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{
		"addr": listener.Addr().String(), "token": token,
	}); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	select {
	case err := <-served:
		return errors.Join(errors.New("it stopped serving"), err)
	case err := <-ended:
		terminated := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}, func(e *core.TerminateEvent) error {
			return e.App.ResetBootstrapState()
		})
		return errors.Join(err, terminated, <-served)
	}
}
