package engine

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// connLimits counts the open connections of all listeners of one server.
type connLimits struct {
	total, perAddr int // negative: no limit
	log            *slog.Logger

	mu      sync.Mutex
	open    int
	byAddr  map[netip.Prefix]int
	refused int
	told    time.Time
}

func newConnLimits(total, perAddr int, log *slog.Logger) *connLimits {
	if total == 0 {
		total = openFiles() / 4 * 3
	}
	if perAddr == 0 {
		perAddr = max(total/4, 1)
		if total < 0 {
			perAddr = -1
		}
	}
	return &connLimits{total: total, perAddr: perAddr, log: log, byAddr: make(map[netip.Prefix]int)}
}

// take counts a connection from key and says whether it may stay: it returns ""
// or the limit that it would break. The zero key stands for those not counted by
// address.
func (c *connLimits) take(key netip.Prefix) (limit string) {
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

func (c *connLimits) give(key netip.Prefix) {
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

type limitedListener struct {
	net.Listener
	limits  *connLimits
	refused *tally
}

// limited puts the limits of connections on a listener for net/http.
func (s *Server) limited(l net.Listener) net.Listener {
	return &limitedListener{l, s.limits, &s.stdRefused}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		key := addrKey(c.RemoteAddr())
		if limit := l.limits.take(key); limit != "" {
			l.refused.add(limit)
			_ = c.Close()
			continue
		}
		counted := counted{release: sync.OnceFunc(func() { l.limits.give(key) })}
		if tcp, ok := c.(*net.TCPConn); ok {
			return &countedTCP{tcp, counted}, nil
		}
		return &countedConn{c, counted}, nil
	}
}

// addrKey is what one client is counted by: its IPv4 address, or its IPv6 /64,
// since an IPv6 host owns all addresses of its network. It is zero for
// addresses that are not of the public internet.
func addrKey(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return ipKey(tcp.AddrPort().Addr())
}

func ipKey(ip netip.Addr) netip.Prefix {
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
