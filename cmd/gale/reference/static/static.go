// Package static holds what browsers load as it is: styles, scripts, pictures.
// Those that relay did not write are in licenses/.
package static

import (
	"embed"
	"io/fs"
)

//go:embed css js licenses relay.svg
var files embed.FS

// Files returns the folder.
func Files() fs.FS { return files }
