package db

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// ErrBadCursor is returned by [DecodeCursor] for a string that
// [EncodeCursor] did not make for the same keys. An HTTP API answers 400.
var ErrBadCursor = errors.New("db: bad cursor")

// maxCursor bounds a cursor in bytes: it travels in URLs.
const maxCursor = 1024

// cursorVersion is the first byte; another layout gets another one.
const cursorVersion = "1"

// EncodeCursor makes an opaque string of the keys of a page's last row, in the
// order of the ORDER BY; they are of types that encoding/json can take back.
// It is not signed: whoever changes it moves to another place in the same
// list, so a query must check with its own conditions what may be seen, and a
// key that is itself a secret does not belong into a cursor.
func EncodeCursor(keys ...any) string {
	b, err := json.Marshal(keys)
	if err != nil {
		panic("db: EncodeCursor: " + err.Error() + "; use keys that JSON can hold")
	}
	return cursorVersion + base64.RawURLEncoding.EncodeToString(b)
}

// DecodeCursor stores the keys in what keys point to, which are as many as
// were encoded, or returns [ErrBadCursor] and leaves them in an undefined
// state.
func DecodeCursor(cursor string, keys ...any) error {
	rest, ok := strings.CutPrefix(cursor, cursorVersion)
	if !ok || len(cursor) > maxCursor {
		return ErrBadCursor
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil {
		return ErrBadCursor
	}
	var raw []json.RawMessage
	d := json.NewDecoder(strings.NewReader(string(b)))
	if err := d.Decode(&raw); err != nil || len(raw) != len(keys) {
		return ErrBadCursor
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrBadCursor
	}
	for i, key := range keys {
		// null would leave what the caller had in the variable.
		if string(raw[i]) == "null" {
			return ErrBadCursor
		}
		if err := json.Unmarshal(raw[i], key); err != nil {
			return ErrBadCursor
		}
	}
	return nil
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T `json:"items"`
	// Next is the cursor of the page after, empty on the last.
	Next string `json:"next,omitempty"`
}

// NewPage makes a page of at most limit items from the rows of a query with
// LIMIT limit+1: the row too many says that there is a page after. cursor
// makes the cursor of a row.
func NewPage[T any](rows []T, limit int, cursor func(T) string) Page[T] {
	if limit <= 0 {
		panic("db: NewPage without a limit; use the one of the query, less one")
	}
	p := Page[T]{Items: rows}
	if len(rows) > limit {
		p.Items = rows[:limit:limit]
		p.Next = cursor(rows[limit-1])
	}
	if p.Items == nil {
		p.Items = []T{} // [] in JSON, not null
	}
	return p
}
