package galesqlite

import (
	"container/list"
	"database/sql/driver"
	"errors"
	"strings"
)

// stmt is a prepared statement.
type stmt struct {
	sql     string
	raw     driver.Stmt
	query   driver.StmtQueryContext
	exec    driver.StmtExecContext
	changes bool // it is an INSERT, UPDATE or DELETE
}

func newStmt(sql string, raw driver.Stmt) (*stmt, error) {
	s := &stmt{sql: sql, raw: raw, changes: changes(sql)}
	var ok1, ok2 bool
	s.query, ok1 = raw.(driver.StmtQueryContext)
	s.exec, ok2 = raw.(driver.StmtExecContext)
	if !ok1 || !ok2 {
		return nil, errors.Join(errors.New("sqlite: the driver's statements take no context"), raw.Close())
	}
	return s, nil
}

func (s *stmt) close() error { return s.raw.Close() }

// changes reports whether sql, by its last statement's first word, changes
// rows. WITH may go before any kind, so it counts.
func changes(sql string) bool {
	sql = strings.TrimRight(sql, "; \t\r\n")
	sql = sql[strings.LastIndexByte(sql, ';')+1:]
	for _, word := range strings.Fields(sql) {
		switch strings.ToUpper(word) {
		case "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH":
			return true
		}
		if !strings.HasPrefix(word, "--") && !strings.HasPrefix(word, "/*") {
			return false
		}
	}
	return false
}

// stmtCache keeps the statements used last. Being prepared costs more than
// most queries, and the driver is quick only with a statement that is kept.
// It belongs to one connection, so it needs no lock, and a statement in use is
// not in it, so that none is ever closed under its rows.
type stmtCache struct {
	max   int
	order *list.List // of *stmt, the one used last in front
	bySQL map[string]*list.Element
}

func newStmtCache(max int) *stmtCache {
	return &stmtCache{max: max, order: list.New(), bySQL: make(map[string]*list.Element)}
}

// take removes and returns the statement for sql, or nil.
func (c *stmtCache) take(sql string) *stmt {
	e, ok := c.bySQL[sql]
	if !ok {
		return nil
	}
	delete(c.bySQL, sql)
	return c.order.Remove(e).(*stmt)
}

// put keeps s, or closes it when its like has come back before.
func (c *stmtCache) put(s *stmt) {
	if _, ok := c.bySQL[s.sql]; ok {
		_ = s.close()
		return
	}
	c.bySQL[s.sql] = c.order.PushFront(s)
	if c.order.Len() > c.max {
		old := c.order.Remove(c.order.Back()).(*stmt)
		delete(c.bySQL, old.sql)
		_ = old.close()
	}
}

func (c *stmtCache) close() error {
	var errs []error
	for _, e := range c.bySQL {
		errs = append(errs, e.Value.(*stmt).close())
	}
	clear(c.bySQL)
	c.order.Init()
	return errors.Join(errs...)
}
