package alsotest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// inner is a test inside a test, which may fail.
type inner struct {
	testing.TB
	failures []string
}

func (i *inner) Errorf(format string, args ...any) {
	i.failures = append(i.failures, fmt.Sprintf(format, args...))
}

func (i *inner) Fatalf(format string, args ...any) {
	i.Errorf(format, args...)
	runtime.Goexit()
}

func (i *inner) Error(args ...any) { i.Errorf("%s", fmt.Sprint(args...)) }
func (i *inner) Helper()           {}

// The suite must find the ways in which a change and its record come apart.
func TestWhatComesApartIsFound(t *testing.T) {
	t.Parallel()
	const first, second = `INSERT INTO notes (n) VALUES (1)`, `INSERT INTO notes (n) VALUES (2)`
	exec := func(ctx context.Context, d *db.DB, statements ...string) error {
		return d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
			for _, s := range statements {
				if _, err := tx.Exec(ctx, s); err != nil {
					return err
				}
			}
			return nil
		})
	}
	bare := context.Background() // of which the record knows nothing
	for name, tt := range map[string]struct {
		want   string
		change func(ctx context.Context, d *db.DB) error
	}{
		"one transaction": {"", func(ctx context.Context, d *db.DB) error { return exec(ctx, d, first, second) }},
		"no context":      {"no record was asked for", func(_ context.Context, d *db.DB) error { return exec(bare, d, first) }},
		"no row": {"no record was asked for", func(ctx context.Context, d *db.DB) error {
			_, err := d.Exec(ctx, `DELETE FROM notes`)
			return err
		}},
		"a half before": {`+ notes n="1"`, func(ctx context.Context, d *db.DB) error {
			if err := exec(bare, d, first); err != nil {
				return err
			}
			return exec(ctx, d, second)
		}},
		"a half taken back by hand": {"was stored before its record", func(ctx context.Context, d *db.DB) error {
			if err := exec(bare, d, first); err != nil {
				return err
			}
			err := exec(ctx, d, second)
			if err != nil {
				return fmt.Errorf("%w %v", err, exec(bare, d, `DELETE FROM notes`))
			}
			return nil
		}},
		"a half after": {"was stored after its record", func(ctx context.Context, d *db.DB) error {
			if err := exec(ctx, d, first); err != nil {
				return err
			}
			return exec(bare, d, second)
		}},
		"an error for nobody": {"the change returned <nil>", func(ctx context.Context, d *db.DB) error {
			_ = exec(ctx, d, first)
			return nil
		}},
		"no change": {"not both", func(ctx context.Context, d *db.DB) error { return exec(ctx, d) }},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, `CREATE TABLE notes (n BIGINT)`, func(t *testing.T, d *db.DB) {
				i := &inner{TB: t}
				done := make(chan struct{})
				go func() {
					defer close(done)
					galetest.Also(i, d, func(ctx context.Context) error { return tt.change(ctx, d) })
				}()
				<-done
				all := strings.Join(i.failures, "\n")
				if tt.want == "" {
					assert.Equal(t, all, "")
				}
				assert.Contains(t, all, tt.want)
			})
		})
	}
}
