package machine

import (
	"os"
	"strings"
)

// CPU returns the name of the processor.
func CPU() string { return cpuModel(read("/proc/cpuinfo")) }

// Kernel returns the version of Linux.
func Kernel() string { return read("/proc/sys/kernel/osrelease") }

// cpuModel returns the name of the processor from the text of /proc/cpuinfo.
func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// read returns a file's text, or nothing.
func read(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
