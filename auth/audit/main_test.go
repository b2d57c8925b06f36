package audit

import (
	"testing"

	"github.com/galeweb/gale/galetest"
)

func TestMain(m *testing.M) { galetest.Main(m) }
