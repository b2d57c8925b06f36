package strength

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// magic begins the compact format: after it come the first 8 bytes of each
// SHA-1, in ascending order, none twice.
const magic = "gale breached 1\n"

const prefixLen = 8

// compact is a list in the compact format.
type compact struct {
	r    io.ReaderAt
	size int64
}

func (c compact) len() int64 { return (c.size - int64(len(magic))) / prefixLen }

func (c compact) at(i int64) (uint64, error) {
	var b [prefixLen]byte
	if n, err := c.r.ReadAt(b[:], int64(len(magic))+i*prefixLen); n < len(b) {
		return 0, fmt.Errorf("strength: read: %w", err)
	}
	return binary.BigEndian.Uint64(b[:]), nil
}

func (c compact) contains(sum digest) (bool, error) {
	want := binary.BigEndian.Uint64(sum[:])
	low, high := int64(0), c.len()
	for low < high {
		middle := low + (high-low)/2
		got, err := c.at(middle)
		switch {
		case err != nil:
			return false, err
		case got == want:
			return true, nil
		case got > want:
			high = middle
		default:
			low = middle + 1
		}
	}
	return false, nil
}

func (c compact) check() error {
	n := c.len()
	if n == 0 || (c.size-int64(len(magic)))%prefixLen != 0 {
		return fmt.Errorf("%w: %d bytes after the first line are not a number of whole entries", ErrList, c.size-int64(len(magic)))
	}
	var last uint64
	step := max(1, n/samples)
	for i := int64(0); i < n; {
		got, err := c.at(i)
		if err != nil {
			return err
		}
		if i > 0 && got <= last {
			return fmt.Errorf("%w: at offset %d: the entries are not in ascending order", ErrList, int64(len(magic))+i*prefixLen)
		}
		last = got
		if i < checked {
			i++
		} else {
			i += step
		}
	}
	return nil
}

// Compile writes a list that [OpenList] takes, a fifth of the size, from the
// text form that OpenList takes too. It keeps nothing in memory and returns how
// many entries it wrote. An error that wraps [ErrList] tells the line that is
// wrong; the output is then useless.
func Compile(w io.Writer, r io.Reader) (entries int64, err error) {
	out := bufio.NewWriterSize(w, 1<<16)
	in := bufio.NewReaderSize(r, 1<<16)
	out.WriteString(magic) // its error stays until Flush
	var last digest
	for n := int64(1); ; n++ {
		line, readErr := in.ReadSlice('\n')
		if errors.Is(readErr, io.EOF) && len(line) == 0 {
			break
		}
		if readErr != nil && !errors.Is(readErr, io.EOF) && !errors.Is(readErr, bufio.ErrBufferFull) {
			return entries, fmt.Errorf("strength: read list: %w", readErr)
		}
		sum, err := parseLine(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return entries, fmt.Errorf("line %d: %w", n, err)
		}
		if n > 1 && bytes.Compare(last[:], sum[:]) >= 0 {
			return entries, fmt.Errorf("%w: line %d: the hashes are not in ascending order, which the list ordered by hash has", ErrList, n)
		}
		if n == 1 || !bytes.Equal(last[:prefixLen], sum[:prefixLen]) {
			if _, err := out.Write(sum[:prefixLen]); err != nil {
				return entries, fmt.Errorf("strength: write list: %w", err)
			}
			entries++
		}
		last = sum
	}
	if entries == 0 {
		return 0, fmt.Errorf("%w: there are no lines", ErrList)
	}
	if err := out.Flush(); err != nil {
		return entries, fmt.Errorf("strength: write list: %w", err)
	}
	return entries, nil
}
