// Package loopback makes connections to a server on the same machine, more of
// them than one address has ports.
package loopback

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// perSource is how many connections one source address makes; a client that
// held tens of thousands from one would run out of ports.
const perSource = 4096

// source returns the loopback address of the nth connection.
func source(n int) [4]byte { return [4]byte{127, 0, 1, byte(1 + n/perSource)} }

// Dial connects a blocking socket to addr, a loopback address, as the nth
// connection. Closing it resets it, so that no port stays in TIME_WAIT.
func Dial(addr string, n int) (fd int, err error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return -1, fmt.Errorf("loopback: address: %w", err)
	}
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, fmt.Errorf("loopback: socket: %w", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// The port is chosen when it connects, for this source and destination.
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: source(n)}),
	)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	}
	if err != nil {
		return -1, fmt.Errorf("loopback: connection %d: %w", n, errors.Join(err, unix.Close(fd)))
	}
	return fd, nil
}
