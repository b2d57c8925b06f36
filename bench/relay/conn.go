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
	"strings"
)

// conn is a keep-alive connection of HTTP/1.1 that does the least a client
// must: what it costs is taken from the server's share of the processors.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func dial(ctx context.Context, addr string) (*conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, 16<<10)}, nil
}

// roundTrip writes a whole request and reads the answer; it keeps the start of
// the body only when the status is an error.
func (c *conn) roundTrip(request []byte) (status int, problem string, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, "", err
	}
	return readResponse(c.r)
}

// readResponse reads an answer with a Content-Length or in chunks; other ends
// of a body do not leave the connection usable.
func readResponse(r *bufio.Reader) (status int, problem string, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, "", err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, "", fmt.Errorf("not an answer of HTTP/1.1: %.40q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, "", fmt.Errorf("not a status: %.40q", line)
	}
	length := int64(-1)
	chunked := false
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, "", err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return 0, "", err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = string(value) == "chunked"
		}
	}
	var kept strings.Builder
	take := func(n int64) error {
		if status >= 300 && kept.Len() == 0 {
			part, err := io.CopyN(&kept, r, min(n, 500))
			if n -= part; err != nil {
				return err
			}
		}
		_, err := r.Discard(int(n))
		return err
	}
	switch {
	case chunked:
		err = eachChunk(r, take)
	case length >= 0:
		err = take(length)
	default:
		err = errors.New("an answer without a length")
	}
	return status, kept.String(), err
}

// eachChunk reads a chunked body (RFC 9112, 7.1), which ends with the chunk of
// size 0 and has no trailers here.
func eachChunk(r *bufio.Reader, take func(n int64) error) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 32)
		if err != nil {
			return err
		}
		if n > 0 {
			if err := take(n); err != nil {
				return err
			}
		}
		if _, err := r.Discard(len("\r\n")); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}
