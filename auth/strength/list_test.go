package strength_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/galeweb/gale/auth/strength"
	"github.com/galeweb/gale/internal/assert"
)

// hashes returns a list of n passwords, "password 0" and so on, as lines that
// end in end; every third has no count.
func hashes(n int, end string) string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("%X", sha1.Sum(fmt.Appendf(nil, "password %d", i)))
		if i%3 > 0 {
			lines[i] += fmt.Sprintf(":%d", i*i*i)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, end) + end
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	assert.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func open(t *testing.T, content string) *strength.List {
	t.Helper()
	l, err := strength.OpenList(file(t, content))
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l
}

func compile(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	_, err := strength.Compile(&b, strings.NewReader(text))
	assert.NoError(t, err)
	return b.String()
}

func TestEveryFormOfAListFindsAllAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 64, 5000} {
		text := hashes(n, "\n")
		for name, content := range map[string]string{
			"LF":             text,
			"CRLF":           hashes(n, "\r\n"),
			"no end of line": strings.TrimSuffix(text, "\n"),
			"lower case":     strings.ToLower(text),
			"compact":        compile(t, text),
		} {
			l := open(t, content)
			for i := range n + 100 {
				found, err := l.Contains(fmt.Sprintf("password %d", i))
				if err != nil || found != (i < n) {
					t.Fatalf("%s, %d entries: password %d: %v, %v", name, n, i, found, err)
				}
			}
		}
	}
}

func TestACheckerAsksEveryList(t *testing.T) {
	t.Parallel()
	const password = "quiet otter sells maps"
	assert.NoError(t, strength.New(strength.Options{}).Check(password))
	l := open(t, fmt.Sprintf("%X:12\n", sha1.Sum([]byte(password))))
	c := strength.New(strength.Options{Breached: []*strength.List{open(t, hashes(9, "\n")), l}})
	assert.Equal(t, codeOf(c.Check(password)), "breached")
	assert.Equal(t, codeOf(c.Check("Quiet Otter sells Maps")), "breached")
	assert.NoError(t, c.Check(password+"!"))
}

// A list that fails must not let passwords pass.
func TestAListThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	l, err := strength.OpenList(file(t, hashes(9, "\n")))
	assert.NoError(t, err)
	c := strength.New(strength.Options{Breached: []*strength.List{l}})
	assert.NoError(t, c.Check("quiet otter sells maps"))
	assert.NoError(t, l.Close())
	assert.ErrorIs(t, c.Check("quiet otter sells maps"), fs.ErrClosed)
	_, err = c.Estimate("quiet otter sells maps")
	assert.ErrorIs(t, err, fs.ErrClosed)
}

func TestRubbishIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	text := hashes(5000, "\n")
	lines := strings.SplitAfter(text, "\n")
	early := slices.Clone(lines)
	early[2], early[3] = early[3], early[2]
	late := slices.Clone(lines)
	copy(late[2000:], lines[1000:3000])
	small := compile(t, hashes(3, "\n"))
	for name, c := range map[string]struct{ content, want string }{
		"empty":             {"", "the file is empty"},
		"one line feed":     {"\n", "line 1: "},
		"plain passwords":   {"123456\npassword\n", "line 1: "},
		"NTLM":              {strings.Repeat("32ED87BDB5FDC5E9CBA88547376818D4:3\n", 9), "line 1: "},
		"no hex":            {strings.Repeat("Z", 40) + "\n", "line 1: "},
		"other separator":   {strings.Replace(text, ":", ";", 1), "colon"},
		"count missing":     {lines[0][:40] + ":\n", "colon"},
		"count no number":   {lines[0][:40] + ":-1\n", "colon"},
		"second line":       {lines[0] + "rubbish\n" + lines[1], "line 2: "},
		"empty line":        {lines[0] + "\n" + lines[1], "line 2: "},
		"ordered by count":  {strings.Join(early, ""), "line 4: "},
		"twice the same":    {lines[0] + lines[0], "line 2: "},
		"not sorted later":  {strings.Join(late, ""), "ascending"},
		"cut in a hash":     {text[:len(text)-len(lines[4999])+20], "at offset"},
		"binary later":      {text[:len(text)/2] + strings.Repeat("\x00", len(text)), "at offset"},
		"one endless line":  {lines[0] + strings.Repeat("A", 1<<16), "line 2: "},
		"gzip":              {"\x1f\x8b\x08\x00\x00\x00\x00\x00", "line 1: "},
		"compact, empty":    {small[:16], "whole entries"},
		"compact, cut":      {small[:len(small)-1], "whole entries"},
		"compact, unsorted": {small[:16] + small[24:32] + small[16:24], "at offset 24"},
		"compact, twice":    {small[:16] + small[16:24] + small[16:24], "at offset 24"},
	} {
		l, err := strength.OpenList(file(t, c.content))
		if !errors.Is(err, strength.ErrList) || !strings.Contains(err.Error(), c.want) || l != nil {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	_, err := strength.OpenList(filepath.Join(t.TempDir(), "missing"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = strength.OpenList(t.TempDir())
	assert.ErrorIs(t, err, strength.ErrList)
}

func TestCompile(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	n, err := strength.Compile(&b, iotest.OneByteReader(strings.NewReader(hashes(5000, "\r\n"))))
	assert.NoError(t, err)
	assert.Equal(t, n, 5000)
	assert.Equal(t, b.Len(), 16+8*5000)
	assert.Equal(t, b.String(), compile(t, hashes(5000, "\n")))

	// Two hashes that begin alike are one entry.
	a := strings.Repeat("A", 39)
	n, err = strength.Compile(io.Discard, strings.NewReader(a+"0\n"+a+"1\n"))
	assert.NoError(t, err)
	assert.Equal(t, n, 1)

	for text, want := range map[string]string{
		"": "no lines", a + "0\nx\n": "line 2: ", a + "1\n" + a + "0": "line 2: ", a + "0\n\n": "line 2: ", strings.Repeat("A", 1<<20): "line 1: ",
	} {
		_, err := strength.Compile(io.Discard, strings.NewReader(text))
		assert.ErrorIs(t, err, strength.ErrList)
		assert.Contains(t, err.Error(), want)
	}
	broken := errors.New("broken")
	_, err = strength.Compile(io.Discard, iotest.ErrReader(broken))
	assert.ErrorIs(t, err, broken)
	r, w := io.Pipe()
	r.CloseWithError(broken)
	_, err = strength.Compile(w, strings.NewReader(hashes(5, "\n")))
	assert.ErrorIs(t, err, broken)
}
