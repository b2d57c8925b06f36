package wsframe

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
)

// tail is what follows the payload of a compressed message, RFC 7692 section
// 7.2.2, and then a final block, from which the inflater knows that it ends.
const tail = flushed + "\x01\x00\x00\xff\xff"

const (
	// firstGuess is the room for a message before anything of it is inflated.
	firstGuess = 512
	// likelyRatio is by how much messages are often compressed.
	likelyRatio = 4
)

var errDeflate = dataError("compressed data that is not valid")

// Inflater inflates messages. It holds about 40 KiB but nothing of one message
// for the next, so keep a few in a pool. It belongs to one goroutine at a time.
type Inflater struct {
	z   io.ReadCloser
	all bytes.Reader
}

// NewInflater returns an Inflater.
func NewInflater() *Inflater { return &Inflater{z: flate.NewReader(nil)} }

// Inflate returns the message whose compressed payload is p, to which it may
// append. dict is what was inflated before it, when the sender remembers that.
// It stops once there are more bytes than limit, so that a bomb costs no more
// than that; text that is not UTF-8 is refused as soon as it is met. Errors are
// of type [*Error].
func (f *Inflater) Inflate(p, dict []byte, limit int, text bool) ([]byte, error) {
	f.all.Reset(append(p, tail...))
	if err := f.reset(&f.all, dict); err != nil {
		return nil, err
	}
	defer f.all.Reset(nil)
	room := max(firstGuess, min(likelyRatio*len(p), limit))
	out := make([]byte, 0, min(room, limit)+1)
	var v Validator
	for {
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(2*cap(out), limit+1))
			copy(grown, out)
			out = grown
		}
		n, err := f.z.Read(out[len(out):cap(out)])
		if text && !v.Write(out[len(out):len(out)+n]) {
			return nil, dataError("text that is not UTF-8")
		}
		if out = out[:len(out)+n]; len(out) > limit {
			return nil, tooBig()
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) || !rest(&f.all) {
			return nil, errDeflate
		}
		if text && !v.Complete() {
			return nil, dataError("text that ends inside a character")
		}
		return out, nil
	}
}

func (f *Inflater) reset(r io.Reader, dict []byte) error {
	return f.z.(flate.Resetter).Reset(r, dict)
}

// rest reports whether what was left by the inflater is what it may leave: all
// of the tail, and the byte before it, when the sender has ended its last block
// as final (RFC 7692 section 7.2.3.4).
func rest(r io.Reader) bool {
	var left [len(tail) + 2]byte
	n, _ := io.ReadFull(r, left[:])
	switch string(left[:n]) {
	case "", tail, "\x00" + tail:
		return true
	}
	return false
}

// Stream returns a reader of the message whose compressed payload r yields. It
// uses the Inflater until its end, and fails as [Inflater.Inflate] does; errors
// of r come out as they are.
func (f *Inflater) Stream(r io.Reader, dict []byte, limit int64, text bool) (io.Reader, error) {
	src := bufio.NewReader(io.MultiReader(r, bytes.NewReader([]byte(tail))))
	if err := f.reset(src, dict); err != nil {
		return nil, err
	}
	return &inflating{f: f, src: src, left: limit, text: text}, nil
}

type inflating struct {
	f    *Inflater
	src  *bufio.Reader
	left int64
	text bool
	v    Validator
	err  error
}

// Read implements io.Reader.
func (s *inflating) Read(p []byte) (n int, err error) {
	if s.err == nil {
		n, s.err = s.f.z.Read(p)
		s.check(p[:n])
	}
	return n, s.err
}

func (s *inflating) check(p []byte) {
	var broken *Error
	s.left -= int64(len(p))
	switch {
	case s.text && !s.v.Write(p):
		broken = dataError("text that is not UTF-8")
	case s.left < 0:
		broken = tooBig()
	case s.err == nil:
	case errors.Is(s.err, io.EOF):
		if !rest(s.src) {
			broken = errDeflate
		} else if s.text && !s.v.Complete() {
			broken = dataError("text that ends inside a character")
		}
	default:
		if isDeflate(s.err) {
			broken = errDeflate
		}
	}
	if broken != nil {
		s.err = broken
	}
}

// isDeflate reports whether err says that the data is bad, and not that it could
// not be had.
func isDeflate(err error) bool {
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok {
		return true
	}
	_, ok := errors.AsType[flate.InternalError](err)
	return ok || errors.Is(err, io.ErrUnexpectedEOF)
}
