package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// File sends the file name of fsys by the rules of [http.ServeContent]: ranges,
// If-Modified-Since, and If-None-Match when an ETag was set before. The
// Content-Type is the one set before or that of the name's extension; bytes are
// never sniffed, neither here nor by the browser, so an upload cannot pass
// itself off as a page.
//
// A name that is no [fs.ValidPath], does not exist or is a directory is a 404,
// so a name may come from the client; to keep to one folder use [fs.Sub] or,
// on disk, the FS of an [os.Root], which does not follow links out of it.
// Files that users uploaded should go through [Attachment] as well, since SVG
// and HTML carry scripts. The files of fsys must have a Seek method, as those
// of embed and os have.
func File(w http.ResponseWriter, r *http.Request, fsys fs.FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return fileError(err)
	}
	defer func() { _ = f.Close() }() // Only read from: nothing can be lost.
	info, err := f.Stat()
	if err != nil {
		return fileError(err)
	}
	if !info.Mode().IsRegular() {
		return &Error{Status: http.StatusNotFound}
	}
	content, ok := f.(io.ReadSeeker)
	if !ok {
		return fmt.Errorf("web: file %q of a %T cannot seek; serve it from embed or os", name, fsys)
	}
	h := w.Header()
	if h.Get("Content-Type") == "" {
		ct := mime.TypeByExtension(path.Ext(name))
		if ct == "" {
			ct = "application/octet-stream"
		}
		h.Set("Content-Type", ct)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, name, info.ModTime(), content)
	return nil
}

func fileError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return &Error{Status: http.StatusNotFound, Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &Error{Status: http.StatusForbidden, Err: err}
	}
	return fmt.Errorf("web: file: %w", err)
}

// Attachment has the browser save the response under name instead of showing
// it. Control and direction characters are dropped from name (they make
// "gpj.exe" read as "exe.jpg"), path separators become "_", and it is cut to
// 255 bytes. The rest is quoted by RFC 6266.
func Attachment(w http.ResponseWriter, name string) {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '/' || r == '\\':
			return '_'
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, name)
	for len(name) > 255 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	params := map[string]string{"filename": name}
	if strings.Trim(name, ". ") == "" {
		params = nil
	}
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", params))
}
