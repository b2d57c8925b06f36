package db_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
)

func TestCursor(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	cursor := db.EncodeCursor(at, int64(1<<62), "naïve")
	var gotAt time.Time
	var gotID int64
	var gotName string
	assert.NoError(t, db.DecodeCursor(cursor, &gotAt, &gotID, &gotName))
	assert.Equal(t, gotAt, at)
	assert.Equal(t, gotID, 1<<62)
	assert.Equal(t, gotName, "naïve")
	for _, c := range cursor {
		assert.True(t, c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z', "needs escaping in a URL")
	}
	assert.Panics(t, func() { db.EncodeCursor(make(chan int)) })
}

// raw makes a cursor of any text.
func raw(text string) string { return "1" + base64.RawURLEncoding.EncodeToString([]byte(text)) }

func TestBadCursor(t *testing.T) {
	t.Parallel()
	for _, cursor := range []string{
		"", "1", "0" + db.EncodeCursor(7)[1:], db.EncodeCursor(7) + "=", db.EncodeCursor(7) + "A", "1!!",
		db.EncodeCursor(), db.EncodeCursor(7, 8), db.EncodeCursor("7"), db.EncodeCursor(7.5), db.EncodeCursor(nil),
		raw(`[7] [8]`), raw(`[7]x`), raw(`{"a":7}`), raw(`7`), raw(`[7`), raw(`null`), raw(`[9223372036854775808]`),
		db.EncodeCursor(strings.Repeat("x", 2000)),
		raw(strings.Repeat("[", 700)),
	} {
		var id int64
		assert.ErrorIs(t, db.DecodeCursor(cursor, &id), db.ErrBadCursor)
	}
}

func FuzzDecodeCursor(f *testing.F) {
	f.Add(db.EncodeCursor(7, "x"))
	f.Add(raw(`[7,"x"] `))
	f.Add(raw(`[7,null]`))
	f.Add("1AA==")
	f.Fuzz(func(t *testing.T, cursor string) {
		var id int64
		var name string
		if err := db.DecodeCursor(cursor, &id, &name); err != nil {
			assert.ErrorIs(t, err, db.ErrBadCursor)
			return
		}
		// What was taken says the same when it is made anew.
		var again int64
		var againName string
		assert.NoError(t, db.DecodeCursor(db.EncodeCursor(id, name), &again, &againName))
		assert.Equal(t, again, id)
		assert.Equal(t, againName, name)
	})
}

func TestPage(t *testing.T) {
	t.Parallel()
	cursor := func(n int) string { return db.EncodeCursor(n) }
	assert.Equal(t, db.NewPage(nil, 2, cursor), db.Page[int]{Items: []int{}})
	assert.Equal(t, db.NewPage([]int{1, 2}, 2, cursor), db.Page[int]{Items: []int{1, 2}})
	assert.Equal(t, db.NewPage([]int{1, 2, 3}, 2, cursor), db.Page[int]{Items: []int{1, 2}, Next: cursor(2)})
	assert.Panics(t, func() { db.NewPage([]int{1}, 0, cursor) })
}
