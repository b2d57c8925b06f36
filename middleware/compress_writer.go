package middleware

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/galeweb/gale/web"
)

// compressWriter decides, once it knows the header and the first MinSize bytes
// of a body or all of it, whether the body goes through an encoder.
type compressWriter struct {
	w      http.ResponseWriter
	ww     *web.Writer
	c      *compressor
	st     *state
	r      *http.Request
	coding string // what the client prefers; "" for none

	status  int    // what the handler has set; 0 before
	held    []byte // the body so far, until decided
	decided bool
	enc     encoder // set when the body is compressed
}

// Unwrap gives [http.ResponseController] the powers that need no care here.
func (cw *compressWriter) Unwrap() http.ResponseWriter { return cw.w }

// Header returns the response header.
func (cw *compressWriter) Header() http.Header { return cw.w.Header() }

// WriteHeader holds the status back until it is decided what goes with it. A
// second status has no effect, as with net/http.
func (cw *compressWriter) WriteHeader(status int) {
	interim := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	switch {
	case cw.decided || interim:
		cw.w.WriteHeader(status)
		return
	case cw.status != 0:
		return
	}
	cw.status = status
	h := cw.Header()
	if cw.refused() {
		_ = cw.pass()
	} else if _, ok := h["Content-Type"]; ok {
		size, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
		if err == nil && size >= int64(cw.c.min) && cw.wanted(nil) {
			_ = cw.start(nil)
		} else if err == nil || !cw.c.compressible(h.Get("Content-Type")) || cw.coding == "" {
			cw.wanted(nil)
			_ = cw.pass()
		}
	}
}

// Write holds p back, compresses it or passes it on.
func (cw *compressWriter) Write(p []byte) (int, error) {
	if cw.status == 0 {
		cw.WriteHeader(http.StatusOK)
	}
	if !cw.decided {
		if cw.coding != "" && len(cw.held)+len(p) < cw.c.min {
			cw.held = append(cw.held, p...)
			return len(p), nil
		}
		if err := cw.decide(p); err != nil {
			return 0, err
		}
	}
	if cw.enc != nil {
		return cw.enc.Write(p)
	}
	return cw.w.Write(p)
}

// ReadFrom lets a file that is not compressed reach the socket by sendfile.
func (cw *compressWriter) ReadFrom(r io.Reader) (int64, error) {
	if cw.status == 0 {
		cw.WriteHeader(http.StatusOK)
	}
	if cw.decided && cw.enc == nil {
		return io.Copy(cw.w, r)
	}
	return io.Copy(struct{ io.Writer }{cw}, r)
}

// Flush is FlushError for libraries that know only [http.Flusher].
func (cw *compressWriter) Flush() { _ = cw.FlushError() }

// FlushError sends all that was written.
func (cw *compressWriter) FlushError() error {
	if cw.status == 0 {
		cw.WriteHeader(http.StatusOK)
	}
	if !cw.decided {
		if err := cw.decide(nil); err != nil {
			return err
		}
	}
	if cw.enc != nil {
		if err := cw.enc.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(cw.w).Flush()
}

// Hijack takes the connection over; see [http.Hijacker].
func (cw *compressWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(cw.w).Hijack()
}

// Discard drops what is held back, so that [web.Fail] can answer in its place.
func (cw *compressWriter) Discard() {
	if !cw.decided {
		cw.status, cw.held = 0, cw.held[:0]
	}
}

// refused reports whether the header alone forbids compression.
func (cw *compressWriter) refused() bool {
	h := cw.Header()
	cw.st.mu.Lock()
	plain := cw.st.plain
	cw.st.mu.Unlock()
	if cw.status == http.StatusNotModified && !plain {
		cw.notModified()
	}
	return plain || cw.status < 200 || cw.status == http.StatusNoContent ||
		cw.status == http.StatusPartialContent || cw.status == http.StatusNotModified ||
		h.Get("Content-Encoding") != "" || h.Get("Content-Range") != "" || h.Get("Content-Digest") != "" ||
		strings.Contains(strings.ToLower(strings.Join(h["Cache-Control"], ",")), "no-transform")
}

// notModified makes a 304 name the response that the client holds: a strong
// ETag matches no stored response whose ETag Compress made weak (RFC 9111,
// section 4.3.4).
func (cw *compressWriter) notModified() {
	h := cw.Header()
	addVary(h)
	if tag := h.Get("Etag"); strings.HasPrefix(tag, `"`) && strings.Contains(strings.Join(cw.r.Header["If-None-Match"], ","), "W/"+tag) {
		h.Set("Etag", "W/"+tag)
	}
}

// wanted reports whether the body that begins with start is to be compressed,
// and says in Vary that this depends on Accept-Encoding.
func (cw *compressWriter) wanted(start []byte) bool {
	h := cw.Header()
	contentType := h.Get("Content-Type")
	if _, ok := h["Content-Type"]; !ok && len(start) > 0 {
		contentType = http.DetectContentType(start)
	}
	if !cw.c.compressible(contentType) {
		return false
	}
	addVary(h)
	return cw.coding != "" && cw.r.Method != http.MethodHead
}

// decide settles the question; next is what is written after what is held.
func (cw *compressWriter) decide(next []byte) error {
	start := next
	if len(cw.held) > 0 {
		start = append(cw.held, next[:min(len(next), 512)]...)
	}
	if !cw.refused() && cw.wanted(start) {
		return cw.start(start)
	}
	return cw.pass()
}

// start sends the header of a compressed response, then what is held.
func (cw *compressWriter) start(body []byte) error {
	h := cw.Header()
	if _, ok := h["Content-Type"]; !ok {
		h.Set("Content-Type", http.DetectContentType(body))
	}
	h.Del("Content-Length")
	h.Del("Accept-Ranges")
	h.Set("Content-Encoding", cw.coding)
	if tag := h.Get("Etag"); strings.HasPrefix(tag, `"`) {
		h.Set("Etag", "W/"+tag)
	}
	cw.enc = cw.c.encoder(cw.coding, cw.w)
	return cw.commit(cw.enc)
}

// pass sends the header as it is, then what is held.
func (cw *compressWriter) pass() error { return cw.commit(cw.w) }

func (cw *compressWriter) commit(body io.Writer) error {
	cw.decided = true
	cw.w.WriteHeader(cw.status)
	held := cw.held
	cw.held = nil
	if len(held) == 0 {
		return nil
	}
	_, err := body.Write(held)
	return err
}

// finish sends what is left of the response.
func (cw *compressWriter) finish() {
	switch {
	case cw.enc != nil:
		_ = cw.enc.Close()
	case cw.status != 0 && !cw.decided && !cw.ww.Written():
		if !cw.refused() {
			cw.wanted(cw.held)
		}
		_ = cw.pass()
	}
}

// release gives the encoder back.
func (cw *compressWriter) release() {
	if cw.enc != nil {
		cw.c.put(cw.coding, cw.enc)
		cw.enc = nil
	}
}

// addVary adds Accept-Encoding to Vary unless it is covered.
func addVary(h http.Header) {
	for _, line := range h["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.Trim(name, " \t"); name == "*" || strings.EqualFold(name, "Accept-Encoding") {
				return
			}
		}
	}
	h.Add("Vary", "Accept-Encoding")
}
