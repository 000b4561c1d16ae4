package glebarez

import (
	"testing"

	_ "github.com/glebarez/go-sqlite"

	"github.com/refgrow-go/refgrow/interop/drivers"

	// What else an app embeds: if one of them brought a driver, this binary would panic
	// at its start, because both register one name.
	_ "github.com/refgrow-go/refgrow/httpapi"
	_ "github.com/refgrow-go/refgrow/tracking"
	_ "github.com/refgrow-go/refgrow/webhook"
)

var driver = drivers.Driver{Name: "sqlite", DSN: drivers.Pragmas}

func TestMain(m *testing.M) { drivers.Main(m, driver) }

func TestConformance(t *testing.T) { drivers.Conformance(t, driver) }
func TestCrash(t *testing.T)       { drivers.Crash(t, driver) }
func TestErrors(t *testing.T)      { drivers.Errors(t, driver) }
