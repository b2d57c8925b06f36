package wsframe

import (
	"bytes"

	"github.com/klauspost/compress/flate"
)

// MaxDictionary is the longest dictionary that a [Deflater] makes use of.
const MaxDictionary = 8 << 10

// flushed is how the output of a deflate ends that was flushed: an empty stored
// block. It does not go over the wire, RFC 7692 section 7.2.1.
const flushed = "\x00\x00\xff\xff"

// short is a message, in bytes, that the stateless deflate stores as it is
// without trying: it takes the table of a Huffman code for longer than it is.
const short = 1 << 10

// Deflater compresses messages. It holds up to 70 KiB but nothing of one message
// for the next, so keep a few in a pool. It belongs to one goroutine at a time.
type Deflater struct {
	huffman *flate.Writer
	out     appender
}

// Append appends p to dst, compressed as the payload of a message. dict, when
// not empty, is what the peer has inflated before this message; no distance
// reaches back further than len(dict)+len(p).
func (d *Deflater) Append(dst, p, dict []byte) []byte {
	d.out.b = dst
	// The only errors are those of the writer, which has none.
	_ = flate.StatelessDeflate(&d.out, p, false, dict)
	if len(p) < short && len(d.out.b)-len(dst) >= len(p) {
		d.out.b = dst
		d.code(p)
	}
	b := d.out.b
	d.out.b = nil
	return bytes.TrimSuffix(b, []byte(flushed))
}

// code writes p by a Huffman code only.
func (d *Deflater) code(p []byte) {
	if d.huffman == nil {
		d.huffman, _ = flate.NewWriter(&d.out, flate.HuffmanOnly) // fails for unknown levels
	} else {
		d.huffman.Reset(&d.out)
	}
	_, _ = d.huffman.Write(p)
	_ = d.huffman.Flush()
}

type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}
