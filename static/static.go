package static

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/galeweb/gale/internal/accept"
	"github.com/galeweb/gale/web"
)

// ErrUnknown is returned for the address of a file that is not there.
var ErrUnknown = errors.New("static: no such file")

// Options sets up [Files].
type Options struct {
	// Prefix is where the files are mounted. Defaults to "/static".
	Prefix string
	// Host is put before addresses, for a CDN that fetches from here, such as
	// "https://cdn.example.com". Defaults to none.
	Host string
}

// Files is an [http.Handler] for paths with the prefix stripped, as
// router.Mount hands them on.
type Files struct {
	fsys   fs.FS
	base   string
	byName map[string]*file
	byPath map[string]*file // fingerprinted paths
}

type file struct {
	name        string
	path        string // with the fingerprint
	contentType string
	tag         string
	integrity   string
	codings     []string // of the precompressed siblings, best first
}

// siblings are the endings of precompressed files, best first.
var siblings = [...]struct{ ending, coding string }{{".br", "br"}, {".zst", "zstd"}, {".gz", "gzip"}}

// New reads and fingerprints every file of fsys.
func New(fsys fs.FS, o Options) (*Files, error) {
	f := &Files{
		fsys:   fsys,
		base:   strings.TrimSuffix(o.Host, "/") + strings.TrimSuffix(cmp.Or(o.Prefix, "/static"), "/") + "/",
		byName: map[string]*file{},
		byPath: map[string]*file{},
	}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() || f.isSibling(name):
			return nil
		}
		return f.add(name)
	})
	if err != nil {
		return nil, fmt.Errorf("static: %w", err)
	}
	return f, nil
}

// isSibling reports whether name is a compressed form of another file.
func (f *Files) isSibling(name string) bool {
	for _, s := range siblings {
		if original, ok := strings.CutSuffix(name, s.ending); ok {
			if _, err := fs.Stat(f.fsys, original); err == nil {
				return true
			}
		}
	}
	return false
}

func (f *Files) add(name string) error {
	content, err := fs.ReadFile(f.fsys, name)
	if err != nil {
		return err
	}
	sum, strong := sha256.Sum256(content), sha512.Sum384(content)
	tag := hex.EncodeToString(sum[:5])
	ext := path.Ext(name)
	e := &file{
		name:        name,
		path:        strings.TrimSuffix(name, ext) + "." + tag + ext,
		contentType: contentType(ext, content),
		tag:         tag,
		integrity:   "sha384-" + base64.StdEncoding.EncodeToString(strong[:]),
	}
	for _, s := range siblings {
		if _, err := fs.Stat(f.fsys, name+s.ending); err == nil {
			e.codings = append(e.codings, s.coding)
		}
	}
	f.byName[e.name], f.byPath[e.path] = e, e
	return nil
}

// contentType does not ask the machine's own table first: a binary must answer
// the same everywhere.
func contentType(ext string, content []byte) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json", ".map":
		return "application/json"
	case ".woff2":
		return "font/woff2"
	case ".webmanifest":
		return "application/manifest+json"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return cmp.Or(mime.TypeByExtension(ext), http.DetectContentType(content))
}

// URL returns the fingerprinted address of a file, or [ErrUnknown].
func (f *Files) URL(name string) (string, error) {
	e, ok := f.byName[name]
	if !ok {
		return "", fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	return f.base + e.path, nil
}

// Integrity returns the subresource-integrity value of a file for the
// attribute of a script or link, or [ErrUnknown].
func (f *Files) Integrity(name string) (string, error) {
	e, ok := f.byName[name]
	if !ok {
		return "", fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	return e.integrity, nil
}

// ServeHTTP sends a file. Under its fingerprinted path it may be kept for a
// year without asking; under its plain name it must be asked for each time.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		web.Fail(w, r, &web.Error{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {"GET, HEAD"}}})
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	e, fingerprinted := f.byPath[name]
	if !fingerprinted {
		var ok bool
		if e, ok = f.byName[name]; !ok {
			web.Fail(w, r, &web.Error{Status: http.StatusNotFound})
			return
		}
	}
	coding := accept.Encoding(r.Header["Accept-Encoding"], e.codings...)
	served, tag := e.name, e.tag
	for _, s := range siblings {
		if coding == s.coding {
			served, tag = e.name+s.ending, e.tag+"-"+coding
		}
	}
	content, err := open(f.fsys, served)
	if err != nil {
		web.Fail(w, r, fmt.Errorf("static: %w", err))
		return
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", e.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Etag", `"`+tag+`"`)
	if len(e.codings) > 0 {
		h.Add("Vary", "Accept-Encoding")
	}
	if coding != "" {
		h.Set("Content-Encoding", coding)
	}
	if fingerprinted {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, e.name, time.Time{}, content)
}

// open returns a file that can seek; those of embed and os do, so that nothing
// is copied and os files go out by sendfile.
func open(fsys fs.FS, name string) (io.ReadSeekCloser, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	if seeker, ok := file.(io.ReadSeekCloser); ok {
		return seeker, nil
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	return inMemory{bytes.NewReader(content)}, err
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }
