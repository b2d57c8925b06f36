package house

import (
	"fmt"
	"strconv"
	"strings"
)

// floors lists every package of the core module, ground first. A package may
// import only packages of floors below its own. It is a statement of policy:
// do not edit it to make a build pass.
var floors = [][]string{
	{ // the cellar
		"internal/accept", "internal/assert", "internal/backoff", "internal/believed", "internal/brief", "internal/certfile", "internal/connlimit", "internal/ctxkey", "internal/handover", "internal/handshakes", "internal/house", "internal/http1", "internal/latest", "internal/loop",
		"internal/memnet", "internal/origin", "internal/owed", "internal/overload", "internal/predictor", "internal/reload", "internal/roster", "internal/serverlog", "internal/stdbody", "internal/tlsrecord", "internal/topicname",
		"internal/upgrade", "internal/waitbody", "internal/wsframe",
	},
	{"internal/exchange", "internal/hubwire"}, // on the cellar, below the engine
	{"config", "engine", "obs"},
	{"cache", "db", "internal/mailbox", "keyring", "mail", "web", "ws"},
	{"db/migrate", "hub", "keyring/reencrypt", "ratelimit", "router", "session", "static", "view"},
	{"auth", "hub/hubclient", "middleware"},
	{"auth/apikey", "auth/audit", "auth/oauth", "auth/passkey", "auth/recovery", "auth/roles", "auth/strength", "auth/token", "auth/totp"},
	{"."},
	{"galetest", "galetest/conform"},
}

// sameFloor lists the imports between neighbours that the design allows.
var sameFloor = map[string]string{
	"galetest/conform": "galetest", // the suites are written with the kit
}

// Floors finds imports that do not go down, packages without a floor, and
// drivers or commands that reach into the core's internal packages.
func Floors(t *Tree) []string {
	floorOf := map[string]int{}
	for i, names := range floors {
		for _, name := range names {
			floorOf[name] = i
		}
	}
	var bad []string
	for _, p := range t.Packages {
		mod, _ := module(p.Dir)
		floor, known := floorOf[p.Dir]
		if mod == "." && !known {
			bad = append(bad, p.Dir+": has no floor; give it one in internal/house/floors.go, with an ADR")
			continue
		}
		for _, f := range p.Files {
			for _, spec := range f.AST.Imports {
				imported, ok := corePackage(spec.Path.Value)
				if !ok {
					continue
				}
				switch {
				case mod != ".":
					if strings.HasPrefix(imported, "internal/") && !f.Test() {
						bad = append(bad, fmt.Sprintf("%s: module %s imports %s; other modules use the public API only", f.Path, mod, imported))
					}
				case f.Test() || imported == p.Dir || sameFloor[p.Dir] == imported:
				case floorOf[imported] >= floor:
					bad = append(bad, fmt.Sprintf("%s: %s (floor %d) imports %s (floor %d)", f.Path, p.Dir, floor, imported, floorOf[imported]))
				}
			}
		}
	}
	return bad
}

// corePackage turns a quoted import path into a folder of the core module.
func corePackage(quoted string) (dir string, ok bool) {
	p, err := strconv.Unquote(quoted)
	if err != nil {
		return "", false
	}
	if p == Module {
		return ".", true
	}
	dir, ok = strings.CutPrefix(p, Module+"/")
	if mod, _ := module(dir); !ok || mod != "." {
		return "", false
	}
	return dir, true
}
