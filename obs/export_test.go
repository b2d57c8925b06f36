package obs

import (
	"io"
	"log/slog"

	"github.com/lmittmann/tint"
)

// Doors for the external tests.
var (
	Colour   = colour
	MaskText = maskText
	Escape   = escape
)

// NewColourLogger writes colours to any writer, as to a terminal.
func NewColourLogger(w io.Writer) *slog.Logger {
	return slog.New(&logHandler{base: tint.NewTextHandler(w, &tint.Options{}), red: newRedactor(nil, true)})
}
