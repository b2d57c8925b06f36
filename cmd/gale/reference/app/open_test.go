package app_test

import (
	"crypto/sha1"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galeweb/gale/auth/strength"
	"github.com/galeweb/gale/cmd/gale/reference/app"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	gale "github.com/galeweb/gale/config"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/obs"
)

// opened is what relay opens with a list of stolen passwords.
func opened(tb testing.TB, list string) (app.Options, error) {
	tb.Helper()
	o, closeAll, err := app.Open(tb.Context(), config.Config{
		Env: "dev", HubURL: gale.NewSecret("memory:"), LimitURL: gale.NewSecret("memory:"), Passwords: list,
		DatabaseURL: gale.NewSecret("sqlite:" + filepath.Join(tb.TempDir(), "relay.db")),
	}, galetest.NewLog(tb).Logger(), obs.NewMetrics())
	if err == nil {
		tb.Cleanup(func() { assert.NoError(tb, closeAll(tb.Context())) })
	}
	return o, err
}

// A password of the operator's list cannot be chosen, however good it is.
func TestListOfStolenPasswords(t *testing.T) {
	const stolen = "vexed quartz jumbo 41 lanterns"
	onSQLite(t, func(t *testing.T, s *site) {
		form := url.Values{"name": {"ada"}, "email": {"ada@example.com"}, "password": {stolen}}
		s.Stranger().Browser().Post("/sign-up", form).Status(http.StatusUnprocessableEntity).Contains("stolen")
		form.Set("password", stolen+"!")
		s.Stranger().Browser().Post("/sign-up", form).Status(http.StatusSeeOther)
	}, local, func(tb testing.TB, s *site) {
		list := filepath.Join(tb.TempDir(), "list")
		assert.NoError(tb, os.WriteFile(list, fmt.Appendf(nil, "%X:3\n", sha1.Sum([]byte(stolen))), 0o600))
		o, err := opened(tb, list)
		assert.NoError(tb, err)
		s.breached = o.Breached
	})
}

func TestNoListOfStolenPasswords(t *testing.T) {
	t.Parallel()
	_, err := opened(t, filepath.Join(t.TempDir(), "none"))
	assert.True(t, err != nil && strings.Contains(err.Error(), "PASSWORD_LIST"), fmt.Sprint(err))
	_, err = opened(t, "open_test.go")
	assert.ErrorIs(t, err, strength.ErrList)
}

// Passwords are hashed at what the machine can do, never below the least, and in
// bounded memory.
func TestOpenMeasuresHashes(t *testing.T) {
	t.Parallel()
	o, closeAll, err := app.Open(t.Context(), config.Config{
		Env: "dev", HubURL: gale.NewSecret("memory:"), LimitURL: gale.NewSecret("memory:"), PasswordCost: "measure",
		DatabaseURL: gale.NewSecret("sqlite:" + filepath.Join(t.TempDir(), "relay.db")),
	}, galetest.NewLog(t).Logger(), obs.NewMetrics())
	assert.NoError(t, err)
	assert.NoError(t, closeAll(t.Context()))
	h := o.Hasher
	if h.MemoryKiB < 19456 || h.MemoryKiB > 64<<10 || h.Time < 2 || h.Workers < 1 || h.Workers*int(h.MemoryKiB) > 512<<10 {
		t.Errorf("the costs are %+v", h)
	}
}
