package reload_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/reload"
)

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 35*time.Second)
		defer stop()
		var l reload.Loop
		n := 0
		assert.NoError(t, l.Run(ctx, 10*time.Second, func(context.Context) error {
			n++
			return errors.New("away") // and tried again
		}))
		assert.Equal(t, n, 3)
	})
}

func TestNote(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	l := &reload.Loop{Name: "keyring", What: "keys"}
	away := errors.New("away")
	ended, end := context.WithCancel(t.Context())
	end()
	l.Note(ended, logger, ended.Err())
	assert.Equal(t, l.Failing(), false)
	l.Note(t.Context(), logger, nil)
	assert.Equal(t, log.String(), "")
	l.Note(t.Context(), logger, away)
	l.Note(t.Context(), logger, away)
	assert.Equal(t, l.Failing(), true)
	l.Note(t.Context(), logger, nil)
	l.Note(t.Context(), logger, nil)
	assert.Equal(t, l.Failing(), false)
	l.Note(t.Context(), logger, away)
	const failed = "level=ERROR msg=\"keyring: reload failed; the keys stay as they are\" err=away\n"
	assert.Equal(t, log.String(), failed+"level=INFO msg=\"keyring: reload works again\"\n"+failed)
}
