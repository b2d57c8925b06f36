package roles_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

var errDown = errors.New("connection refused")

// flaky is a store that can be switched off.
type flaky struct {
	*roles.MemoryStore
	down  atomic.Bool
	loads atomic.Int64
}

func (s *flaky) Version(ctx context.Context) (int64, error) {
	if s.down.Load() {
		return 0, errDown
	}
	return s.MemoryStore.Version(ctx)
}

func (s *flaky) Load(ctx context.Context) (roles.State, error) {
	s.loads.Add(1)
	if s.down.Load() {
		return roles.State{}, errDown
	}
	return s.MemoryStore.Load(ctx)
}

func permissions() map[string][]string {
	return map[string][]string{"admin": {"*", "roles.manage"}, "editor": {"write", "read"}}
}

func open(t *testing.T, store roles.Store, change ...func(*roles.Options)) *roles.Roles {
	t.Helper()
	o := roles.Options{Store: store, Permissions: permissions(), Protected: "roles.manage"}
	for _, f := range change {
		f(&o)
	}
	r, err := roles.Open(t.Context(), o)
	assert.NoError(t, err)
	return r
}

// may lists who may do what.
func may(r *roles.Roles, role string) string {
	var names []string
	for _, perm := range append(r.Permissions(), "*", "ghost") {
		if r.PermissionsOf(role)[perm] {
			names = append(names, perm)
		}
	}
	return strings.Join(names, " ")
}

func status(err error) int {
	if e, ok := errors.AsType[*web.Error](err); ok {
		return e.Status
	}
	return 0
}

func TestDefaultsAndChanges(t *testing.T) {
	t.Parallel()
	r := open(t, roles.NewMemoryStore())
	assert.Equal(t, []string{may(r, "admin"), may(r, "editor"), may(r, "nobody"), may(r, "")}, []string{"read roles.manage write", "read write", "", ""})
	assert.NoError(t, r.Set(t.Context(), "editor", []string{"read", "read"}))
	assert.NoError(t, r.Set(t.Context(), "boss", []string{"*"}))
	assert.NoError(t, r.Set(t.Context(), "idle", nil))
	assert.Equal(t, []string{may(r, "editor"), may(r, "boss"), may(r, "idle")}, []string{"read", "read roles.manage write", ""})
	assert.Equal(t, fmt.Sprint(r.List()),
		"[{admin [* roles.manage] false true} {boss [*] true false} {editor [read] true true} {idle [] true false}]")
	for _, role := range []string{"editor", "boss", "idle", "never-was"} {
		assert.NoError(t, r.Reset(t.Context(), role))
	}
	assert.Equal(t, fmt.Sprint(r.List()), "[{admin [* roles.manage] false true} {editor [read write] false true}]")
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	store := roles.NewMemoryStore()
	r := open(t, store)
	for _, name := range []string{"", " ", "a b", "a\nb", "a\x00", "ж", "<b>", "a'", strings.Repeat("a", 65)} {
		assert.Equal(t, status(r.Set(t.Context(), name, []string{"read"})), http.StatusUnprocessableEntity)
	}
	for _, perm := range []string{"ghost", "", "READ", "read ", "re*", "**"} {
		assert.Equal(t, status(r.Set(t.Context(), "editor", []string{"read", perm})), http.StatusUnprocessableEntity)
	}
	for i := range 200 {
		assert.NoError(t, r.Set(t.Context(), fmt.Sprintf("r%d", i), nil))
	}
	assert.Equal(t, status(r.Set(t.Context(), "r200", nil)), http.StatusUnprocessableEntity)
	assert.NoError(t, r.Set(t.Context(), "r0", []string{"read"}))
	v, err := store.Version(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, v, 201)
}

