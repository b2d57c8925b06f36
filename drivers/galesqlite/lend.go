package galesqlite

import (
	"context"
	"database/sql/driver"
	"errors"
)

// lender is a driver.Connector over a connection that is in a transaction.
type lender struct{ c *conn }

// Connect implements [driver.Connector].
func (l lender) Connect(context.Context) (driver.Conn, error) {
	return &lent{Conn: l.c.raw, c: l.c}, nil
}

// Driver implements [driver.Connector].
func (l lender) Driver() driver.Driver { return noDriver{} }

type noDriver struct{}

func (noDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("sqlite: the handle has the one connection it was given")
}

// lent is the connection as database/sql gets it: its transactions are
// savepoints in the one that is open, and closing it does nothing.
type lent struct {
	driver.Conn
	c *conn
}

// Close implements [driver.Conn].
func (l *lent) Close() error { return nil }

// PrepareContext implements [driver.ConnPrepareContext].
func (l *lent) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return l.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

// BeginTx implements [driver.ConnBeginTx].
func (l *lent) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if _, err := l.c.Exec(ctx, "SAVEPOINT lent"); err != nil {
		return nil, err
	}
	return lentTx{l.c}, nil
}

type lentTx struct{ c *conn }

// Commit implements [driver.Tx].
func (t lentTx) Commit() error {
	_, err := t.c.Exec(context.Background(), "RELEASE lent")
	return err
}

// Rollback implements [driver.Tx].
func (t lentTx) Rollback() error {
	if _, err := t.c.Exec(context.Background(), "ROLLBACK TO lent"); err != nil {
		return err
	}
	return t.Commit()
}
