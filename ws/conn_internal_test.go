package ws

import (
	"reflect"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// TestConnSize: a hundred thousand idle connections are a hundred thousand of
// these. 160 bytes are a size that the allocator has.
func TestConnSize(t *testing.T) {
	t.Parallel()
	assert.Equal(t, reflect.TypeFor[Conn]().Size(), uintptr(160))
}
