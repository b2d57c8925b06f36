package strength

import (
	"bytes"
	"crypto/sha1"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// ErrList is returned for a file that is no list of passwords.
var ErrList = errors.New("strength: not a usable list of passwords")

// top is made by cmd/gale/internal/breached; see SOURCES.md.
//
//go:embed top.bin
var top string

// checked is how many entries are read when a list is opened: that many at its
// beginning, and samples throughout.
const (
	checked = 1000
	samples = 64
)

// List is a list of stolen passwords in a file, by their SHA-1. A look-up is a
// binary search that reads some 30 pieces of the file and keeps none, so that
// its size does not matter. It is safe for concurrent use.
type List struct {
	entries interface {
		contains(sum digest) (bool, error)
		check() error
	}
	file io.Closer
	name string
}

type digest = [sha1.Size]byte

// OpenList opens a list: either text, one SHA-1 in hex a line, in ascending
// order, each optionally followed by a colon and a count, as Have I Been Pwned
// has them "ordered by hash"; or what [Compile] made of one. It reads the
// beginning of the file and samples of the rest; what is wrong with them is
// told with its line or byte offset by an error that wraps [ErrList].
func OpenList(path string) (*List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("strength: open list: %w", err)
	}
	l, err := openFile(f, path)
	if err != nil {
		f.Close() // only read
		return nil, err
	}
	l.file = f
	return l, nil
}

func openFile(f *os.File, name string) (*List, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("strength: open list: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrList, name)
	}
	return newList(f, info.Size(), name)
}

func newList(r io.ReaderAt, size int64, name string) (*List, error) {
	l := &List{name: name}
	start := make([]byte, len(magic))
	switch n, err := r.ReadAt(start, 0); {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("strength: read %s: %w", name, err)
	case bytes.Equal(start[:n], []byte(magic)):
		l.entries = compact{r, size}
	default:
		l.entries = text{r, size}
	}
	if err := l.entries.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

func builtin() *List {
	l, err := newList(strings.NewReader(top), int64(len(top)), "built-in list")
	if err != nil {
		panic(err) // the program was built with another file
	}
	return l
}

// Contains reports whether password is in the list, as it is or in lower case:
// Iloveyou1 is guessed as soon as iloveyou1. An error says that the file could
// not be read, or is damaged where it was read.
func (l *List) Contains(password string) (bool, error) {
	normal := norm.NFKC.String(password)
	found, err := l.entries.contains(sha1.Sum([]byte(normal)))
	if lower := strings.ToLower(normal); err == nil && !found && lower != normal {
		found, err = l.entries.contains(sha1.Sum([]byte(lower)))
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", l.name, err)
	}
	return found, nil
}

// Close closes the file. Contains fails from then on.
func (l *List) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
