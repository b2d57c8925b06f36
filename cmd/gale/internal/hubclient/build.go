package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// banner stands above the code, whose own comments are gone.
const banner = "/*! The browser's client of gale's hub, protocol gale.hub.v1. Apache-2.0.\n" +
	"    Made by make generate from hub/browser/*.ts of github.com/galeweb/gale. */"

// script is one form of the client.
type script struct {
	name   string
	format api.Format
	global string // the variable that holds the exports
}

func scripts() []script {
	return []script{
		{name: "hub.js", format: api.FormatESModule},
		{name: "hub.global.js", format: api.FormatIIFE, global: "gale"},
	}
}

// build returns the script. It is the same on every machine: nothing of the
// path of source is in it.
func (s script) build(source string) ([]byte, error) {
	entry, err := filepath.Abs(filepath.Join(source, "connect.ts"))
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{entry},
		Bundle:            true,
		Format:            s.format,
		GlobalName:        s.global,
		Target:            api.ES2020,
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LegalComments:     api.LegalCommentsNone,
		Banner:            map[string]string{"js": banner},
	})
	if len(result.Errors) > 0 {
		messages := api.FormatMessages(result.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return nil, fmt.Errorf("build %s: %s", s.name, strings.Join(messages, ""))
	}
	return result.OutputFiles[0].Contents, nil
}
