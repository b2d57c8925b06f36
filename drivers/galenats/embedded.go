package galenats

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is a server in the process.
type embedded struct {
	server *server.Server
	secret string // of the URL
	token  string // what clients must know, or ""
	memory bool
	temp   string // folder to remove, or ""
}

// maxMemory bounds what history takes of the process's memory. Beyond it
// publishing fails.
const maxMemory = 1 << 30

// startEmbedded starts the server that the rest of the URL, its query,
// describes.
func startEmbedded(ctx context.Context, query string, o Options) (*embedded, error) {
	options, e, err := embeddedOptions(query)
	if err != nil {
		return nil, err
	}
	if e.memory {
		// JetStream has a folder in any case.
		if e.temp, err = os.MkdirTemp("", "gale-nats-"); err != nil {
			return nil, fmt.Errorf("nats: %w", err)
		}
		options.StoreDir = e.temp
	}
	e.server, err = server.NewServer(options)
	if err != nil {
		e.close()
		return nil, fmt.Errorf("nats: embedded server: %w", err)
	}
	e.server.SetLogger(serverLog{ctx, o.Logger}, false, false)
	e.server.Start()
	if !e.server.ReadyForConnections(o.Timeout) {
		e.close()
		return nil, errors.New("nats: embedded server did not start; see its log")
	}
	return e, nil
}

func embeddedOptions(query string) (*server.Options, *embedded, error) {
	q, err := url.ParseQuery(strings.TrimPrefix(query, "?"))
	if err != nil || query != "" && query[0] != '?' {
		return nil, nil, errors.New("nats: the URL does not parse; write nats:embedded?listen=host:port&dir=path")
	}
	known := []string{"dir", "listen", "cluster", "routes", "name", "secret"}
	for key := range q {
		if !slices.Contains(known, key) {
			return nil, nil, fmt.Errorf("nats: the URL has the parameter %q; known are %s", key, strings.Join(known, ", "))
		}
	}
	secret := q.Get("secret")
	e := &embedded{secret: secret, token: secret, memory: q.Get("dir") == ""}
	options := &server.Options{
		ServerName:         q.Get("name"),
		DontListen:         true,
		NoSigs:             true,
		JetStream:          true,
		StoreDir:           q.Get("dir"),
		JetStreamMaxMemory: maxMemory,
		Authorization:      e.secret,
	}
	if address := q.Get("listen"); address != "" {
		options.DontListen = false
		if options.Host, options.Port, err = e.address("listen", address); err != nil {
			return nil, nil, err
		}
	}
	address := q.Get("cluster")
	if address == "" {
		if q.Has("routes") {
			return nil, nil, errors.New("nats: the URL has routes without cluster; say where the others reach this server")
		}
		return options, e, nil
	}
	if options.DontListen {
		// The server waits for its listener before it looks for others. So it
		// has one, to which nobody knows the token.
		options.DontListen, options.Host, options.Port = false, "127.0.0.1", server.RANDOM_PORT
		e.token = rand.Text()
		options.Authorization = e.token
	}
	c := &options.Cluster
	c.Name = "gale"
	if c.Host, c.Port, err = e.address("cluster", address); err != nil {
		return nil, nil, err
	}
	if options.ServerName == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, nil, fmt.Errorf("nats: the URL has no name: %w", err)
		}
		options.ServerName = host + "-" + strconv.Itoa(c.Port)
	}
	var user *url.Userinfo
	if e.secret != "" {
		c.Username, c.Password = "gale", e.secret
		user = url.UserPassword("gale", e.secret)
	}
	for route := range strings.SplitSeq(q.Get("routes"), ",") {
		if route == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(route); err != nil {
			return nil, nil, fmt.Errorf("nats: the URL has the route %q; write host:port", route)
		}
		options.Routes = append(options.Routes, &url.URL{Scheme: "nats", Host: route, User: user})
	}
	return options, e, nil
}

// address splits host:port. Whoever can reach it can read and write all
// topics, so that beyond this machine it takes a secret.
func (e *embedded) address(parameter, address string) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(digits)
	}
	if err != nil {
		return "", 0, fmt.Errorf("nats: the URL has %s=%s; write host:port", parameter, address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && e.secret == "" {
		return "", 0, fmt.Errorf("nats: %s=%s is open to other machines; add a secret", parameter, address)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// close is for nil too.
func (e *embedded) close() {
	if e == nil {
		return
	}
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
	}
	if e.temp != "" {
		_ = os.RemoveAll(e.temp)
	}
}

// serverLog passes on what somebody should look at.
type serverLog struct {
	ctx    context.Context
	logger *slog.Logger
}

func (l serverLog) Warnf(format string, v ...any)  { l.log(slog.LevelWarn, format, v) }
func (l serverLog) Errorf(format string, v ...any) { l.log(slog.LevelError, format, v) }
func (l serverLog) Fatalf(format string, v ...any) { l.log(slog.LevelError, format, v) }
func (serverLog) Noticef(string, ...any)           {}
func (serverLog) Debugf(string, ...any)            {}
func (serverLog) Tracef(string, ...any)            {}

func (l serverLog) log(level slog.Level, format string, v []any) {
	l.logger.Log(l.ctx, level, "nats: embedded server: "+fmt.Sprintf(format, v...))
}
