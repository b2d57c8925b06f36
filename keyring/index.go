package keyring

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// indexMark begins each value of an index, so that it is never taken for an
// encrypted one.
const indexMark = 2

// IndexOptions configure a [BlindIndex].
type IndexOptions struct {
	// Normalize maps what people take for the same to one spelling. Defaults
	// to white space trimmed and Unicode form NFC; for mail addresses also
	// lower the case.
	Normalize func(string) string
	// Bytes is the length of the hash. Defaults to 16, at which different
	// values never meet. Fewer hide more: with 2 about one row in 65,536
	// matches by chance, and the caller compares after decrypting.
	Bytes int
}

// BlindIndex makes values by which an encrypted column can be searched for
// equality: a keyed hash, stored in a column of its own beside the encrypted
// one. Whoever sees the column learns which rows are equal and how often each
// value occurs, so use none for what has few values (a gender, a diagnosis).
// Without the key nobody can try guesses. It is safe for concurrent use.
type BlindIndex struct {
	keys derived[[]byte]
	o    IndexOptions
}

// BlindIndex returns the index of one field, which the context names, such as
// "users.email": equal values in other fields have other hashes.
func (r *Ring) BlindIndex(context string, o IndexOptions) *BlindIndex {
	mustContext("BlindIndex", context)
	const most = 32
	if o.Bytes < 0 || o.Bytes > most {
		panic("keyring: IndexOptions.Bytes is not between 1 and 32")
	}
	if o.Bytes == 0 {
		o.Bytes = 16
	}
	if o.Normalize == nil {
		o.Normalize = func(s string) string { return norm.NFC.String(strings.TrimSpace(s)) }
	}
	build := func(k Key) []byte { return k.subkey("index", context) }
	return &BlindIndex{keys: derived[[]byte]{ring: r, purpose: Indexing, build: build}, o: o}
}

// Sum returns what to store for the value: the id of the current key and the
// hash.
func (x *BlindIndex) Sum(value string) ([]byte, error) {
	id, key, err := x.keys.current(x.keys.ring.now())
	if err != nil {
		return nil, err
	}
	return x.sum(id, key, value), nil
}

// KeyID returns the ID of the key of which [BlindIndex.Sum] makes values now.
func (x *BlindIndex) KeyID() (string, error) {
	id, _, err := x.keys.current(x.keys.ring.now())
	return id, err
}

// Sums returns what may be stored for the value, one for each key, that of the
// current key first: search for any of them. After a rotation a UNIQUE
// constraint does not see that rows under different keys are equal, so look
// for Sums before adding one, or build the index again (package reencrypt).
func (x *BlindIndex) Sums(value string) ([][]byte, error) {
	v := x.keys.view()
	i := choose(v.keys, x.keys.ring.now())
	if i < 0 {
		return nil, ErrNoKey
	}
	out := make([][]byte, len(v.keys))
	for j, k := range v.keys {
		out[j] = x.sum(k.ID, v.made[j], value)
	}
	first := out[i]
	return slices.Insert(slices.Delete(out, i, i+1), 0, first), nil
}

func (x *BlindIndex) sum(id string, key []byte, value string) []byte {
	out := appendMark(make([]byte, 0, markSize+x.o.Bytes), indexMark, id)
	return append(out, mac(key, x.o.Normalize(value))[:x.o.Bytes]...)
}

// markSize is the length of what stored values begin with: a byte that tells
// the kind, and the four bytes of the key's id. For encrypted values this is
// tink's output prefix.
const markSize = 5

func appendMark(b []byte, kind byte, id string) []byte {
	b, err := hex.AppendDecode(append(b, kind), []byte(id))
	if err != nil {
		panic(fmt.Sprintf("keyring: key id %q is not hexadecimal", id)) // parseKey has checked it
	}
	return b
}

// KeyOf returns the ID of the key that a stored value was made with, encrypted
// or of an index. It only reads the first five bytes.
func KeyOf(stored []byte) (id string, ok bool) {
	if len(stored) < markSize || stored[0] != aeadMark && stored[0] != indexMark {
		return "", false
	}
	return hex.EncodeToString(stored[1:markSize]), true
}
