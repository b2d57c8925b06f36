package audit

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/galeweb/gale/internal/assert"
)

// exported returns the lines of a log of n records.
func exported(tb testing.TB, key []byte, n int) []string {
	tb.Helper()
	c := newChain(key)
	var lines []string
	prev := ""
	for i := range n {
		r, err := newRow(Record{Actor: Actor{ID: "7"}, Action: "signin", Outcome: OK, Detail: map[string]string{"n": fmt.Sprint(i)}})
		assert.NoError(tb, err)
		r.Seq, r.At = int64(i+1), 1_764_331_200_000_000+int64(i)
		r.Hash = c.next(prev, r)
		prev = r.Hash
		b, err := json.Marshal(r.entry(), json.Deterministic(true))
		assert.NoError(tb, err)
		lines = append(lines, string(b)+"\n")
	}
	return lines
}

var testKey = []byte(strings.Repeat("k", 32))

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, key := range [][]byte{nil, testKey} {
		lines := exported(t, key, 4)
		head, err := Check(strings.NewReader(strings.Join(lines, "")), key)
		assert.NoError(t, err)
		assert.Equal(t, head.Seq, 4)
		assert.Contains(t, lines[3], head.Hash)
		_, err = Check(strings.NewReader(strings.Join(lines[2:], "")), key)
		assert.NoError(t, err)
	}
	head, err := Check(strings.NewReader("\n"), nil)
	assert.NoError(t, err)
	assert.Equal(t, head, Head{})
}

func TestCheckFindsWhatWasDone(t *testing.T) {
	t.Parallel()
	l := exported(t, testKey, 4)
	for name, c := range map[string]struct {
		lines []string
		seq   int64
	}{
		"changed":       {[]string{l[0], strings.Replace(l[1], `"7"`, `"8"`, 1), l[2], l[3]}, 2},
		"changed first": {[]string{strings.Replace(l[0], `"7"`, `"8"`, 1), l[1]}, 1},
		"detail":        {[]string{l[0], strings.Replace(l[1], `"n":"1"`, `"n":"2"`, 1)}, 2},
		"time":          {[]string{l[0], strings.Replace(l[1], `.000001Z`, `.000002Z`, 1)}, 2},
		"removed":       {[]string{l[0], l[2], l[3]}, 2},
		"repeated":      {[]string{l[0], l[0]}, 2},
		"swapped":       {[]string{l[0], l[2], l[1]}, 2},
		"renumbered":    {[]string{l[0], strings.Replace(l[2], `"seq":3`, `"seq":2`, 1)}, 2},
		"another key":   {exported(t, nil, 2), 1},
	} {
		_, err := Check(strings.NewReader(strings.Join(c.lines, "")), testKey)
		b, ok := errors.AsType[*BrokenError](err)
		assert.True(t, ok && b.Seq == c.seq, fmt.Sprint(name, ": ", err))
	}
	for name, bad := range map[string]string{
		"another name":    strings.Replace(l[1], `"seq"`, `"x":1,"seq"`, 1),
		"a name twice":    strings.Replace(l[1], `"seq"`, `"action":"forged","seq"`, 1),
		"no JSON":         "x",
		"cut off":         l[1][:20],
		"invalid UTF-8":   strings.Replace(l[1], "signin", "sign\xff", 1),
		"something after": l[1] + "]",
	} {
		_, err := Check(strings.NewReader(l[0]+bad), testKey)
		assert.True(t, err != nil, name+" is accepted")
	}
}

// TestFormatIsKept has hashes that are written down: were the format to change,
// logs of before would no longer verify.
func TestFormatIsKept(t *testing.T) {
	t.Parallel()
	lines := exported(t, nil, 2)
	head, err := Check(strings.NewReader(strings.Join(lines, "")), nil)
	assert.NoError(t, err)
	assert.Equal(t, head.Hash, "c7d55c2802189ab337db3afc9526263d7e89b383b87ddfccc4b135be8a05399d")
	head, err = Check(strings.NewReader(strings.Join(exported(t, testKey, 2), "")), testKey)
	assert.NoError(t, err)
	assert.Equal(t, head.Hash, "d2dee49685dca97fd3a862b92ddc0037b706fb79540ae4fbb476aa449cc70da9")
	assert.Equal(t, chain(nil).mac(state{Seq: 2, Hash: "a", CutSeq: 1, CutHash: "b"}), "48a32a39f8187176258128d81c08cbc48ad0ee79077833c72d855a4777dddab5")
}

// TestEachFieldIsHashed changes one after the other.
func TestEachFieldIsHashed(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	add := func(name, prev string, r row) {
		h := newChain(testKey).next(prev, r)
		assert.True(t, seen[h] == "", name+" has the hash of "+seen[h])
		seen[h] = name
	}
	r := row{Seq: 1, At: 2, ActorID: "a", ActorName: "b", Action: "c", Target: "d", Outcome: "e", Addr: "f", UserAgent: "g", RequestID: "h", Detail: "i"}
	add("the row", "", r)
	add("prev", strings.Repeat("ab", 32), r)
	for name, change := range map[string]func(*row){
		"seq": func(r *row) { r.Seq++ }, "at": func(r *row) { r.At++ },
		"actor": func(r *row) { r.ActorID = "x" }, "name": func(r *row) { r.ActorName = "x" },
		"action": func(r *row) { r.Action = "x" }, "target": func(r *row) { r.Target = "x" },
		"outcome": func(r *row) { r.Outcome = "x" }, "addr": func(r *row) { r.Addr = "x" },
		"agent": func(r *row) { r.UserAgent = "x" }, "request": func(r *row) { r.RequestID = "x" },
		"detail": func(r *row) { r.Detail = "x" },
		"moved":  func(r *row) { r.ActorID, r.ActorName = "ab", "" },
		"joined": func(r *row) { r.Target, r.Action = "", "cd" },
	} {
		other := r
		change(&other)
		add(name, "", other)
	}
	r.Hash = "x" // is what is compared, not what is hashed
	assert.Equal(t, seen[newChain(testKey).next("", r)], "the row")
}

func FuzzCheck(f *testing.F) {
	whole := strings.Join(exported(f, testKey, 3), "")
	f.Add(whole)
	f.Add(whole[1:])
	f.Add("{}")
	f.Add(`{"seq":1}{"seq":1}`)
	f.Fuzz(func(t *testing.T, s string) {
		head, err := Check(strings.NewReader(s), testKey)
		// A chain from the first record on can only be ours, or its beginning.
		if err == nil && strings.HasPrefix(s, `{"seq":1,`) && !strings.Contains(whole, head.Hash) {
			t.Errorf("another chain verifies: %q", s)
		}
	})
}
