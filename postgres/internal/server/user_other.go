//go:build !unix

package server

import "os/exec"

// asSomebody leaves a command as it is.
func asSomebody(*exec.Cmd, string) error { return nil }
