package obs

import (
	"bufio"
	"bytes"
	"fmt"
	"path"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
)

// maxFrames bounds the stack of a stall.
const maxFrames = 32

type stackFrame struct {
	function, file string
	line           int
}

func (f stackFrame) String() string {
	return f.function + " (" + path.Base(f.file) + ":" + strconv.Itoa(f.line) + ")"
}

// stacks returns the stacks of the goroutines that have the label, by its
// value: a goroutine has the labels of the one that started it.
func (w *StallWatch) stacks() map[string][][]stackFrame {
	var buf bytes.Buffer
	if w.o.Label != "" {
		_ = pprof.Lookup("goroutine").WriteTo(&buf, 1) // a Buffer takes everything
	}
	return labelledStacks(&buf, w.o.Label)
}

// labelledStacks reads a goroutine profile in its text form: a line "1 @" with
// the program counters of a group of goroutines, then one with their labels.
// Lines of another form are passed over. The binary form is no more complete.
func labelledStacks(profile *bytes.Buffer, label string) map[string][][]stackFrame {
	found := map[string][][]stackFrame{}
	lines := bufio.NewScanner(profile)
	lines.Buffer(nil, profile.Len()+1)
	counters := ""
	for lines.Scan() {
		if labels, ok := strings.CutPrefix(lines.Text(), "# labels: "); ok {
			if value, ok := labelValue(labels, label); ok {
				found[value] = append(found[value], framesOf(counters))
			}
		} else if _, pcs, ok := strings.Cut(lines.Text(), " @ "); ok {
			counters = pcs
		}
	}
	return found
}

// labelValue finds a label in {"key":"value", "key":"value"}, whose strings are
// quoted as Go does.
func labelValue(labels, key string) (string, bool) {
	_, after, ok := strings.Cut(labels, strconv.Quote(key)+":")
	if !ok {
		return "", false
	}
	quoted, err := strconv.QuotedPrefix(after)
	if err != nil {
		return "", false
	}
	value, err := strconv.Unquote(quoted)
	return value, err == nil
}

func framesOf(counters string) []stackFrame {
	var pcs []uintptr
	for field := range strings.FieldsSeq(counters) {
		pc, err := strconv.ParseUint(field, 0, 64)
		if err != nil {
			return nil
		}
		pcs = append(pcs, uintptr(pc))
	}
	if len(pcs) == 0 {
		return nil
	}
	var out []stackFrame
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		if f.Function != "" {
			out = append(out, stackFrame{f.Function, f.File, f.Line})
		}
		if !more {
			return out
		}
	}
}

// pickStack returns the stack that is the handler's, of those with its label,
// or nil: that of the server's goroutine or, when that only waits for a handler
// which middleware.Timeout runs on another, that one's. Goroutines that the
// handler started come last; workers without a request, of another server that
// numbers its own, do not count.
func pickStack(stacks [][]stackFrame) []stackFrame {
	var best []stackFrame
	rank := 0
	for _, frames := range stacks {
		if r := rankOf(frames); r > rank {
			best, rank = frames, r
		}
	}
	return best
}

func rankOf(frames []stackFrame) int {
	begin, end := ends(frames)
	serves := hasPrefix(begin, "net/http.(*Server).", "net/http.(*conn).", "net/http.(*http2serverConn).") ||
		slices.ContainsFunc(frames, func(f stackFrame) bool { return hasPrefix(f.function, exchangePath+"(*Exchange).Serve") })
	switch {
	case serves && !hasPrefix(end, galePath+"/middleware.TimeoutWith."):
		return 4
	case hasPrefix(begin, galePath+"/middleware."):
		return 3
	case serves:
		return 2
	case isEngine(begin):
		return 0
	}
	return 1
}

// ends returns the functions in which a goroutine began and in which it is.
func ends(frames []stackFrame) (begin, end string) {
	isRuntime := func(f string) bool { return hasPrefix(f, "runtime.") }
	if frames = withoutRuntime(within(frames, isRuntime)); len(frames) > 0 {
		return frames[len(frames)-1].function, frames[0].function
	}
	return "", ""
}

