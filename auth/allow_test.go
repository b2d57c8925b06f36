package auth_test

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

// as calls f in a request by key, of nobody when key is "".
func (h *house) as(key string, f func(ctx context.Context)) {
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodGet, "/", nil)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	called := false
	h.auth.Identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called = true
		f(r.Context())
	})).ServeHTTP(httptest.NewRecorder(), r)
	assert.True(h.t, called, key+" was refused")
}

func alone(t *testing.T) *house {
	h := newHouse(t)
	h.t = t
	return h
}

func status(err error) int {
	var e *web.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func TestScopesOnlyTakeAway(t *testing.T) {
	t.Parallel()
	h := alone(t)
	for _, c := range []struct {
		key, permission string
		want            bool
	}{
		{"ann", "cook", true},
		{"ann:cook", "cook", true},
		{"ann:cook", "eat", false},
		{"ann:*", "eat", true},
		{"ann:", "eat", false},
		{"ann:read,eat", "eat", true},
		{"ann:coo", "cook", false},
		{"ann:secret", "secret", false}, // a scope makes no permission
		{"ben:*", "cook", false},        // nor does it grant one
		{"ben:cook", "cook", false},
		{"ben:read", "read", true},
		{"ben:*", "*", false},
	} {
		h.as(c.key, func(ctx context.Context) {
			u, _ := h.auth.User(ctx)
			e := h.auth.Explain(ctx, c.permission)
			what := fmt.Sprintf("%s %s", c.key, c.permission)
			assert.True(t, h.auth.Can(ctx, c.permission) == c.want, what)
			assert.True(t, h.auth.Allows(u, c.permission) == c.want, what+" without a request")
			assert.True(t, e.Allowed == c.want, what+" explained")
			assert.True(t, (h.auth.Allow(ctx, c.permission) == nil) == c.want, what+" in a service")
		})
	}
}

func TestAGuardHonoursScopes(t *testing.T) {
	inHouse(t, func(_ *testing.T, h *house) {
		h.Stranger().Bearer("ann:read").Get("/read").Status(http.StatusOK)
		h.Stranger().Bearer("ann:cook").Get("/read").Status(http.StatusForbidden)
	})
}

func TestOwnersMayAndOthersMayNot(t *testing.T) {
	t.Parallel()
	h := alone(t)
	bens := func(u resident) bool { return u.ID == "ben" }
	anns := func(u resident) bool { return u.ID == "ann" }
	for _, c := range []struct {
		key, permission string
		owns            []func(resident) bool
		want            int
	}{
		{"ben", "cook", nil, http.StatusForbidden},
		{"ben", "cook", []func(resident) bool{anns}, http.StatusForbidden},
		{"ben", "cook", []func(resident) bool{bens}, 0},
		{"ben", "cook", []func(resident) bool{anns, bens}, 0},
		{"ann", "cook", []func(resident) bool{bens}, 0}, // by her role
		{"", "cook", []func(resident) bool{bens, func(resident) bool { return true }}, http.StatusUnauthorized},
		{"ben:read", "cook", []func(resident) bool{bens}, http.StatusForbidden}, // a key for reading cooks nothing
		{"ben:cook", "cook", []func(resident) bool{bens}, 0},
		{"ben", "coook", []func(resident) bool{bens}, http.StatusForbidden},
	} {
		h.as(c.key, func(ctx context.Context) {
			err := h.auth.Allow(ctx, c.permission, c.owns...)
			assert.True(t, status(err) == c.want, fmt.Sprintf("%s %s: %v", c.key, c.permission, err))
			want := http.StatusNotFound
			if err == nil {
				want = 0
			}
			assert.Equal(t, status(auth.Hide(err)), want)
			assert.ErrorIs(t, auth.Hide(err), err)
		})
	}
	assert.Equal(t, status(h.auth.Allow(t.Context(), "read")), http.StatusUnauthorized) // outside of Identify
	assert.ErrorIs(t, auth.Hide(io.EOF), io.EOF)
	assert.Equal(t, status(auth.Hide(&web.Error{Status: http.StatusConflict})), http.StatusConflict)
}

func TestTemplatesAsk(t *testing.T) {
	t.Parallel()
	h := alone(t)
	render := func(text string, g auth.Grants) (string, error) {
		w := httptest.NewRecorder()
		err := template.Must(template.New("").Parse(text)).Execute(w, g)
		return w.Body.String(), err
	}
	const button = `{{if .Can "cook"}}<button>{{end}}`
	for key, want := range map[string]string{"ann": "<button>", "ben": "", "ann:read": "", "": ""} {
		h.as(key, func(ctx context.Context) {
			got, err := render(button, h.auth.Grants(ctx))
			assert.NoError(t, err)
			assert.Equal(t, got, want)
			_, err = render(`{{if .Can "coook"}}{{end}}`, h.auth.Grants(ctx))
			assert.True(t, err != nil, "a misspelt permission hides quietly")
		})
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	h := alone(t)
	h.change("ann", func(u *resident) { u.Disabled = true })
	ann, _ := h.find("ann")
	assert.Equal(t, h.auth.ExplainUser(ann, "cook").String(), `user "ann" may not "cook": the user is not active`)
	assert.True(t, !h.auth.ExplainUser(ann, "cook").Allowed, "who is not active may")
	h.change("ann", func(u *resident) { u.Disabled = false })
	for _, c := range []struct{ key, permission, want string }{
		{"", "cook", `user "" may not "cook": nobody is signed in`},
		{"ann", "cook", `user "ann" may "cook": granted by ["admin"]`},
		{"ann:cook,eat", "cook", `user "ann" may "cook": granted by ["admin"], within the scopes ["cook" "eat"]`},
		{"ann:eat", "cook", `user "ann" may not "cook": it is not among the scopes ["eat"] of the credential`},
		{"ben", "cook", `user "ben" may not "cook": none of the roles ["guest" "nobody"] grants it; those that do: ["admin" "cook"]`},
		{"ben", "coook", `user "ben" may not "coook": no role lists this permission; is it misspelt?`},
		{"ben", "x\n2026 INFO all is well", `user "ben" may not "x\n2026 INFO all is well": no role lists this permission; is it misspelt?`},
	} {
		h.as(c.key, func(ctx context.Context) { assert.Equal(t, h.auth.Explain(ctx, c.permission).String(), c.want) })
	}
	h.as("ben", func(ctx context.Context) {
		e := h.auth.Explain(ctx, "read")
		assert.Equal(t, []any{e.User, e.Listed, e.Active, e.Limited, fmt.Sprint(e.Roles, e.GrantedBy, e.Grantors)},
			[]any{"ben", true, true, false, "[guest nobody] [guest] [admin guest]"})
	})
}

func TestPermissionsFromElsewhere(t *testing.T) {
	t.Parallel()
	stored := map[string]map[string]bool{"editor": {"read": true, "made-up": true}}
	a := auth.New(auth.Options[resident]{
		ID:             func(u resident) string { return u.ID },
		Roles:          func(u resident) []string { return u.Roles },
		Permissions:    map[string][]string{"admin": {"*"}, "guest": {"read", "eat"}},
		PermissionsOf:  func(role string) map[string]bool { return stored[role] },
		RoleNames:      func() []string { return slices.Sorted(maps.Keys(stored)) },
		Authenticators: []auth.Authenticator[resident]{doorKeys{}},
	})
	editor, admin := resident{Roles: []string{"editor"}}, resident{Roles: []string{"admin"}}
	assert.True(t, a.Allows(editor, "read"), "a stored role grants nothing")
	assert.True(t, !a.Allows(editor, "eat"), "it grants all")
	assert.True(t, !a.Allows(editor, "made-up"), "a permission that no code asks for is granted")
	assert.True(t, !a.Allows(admin, "read"), "a role that was taken from storage is that of the code")
	assert.Equal(t, len(a.ExplainUser(editor, "made-up").GrantedBy), 0)
	assert.Equal(t, a.ExplainUser(admin, "read").Grantors, []string{"editor"})
	stored["admin"] = map[string]bool{"eat": true}
	assert.True(t, a.Allows(admin, "eat"), "a change does not apply")
}
