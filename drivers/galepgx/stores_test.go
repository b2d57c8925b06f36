package galepgx_test

import (
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
)

func TestStores(t *testing.T) {
	t.Parallel()
	conform.SQLStores(t, func(t *testing.T) *db.DB {
		return galetest.DB(t, galetest.DBOptions{Driver: galepgx.Driver()})
	})
}
