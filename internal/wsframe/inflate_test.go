package wsframe

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/galeweb/gale/internal/assert"
)

// deflate compresses with the standard library, and cuts the tail off.
func deflate(t testing.TB, s string, dict []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, 6, dict)
	assert.NoError(t, err)
	_, err = w.Write([]byte(s))
	assert.NoError(t, err)
	assert.NoError(t, w.Flush())
	return bytes.TrimSuffix(b.Bytes(), []byte(flushed))
}

func inflated(t *testing.T, p []byte, dict []byte, limit int, text bool) (whole string, err error) {
	t.Helper()
	f := NewInflater()
	data, err := f.Inflate(bytes.Clone(p), dict, limit, text)
	// Streamed, byte by byte, it must be the same.
	r, err2 := f.Stream(iotest.OneByteReader(bytes.NewReader(p)), dict, int64(limit), text)
	assert.NoError(t, err2)
	streamed, err2 := io.ReadAll(iotest.OneByteReader(r))
	if (err == nil) != (err2 == nil) {
		t.Fatalf("whole: %v, streamed: %v", err, err2)
	}
	if err != nil {
		assert.Equal(t, err2.Error(), err.Error())
		return "", err
	}
	assert.True(t, bytes.Equal(streamed, data), "streamed differs")
	return string(data), nil
}

func TestDeflateRoundTrip(t *testing.T) {
	t.Parallel()
	var d Deflater // for all
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 10, 200, 8191, 8192, 32767, 32768, 100_000} {
		for _, spread := range []int{1, 4, 256} {
			for _, dictLen := range []int{0, 1, 100, 8192, 20_000} {
				b, dict := make([]byte, n), make([]byte, dictLen)
				for i := range dict {
					dict[i] = byte(r.IntN(spread))
				}
				for i := range b {
					b[i] = byte(r.IntN(spread))
				}
				copy(b, dict)
				packed := d.Append([]byte("head"), b, dict)
				assert.True(t, bytes.HasPrefix(packed, []byte("head")), "it appends")
				got, err := inflated(t, packed[4:], dict, n, false)
				assert.NoError(t, err)
				assert.True(t, got == string(b), "it does not survive")
				std := flate.NewReaderDict(io.MultiReader(bytes.NewReader(packed[4:]), strings.NewReader(tail)), dict)
				back, err := io.ReadAll(std)
				assert.NoError(t, err)
				assert.True(t, bytes.Equal(back, b), "the standard library reads something else")
			}
		}
	}
}

// TestShortMessages are some of the size that updates have, in which little
// comes twice.
func TestShortMessages(t *testing.T) {
	t.Parallel()
	var d Deflater
	for i := range 3 {
		m := fmt.Sprintf(`{"type":"messages","topic":"bench","epoch":"J42DOOZVS674","items":[{"offset":%d,"data":{"seq":"00000001",`+
			`"due":"000001357654832","channel":"north-sea","name":"buoy 1","tags":["wind","gust","wave"],"live":true,"x":1}}]}`, i)
		packed := d.Append(nil, []byte(m), nil)
		assert.True(t, len(packed) < len(m)*4/5, "it is hardly shorter")
		got, err := inflated(t, packed, nil, len(m), true)
		assert.NoError(t, err)
		assert.Equal(t, got, m)
	}
}

