package gale

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// report is what an operator should know at start.
type report struct {
	o         Options
	listeners []net.Listener
	ops       net.Listener
	opsMoved  bool
	took      time.Duration
}

// tell writes the banner, or in production one log record.
func (r report) tell() {
	if r.o.Env == Dev {
		_, _ = io.WriteString(r.o.Banner, r.banner())
		return
	}
	r.o.Logger.Info("started", "name", r.o.Name, "version", r.o.Version, "env", r.o.Env,
		"addrs", r.urls(), "ops", r.opsURL(), "off", r.off(), "unsafe", r.unsafe(), "took", r.took)
}

func (r report) banner() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  %s %s (%s), started in %v\n\n", r.o.Name, r.o.Version, r.o.Env, r.took.Round(time.Millisecond))
	line := func(label, text string) { fmt.Fprintf(&b, "  %-8s%s\n", label, text) }
	for _, u := range r.urls() {
		line("open", u)
	}
	if r.ops != nil {
		text := r.opsURL() + "  (metrics, health, profiles)"
		if r.opsMoved {
			text += "; " + defaultOpsAddr + " is in use"
		}
		line("ops", text)
	}
	for _, s := range r.unsafe() {
		line("unsafe", s)
	}
	for _, s := range r.off() {
		line("off", s)
	}
	b.WriteString("\n  Ctrl-C drains and stops; twice stops at once.\n\n")
	return b.String()
}

func (r report) urls() []string {
	scheme := "http"
	if r.o.TLS != nil {
		scheme = "https"
	}
	urls := make([]string, len(r.listeners))
	for i, l := range r.listeners {
		urls[i] = urlOf(l.Addr(), scheme)
	}
	return urls
}

func (r report) opsURL() string {
	if r.ops == nil {
		return opsOff
	}
	return urlOf(r.ops.Addr(), "http")
}

// urlOf returns what can be clicked in a terminal: a listener on all addresses
// is shown as localhost.
func urlOf(a net.Addr, scheme string) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return a.Network() + ":" + a.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, fmt.Sprint(tcp.Port))
}

// off lists protections and parts that the options leave out.
func (r report) off() []string {
	off := []string{}
	if r.ops == nil {
		off = append(off, "ops listener: no metrics, health or profiles")
	}
	if r.o.StallBudget < 0 {
		off = append(off, "stall watch")
	}
	if r.o.Middleware != nil {
		return append(off, "default middleware: Options.Middleware replaces it")
	}
	c := r.o.Chain
	for _, part := range []struct {
		without bool
		name    string
	}{
		{c.WithoutAccessLog, "access log"},
		{c.WithoutRecover, "recovery from panics"},
		{c.WithoutSecurityHeaders, "security headers"},
		{c.WithoutCrossOrigin, "cross-origin check"},
		{c.WithoutBodyLimit, "body limit"},
		{c.WithoutCompress, "compression"},
	} {
		if part.without {
			off = append(off, part.name)
		}
	}
	return off
}

// unsafe lists what an attacker would like.
func (r report) unsafe() []string {
	unsafe := []string{}
	if r.ops != nil && isPublic(r.ops.Addr()) {
		unsafe = append(unsafe, "ops listener is public: profiles show memory, and nobody is asked who he is")
	}
	public := false
	for _, l := range r.listeners {
		public = public || isPublic(l.Addr())
	}
	if !public {
		return unsafe
	}
	if r.o.Env == Dev {
		unsafe = append(unsafe, "dev environment on a public address: error pages may show the inside")
	}
	if r.o.Env == Production && r.o.TLS == nil && len(r.o.Chain.ClientIP.Trusted) == 0 {
		unsafe = append(unsafe, "plain HTTP on a public address without trusted proxies: set TLS, or Chain.ClientIP.Trusted to the proxy that does it")
	}
	return unsafe
}

// isPublic reports whether others than this machine's users can connect.
func isPublic(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && !tcp.IP.IsLoopback()
}
