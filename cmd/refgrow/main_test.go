package main

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const asProgram = "REFGROW_TEST_AS_PROGRAM"

// TestMain lets the test binary be the command itself.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process starts a server with real signals, and waits until it listens, on a database
// that was empty.
func (p *commandLine) process(args ...string) (cmd *exec.Cmd, log *journal, key, address string) {
	p.t.Helper()
	cmd = exec.CommandContext(p.t.Context(), os.Args[0],
		append([]string{"serve", "--db", p.db, "--addr", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	log = new(journal)
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); key == "" && lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on http://"); ok {
			address = url
		}
		if strings.HasPrefix(lines.Text(), "rgk_") {
			key = lines.Text()
		}
	}
	return cmd, log, key, address
}

func TestSignals(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no way to send such signals to another process")
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := setup(t)
		cmd, log, _, _ := p.process()
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after %v: %v, %s", signal, err, log)
		}
	}

	// One that never ends is broken off in time, and that is no failure.
	p := setup(t)
	cmd, log, key, address := p.process("--stop-within", "1s")
	endless, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer endless.Close()
	beginRequest(t, endless, key, 10)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, %s", err, log)
	}

	// A second signal does not wait for a request that never ends.
	p = setup(t)
	cmd, log, key, address = p.process("--stop-within", "1m")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	beginRequest(t, conn, key, 10)
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log.wait(t, "stopping")
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for waiting := true; waiting; {
		// One is enough, unless it comes before the process expects a second.
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		select {
		case err = <-ended:
			waiting = false
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err == nil || time.Since(began) > requestWithin/2 {
		t.Errorf("ended after %v: %v", time.Since(began), err)
	}
}

// single skips, in short mode, what takes long and does one thing after the other: CI
// looks for races in that mode, and has run these tests without it.
func single(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("does one thing after the other")
	}
}
