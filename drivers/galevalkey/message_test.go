package galevalkey

import (
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// FuzzDecode: anybody who may publish on the server can send us anything.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"", " mark", "\n", "E 1 2\n", "E 1 2\n9:3:keydata0", "- 0 0\n4:0:{}", "E 1 2\n-1:x", "E 1 2\n99999999999999999999:x",
		"E 1 18446744073709551615\n4:0:{}4:0:{}", "E 1 2\n4:9:{}", "E x 2\n4:0:{}", "E 1\n4:0:{}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, ok := decodeBatch(text)
		if !ok {
			return
		}
		assert.True(t, len(b.Entries) > 0, "a batch has entries")
		size := 0
		for _, e := range b.Entries {
			size += len(e.Key) + len(e.Data)
		}
		assert.True(t, size < len(text), "entries are a part of the text")
		if b.Epoch == "" {
			again, ok := decodeBatch(encodeUnkept(b.Entries))
			assert.True(t, ok, "what was decoded can be encoded")
			assert.Equal(t, again.Entries, b.Entries)
		}
	})
}

func TestPrefix(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"a{b", "a b", "a*", "a/b"} {
		message := assert.Panics(t, func() { New(nil, Options{Prefix: prefix}) })
		assert.Contains(t, message.(string), prefix)
	}
}
