package main

import (
	"bytes"
	"io/fs"
	"log"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// fixture returns testdata/proc with some files replaced, or removed by "-".
func fixture(t *testing.T, replace map[string]string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"loadavg", "meminfo", "stat", "net/dev"} {
		data, err := fs.ReadFile(os.DirFS("testdata/proc"), name)
		assert.NoError(t, err)
		if text, ok := replace[name]; ok {
			data = []byte(text)
		}
		if string(data) != "-" {
			files[name] = &fstest.MapFile{Data: data}
		}
	}
	return files
}

// payloads returns what a sample says, as JSON by kind.
func payloads(t *testing.T, s *sampler, at time.Time) map[string]string {
	t.Helper()
	said := map[string]string{}
	for _, p := range s.sample(at) {
		b, err := json.Marshal(p.Payload, json.Deterministic(true))
		assert.NoError(t, err)
		said[p.Kind] = string(b)
	}
	return said
}

func TestSample(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newSampler(fixture(t, nil), log.New(&out, "", 0))
	want := map[string]string{
		"load":   `{"1m":0.2,"5m":1.18,"15m":12.12}`,
		"memory": `{"total_bytes":16710123520,"available_bytes":8355061760,"used_bytes":8355061760,"swap_used_bytes":1073741824}`,
		"net":    `{"eth0":{"rx_bytes":448025354,"tx_bytes":1917364},"wlan0":{"rx_bytes":1500,"tx_bytes":900}}`,
	}
	if diff := cmp.Diff(want, payloads(t, s, noon)); diff != "" {
		t.Errorf("first sample (-want +got):\n%s", diff)
	}
	// Two seconds later: 100 ticks more, 25 of them idle or waiting; wlan0 began anew.
	s.proc = fixture(t, map[string]string{
		"stat":    "cpu  1060 50 310 8020 105 10 45 0 0 0\n",
		"net/dev": "eth0: 448026354 0 0 0 0 0 0 0 1917664 0\nwlan0: 7 0 0 0 0 0 0 0 7 0\n",
	})
	want["cpu"] = `{"percent":75}`
	want["net"] = `{"eth0":{"rx_bytes":448026354,"tx_bytes":1917664,"rx_per_s":500,"tx_per_s":150},"wlan0":{"rx_bytes":7,"tx_bytes":7}}`
	if diff := cmp.Diff(want, payloads(t, s, noon.Add(2*time.Second))); diff != "" {
		t.Errorf("second sample (-want +got):\n%s", diff)
	}
	assert.Equal(t, out.String(), "")
}

func TestClientIDsDiffer(t *testing.T) {
	t.Parallel()
	proc, out := fixture(t, nil), log.New(&bytes.Buffer{}, "", 0)
	seen := map[string]bool{}
	for range 2 {
		s := newSampler(proc, out)
		for i := range 3 {
			for _, p := range s.sample(noon.Add(time.Duration(i) * minEvery)) {
				assert.True(t, !seen[p.ClientID], p.ClientID+" is twice there")
				assert.True(t, strings.HasPrefix(p.ClientID, "2026-05-04T12:00:00."), p.ClientID+" does not begin with the time")
				assert.True(t, len(p.ClientID) <= 128, p.ClientID+" is longer than relay takes")
				seen[p.ClientID] = true
			}
		}
	}
}

func TestBadFileIsLeftOutAndNamedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, kind, warning string }{
		"no file":       {"loadavg", "-", "load", "leaves out load: open loadavg: file does not exist\n"},
		"empty":         {"loadavg", "", "load", "leaves out load: loadavg: EOF\n"},
		"no number":     {"loadavg", "0.1 x 0.3", "load", "leaves out load: loadavg: "},
		"no available":  {"meminfo", "MemTotal: 5 kB\n", "memory", "leaves out memory: meminfo lacks"},
		"contradiction": {"meminfo", "MemTotal: 5 kB\nMemAvailable: 6 kB\n", "memory", "contradict"},
		"few times":     {"stat", "cpu 1 2 3\ncpu0 1 2 3\n", "cpu", "leaves out cpu: stat does not begin"},
		"other line":    {"stat", "btime 1 2 3 4 5 6 7 8\n", "cpu", "leaves out cpu: stat does not begin"},
		"few counters":  {"net/dev", "eth0: 1 2 3\n", "net", "leaves out net: net/dev: eth0: "},
	} {
		var out bytes.Buffer
		s := newSampler(fixture(t, map[string]string{c.file: c.text}), log.New(&out, "", 0))
		for i := range 3 {
			said := payloads(t, s, noon.Add(time.Duration(i)*time.Second))
			assert.Equal(t, said[c.kind], "")
			assert.True(t, len(said) >= 2, name+": other kinds are missing")
		}
		assert.Contains(t, out.String(), c.warning)
		assert.Equal(t, strings.Count(out.String(), "\n"), 1)
	}
}

func TestManyInterfacesFitAPacket(t *testing.T) {
	t.Parallel()
	var dev strings.Builder
	for i := range 5000 {
		dev.WriteString("veth" + strings.Repeat("x", 8) + string(rune('a'+i%26)) + strings.Repeat("y", i/26%40) + ": 18446744073709551615 0 0 0 0 0 0 0 18446744073709551615\n")
	}
	s := newSampler(fixture(t, map[string]string{"net/dev": dev.String()}), log.New(&bytes.Buffer{}, "", 0))
	payloads(t, s, noon)
	said := payloads(t, s, noon.Add(time.Second))["net"]
	assert.True(t, len(said) > 0 && len(said) < 64<<10, "the net packet is larger than relay takes")
}

// Whatever /proc says: no panic, and what is sent is JSON.
func FuzzSample(f *testing.F) {
	for _, name := range []string{"loadavg", "meminfo", "stat", "net/dev"} {
		data, err := os.ReadFile("testdata/proc/" + name)
		assert.NoError(f, err)
		f.Add(string(data), "")
	}
	f.Add("Inf NaN 0x1p-2", "cpu  18446744073709551615 1 1 1 1 1 1 1")
	f.Add("\xff: 1 2 3 4 5 6 7 8 9", "\xff: 9 9 9 9 9 9 9 9 9")
	f.Fuzz(func(t *testing.T, first, second string) {
		s := newSampler(nil, log.New(&bytes.Buffer{}, "", 0))
		for i, text := range []string{first, second} {
			s.proc = fixture(t, map[string]string{"loadavg": text, "meminfo": text, "stat": text, "net/dev": text})
			_, err := json.Marshal(s.sample(noon.Add(time.Duration(i) * time.Second)))
			assert.NoError(t, err)
		}
	})
}
