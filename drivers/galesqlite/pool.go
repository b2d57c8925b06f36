package galesqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/galeweb/gale/db"
)

// pool lends connections, the one used last first, so that few caches are
// warm instead of all lukewarm.
type pool struct {
	name       string
	connector  driver.Connector
	statements int
	timeout    time.Duration
	memory     bool          // the one connection is the database: never to be replaced
	slots      chan struct{} // holds one token for each connection in use

	mu       sync.Mutex
	idle     []*conn
	open     int
	waits    int64
	waitTime time.Duration
	closed   bool
}

func newPool(name string, size int, c driver.Connector, s settings, o db.DriverOptions) *pool {
	return &pool{
		name:       name,
		connector:  c,
		statements: s.statements,
		timeout:    o.AcquireTimeout,
		memory:     s.memory(),
		slots:      make(chan struct{}, size),
	}
}

func (p *pool) acquire(ctx context.Context) (*conn, error) {
	if err := p.slot(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.slots
		return nil, db.ErrClosed
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.open++
	p.mu.Unlock()
	// Not under ctx: a connection half configured would be worse than a
	// moment's delay, and busy_timeout bounds it.
	raw, err := p.connector.Connect(context.WithoutCancel(ctx))
	if err != nil {
		p.mu.Lock()
		p.open--
		p.mu.Unlock()
		<-p.slots
		return nil, mapError(err, false)
	}
	return newConn(p, raw), nil
}

// slot waits for the right to use one connection.
func (p *pool) slot(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	start := time.Now()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waits++
		p.waitTime += time.Since(start)
	}()
	timer := time.NewTimer(p.timeout)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("%w: no free %s connection within %v", db.ErrUnavailable, p.name, p.timeout)
	}
}

// put takes a connection back.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	discard := c.broken || p.closed
	if discard {
		p.open--
	} else {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if discard {
		// What is wrong with it was reported to whoever used it.
		_ = c.close()
	}
	<-p.slots
}

func (p *pool) stats() db.PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return db.PoolStats{
		Name:     p.name,
		Max:      cap(p.slots),
		Open:     p.open,
		Idle:     len(p.idle),
		InUse:    p.open - len(p.idle),
		Waits:    p.waits,
		WaitTime: p.waitTime,
	}
}

// close waits until every connection is back.
func (p *pool) close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	p.mu.Lock()
	idle := p.idle
	p.idle, p.open = nil, 0
	p.mu.Unlock()
	for range cap(p.slots) {
		<-p.slots // whoever comes now is told ErrClosed
	}
	var errs []error
	for _, c := range idle {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}
