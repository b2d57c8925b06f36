package auth_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// page is a browser that opens pages and sends forms.
func page(c *galetest.Client) *galetest.Client {
	return c.With("Accept", "text/html").With("Sec-Fetch-Mode", "navigate")
}

func TestRecent(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		api := h.With("Accept", "application/json")
		api.Get("/danger").Status(http.StatusUnauthorized)
		page(h.Client).Get("/danger").Status(http.StatusSeeOther).HasHeader("Location", "/login?next=%2Fdanger")
		h.Post("/in/ann/password", nil).Status(http.StatusOK)
		h.clock.Advance(10 * time.Minute)
		api.Get("/danger").Status(http.StatusOK)
		api.Get("/vault").Status(http.StatusForbidden).Problem("confirm_required") // a password is not enough
		h.clock.Advance(time.Millisecond)
		api.Get("/danger").Status(http.StatusForbidden).Problem("confirm_required")
		h.Post("/again/totp", nil).Status(http.StatusOK).Contains("[password totp]")
		api.Get("/danger").Status(http.StatusOK)
		api.Get("/vault").Status(http.StatusOK)
		h.clock.Advance(6 * time.Minute)
		h.Post("/again/password", nil).Status(http.StatusOK)
		h.clock.Advance(6 * time.Minute)
		api.Get("/danger").Status(http.StatusOK)
		api.Get("/vault").Status(http.StatusForbidden) // the code was 12 minutes ago
	})
}

func TestPeopleAreSentToConfirm(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/in/ann/password", nil).Status(http.StatusOK)
		h.clock.Advance(time.Hour)
		browser := page(h.Client)
		to := func(r *galetest.Response, want string) {
			t.Helper()
			r.Status(http.StatusSeeOther).HasHeader("Location", want).HasHeader("Cache-Control", "no-store")
		}
		to(browser.Get("/danger?tab=a"), "/confirm?next=%2Fdanger%3Ftab%3Da")
		to(browser.With("Referer", h.URL("/settings?x=1#y")).Post("/danger", nil), "/confirm?next=%2Fsettings%3Fx%3D1")
		for _, referer := range []string{ // open redirects, and worse
			"", "https://evil.example/settings", h.URL("//evil.example"), "//evil.example/x",
			"javascript:alert(1)", "/settings", h.URL("@evil.example/x"), "http://%zz", h.URL("/a//evil.example"),
		} {
			to(browser.With("Referer", referer).Post("/danger", nil), "/confirm?next=%2F")
		}
		to(browser.With("Referer", h.URL(`/\evil.example`)).Post("/danger", nil), "/confirm?next=%2F%255Cevil.example") // a path
		browser.Get("/confirm").Status(http.StatusForbidden)                                                            // or it would lead to itself
		for name, c := range map[string]*galetest.Client{
			"htmx":    browser.With("HX-Request", "true"),
			"script":  h.With("Accept", "text/html").With("Sec-Fetch-Mode", "cors"),
			"program": h.With("Accept", "*/*"),
		} {
			for _, r := range []*galetest.Response{c.Get("/danger"), c.Post("/danger", nil)} {
				assert.True(t, r.Raw.StatusCode == http.StatusForbidden, name+" is redirected")
			}
		}
	})
}

// A key must not reach what needs a person, even with the cookie of one.
func TestStepUpByAKey(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/in/ann/password", nil).Status(http.StatusOK)
		before := token(h.Client)
		for _, c := range []*galetest.Client{h.Stranger().Bearer("ann"), h.Bearer("ann")} {
			c = c.With("Accept", "application/json")
			c.Get("/who").Status(http.StatusOK).Contains("user=ann by=door key [] at=00:00")
			c.Get("/member").Status(http.StatusOK)
			c.Get("/danger").Status(http.StatusForbidden).Problem("session_required")
			c.Get("/people").Status(http.StatusForbidden).Problem("session_required")
			c.Post("/again/totp", nil).Status(http.StatusForbidden).Problem("session_required")
			c.Get("/danger").Status(http.StatusForbidden)
		}
		assert.Equal(t, token(h.Client), before)
		h.Get("/vault").Status(http.StatusForbidden) // the key's "code" did not count for the session
		h.Get("/people").Status(http.StatusOK)
		h.Stranger().Get("/people").Status(http.StatusOK)
	})
}

func TestASessionOfAnOldReleaseIsNotRecent(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/older/ann", nil).Status(http.StatusOK)
		h.Get("/member").Status(http.StatusOK)
		h.Get("/danger").Status(http.StatusForbidden)
		h.Post("/again/password", nil).Status(http.StatusOK)
		h.Get("/danger").Status(http.StatusOK)
	})
}

// What a session has opened, such as a WebSocket, is found by its ID.
func TestConfirmKeepsTheSession(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/in/ann/password", nil).Status(http.StatusOK)
		before, err := h.sessions.List(t.Context(), "ann")
		assert.NoError(t, err)
		h.clock.Advance(time.Minute)
		h.Post("/again/password", nil).Status(http.StatusOK)
		after, err := h.sessions.List(t.Context(), "ann")
		assert.NoError(t, err)
		assert.Equal(t, []any{len(after), after[0].ID, after[0].Created}, []any{1, before[0].ID, before[0].Created})
		assert.Equal(t, h.ended(), 0)
		assert.NoError(t, h.sessions.Revoke(t.Context(), "ann", after[0].ID))
		h.Get("/member").Status(http.StatusUnauthorized)
	})
}
