//go:build cgo

package mattn

import (
	"testing"

	_ "github.com/mattn/go-sqlite3"

	"github.com/refgrow-go/refgrow/interop/drivers"
)

var driver = drivers.Driver{Name: "sqlite3", DSN: drivers.Parameters}

func TestMain(m *testing.M) { drivers.Main(m, driver) }

func TestConformance(t *testing.T) { drivers.Conformance(t, driver) }
func TestCrash(t *testing.T)       { drivers.Crash(t, driver) }
func TestErrors(t *testing.T)      { drivers.Errors(t, driver) }
