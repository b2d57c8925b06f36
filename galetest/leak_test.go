package galetest

import (
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

func TestVerifyNamesWhatIsLeft(t *testing.T) {
	// Not parallel: it looks at the whole process.
	release, ended := make(chan struct{}), make(chan struct{})
	go leftBehind(release, ended)
	var out strings.Builder
	assert.Equal(t, verify(&out, nil), 1)
	assert.Contains(t, out.String(), "leftBehind")
	out.Reset()
	assert.Equal(t, verify(&out, []string{"leftBehind"}), 0)
	assert.Equal(t, out.String(), "")
	close(release)
	<-ended
	assert.Equal(t, verify(&out, nil), 0)
}

func leftBehind(release, ended chan struct{}) {
	<-release
	close(ended)
}
