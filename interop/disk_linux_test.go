package interop

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// powerCutVariable set to anything makes the tests of power cuts long, and makes them
// fail if they are impossible.
const powerCutVariable = "REFGROW_POWERCUT"

// A disk is an ext4 file system in a file, which can lose its power: whatever was not
// written out by then is gone forever.
type disk struct {
	t     *testing.T
	image string // the file
	dir   string // where it is mounted
}

// newDisk makes a file system and mounts it, or ends the test if that is impossible. It
// needs root, a free loop device and mkfs.ext4.
func newDisk(t *testing.T) *disk {
	t.Helper()
	// Nothing may be left mounted in the test's folder when it is removed, and this one
	// is removed first.
	home := t.TempDir()
	d := &disk{t: t, image: filepath.Join(home, "image"), dir: filepath.Join(home, "disk")}
	if err := d.make(); err != nil {
		if os.Getenv(powerCutVariable) != "" {
			t.Fatal(err)
		}
		t.Skipf("no power is cut: it takes root, a free loop device and mkfs.ext4: %v", err)
	}
	return d
}

// size of the file system, in bytes. The file itself has only what is written to it.
const size = 256 << 20

func (d *disk) make() error {
	if os.Geteuid() != 0 {
		return errors.New("this user is not root")
	}
	err := errors.Join(os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, size), os.Mkdir(d.dir, 0o700))
	if err != nil {
		return err
	}
	if err := command("mkfs.ext4", "-q", "-F", "-m", "0", d.image); err != nil {
		return err
	}
	if err := d.guard(); err != nil {
		return err
	}
	return d.mount()
}

// guard unmounts the disk in the end, however that comes: a separate process waits for
// the end of this one, which may be killed.
func (d *disk) guard() error {
	guardian := exec.Command("sh", "-c", `cat; if mountpoint -q "$1"; then umount -l "$1"; fi`, "sh", d.dir)
	guardian.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal is not for it
	alive, err := guardian.StdinPipe()
	if err != nil {
		return err
	}
	if err := guardian.Start(); err != nil {
		return err
	}
	d.t.Cleanup(func() {
		unmounted := d.unmount()
		if err := errors.Join(unmounted, alive.Close(), guardian.Wait(), d.detached()); err != nil {
			d.t.Error(err)
		}
	})
	return nil
}

// mount attaches a loop device that goes with the mount.
func (d *disk) mount() error { return command("mount", "-t", "ext4", "-o", "loop", d.image, d.dir) }

func (d *disk) unmount() error {
	if mounted := exec.Command("mountpoint", "-q", d.dir).Run() == nil; mounted {
		return command("umount", d.dir)
	}
	return nil
}

// detached checks that the loop device is gone, and removes it if it is not.
func (d *disk) detached() error {
	out, err := exec.Command("losetup", "-j", d.image).Output()
	if err != nil || len(bytes.TrimSpace(out)) == 0 {
		return err
	}
	device, _, _ := strings.Cut(string(out), ":")
	return errors.Join(fmt.Errorf("the loop device is still there: %s", out), command("losetup", "-d", device))
}

// What the kernel calls EXT4_IOC_SHUTDOWN and EXT4_GOING_FLAGS_NOLOGFLUSH: from now on
// nothing reaches the device, not even the journal that waits in memory.
const (
	shutdown   = 0x8004587d
	noLogFlush = 2
)

// cut cuts the power. What runs on the disk gets errors from now on, until it is
// killed.
func (d *disk) cut() {
	d.t.Helper()
	root, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer root.Close()
	flags := uint32(noLogFlush)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, root.Fd(), shutdown, uintptr(unsafe.Pointer(&flags)))
	if errno != 0 {
		d.t.Fatalf("the power cannot be cut: %v", errno)
	}
}

// restore restores the power: what is in memory is forgotten, and the journal of the
// file system replayed. Nothing may run on the disk.
func (d *disk) restore() {
	d.t.Helper()
	if err := errors.Join(command("umount", d.dir), d.mount()); err != nil {
		d.t.Fatal(err)
	}
}

// command runs a command that has to succeed.
func command(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = nil
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
