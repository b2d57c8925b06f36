package gale

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// memoryOf returns the bytes of memory that the process may use, by its cgroup
// and the cgroups above it, versions 1 and 2, and by the machine; or 0 where
// there is nothing to read, as on other systems than Linux. root is "/".
func memoryOf(root fs.FS) int64 {
	least := int64(0)
	take := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	take(machineMemory(root))
	for line := range strings.Lines(read(root, "proc/self/cgroup")) {
		// hierarchy:controllers:path, the controllers empty for version 2.
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		base, file := "sys/fs/cgroup", "memory.max"
		switch fields[1] {
		case "":
		case "memory":
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// In a container the path may be the host's, of which only the top is
		// mounted; what is not there is passed over.
		for dir := path.Clean("/" + fields[2]); ; dir = path.Dir(dir) {
			take(number(read(root, path.Join(base, dir, file))))
			if dir == "/" {
				break
			}
		}
	}
	return least
}

func machineMemory(root fs.FS) int64 {
	_, after, ok := strings.Cut(read(root, "proc/meminfo"), "MemTotal:")
	if !ok {
		return 0
	}
	line, _, _ := strings.Cut(after, "\n")
	return number(strings.TrimSuffix(strings.TrimSpace(line), " kB")) << 10
}

func read(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return string(b)
}

// number returns 0 for what is none, such as "max". Version 1 writes a huge
// number for no limit, which does no harm.
func number(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
