// Package templates holds the pages.
package templates

import (
	"embed"
	"io/fs"
)

//go:embed *.html */*.html
var files embed.FS

// Files returns the folder.
func Files() fs.FS { return files }
