package exchange

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// caller names the function outside this package and net/http that called the
// response writer, as net/http does.
func caller() string {
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(1, pc)])
	for {
		f, more := frames.Next()
		inside := strings.HasPrefix(f.Function, "net/http.") ||
			strings.HasPrefix(f.Function, "github.com/galeweb/gale/internal/exchange.")
		if !inside || !more {
			return fmt.Sprintf("%s (%s:%d)", f.Function, path.Base(f.File), f.Line)
		}
	}
}
