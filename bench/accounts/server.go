package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/galeweb/gale/bench/internal/launch"
)

const hello = "Hello, World!"

// server is one that runs.
type server struct {
	*launch.Process
	addr string
}

// start starts a server with an empty database on some cores.
func (b *bench) start(ctx context.Context, cores []int) (server, error) {
	addr, err := launch.FreeAddr()
	if err != nil {
		return server{}, err
	}
	dir, err := os.MkdirTemp(b.temp, "db-")
	if err != nil {
		return server{}, err
	}
	p, err := launch.Start(ctx, launch.Command{
		Binary: b.binary(), Args: []string{"-addr", addr, "-database", filepath.Join(dir, "accounts.db")},
		Log: filepath.Join(dir, "log"), Cores: cores, Asked: true,
	})
	if err != nil {
		return server{}, err
	}
	if err := p.Listens(ctx, addr); err != nil {
		p.Kill()
		return server{}, err
	}
	return server{p, addr}, nil
}

// way is one of the ways to say who asks.
type way struct {
	name, path string
	headers    string
	most       float64 // of the bare handler's cost
}

// request is a post without a body, as a page of the site sends it.
func (w way) request(path string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: bench.test\r\nOrigin: https://bench.test\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n" + w.headers + "\r\n"
}

// ways signs in and returns what to send from then on.
func (s server) ways(ctx context.Context) ([]way, error) {
	res, err := s.get(ctx, "/in")
	if err != nil {
		return nil, err
	}
	cookies := res.Cookies()
	_ = res.Body.Close()
	if len(cookies) != 1 {
		return nil, fmt.Errorf("/in: %s and %d cookies", res.Status, len(cookies))
	}
	if res, err = s.get(ctx, "/credentials"); err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	key, jwt, ok := strings.Cut(string(text), " ")
	if !ok {
		return nil, fmt.Errorf("/credentials: %s", res.Status)
	}
	return []way{
		{"session, role, cross-site check", "/session", "Cookie: " + cookies[0].Name + "=" + cookies[0].Value + "\r\n", 1.5},
		{"API key, role", "/credential", "Authorization: Bearer " + key + "\r\n", 1.3},
		{"JWT, role", "/credential", "Authorization: Bearer " + jwt + "\r\n", 1.6},
	}, nil
}

func (s server) get(ctx context.Context, path string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(strings.NewReader(string(body)))
	return res, err
}
