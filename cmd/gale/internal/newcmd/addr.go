package newcmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// freeAddr returns addr, with a free port in place of 0, after making sure
// that it can be listened on; otherwise whoever has the port would be taken
// for the project.
func freeAddr(ctx context.Context, addr string) (string, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("--addr %q is not host:port, such as 127.0.0.1:8080", addr)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "", fmt.Errorf("another program listens on %s; stop it, or choose another port with --addr, such as --addr %s", addr, net.JoinHostPort(host, "0"))
	case err != nil:
		return "", fmt.Errorf("cannot listen on %s (%w); choose another with --addr", addr, err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort(host, port), errors.Join(err, l.Close())
}

// urlOf returns what to open in a browser for what is listened on at addr.
func urlOf(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip.IsUnspecified()) {
		addr = net.JoinHostPort("localhost", port)
	}
	return "http://" + addr + "/"
}
