package gale_test

import (
	"testing"
	"testing/fstest"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/internal/assert"
)

func TestMemoryOf(t *testing.T) {
	t.Parallel()
	const meminfo = "MemTotal:        2097152 kB\nMemFree:           10000 kB\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"another system", nil, 0},
		{"machine", map[string]string{"proc/meminfo": meminfo}, 2 << 30},
		{"nonsense", map[string]string{"proc/meminfo": "MemTotal:", "proc/self/cgroup": "x\n\n::\n0::\n", "sys/fs/cgroup/memory.max": "-1\n"}, 0},
		{"container", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "134217728\n",
		}, 128 << 20},
		{"no limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n",
		}, 2 << 30},
		{"systemd's slice", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/system.slice/app.service\n",
			"sys/fs/cgroup/system.slice/memory.max":             "268435456\n",
			"sys/fs/cgroup/system.slice/app.service/memory.max": "1073741824\n",
		}, 256 << 20},
		{"path of the host", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/../../docker/1234\n", "sys/fs/cgroup/memory.max": "134217728\n",
		}, 128 << 20},
		{"version 1", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/app\n3:cpuset:/\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":     "9223372036854771712\n",
			"sys/fs/cgroup/memory/app/memory.limit_in_bytes": "104857600\n",
		}, 100 << 20},
	} {
		files := fstest.MapFS{}
		for name, data := range c.files {
			files[name] = &fstest.MapFile{Data: []byte(data)}
		}
		if got := gale.MemoryOf(files); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	for memory, want := range map[int64]int64{0: 64 << 20, 1 << 40: 64 << 20, 256 << 20: 64 << 20, 128 << 20: 32 << 20, 8 << 20: 2 << 20} {
		assert.Equal(t, gale.HeapFor(memory), want)
	}
}
