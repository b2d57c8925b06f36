package load

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
)

// inflater undoes permessage-deflate without context takeover, RFC 7692 section
// 7.2.2. Frames that it has seen are not inflated again: a broadcast sends the
// same one to everybody.
type inflater struct {
	reader io.ReadCloser
	seen   map[string][]byte
}

// tail is what a sender leaves away, and an empty last block.
const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

func (f *inflater) inflate(packed []byte) ([]byte, error) {
	if plain, ok := f.seen[string(packed)]; ok {
		return plain, nil
	}
	in := io.MultiReader(bytes.NewReader(packed), bytes.NewReader([]byte(tail)))
	if f.reader == nil {
		f.reader = flate.NewReader(in)
	} else if err := f.reader.(flate.Resetter).Reset(in, nil); err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(f.reader, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("load: inflate %d bytes: %w", len(packed), err)
	}
	if len(f.seen) >= 64 {
		clear(f.seen)
	}
	if f.seen == nil {
		f.seen = map[string][]byte{}
	}
	f.seen[string(packed)] = plain
	return plain, nil
}
