package web

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"iter"
	"net/http"
	"reflect"
	"strconv"
)

// ReadOptions are the limits of [ReadNDJSON] and [ReadLines].
type ReadOptions struct {
	// MaxLine is the longest line taken, in bytes, without its line break.
	// Defaults to 64 KiB.
	MaxLine int
}

const (
	defaultMaxLine = 64 << 10
	readSize       = 16 << 10
)

// LineError is what is wrong with a line, or with the body at that line. The
// lines before it were good.
type LineError struct {
	// Line counts from 1, blank lines too.
	Line int
	// Err is the cause, for the client an [*Error] where it is at fault.
	Err error
}

// Error returns the number of the line and the cause.
func (e *LineError) Error() string { return "line " + strconv.Itoa(e.Line) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// ReadNDJSON reads the body of r as newline-delimited JSON, at constant memory
// and without an end of its own: a device may send lines for days. Each line
// is decoded and checked as by [DecodeJSON]; blank lines are skipped. The
// Content-Type must be application/x-ndjson, application/ndjson or
// application/jsonl.
//
// The sequence ends after its first error, a [*LineError], which a handler can
// return as it is: a line that is refused is a 400 or 422 that names it, the
// limit of a [LimitBody] a 413. No limit on the whole body is set here.
// A stream needs a later read deadline than an ordinary request, by
// [http.ResponseController]; the caller sets it. The sequence can be used once.
//
// Apart from what decoding T itself takes, a line costs no allocation.
func ReadNDJSON[T any](r *http.Request, o ReadOptions) iter.Seq2[T, error] {
	rules := checker().rulesFor(reflect.TypeFor[T]())
	return func(yield func(T, error) bool) {
		var zero T
		if err := needType(r, "application/x-ndjson", isNDJSON); err != nil {
			yield(zero, &LineError{Line: 1, Err: err})
			return
		}
		var v T // One variable, so that the values do not each go to the heap.
		for line, err := range numbered(r, o) {
			if err != nil {
				yield(zero, err)
				return
			}
			v = zero
			err := decode(line.text, &v)
			if err == nil {
				err = rules.check(&v)
			}
			if err != nil {
				yield(zero, lineError(line.number, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// ReadLines reads the lines of r's body as ReadNDJSON does, but leaves what is
// in them to the caller and does not look at the Content-Type: for a program
// that stores lines as they came. The bytes, without line break or surrounding
// white space, are overwritten by the next step of the sequence.
func ReadLines(r *http.Request, o ReadOptions) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for line, err := range numbered(r, o) {
			if !yield(line.text, err) {
				return
			}
		}
	}
}

func isNDJSON(mediaType string) bool {
	switch mediaType {
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		return true
	}
	return false
}

// lineError has the client told of which line err is.
func lineError(number int, err error) *LineError {
	if e, ok := find(err); ok {
		e.Message = "Line " + strconv.Itoa(number) + " is refused."
		err = e
	}
	return &LineError{Line: number, Err: err}
}

type numberedLine struct {
	number int
	text   []byte
}

// numbered yields the lines that are not blank.
func numbered(r *http.Request, o ReadOptions) iter.Seq2[numberedLine, error] {
	if o.MaxLine < 0 {
		panic("web: ReadOptions.MaxLine is negative; leave it 0 for 64 KiB")
	}
	limit := cmp.Or(o.MaxLine, defaultMaxLine)
	return func(yield func(numberedLine, error) bool) {
		if r.Body == nil {
			return
		}
		// The longer the reads, the fewer; a short body needs no more than itself.
		size := int64(readSize)
		if r.ContentLength >= 0 {
			size = min(size, r.ContentLength+1)
		}
		br := bufio.NewReaderSize(r.Body, int(size))
		var long []byte // holds lines longer than br's buffer
		for n := 1; ; n++ {
			text, err := readLine(br, &long, limit)
			if errors.Is(err, io.EOF) && len(text) == 0 {
				return
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(numberedLine{}, &LineError{Line: n, Err: err})
				return
			}
			if text = bytes.Trim(text, " \t\r\n"); len(text) > 0 && !yield(numberedLine{n, text}, nil) {
				return
			}
			if err != nil {
				return
			}
		}
	}
}

// readLine returns the next line with its break, and io.EOF with the last one
// when that has none. A line that the connection broke off is an error, never
// a line: "12" may be the beginning of "123". (bufio.Scanner would return it.)
func readLine(br *bufio.Reader, long *[]byte, limit int) ([]byte, error) {
	text, err := br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		*long = append((*long)[:0], text...)
		for errors.Is(err, bufio.ErrBufferFull) && len(*long) <= limit {
			text, err = br.ReadSlice('\n')
			*long = append(*long, text...)
		}
		text = *long
	}
	if len(bytes.TrimRight(text, "\r\n")) > limit {
		return nil, &Error{
			Status: http.StatusRequestEntityTooLarge, Code: "line_too_long",
			Message: "A line is longer than the " + strconv.Itoa(limit) + " bytes allowed.",
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(err)
	}
	return text, err
}
