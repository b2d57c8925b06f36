package middleware

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/galeweb/gale/obs"
)

// What one request can write into the log is bounded: a header may be 1 MiB
// long, and a log that an attacker can fill is a way to fill the disk.
const (
	maxLogMethod    = 32
	maxLogPath      = 1024
	maxLogUserAgent = 256
)

// AccessLogOptions configures [AccessLogWith].
type AccessLogOptions struct {
	// Skip, when it returns true, leaves a request out, unless it ends with a
	// 5xx: for health checks. Defaults to leaving none out.
	Skip func(*http.Request) bool
	// Logger takes the records. Defaults to the logger in the request's
	// context; see [obs.Logger].
	Logger *slog.Logger
}

// AccessLog is [AccessLogWith] with the defaults.
func AccessLog(next http.Handler) http.Handler {
	return AccessLogWith(AccessLogOptions{})(next)
}

// AccessLogWith logs one record, "request", after each request has ended: at
// Error when the status is 5xx, else at Info. Its attributes are
//
//	method, path, status, bytes, duration, remote, user_agent
//
// and aborted=true when the handler panicked, mostly by
// [http.ErrAbortHandler], so that the client got no whole response. Status is
// 101 when the connection was taken over, 0 when it was aborted before a
// header. Bytes are body bytes after compression. Remote is the address that
// [ClientIP] found, else the peer's. The request id, the trace id, the route
// and the user are added by the handler that [obs.NewLogger] makes.
//
// The query is never logged, since it may hold tokens. The path is logged in
// its escaped form; what is not printable in the method and the user agent is
// escaped, and all three are cut to a bounded length, so that no request can
// forge a line, colour a terminal or fill the disk.
func AccessLogWith(o AccessLogOptions) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww, w := writerOf(w)
			st, r := stateOf(r)
			start := time.Now()
			aborted := true
			defer func() {
				status := ww.Status()
				if status == 0 && !aborted {
					status = http.StatusOK // what net/http sends for a silent handler
				}
				level := slog.LevelInfo
				if status >= http.StatusInternalServerError {
					level = slog.LevelError
				} else if o.Skip != nil && o.Skip(r) {
					return
				}
				logger := o.Logger
				if logger == nil {
					logger = obs.Logger(r.Context())
				}
				if !logger.Enabled(r.Context(), level) {
					return
				}
				attrs := make([]slog.Attr, 0, 8)
				attrs = append(attrs,
					slog.String("method", printable(r.Method, maxLogMethod)),
					slog.String("path", printable(r.URL.EscapedPath(), maxLogPath)),
					slog.Int("status", status),
					slog.Int64("bytes", ww.Bytes()),
					slog.Duration("duration", time.Since(start)),
					slog.String("remote", remote(st, r)),
					slog.String("user_agent", printable(r.UserAgent(), maxLogUserAgent)))
				if aborted {
					attrs = append(attrs, slog.Bool("aborted", true))
				}
				logger.LogAttrs(r.Context(), level, "request", attrs...)
			}()
			next.ServeHTTP(w, r)
			aborted = false
		})
	}
}

// remote returns the client's address as text, without the port.
func remote(st *state, r *http.Request) string {
	st.mu.Lock()
	addr := st.client
	st.mu.Unlock()
	if addr.IsValid() {
		return addr.String()
	}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return ap.Addr().Unmap().String()
	}
	return printable(r.RemoteAddr, 64)
}

// printable returns at most limit bytes of s, in which whatever is not
// printable, such as line ends, terminal codes and the marks that turn text
// around, stands as a Go escape.
func printable(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit] + "…"
	}
	for i, c := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		if !unicode.IsPrint(c) || c == utf8.RuneError && size == 1 {
			q := strconv.Quote(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}
