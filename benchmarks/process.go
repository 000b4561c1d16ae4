package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A process is a server under test. It is a process of its own, so that its processor
// time and memory are its own as well. It prints a line of JSON when it is ready, and
// ends when its standard input does, even if the driver is killed.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors *bytes.Buffer
	ready  ready
}

// ready is what a server prints.
type ready struct {
	Addr  string `json:"addr"`
	Token string `json:"token"`
}

func startProcess(ctx context.Context, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...), errors: &bytes.Buffer{}}
	p.cmd.Stderr = p.errors
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := p.answer(&p.ready); err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not start: %w", strings.Join(args, " "), err), p.stop())
	}
	return p, nil
}

// answer reads the next line that the process prints.
func (p *process) answer(to any) error {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, to)
}

// stop ends the process and waits until it is gone.
func (p *process) stop() error {
	err := p.in.Close()
	if _, drained := io.Copy(io.Discard, p.out); drained != nil {
		err = errors.Join(err, drained)
	}
	if ended := p.cmd.Wait(); ended != nil {
		err = errors.Join(err, fmt.Errorf("%w: %s", ended, bytes.TrimSpace(p.errors.Bytes())))
	}
	return err
}

// A usage is what a process has used so far, and how much memory it has now.
type usage struct {
	cpu time.Duration
	rss int64 // bytes
}

// tick is the kernel's unit of processor time, USER_HZ, the same on all Linuxes.
const tick = time.Second / 100

func (p *process) usage() (usage, error) { return usageOf(p.cmd.Process.Pid) }

func usageOf(pid int) (usage, error) {
	folder := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return usage{}, fmt.Errorf("processor time is read from Linux's /proc: %w", err)
	}
	status, err := os.ReadFile(folder + "/status")
	if err != nil {
		return usage{}, err
	}
	// The name of the executable is in parentheses and may contain spaces; utime and
	// stime are the 12th and 13th fields after it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return usage{}, fmt.Errorf("%s/stat is %q", folder, stat)
	}
	var u usage
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return usage{}, err
		}
		u.cpu += time.Duration(n) * tick
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kib), " kB"), 10, 64)
			u.rss = n << 10
			return u, err
		}
	}
	return usage{}, fmt.Errorf("%s/status has no VmRSS", folder)
}
