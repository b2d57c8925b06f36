package gale

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// listen opens what the service listens on: what the caller gave, else what
// systemd passed, else Addr.
func (o Options) listen(ctx context.Context) ([]net.Listener, error) {
	if len(o.Listeners) > 0 {
		return o.Listeners, nil
	}
	passed, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("gale: sockets from systemd: %w", err)
	}
	for i, l := range passed {
		if l == nil {
			closeListeners(passed)
			return nil, fmt.Errorf("gale: socket %d from systemd is not a stream socket; use ListenStream= in the socket unit", i)
		}
	}
	if len(passed) > 0 {
		return passed, nil
	}
	l, err := open(ctx, o.Addr, "Addr")
	if err != nil {
		return nil, err
	}
	return []net.Listener{l}, nil
}

func closeListeners(all []net.Listener) {
	for _, l := range all {
		if l != nil {
			_ = l.Close()
		}
	}
}

// open listens on addr, which option named.
func open(ctx context.Context, addr, option string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return openUnix(ctx, path, option)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("gale: listen on %s: the address is already in use; stop the program that has it (\"ss -ltnp\" names it) or set %s to another: %w", addr, option, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("gale: listen on %s: not permitted; set %s to a port from 1024 up, or give the service CAP_NET_BIND_SERVICE: %w", addr, option, err)
	}
	return nil, fmt.Errorf("gale: listen on %s: check %s, want host:port or unix:/path: %w", addr, option, err)
}

// openUnix listens on a socket in the file system. A socket that a crashed
// process left is removed, one on which somebody answers is not, and nothing
// else ever is.
func openUnix(ctx context.Context, path, option string) (net.Listener, error) {
	if path == "" {
		return nil, fmt.Errorf("gale: %s is \"unix:\" without a path", option)
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("gale: listen on unix:%s: the file exists and is not a socket; remove it or set %s to another path", path, option)
		}
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			_ = conn.Close()
			return nil, fmt.Errorf("gale: listen on unix:%s: another process serves this socket; stop it or set %s to another path: %w", path, option, syscall.EADDRINUSE)
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("gale: listen on unix:%s: cannot tell whether the socket is in use: %w", path, err)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("gale: listen on unix:%s: remove the stale socket: %w", path, err)
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("gale: listen on unix:%s: %w", path, err)
	}
	// The group is how a proxy under another user gets in; others are not to.
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("gale: listen on unix:%s: %w", path, err)
	}
	return l, nil
}
