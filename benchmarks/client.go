package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// A client is one keep-alive connection that speaks just enough HTTP/1.1: on two
// processors, what it does not spend itself is left to the server it measures.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	body []byte // of the last answer
}

// answerWithin bounds one load: a server that does not answer at all fails it.
const answerWithin = 2 * time.Minute

func dial(ctx context.Context, addr string) (*client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, in: bufio.NewReaderSize(conn, 16<<10), out: make([]byte, 0, 1<<10)}, nil
}

// do sends a whole request, reads the answer, and returns its status.
func (c *client) do(request []byte) (int, error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("the answer begins with %.40q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, fmt.Errorf("the answer begins with %.40q", line)
	}
	length, chunked, err := c.headers()
	if err != nil {
		return 0, err
	}
	c.body = c.body[:0]
	if chunked {
		return status, c.chunks()
	}
	return status, c.read(length)
}

var (
	contentLength    = []byte("content-length:")
	transferEncoding = []byte("transfer-encoding:")
)

func (c *client) headers() (length int, chunked bool, err error) {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
			return length, chunked, nil
		case len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, false, err
			}
		case len(line) > len(transferEncoding) && bytes.EqualFold(line[:len(transferEncoding)], transferEncoding):
			chunked = true
		}
	}
}

func (c *client) chunks() error {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return err
		}
		if err := c.read(int(size)); err != nil {
			return err
		}
		if _, err := c.in.Discard(2); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}

func (c *client) read(n int) error {
	begin := len(c.body)
	c.body = append(c.body, make([]byte, n)...)
	_, err := io.ReadFull(c.in, c.body[begin:])
	return err
}

// get requests one path and expects 200.
func get(ctx context.Context, addr, token, path string) (body []byte, err error) {
	c, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.conn.Close()) }()
	status, err := c.do(appendRequest(nil, "GET", path, token, ""))
	if err == nil && status != 200 {
		err = fmt.Errorf("%s: status %d: %s", path, status, c.body)
	}
	return c.body, err
}
