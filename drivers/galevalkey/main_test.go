package galevalkey_test

import (
	"testing"

	"github.com/galeweb/gale/galetest"
)

// The cluster client's refresh sleeps on for a few seconds after Close.
func TestMain(m *testing.M) { galetest.Main(m, "valkey-go.(*clusterClient)._refresh") }
