package http1

import (
	"bytes"
	"net/http"
)

const (
	maxChunkDigits   = 15      // a size below 2^60
	maxChunkLine     = 1 << 10 // bytes of a size line without CRLF
	maxChunkOverhead = 16 << 10
	maxTrailer       = 4 << 10 // bytes of the trailer section with its empty line
	maxTrailerFields = 64
)

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkExtension
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkTrailer
	chunkDone
)

// Chunked decodes a chunked body (RFC 9112 section 7.1) as its bytes come. The
// zero value is ready for the first chunk. It is not safe for concurrent use.
//
// Limits: a size has at most 15 digits, its line with extensions at most 1 KiB.
// Overhead beyond 16 bytes a chunk and twice the data may come to 16 KiB in all,
// as in net/http. The trailer section has at most 4 KiB and 64 fields. Beyond
// any of these the body is refused with 400 or 431.
type Chunked struct {
	state  chunkState
	digits uint8
	line   uint16 // bytes of the size line so far
	left   int64  // of the chunk
	excess int64  // overhead that is not made up for by data
	raw    []byte // of the trailer section
	start  int    // of the line in raw that has not ended
	lines  int    // of the trailer section
	fields http.Header
	err    *Error
}

// Trailer returns the fields that came after the last chunk, names in canonical
// form; nil for none. It is complete when Decode has said done. The caller may
// keep and change it.
func (c *Chunked) Trailer() http.Header { return c.fields }

// Decode copies body bytes from src to dst. It returns how many bytes of dst it
// filled, how many of src it took, and whether the body has ended, trailer
// included; what follows in src is the next message's. An error is final.
//
// It stops for lack of either: with no room in dst it still takes what is not
// data. Once done it takes nothing more.
func (c *Chunked) Decode(dst, src []byte) (ndst, nsrc int, done bool, err *Error) {
	if c.err != nil {
		return 0, 0, false, c.err
	}
	for nsrc < len(src) && c.state != chunkDone {
		switch c.state {
		case chunkData:
			n := copy(dst[ndst:], src[nsrc:min(len(src), nsrc+int(min(c.left, int64(len(src)))))])
			if n == 0 {
				return ndst, nsrc, false, nil
			}
			ndst += n
			nsrc += n
			if c.left -= int64(n); c.left == 0 {
				c.state = chunkDataCR
			}
		case chunkTrailer:
			n := c.trailer(src[nsrc:])
			nsrc += n
		default:
			c.step(src[nsrc])
			nsrc++
		}
		if c.err != nil {
			return ndst, nsrc, false, c.err
		}
	}
	return ndst, nsrc, c.state == chunkDone, nil
}

// step takes one byte of what is neither data nor trailer.
func (c *Chunked) step(b byte) {
	switch c.state {
	case chunkSize:
		c.size(b)
	case chunkExtension:
		c.extension(b)
	case chunkSizeLF:
		if b != '\n' {
			c.err = bad("chunk_bare_cr", "there is a CR without LF in the line of a chunk size")
			return
		}
		c.begin()
	case chunkDataCR:
		if b != '\r' {
			c.err = bad("chunk_end", "the data of a chunk is not followed by CRLF")
			return
		}
		c.state = chunkDataLF
	case chunkDataLF:
		if b != '\n' {
			c.err = bad("chunk_end", "the data of a chunk is not followed by CRLF")
			return
		}
		c.state, c.digits, c.line = chunkSize, 0, 0
	}
}

func (c *Chunked) size(b byte) {
	if d, ok := hexDigit(b); ok {
		if c.digits == maxChunkDigits {
			c.err = bad("chunk_size_too_large", "a chunk size has too many digits")
			return
		}
		c.digits++
		c.line++
		c.left = c.left<<4 | int64(d)
		return
	}
	switch {
	case c.digits > 0 && b == ';':
		c.line++
		c.state = chunkExtension
	case c.digits > 0 && b == '\r':
		c.state = chunkSizeLF
	case b == '\n':
		c.err = bad("chunk_bare_lf", "the line of a chunk size ends without CR")
	default:
		c.err = bad("bad_chunk_size", "a chunk size is not a hexadecimal number")
	}
}

func (c *Chunked) extension(b byte) {
	switch {
	case b == '\r':
		c.state = chunkSizeLF
	case b == '\n':
		c.err = bad("chunk_bare_lf", "the line of a chunk size ends without CR")
	case b < ' ' && b != '\t' || b == 0x7f:
		c.err = bad("bad_chunk_extension", "there is a control byte in a chunk extension")
	case c.line >= maxChunkLine:
		c.err = bad("chunk_extension_too_long", "a chunk extension is too long")
	default:
		c.line++
	}
}

// begin starts the data of a chunk, or the trailer after the last one. The sums
// are those of net/http: a sender of single bytes is served, one that hides
// little data in much else is not.
func (c *Chunked) begin() {
	c.excess = max(0, c.excess+int64(c.line)+2-16-2*c.left)
	if c.excess > maxChunkOverhead {
		c.err = bad("chunk_overhead", "the chunks have too much that is not data")
		return
	}
	if c.left == 0 {
		c.state = chunkTrailer
		return
	}
	c.state = chunkData
}

func hexDigit(b byte) (d byte, ok bool) {
	switch {
	case b-'0' <= 9:
		return b - '0', true
	case b|0x20-'a' < 6:
		return b | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// trailer takes bytes of the trailer section, at most to the end of a line, and
// returns how many.
func (c *Chunked) trailer(src []byte) int {
	n := bytes.IndexByte(src, '\n') + 1
	ended := n > 0
	if !ended {
		n = len(src)
	}
	if len(c.raw)+n > maxTrailer {
		c.err = &Error{Status: 431, Kind: "trailer_too_large", Reason: "the trailer section is too large"}
		return 0
	}
	c.raw = append(c.raw, src[:n]...)
	if ended {
		line := string(c.raw[c.start:])
		c.start = len(c.raw)
		c.trailerLine(line)
	}
	return n
}

func (c *Chunked) trailerLine(line string) {
	if line == "\r\n" {
		c.state, c.raw = chunkDone, nil
		return
	}
	f, _, err := parseField(line)
	if err == nil && isForbiddenTrailer(f.key) {
		err = bad("bad_trailer", "a trailer field came that may not be one")
	}
	if err != nil {
		c.err = err
		return
	}
	if c.lines++; c.lines > maxTrailerFields {
		c.err = &Error{Status: 431, Kind: "too_many_trailers", Reason: "there are too many trailer fields"}
		return
	}
	if c.fields == nil {
		c.fields = make(http.Header)
	}
	c.fields[f.key] = append(c.fields[f.key], f.value)
}

// isForbiddenTrailer reports whether the field frames, routes or ends a message,
// and so is of no use after its body but to deceive (RFC 9110 section 6.5.1).
func isForbiddenTrailer(key string) bool {
	switch key {
	case "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}
