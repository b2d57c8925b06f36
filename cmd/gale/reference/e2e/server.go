package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/app"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/mail"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
)

// Server is relay, with the default middleware, on a port of this machine.
type Server struct {
	URL  string // http://127.0.0.1:port
	Addr string // 127.0.0.1:port
	DB   *db.DB
	Keys *keyring.Ring

	Mails *mail.Memory // what was mailed

	log  logBuffer
	stop context.CancelFunc
	done chan struct{}
	err  error
}

// Options say how relay runs.
type Options struct {
	Addr     string           // such as 127.0.0.1:0 for a free port
	Database string           // the file of an SQLite database
	Now      func() time.Time // defaults to time.Now
	// Providers are those that people may sign in with; their redirect address
	// begins with http:// and Addr.
	Providers config.Providers
}

// Serve starts relay, for development: its mails are in Mails, with links to the
// port 8080 where Addr leaves the port open. Stop ends it.
func Serve(ctx context.Context, o Options) (*Server, error) {
	s := &Server{done: make(chan struct{})}
	logger := slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var err error
	if s.DB, err = db.Open(ctx, "sqlite:"+o.Database, db.Options{Drivers: database.Drivers(), Logger: logger}); err != nil {
		return nil, err
	}
	if err := database.Migrate(obs.WithLogger(ctx, logger), s.DB); err != nil {
		return nil, errors.Join(err, s.DB.Close())
	}
	s.Keys, err = keyring.Open(ctx, keyring.Options{Source: keyring.Text(keyring.NewSet(time.Now()).Text())})
	if err != nil {
		return nil, errors.Join(err, s.DB.Close())
	}
	s.Mails = &mail.Memory{From: "relay@example.com"}
	built, err := app.New(app.Options{
		Config: config.Config{SignUp: true, SessionLife: time.Hour, SessionIdle: time.Hour, Addr: o.Addr, Providers: o.Providers},
		DB:     s.DB, Keys: s.Keys, Mail: s.Mails, Logger: logger, Now: o.Now,
		Hasher: auth.HasherOptions{MemoryKiB: 64, Time: 1}, // passwords of an hour need no better
	})
	if err != nil {
		return nil, errors.Join(err, s.DB.Close())
	}
	ctx, s.stop = context.WithCancel(ctx)
	ready := make(chan net.Addr, 1)
	go func() {
		defer close(s.done)
		s.err = gale.Run(ctx, built.Handler(), gale.Options{
			Name: "relay", Addr: o.Addr, OpsAddr: "off", Logger: logger, Banner: io.Discard,
			Chain:        middleware.DefaultOptions{CrossOrigin: built.CrossOrigin()},
			DrainTimeout: 5 * time.Second,
			OnDrain:      []func(context.Context){built.Drain},
			Close:        []func(context.Context) error{func(context.Context) error { return s.DB.Close() }, built.Close},
			Ready:        func(a net.Addr) { ready <- a },
		})
	}()
	select {
	case a := <-ready:
		s.Addr, s.URL = a.String(), "http://"+a.String()
		return s, nil
	case <-s.done:
		s.stop()
		return nil, s.err
	}
}

// Stop ends relay in order and returns what went wrong.
func (s *Server) Stop() error {
	s.stop()
	<-s.done
	if s.err != nil {
		return fmt.Errorf("relay: %w; its log:\n%s", s.err, s.Log())
	}
	return nil
}

// Log returns the warnings and errors so far.
func (s *Server) Log() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.buf.String()
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}