func TestInflate(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("gale ", 1000)
	for _, c := range []struct {
		name  string
		in    []byte
		limit int
		text  bool
		want  string
		code  int
	}{
		{"at the limit", deflate(t, long, nil), len(long), true, long, 0},
		{"over the limit", deflate(t, long, nil), len(long) - 1, true, "", 1009},
		{"limit of nothing", deflate(t, "", nil), 0, true, "", 0},
		{"over a limit of nothing", deflate(t, "a", nil), 0, true, "", 1009},
		{"final block", []byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 10, true, "Hello", 0},
		{"final block without a byte behind", []byte("\xf3\x48\xcd\xc9\xc9\x07\x00"), 10, true, "Hello", 0},
		{"bytes behind the final block", []byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x01"), 10, true, "", 1007},
		{"two final blocks", []byte("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 10, true, "", 1007},
		{"nothing", nil, 10, true, "", 1007},
		{"cut", deflate(t, long, nil)[:10], 10_000, true, "", 1007},
		{"garbage", []byte("\xff\xff\xff"), 10, true, "", 1007},
		{"not UTF-8", deflate(t, "a\xff", nil), 10, true, "", 1007},
		{"not UTF-8, binary", deflate(t, "a\xff", nil), 10, false, "a\xff", 0},
		{"cut character", deflate(t, "a\xe2\x82", nil), 10, true, "", 1007},
		{"not UTF-8 before the limit is met", deflate(t, "\xff"+long, nil), 100, true, "", 1007},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := inflated(t, c.in, nil, c.limit, c.text)
			if c.code == 0 {
				assert.NoError(t, err)
				assert.Equal(t, got, c.want)
				return
			}
			e, ok := errors.AsType[*Error](err)
			assert.True(t, ok && e.Code == c.code, "the code is another one")
		})
	}
}

// TestInflateForgets: an Inflater is used for many connections.
func TestInflateForgets(t *testing.T) {
	t.Parallel()
	f := NewInflater()
	_, err := f.Inflate(deflate(t, "the secret of another", nil), nil, 100, true)
	assert.NoError(t, err)
	_, err = f.Inflate(deflate(t, "the secret of another", []byte("the secret of another")), nil, 100, true)
	assert.True(t, err != nil, "it remembers what another one sent")
}

// TestAttackBomb: what a bomb costs is bounded by the limit, not by the bomb. It
// is not parallel, since it counts what the process allocates.
func TestAttackBomb(t *testing.T) {
	const limit = 1 << 20
	block := append(deflate(t, strings.Repeat("\x00", 1<<16), nil), flushed...)
	bomb := bytes.Repeat(block, 2048) // 128 MiB
	f := NewInflater()
	room := append(make([]byte, 0, len(bomb)+len(tail)), bomb...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := f.Inflate(room, nil, limit, false)
	runtime.ReadMemStats(&after)
	assert.Contains(t, err.Error(), "close code 1009")
	assert.True(t, after.TotalAlloc-before.TotalAlloc < 3*limit, "more is allocated than the limit explains")
}

func TestStreamErrorsOfTheSource(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	r, err := NewInflater().Stream(io.MultiReader(bytes.NewReader(deflate(t, "Hello, Hello, Hello", nil)[:4]), iotest.ErrReader(gone)), nil, 100, true)
	assert.NoError(t, err)
	_, err = io.ReadAll(r)
	assert.ErrorIs(t, err, gone)
}

// FuzzInflate feeds any bytes: whole, streamed and by the standard library the
// same comes out, and never more than the limit.
func FuzzInflate(f *testing.F) {
	for _, s := range []string{"", "Hello", strings.Repeat("wind ", 100), "\xff\xfe"} {
		f.Add(deflate(f, s, nil), true)
		f.Add(deflate(f, s, nil), false)
	}
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00"), true)
	f.Add([]byte("\x00\x05\x00\xfa\xffHello\x00"), true)
	f.Add([]byte("\x06\x00"), false)
	f.Fuzz(func(t *testing.T, in []byte, text bool) {
		const limit = 10_000
		got, err := inflated(t, in, nil, limit, text)
		if len(got) > limit {
			t.Fatalf("%d bytes", len(got))
		}
		if err != nil {
			return
		}
		std, err := io.ReadAll(flate.NewReader(strings.NewReader(string(in) + tail)))
		if err != nil || string(std) != got {
			t.Fatalf("got %q, the standard library %q, %v", got, std, err)
		}
		back, err := NewInflater().Inflate(new(Deflater).Append(nil, std, nil), nil, limit, text)
		if err != nil || !bytes.Equal(back, std) {
			t.Fatalf("%q does not survive: %q, %v", std, back, err)
		}
	})
}
