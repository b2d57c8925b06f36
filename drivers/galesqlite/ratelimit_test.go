package galesqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ratelimit"
)

func TestRateLimitStore(t *testing.T) {
	t.Parallel()
	conform.RateLimitStore(t, func(t *testing.T) ratelimit.Store {
		d := openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), db.Options{})
		_, err := d.Exec(t.Context(), ratelimit.Schema)
		assert.NoError(t, err)
		return ratelimit.NewSQLStore(d)
	})
}

func TestRateLimitStoreForgets(t *testing.T) {
	t.Parallel()
	d := openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), db.Options{})
	_, err := d.Exec(t.Context(), ratelimit.Schema)
	assert.NoError(t, err)
	s := ratelimit.NewSQLStore(d)
	for i := range 600 {
		ok, err := s.Charge(t.Context(), []ratelimit.Charge{{Limit: "l", Key: fmt.Sprint(i), Cost: time.Microsecond, Capacity: time.Second}})
		assert.NoError(t, err)
		assert.True(t, ok, "a new key is refused")
	}
	n, err := db.Get[int64](t.Context(), d, "SELECT count(*) FROM rate_limits")
	assert.NoError(t, err)
	assert.True(t, n < 500, fmt.Sprint(n, " buckets are kept though all have drained"))
}
