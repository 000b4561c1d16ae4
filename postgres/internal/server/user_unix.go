//go:build unix

package server

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// asSomebody has a command run by another user where this one is root, whom PostgreSQL
// refuses, and gives that one the folder.
func asSomebody(command *exec.Cmd, folder string) error {
	if os.Getuid() != 0 {
		return nil
	}
	somebody, err := user.Lookup("postgres")
	if err != nil {
		if somebody, err = user.Lookup("nobody"); err != nil {
			return fmt.Errorf("root may not run PostgreSQL, and there is nobody else: %w", err)
		}
	}
	uid, err := strconv.ParseUint(somebody.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(somebody.Gid, 10, 32)
	if err != nil {
		return err
	}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(folder, int(uid), int(gid))
}
