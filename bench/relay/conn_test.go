package main

import (
	"bufio"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadResponse(t *testing.T) {
	t.Parallel()
	const next = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
	for name, c := range map[string]struct {
		answer, problem string
		status          int
	}{
		"length":          {"HTTP/1.1 201 Created\r\nX: y\r\nContent-Length: 8\r\n\r\n{\"id\":1}", "", 201},
		"chunks":          {"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", "", 201},
		"problem":         {"HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 3\r\n\r\nbad", "bad", 422},
		"chunked problem": {"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n", "bad", 500},
		"long problem":    {"HTTP/1.1 500 Oh\r\nContent-Length: 2000\r\n\r\n" + strings.Repeat("x", 2000), strings.Repeat("x", 500), 500},
	} {
		r := bufio.NewReader(iotest.OneByteReader(strings.NewReader(c.answer + next)))
		status, problem, err := readResponse(r)
		if status != c.status || problem != c.problem || err != nil {
			t.Errorf("%s: %d, %q, %v", name, status, problem, err)
		}
		if status, _, err := readResponse(r); status != 204 || err != nil {
			t.Errorf("%s: the answer after it: %d, %v", name, status, err)
		}
	}
	for _, bad := range []string{
		"", "HTTP/1.1\r\n", "SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 abc d\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nbody without length",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		if status, _, err := readResponse(bufio.NewReader(strings.NewReader(bad))); err == nil {
			t.Errorf("%q is taken as %d", bad, status)
		}
	}
}
