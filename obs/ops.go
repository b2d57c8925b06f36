package obs

import (
	"fmt"
	"html"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// OpsOptions is what [NewOps] shows.
type OpsOptions struct {
	// Metrics is shown at /metrics. Defaults to none, and 404.
	Metrics *Metrics
	// Health is shown at /livez and /readyz. Defaults to one without checks.
	Health *Health
	// Stalls is shown at /debug/stalls. Defaults to none, and 404.
	Stalls *StallWatch
	// Version of the application, for the index page. Defaults to none.
	Version string
	// Hosts are the names, without port, under which the listener may be asked,
	// such as that of the service in a cluster. Defaults to localhost and
	// addresses only, which are always allowed.
	Hosts []string
}

// NewOps returns the handler of the ops listener: an index at /, /metrics,
// /livez, /readyz, /debug/pprof/ and /debug/stalls. It has no authentication:
// bind it to a loopback or private address. It refuses with 421 a request whose Host is
// neither an address, nor localhost, nor in Hosts, and with 403 one that a
// browser sends for a page of another site.
func NewOps(o OpsOptions) http.Handler {
	if o.Health == nil {
		o.Health = NewHealth()
	}
	mux := http.NewServeMux()
	paths := []string{"/livez", "/readyz", "/debug/pprof/"}
	if o.Metrics != nil {
		paths = append([]string{"/metrics"}, paths...)
		mux.Handle("GET /metrics", o.Metrics.Handler())
	}
	mux.HandleFunc("GET /livez", o.Health.Live)
	mux.HandleFunc("GET /readyz", o.Health.Ready)
	mountProfiles(mux)
	if o.Stalls != nil {
		paths = append(paths, stallsPath)
		mountStalls(mux, o.Stalls)
	}
	index := indexPage(strings.TrimSpace("ops "+o.Version), paths)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(index))
	})
	return private(mux, o.Hosts)
}

// private lets through what can not be a web page's doing. A page that rebinds
// its name to 127.0.0.1 still sends that name as Host; a page that links to
// http://127.0.0.1 is told by Sec-Fetch-Site.
func private(next http.Handler, hosts []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !allowedHost(r.Host, hosts) {
			http.Error(w, fmt.Sprintf("host %q is not allowed here; ask by address, or add it to obs.OpsOptions.Hosts", r.Host), http.StatusMisdirectedRequest)
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" && site != "same-origin" {
			http.Error(w, "requests from other sites are not allowed here", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowedHost accepts an empty host too: only HTTP/1.0 probes have none, and
// no browser sends one.
func allowedHost(host string, allowed []string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	if _, err := netip.ParseAddr(host); err == nil || host == "" || strings.EqualFold(host, "localhost") {
		return true
	}
	return slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, host) })
}

// indexPage lists paths under a title.
func indexPage(title string, paths []string) string {
	var b strings.Builder
	title = html.EscapeString(title)
	fmt.Fprintf(&b, "<!doctype html>\n<title>%s</title>\n<h1>%s</h1>\n<ul>\n", title, title)
	for _, p := range paths {
		p = html.EscapeString(p)
		fmt.Fprintf(&b, "<li><a href=%q>%s</a>\n", p, p)
	}
	b.WriteString("</ul>\n")
	return b.String()
}