// Somebody writes to the table, or a newer release did.
func TestAStoredPermissionThatDoesNotExistIsIgnored(t *testing.T) {
	t.Parallel()
	store := roles.NewMemoryStore()
	assert.NoError(t, store.Save(t.Context(), 0, "editor", []string{"ghost", "read"}))
	var log strings.Builder
	ctx := obs.WithLogger(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
	r, err := roles.Open(ctx, roles.Options{Store: store, Permissions: permissions()})
	assert.NoError(t, err)
	assert.Equal(t, may(r, "editor"), "read")
	assert.True(t, !r.PermissionsOf("admin")["ghost"], "* grants what does not exist")
	assert.Contains(t, log.String(), "level=WARN")
	assert.Contains(t, log.String(), "role=editor permission=ghost")
}

func TestTheLastKeeperStays(t *testing.T) {
	t.Parallel()
	r := open(t, roles.NewMemoryStore())
	refused := func(err error) {
		t.Helper()
		assert.ErrorIs(t, err, roles.ErrProtected)
		assert.Equal(t, status(err), http.StatusConflict)
	}
	refused(r.Set(t.Context(), "admin", []string{"read"}))
	refused(r.Set(t.Context(), "admin", nil))
	assert.NoError(t, r.Set(t.Context(), "admin", []string{"*"})) // has it still
	assert.NoError(t, r.Set(t.Context(), "boss", []string{"roles.manage"}))
	assert.NoError(t, r.Set(t.Context(), "admin", nil))
	refused(r.Reset(t.Context(), "boss"))
	refused(r.Set(t.Context(), "boss", []string{"write"}))
	assert.NoError(t, r.Reset(t.Context(), "admin"))
	assert.NoError(t, r.Reset(t.Context(), "boss"))
}

// A role that nobody has keeps nothing: it would be a way to lock all out.
func TestAnEmptyRoleIsNoKeeper(t *testing.T) {
	t.Parallel()
	var failing error
	r := open(t, roles.NewMemoryStore(), func(o *roles.Options) {
		o.Held = func(_ context.Context, role string) (bool, error) { return role == "admin", failing }
	})
	assert.NoError(t, r.Set(t.Context(), "decoy", []string{"roles.manage"}))
	assert.ErrorIs(t, r.Set(t.Context(), "admin", nil), roles.ErrProtected)
	assert.NoError(t, r.Reset(t.Context(), "decoy"))
	assert.NoError(t, r.Set(t.Context(), "decoy", []string{"roles.manage"}))
	failing = errDown
	assert.ErrorIs(t, r.Set(t.Context(), "admin", nil), errDown)
	assert.Equal(t, may(r, "admin"), "read roles.manage write")
}

// Two administrators, on two instances, each take the permission from the
// other's role.
func TestTwoAtOnceDoNotLockEverybodyOut(t *testing.T) {
	t.Parallel()
	for range 20 {
		store := roles.NewMemoryStore()
		one, two := open(t, store), open(t, store)
		assert.NoError(t, one.Set(t.Context(), "boss", []string{"roles.manage"}))
		var wg sync.WaitGroup
		var errs [2]error
		wg.Go(func() { errs[0] = one.Set(t.Context(), "admin", nil) })
		wg.Go(func() { errs[1] = two.Set(t.Context(), "boss", nil) })
		wg.Wait()
		assert.True(t, (errs[0] == nil) != (errs[1] == nil), fmt.Sprint(errs))
		assert.ErrorIs(t, errors.Join(errs[:]...), roles.ErrProtected)
	}
}

// rival is somebody else who is always first.
type rival struct{ *roles.MemoryStore }

func (s rival) Save(ctx context.Context, version int64, role string, _ []string) error {
	return errors.Join(s.MemoryStore.Save(ctx, version, role, nil), roles.ErrConflict)
}

func TestGivingUp(t *testing.T) {
	t.Parallel()
	r := open(t, rival{roles.NewMemoryStore()})
	err := r.Set(t.Context(), "editor", []string{"read"})
	assert.ErrorIs(t, err, roles.ErrConflict)
	assert.Equal(t, status(err), http.StatusConflict)
	assert.Equal(t, may(r, "editor"), "read write")
}

// Two administrators look at one page, and both change what they see.
func TestAChangeOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	store := roles.NewMemoryStore()
	here, there := open(t, store), open(t, store)
	for _, seen := range [][]string{nil, {"read"}, {"read", "write", "roles.manage"}} {
		err := here.Replace(t.Context(), "editor", seen, nil)
		assert.ErrorIs(t, err, roles.ErrConflict)
		assert.Equal(t, status(err), http.StatusConflict)
	}
	assert.NoError(t, here.Replace(t.Context(), "editor", []string{"write", "read"}, []string{"read"}))
	assert.ErrorIs(t, there.Replace(t.Context(), "editor", []string{"read", "write"}, nil), roles.ErrConflict) // it knows only the old
	assert.NoError(t, there.Replace(t.Context(), "editor", []string{"read"}, nil))
	assert.ErrorIs(t, here.Replace(t.Context(), "nobody", nil, []string{"read"}), roles.ErrConflict)
	assert.ErrorIs(t, here.Replace(t.Context(), "admin", []string{"*", "roles.manage"}, nil), roles.ErrProtected)

	assert.NoError(t, here.Replace(t.Context(), "admin", []string{"*", "roles.manage"}, []string{"roles.manage", "*"}))
	assert.True(t, !here.List()[0].Changed, "nothing was changed, and the role does not follow the code any more")

	assert.NoError(t, here.Add(t.Context(), "moderator", []string{"read"}))
	for _, name := range []string{"moderator", "editor", "admin"} {
		assert.ErrorIs(t, there.Add(t.Context(), name, nil), roles.ErrConflict)
	}
	assert.Equal(t, status(here.Add(t.Context(), "a b", nil)), http.StatusUnprocessableEntity)
	assert.NoError(t, there.Reload(t.Context()))
	assert.Equal(t, there.Names(), []string{"admin", "editor", "moderator"})
	assert.Equal(t, may(there, "moderator"), "read")
}

