// Package connlimit limits how many connections a server has open, in all and
// from one client.
package connlimit

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits counts the open connections of all listeners of one server. It is safe
// for concurrent use.
type Limits struct {
	total, perAddr int // negative: no limit
	log            *slog.Logger

	mu      sync.Mutex
	open    int
	byAddr  map[netip.Prefix]int
	refused int
	told    time.Time
}

// New returns the limits of a server; negative ones do not hold. 0 means for total
// three quarters of the files that the process may open, and for perAddr a
// quarter of total. What is refused is logged, once a second at most.
func New(total, perAddr int, log *slog.Logger) *Limits {
	if total == 0 {
		total = openFiles() / 4 * 3
	}
	if perAddr == 0 {
		perAddr = max(total/4, 1)
		if total < 0 {
			perAddr = -1
		}
	}
	return &Limits{total: total, perAddr: perAddr, log: log, byAddr: make(map[netip.Prefix]int)}
}

// Take counts a connection from key and says whether it may stay: it returns ""
// or the limit that it would break. The zero key stands for those not counted by
// address.
func (c *Limits) Take(key netip.Prefix) (limit string) {
	c.mu.Lock()
	full := c.total >= 0 && c.open >= c.total
	greedy := key.IsValid() && c.perAddr >= 0 && c.byAddr[key] >= c.perAddr
	if !full && !greedy {
		c.open++
		if key.IsValid() {
			c.byAddr[key]++
		}
		c.mu.Unlock()
		return ""
	}
	limit = "conns_per_addr"
	if full {
		limit = "conns"
	}
	c.refused++
	refused := c.refused
	// One line a second at most: the flood must not reach the log.
	tell := time.Since(c.told) > time.Second
	if tell {
		c.told, c.refused = time.Now(), 0
	}
	c.mu.Unlock()
	if !tell {
		return limit
	}
	if full {
		c.log.Warn("connections refused: MaxConns reached", "limit", c.total, "refused", refused)
	} else {
		c.log.Warn("connections refused: MaxConnsPerAddr reached", "limit", c.perAddr, "refused", refused, "addr", key.String())
	}
	return limit
}

// Give gives back the place of a connection from key.
func (c *Limits) Give(key netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if !key.IsValid() {
		return
	}
	if c.byAddr[key]--; c.byAddr[key] == 0 {
		delete(c.byAddr, key)
	}
}

type listener struct {
	net.Listener
	limits  *Limits
	refused func(limit string)
}

// Listener puts the limits on l; refused is told of each connection that breaks
// one.
func (c *Limits) Listener(l net.Listener, refused func(limit string)) net.Listener {
	return &listener{l, c, refused}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		key := Key(c.RemoteAddr())
		if limit := l.limits.Take(key); limit != "" {
			l.refused(limit)
			_ = c.Close()
			continue
		}
		return Counted(c, func() { l.limits.Give(key) }), nil
	}
}

// Key is what one client is counted by: its IPv4 address, or its IPv6 /64, since
// an IPv6 host owns all addresses of its network. It is zero for addresses that
// are not of the public internet.
func Key(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return KeyOf(tcp.AddrPort().Addr())
}

// KeyOf is Key of an IP address.
func KeyOf(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return netip.Prefix{}
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip, bits).Masked()
}

// Counted returns conn such that release is called when it is closed.
func Counted(conn net.Conn, release func()) net.Conn {
	place := counted{sync.OnceFunc(release)}
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &countedTCP{tcp, place}
	}
	return &countedConn{conn, place}
}

type counted struct{ release func() }

// countedConn gives its place back when it is closed.
type countedConn struct {
	net.Conn
	counted
}

func (c *countedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite passes on what net/http looks for when it refuses a request, so
// that the client reads the answer before the connection is reset.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// countedTCP keeps the methods of a TCP connection, of which ReadFrom
// (sendfile) and CloseWrite are asked for by net/http.
type countedTCP struct {
	*net.TCPConn
	counted
}

func (c *countedTCP) Close() error {
	defer c.release()
	return c.TCPConn.Close()
}
