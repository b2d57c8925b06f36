package middleware

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/galeweb/gale/internal/accept"
)

// DefaultCompressMinSize is the default of CompressOptions.MinSize: 1 KiB.
const DefaultCompressMinSize = 1 << 10

// The content codings that Compress knows, best first: zstd makes smaller
// bodies than gzip in half the time.
const (
	codingZstd = "zstd"
	codingGzip = "gzip"
)

// CompressOptions configures [Compress].
type CompressOptions struct {
	// MinSize is the size in bytes from which a body is compressed; what fits
	// into one packet gains nothing. Defaults to [DefaultCompressMinSize].
	MinSize int
	// Types are media types to compress besides the built-in ones, such as
	// "application/x-protobuf".
	Types []string
}

// Compress compresses response bodies with zstd or gzip, as the request's
// Accept-Encoding prefers. Compressed are text/*, JSON, JavaScript, XML, SVG,
// WebAssembly, uncompressed fonts, types that end in +json, +xml or +text, and
// the Types of the options. A body without a Content-Type is judged by what
// [http.DetectContentType] makes of its start. Left alone are
//
//   - bodies below MinSize, which are held back until their size is known;
//   - responses to HEAD, with a status that has no body, and partial ones;
//   - those with a Content-Encoding, Content-Range or Content-Digest;
//   - those with Cache-Control: no-transform, and after [NoCompress].
//
// Streams work: a flush sends all that was written so far in a form that the
// client can decode at once, and starts the compression of a body that is still
// below MinSize. Server-sent events compress well this way.
//
// A compressible response gets Vary: Accept-Encoding whether or not it was
// compressed. A compressed one loses Content-Length and Accept-Ranges, and its
// ETag becomes weak, since the same resource has other bytes elsewhere: If-Match
// no longer matches it, If-None-Match does.
//
// Security (BREACH): over HTTPS too, the length of a compressed body tells an
// attacker who can have his own text put beside a secret on the page whether
// the two agree. gale keeps no CSRF token in its pages, for one; where a page
// shows both a secret and text from the request, call [NoCompress].
func Compress(o CompressOptions) func(http.Handler) http.Handler {
	if o.MinSize == 0 {
		o.MinSize = DefaultCompressMinSize
	}
	c := &compressor{min: o.MinSize, types: make(map[string]bool, len(o.Types))}
	for _, t := range o.Types {
		c.types[strings.ToLower(t)] = true
	}
	for _, coding := range [...]string{codingZstd, codingGzip} {
		c.put(coding, newEncoder(coding)) // so that it panics now or never
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww, w := writerOf(w)
			st, r := stateOf(r)
			cw := &compressWriter{w: w, ww: ww, c: c, st: st, r: r, coding: accept.Encoding(r.Header["Accept-Encoding"], codingZstd, codingGzip)}
			// After a panic nothing more is sent: the body must not look whole.
			defer cw.release()
			next.ServeHTTP(cw, r)
			cw.finish()
		})
	}
}

// NoCompress keeps [Compress] away from this response. Call it before the first
// write. It does nothing outside Compress.
func NoCompress(ctx context.Context) {
	if st := stateFrom(ctx); st != nil {
		st.mu.Lock()
		st.plain = true
		st.mu.Unlock()
	}
}

// encoder is what gzip and zstd writers have in common.
type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// compressor is what the requests of one Compress share.
type compressor struct {
	min   int
	types map[string]bool
	zstd  sync.Pool
	gzip  sync.Pool
}

// encoder returns one that writes to w.
func (c *compressor) encoder(coding string, w io.Writer) encoder {
	e, ok := c.pool(coding).Get().(encoder)
	if !ok {
		e = newEncoder(coding)
	}
	e.Reset(w)
	return e
}

// put takes an encoder back, in whatever state it is.
func (c *compressor) put(coding string, e encoder) {
	e.Reset(nil) // lets go of the response
	c.pool(coding).Put(e)
}

func (c *compressor) pool(coding string) *sync.Pool {
	if coding == codingZstd {
		return &c.zstd
	}
	return &c.gzip
}

func newEncoder(coding string) encoder {
	if coding == codingZstd {
		// Fastest, because the step to the next level costs a third of the speed
		// and gains nothing on pages; one goroutine and a window of 128 KiB,
		// because encoders are held for as long as streams last; zero frames,
		// because an empty body is not a valid zstd one.
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(128<<10), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
		if err == nil {
			return e
		}
		panic("middleware: Compress: " + err.Error() + "; the options above are wrong for this version of zstd")
	}
	e, err := gzip.NewWriterLevel(nil, 5)
	if err != nil {
		panic("middleware: Compress: " + err.Error() + "; the level above is wrong for this version of gzip")
	}
	return e
}

// compressible reports whether bodies of this Content-Type shrink.
func (c *compressor) compressible(contentType string) bool {
	t, _, _ := strings.Cut(contentType, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	switch t {
	case "application/json", "application/javascript", "application/xml", "application/x-ndjson",
		"application/wasm", "application/x-javascript", "application/yaml", "application/graphql",
		"font/ttf", "font/otf", "application/vnd.ms-fontobject", "image/bmp", "image/x-icon",
		"image/vnd.microsoft.icon":
		return true
	}
	return strings.HasPrefix(t, "text/") || c.types[t] ||
		strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml") || strings.HasSuffix(t, "+text")
}
