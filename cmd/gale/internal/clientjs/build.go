package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// client is a program for browsers that a package of gale embeds.
type client struct {
	source  string // folder of the TypeScript, from the repository's root; the scripts go into its dist
	entry   string
	title   string
	scripts []script
}

// script is one form of a client.
type script struct {
	name   string
	format api.Format
	global string // the variable that holds the exports
}

func clients() []client {
	return []client{
		{
			source: "hub/browser", entry: "connect.ts", title: "The browser's client of gale's hub, protocol gale.hub.v1.",
			scripts: []script{
				{name: "hub.js", format: api.FormatESModule},
				{name: "hub.global.js", format: api.FormatIIFE, global: "gale"},
			},
		},
		{
			source: "auth/passkey/browser", entry: "passkey.ts", title: "Passkeys on a page, for gale's auth/passkey.",
			scripts: []script{{name: "passkey.js", format: api.FormatIIFE}},
		},
	}
}

// banner stands above the code, whose own comments are gone.
func (c client) banner() string {
	return "/*! " + c.title + " Apache-2.0.\n" +
		"    Made by make generate from " + c.source + "/*.ts of github.com/galeweb/gale. */"
}

// build returns a script. It is the same on every machine: nothing of the path
// of root is in it.
func (c client) build(root string, s script) ([]byte, error) {
	entry, err := filepath.Abs(filepath.Join(root, c.source, c.entry))
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
		Banner:            map[string]string{"js": c.banner()},
	})
	if len(result.Errors) > 0 {
		messages := api.FormatMessages(result.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return nil, fmt.Errorf("build %s: %s", s.name, strings.Join(messages, ""))
	}
	return result.OutputFiles[0].Contents, nil
}