func TestChangesAreTold(t *testing.T) {
	t.Parallel()
	store := roles.NewMemoryStore()
	var told atomic.Int64
	var r *roles.Roles
	r = open(t, store, func(o *roles.Options) {
		o.Changed = func(context.Context) {
			told.Add(1)
			r.List() // whoever is told may ask
			assert.NoError(t, r.Reload(t.Context()))
		}
	})
	other := open(t, store)
	assert.NoError(t, r.Set(t.Context(), "editor", nil))
	assert.Equal(t, told.Load(), 1)
	assert.NoError(t, r.Reset(t.Context(), "never-was"))
	assert.ErrorIs(t, r.Set(t.Context(), "admin", nil), roles.ErrProtected)
	assert.NoError(t, r.Reload(t.Context()))
	assert.Equal(t, told.Load(), 1)
	assert.NoError(t, other.Reset(t.Context(), "editor"))
	assert.NoError(t, r.Reload(t.Context()))
	assert.Equal(t, told.Load(), 2)
}

func TestOtherInstancesSeeAChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{MemoryStore: roles.NewMemoryStore()}
		here, there := open(t, store), open(t, store)
		var log strings.Builder
		ctx, stop := context.WithCancel(obs.WithLogger(t.Context(), slog.New(slog.NewTextHandler(&log, nil))))
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, there.Run(ctx)) })

		time.Sleep(time.Minute)
		assert.Equal(t, store.loads.Load(), 2) // nothing changed, nothing read
		assert.NoError(t, here.Set(t.Context(), "editor", nil))
		assert.Equal(t, may(here, "editor"), "")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, may(there, "editor"), "")

		store.down.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, may(there, "editor"), "") // no defaults come back
		assert.Equal(t, strings.Count(log.String(), "reload failed"), 1)
		assert.ErrorIs(t, there.Set(t.Context(), "editor", []string{"read"}), errDown)
		store.down.Store(false)
		assert.NoError(t, here.Reset(t.Context(), "editor"))
		assert.NoError(t, there.Reload(ctx)) // at once
		assert.Equal(t, may(there, "editor"), "read write")
		assert.Equal(t, strings.Count(log.String(), "works again"), 1)
		stop()
		wg.Wait()
	})
}

func TestOpenFailsWithoutTheStore(t *testing.T) {
	t.Parallel()
	store := &flaky{MemoryStore: roles.NewMemoryStore()}
	store.down.Store(true)
	_, err := roles.Open(t.Context(), roles.Options{Store: store, Permissions: permissions()})
	assert.ErrorIs(t, err, errDown)
}

func TestWiringMistakesPanic(t *testing.T) {
	t.Parallel()
	store := roles.NewMemoryStore()
	for want, o := range map[string]roles.Options{
		"Store is missing":       {Permissions: permissions()},
		"Permissions is missing": {Store: store},
		"Interval is negative":   {Store: store, Permissions: permissions(), Interval: -1},
		`"roles.mangae"`:         {Store: store, Permissions: permissions(), Protected: "roles.mangae"},
	} {
		assert.Contains(t, assert.Panics(t, func() { _, _ = roles.Open(t.Context(), o) }).(string), want)
	}
	assert.Contains(t, assert.Panics(t, func() { roles.NewSQLStore(nil) }).(string), "without a database")
}
