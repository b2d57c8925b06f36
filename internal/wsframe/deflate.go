package wsframe

import (
	"bytes"

	"github.com/klauspost/compress/flate"
)

// MaxDictionary is the longest dictionary that [AppendDeflated] makes use of.
const MaxDictionary = 8 << 10

// flushed is how the output of a deflate ends that was flushed: an empty stored
// block. It does not go over the wire, RFC 7692 section 7.2.1.
const flushed = "\x00\x00\xff\xff"

// AppendDeflated appends p to dst, compressed as the payload of a message. It
// keeps nothing from one call to the next. dict, when not empty, is what the
// peer has inflated before this message; no distance reaches back further than
// len(dict)+len(p).
func AppendDeflated(dst, p, dict []byte) []byte {
	out := appender{dst}
	// The only errors are those of the writer, which has none.
	_ = flate.StatelessDeflate(&out, p, false, dict)
	return bytes.TrimSuffix(out.b, []byte(flushed))
}

type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}
