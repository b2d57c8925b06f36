package strength

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

const (
	hexLen = 2 * sha1.Size
	// maxLine bounds a line with its end: hash, colon, a count, CR, LF.
	maxLine = hexLen + 1 + 20 + 2
)

// text is a list of lines of different lengths.
type text struct {
	r    io.ReaderAt
	size int64
}

// contains halves the bytes in which the line may begin. The byte in the
// middle belongs to some line; the first that begins there or later decides.
func (t text) contains(sum digest) (bool, error) {
	low, high := int64(0), t.size // low is the beginning of a line
	for low < high {
		middle := low + (high-low)/2
		begin, end, got, err := t.lineAt(middle)
		if err != nil {
			return false, err
		}
		if begin >= high {
			high = middle // no line begins in the upper half
			continue
		}
		switch bytes.Compare(got[:], sum[:]) {
		case 0:
			return true, nil
		case 1:
			high = middle
		default:
			low = end
		}
	}
	return false, nil
}

// lineAt returns the first line that begins at offset or later, where it
// begins and where the next one does. After the last line begin is the size.
func (t text) lineAt(offset int64) (begin, end int64, sum digest, err error) {
	var buf [2 * maxLine]byte
	begin = offset
	if offset > 0 { // a line begins after each line feed
		begin--
	}
	n, err := t.r.ReadAt(buf[:], begin)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, sum, fmt.Errorf("strength: read: %w", err)
	}
	rest := buf[:n]
	if offset > 0 {
		feed := bytes.IndexByte(rest, '\n')
		switch {
		case feed < 0 && begin+int64(n) >= t.size && n <= maxLine:
			return t.size, t.size, sum, nil
		case feed < 0 || feed >= maxLine:
			return 0, 0, sum, fmt.Errorf("%w: no line ends within %d bytes, at offset %d", ErrList, maxLine, offset)
		}
		begin += int64(feed) + 1
		rest = rest[feed+1:]
	}
	if begin >= t.size {
		return t.size, t.size, sum, nil
	}
	line := rest
	end = t.size
	if feed := bytes.IndexByte(rest, '\n'); feed >= 0 {
		line = rest[:feed]
		end = begin + int64(feed) + 1
	}
	if sum, err = parseLine(line); err != nil {
		return 0, 0, sum, fmt.Errorf("%w, at offset %d", err, begin)
	}
	return begin, end, sum, nil
}

// check reads the first lines, samples, and the last lines, where a download
// may have been cut.
func (t text) check() error {
	if t.size == 0 {
		return fmt.Errorf("%w: the file is empty", ErrList)
	}
	var last digest
	offset := int64(0)
	for n := 1; n <= checked && offset < t.size; n++ {
		_, end, sum, err := t.lineAt(offset)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if n > 1 && bytes.Compare(last[:], sum[:]) >= 0 {
			return fmt.Errorf("%w: line %d: the hashes are not in ascending order, which the list ordered by hash has", ErrList, n)
		}
		last, offset = sum, end
	}
	previous := int64(-1)
	for i := range int64(samples + 1) {
		at := offset + (t.size-offset)/samples*i
		if i == samples {
			at = max(offset, t.size-maxLine)
		}
		for at < t.size { // one line, and all of the last ones
			begin, end, sum, err := t.lineAt(at)
			if err != nil {
				return err
			}
			if begin < t.size && begin > previous {
				if bytes.Compare(last[:], sum[:]) >= 0 {
					return fmt.Errorf("%w: at offset %d: the hashes are not in ascending order", ErrList, begin)
				}
				previous, last = begin, sum
			}
			if i < samples {
				break
			}
			at = end
		}
	}
	return nil
}

// parseLine reads a line without its line feed.
func parseLine(line []byte) (sum digest, err error) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) < hexLen || len(line) > maxLine-2 {
		return sum, fmt.Errorf("%w: a line of %d bytes is no SHA-1 in hex with a count", ErrList, len(line))
	}
	if _, err := hex.Decode(sum[:], line[:hexLen]); err != nil {
		return sum, fmt.Errorf("%w: a line does not begin with a SHA-1 in hex", ErrList)
	}
	count := line[hexLen:]
	if len(count) == 0 {
		return sum, nil
	}
	if count[0] != ':' || len(count) == 1 || len(bytes.TrimLeft(count[1:], "0123456789")) > 0 {
		return sum, fmt.Errorf("%w: what follows a SHA-1 is no colon and count", ErrList)
	}
	return sum, nil
}
