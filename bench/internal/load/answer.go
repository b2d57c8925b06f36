package load

import (
	"bytes"
	"errors"
	"fmt"
)

var (
	headEnd    = []byte("\r\n\r\n")
	statusOK   = []byte("HTTP/1.1 200 ")
	lengthName = []byte("content-length:")
)

// errPart says that an answer has not all come.
var errPart = errors.New("load: part of an answer")

// next returns how many bytes the answer at the start of buf has, once it has
// all come, and checks its status and body.
func next(buf []byte, body string) (int, error) {
	end := bytes.Index(buf, headEnd)
	if end < 0 {
		return 0, errPart
	}
	head := buf[:end+2]
	if !bytes.HasPrefix(head, statusOK) {
		return 0, fmt.Errorf("load: answer %.200q", buf)
	}
	length, err := contentLength(head)
	if err != nil {
		return 0, err
	}
	start := end + len(headEnd)
	if len(buf)-start < length {
		return 0, errPart
	}
	// Some encoders end with a line break.
	if got := bytes.TrimSuffix(buf[start:start+length], []byte("\n")); string(got) != body {
		return 0, fmt.Errorf("load: body %.200q; want %.200q", got, body)
	}
	return start + length, nil
}

// contentLength reads the field from a head whose lines all end in CR LF.
func contentLength(head []byte) (int, error) {
	for {
		i := bytes.IndexByte(head, '\n')
		if i < 0 {
			return 0, errors.New("load: an answer without Content-Length")
		}
		line := head[:i]
		head = head[i+1:]
		if len(line) < len(lengthName) || line[0]|0x20 != 'c' || !bytes.EqualFold(line[:len(lengthName)], lengthName) {
			continue
		}
		n, digits := 0, bytes.TrimSpace(line[len(lengthName):])
		for _, d := range digits {
			if d < '0' || d > '9' || n > 1<<24 {
				return 0, fmt.Errorf("load: Content-Length %q", digits)
			}
			n = n*10 + int(d-'0')
		}
		return n, nil
	}
}
