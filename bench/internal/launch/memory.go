package launch

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// RSS returns the bytes of memory that the process has resident, counted page
// by page; the figure in /proc/PID/status may be some hundred kilobytes off.
func (p *Process) RSS() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.PID()))
	if err != nil {
		return 0, err
	}
	return parseRSS(string(text))
}

func parseRSS(rollup string) (int64, error) {
	for line := range strings.Lines(rollup) {
		if rest, ok := strings.CutPrefix(line, "Rss:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("launch: no Rss in smaps_rollup")
}
