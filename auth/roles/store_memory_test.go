package roles_test

import (
	"testing"

	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/galetest/conform"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	conform.RoleStore(t, func(*testing.T) roles.Store { return roles.NewMemoryStore() })
}
