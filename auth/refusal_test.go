package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

// told returns the refusals since the last call.
func (h *house) told() (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.refused {
		all = append(all, fmt.Sprintf("%s by %s: %s %s", r.User.ID, r.Credential, r.Code, r.Permission))
	}
	h.refused = nil
	return all
}

func TestRefusalsAreTold(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		api := h.With("Accept", "application/json")
		api.Get("/read").Status(http.StatusUnauthorized) // nobody known
		h.Stranger().Bearer("ben").Get("/read").Status(http.StatusOK)
		assert.Equal(t, len(h.told()), 0)
		h.Stranger().Bearer("ann:cook").Get("/read").Status(http.StatusForbidden)
		h.Stranger().Bearer("ann").Get("/danger").Status(http.StatusForbidden)
		h.Stranger().Bearer("ann").Get("/people").Status(http.StatusForbidden)
		h.Stranger().Bearer("ann").Post("/again/totp", nil).Status(http.StatusForbidden)
		assert.Equal(t, h.told(), []string{
			"ann by door key: forbidden read", "ann by door key: session_required ",
			"ann by door key: session_required ", "ann by door key: session_required ",
		})
		h.Post("/in/ann/password", nil).Status(http.StatusOK)
		h.clock.Advance(time.Hour)
		page(h.Client).Get("/danger").Status(http.StatusSeeOther) // is asked, not refused
		assert.Equal(t, len(h.told()), 0)
		api.Get("/danger").Status(http.StatusForbidden)
		assert.Equal(t, h.told(), []string{"ann by session: confirm_required "})
	})
}

func TestARefusalInAServiceIsTold(t *testing.T) {
	t.Parallel()
	h := alone(t)
	h.as("", func(ctx context.Context) { assert.Equal(t, status(h.auth.Allow(ctx, "cook")), http.StatusUnauthorized) })
	h.as("ann", func(ctx context.Context) { assert.NoError(t, h.auth.Allow(ctx, "cook")) })
	h.as("ben", func(ctx context.Context) { assert.Equal(t, status(h.auth.Allow(ctx, "cook")), http.StatusForbidden) })
	assert.Equal(t, h.told(), []string{"ben by door key: forbidden cook"})
}
