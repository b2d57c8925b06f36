package obs

import (
	"io"
	"log/slog"
	"os"

	"github.com/lmittmann/tint"
)

// LogOptions says what [NewLogger] writes and how. The zero value is the form
// for people, from level Info on.
type LogOptions struct {
	// JSON selects the form for programs, one object a line. Defaults to the
	// form for people, coloured when the writer is a terminal and the variable
	// NO_COLOR is not set (no-color.org).
	JSON bool
	// Level is the lowest level written; a [slog.LevelVar] can change it at run
	// time. Defaults to Info.
	Level slog.Leveler
	// AddSource adds the file and line of the call. Defaults to false.
	AddSource bool
	// Redact are more parts of keys whose values are secret, beside password,
	// secret, token, cookie and the like; case, "_" and "-" do not matter.
	// Defaults to none.
	Redact []string
}

// NewLogger returns a logger that writes to w. Each record carries the facts of
// the [Request] in the context of the call, always at the top level, whatever
// group the logger is in; a fact whose key the caller gave already is left out.
// Secrets are redacted, see the package comment.
//
// A structured value (a map, a struct) is written as what encoding/json makes
// of it, so that redaction reaches its fields; a nil pointer, a channel or
// another value that cannot be encoded is written as a note of that.
func NewLogger(w io.Writer, o LogOptions) *slog.Logger {
	level := o.Level
	if level == nil {
		level = slog.LevelInfo
	}
	red := newRedactor(o.Redact, !o.JSON)
	var base slog.Handler
	if o.JSON {
		base = slog.NewJSONHandler(w, &slog.HandlerOptions{AddSource: o.AddSource, Level: level})
	} else {
		base = tint.NewTextHandler(w, &tint.Options{
			AddSource:  o.AddSource,
			Level:      level,
			TimeFormat: "15:04:05.000",
			NoColor:    !colour(w),
		})
	}
	return slog.New(&logHandler{base: base, red: red})
}

// colour reports whether w is a terminal whose user did not refuse colours. Any
// character device counts as one, which saves a system call for each system;
// the others, such as /dev/null, show nobody the escapes.
func colour(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