const (
	galePath     = "github.com/galeweb/gale"
	exchangePath = galePath + "/internal/exchange."
)

// isEngine reports whether the function belongs to gale's server, below every
// handler.
func isEngine(function string) bool {
	return hasPrefix(function, "runtime.", "runtime/pprof.", "sync.(*WaitGroup).Go.", galePath+"/engine.", galePath+"/internal/")
}

// isServer adds net/http's own, which is the server in the std mode.
func isServer(function string) bool { return isEngine(function) || hasPrefix(function, "net/http.") }

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// isGale reports whether the function is gale's own: not that of a test, and
// not of the reference application.
func isGale(function string) bool {
	rest, ok := strings.CutPrefix(function, galePath)
	if !ok || rest == "" || strings.HasPrefix(rest, "/cmd/") {
		return false
	}
	pkg := rest[strings.LastIndexByte(rest, '/')+1:]
	pkg, _, _ = strings.Cut(pkg, ".")
	return (rest[0] == '.' || rest[0] == '/') && !strings.HasSuffix(pkg, "_test")
}

// within cuts off the outermost frames as long as outer is true of them.
func within(frames []stackFrame, outer func(function string) bool) []stackFrame {
	for len(frames) > 0 && outer(frames[len(frames)-1].function) {
		frames = frames[:len(frames)-1]
	}
	return frames
}

// handlerFrames returns what the programmer wants to see: from where the
// goroutine is to the outermost function that is not of the server or the
// middleware, or, when it is in these, to the end of the server.
func handlerFrames(frames []stackFrame) []string {
	inner := ofHandler(frames)
	if len(inner) == 0 {
		inner = withoutRuntime(within(frames, isServer))
	}
	var out []string
	for i, f := range inner {
		if i == maxFrames {
			return append(out, fmt.Sprintf("… %d more", len(inner)-i))
		}
		out = append(out, f.String())
	}
	return out
}

// ofHandler cuts off the server and gale's middleware, and is empty when there
// is nothing else.
func ofHandler(frames []stackFrame) []stackFrame {
	return withoutRuntime(within(frames, func(f string) bool { return isServer(f) || isGale(f) }))
}

// withoutRuntime cuts off the innermost frames that are the scheduler's.
func withoutRuntime(frames []stackFrame) []stackFrame {
	for len(frames) > 0 && hasPrefix(frames[0].function, "runtime.") {
		frames = frames[1:]
	}
	return frames
}

// waitsForClient reports whether the handler reads the request's body or writes
// the response, or is not even there: then the server sends the rest.
func waitsForClient(frames []stackFrame) bool {
	if len(frames) == 0 {
		return false // its stack is not known
	}
	inner := within(frames, isEngine)
	waits := len(inner) == 0
	for _, f := range inner {
		if hasPrefix(f.function, "net/http.(*bodyEOFSignal).") {
			return false // the answer of another server
		}
		waits = waits || hasPrefix(f.function, exchangePath, "net/http.(*response).", "net/http.(*body).",
			"net/http.(*http2responseWriter).", "net/http.(*http2requestBody).")
	}
	return waits
}

// waitsFor names what the innermost frames wait for, or returns "".
func waitsFor(frames []stackFrame) string {
	if len(frames) == 0 || frames[0].function != "runtime.gopark" {
		return ""
	}
	for _, f := range frames {
		switch name := f.function; {
		case hasPrefix(name, "runtime.chanrecv"):
			return "channel receive"
		case hasPrefix(name, "runtime.chansend"):
			return "channel send"
		case name == "runtime.selectgo", name == "runtime.block":
			return "select"
		case name == "time.Sleep":
			return "sleep"
		case name == "internal/poll.runtime_pollWait":
			return "network"
		case hasPrefix(name, "sync.runtime_Semacquire", "internal/sync.runtime_Semacquire"):
			return "lock"
		case hasPrefix(name, "sync.runtime_notifyListWait"):
			return "condition"
		case !hasPrefix(name, "runtime.", "internal/"):
			return ""
		}
	}
	return ""
}
