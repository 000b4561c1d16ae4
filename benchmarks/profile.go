package main

import (
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
)

// profile writes what the process does until stop is called: a profile of its
// processor time, and one of everything it allocated. Without a name it does
// nothing.
func profile(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	times, err := os.Create(name + ".cpu.pprof")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(times); err != nil {
		return nil, errors.Join(err, times.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		runtime.GC() // the profile of allocations is that of the last collection
		allocations, err := os.Create(name + ".allocs.pprof")
		if err != nil {
			return errors.Join(err, times.Close())
		}
		return errors.Join(pprof.Lookup("allocs").WriteTo(allocations, 0), allocations.Close(), times.Close())
	}, nil
}
