package engine_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// contractFiles makes a folder with files of a fixed age.
func contractFiles(k *run) string {
	dir, err := os.MkdirTemp("", "contract")
	if err != nil {
		k.fault("%v", err)
		return ""
	}
	k.atEnd(func() { _ = os.RemoveAll(dir) })
	made := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for name, content := range map[string]string{
		"small.txt": "0123456789", "large.bin": strings.Repeat("0123456789abcdef", 1<<16), "index.html": "<p>index", "empty": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			k.fault("%v", err)
		}
		_ = os.Chtimes(path, made, made)
	}
	return dir
}

// fileCases serve files from a disk, by sendfile where the server can.
func fileCases() []contractCase {
	files := func(k *run, w http.ResponseWriter, r *http.Request) {
		http.FileServer(http.Dir(contractFiles(k))).ServeHTTP(w, r)
	}
	served := func(name, send string) contractCase {
		return contractCase{name: "FileServer: " + name, do: files, send: send + last, allow: []allowance{anyBoundary}}
	}
	copied := func(name string, f func(k *run, w http.ResponseWriter, file *os.File)) contractCase {
		return contractCase{name: name, send: ask("GET /") + last, allow: []allowance{anyChunks}, do: func(k *run, w http.ResponseWriter, _ *http.Request) {
			file, err := os.Open(filepath.Join(contractFiles(k), "large.bin"))
			if err != nil {
				k.fault("%v", err)
				return
			}
			defer file.Close()
			f(k, w, file)
		}}
	}
	return []contractCase{
		served("a small file", ask("GET /small.txt")),
		served("a large file", ask("GET /large.bin")),
		served("an empty file", ask("GET /empty")),
		served("the index", ask("GET /")),
		served("the index by name", ask("GET /index.html")),
		served("no file", ask("GET /none")),
		served("a slash too much", ask("GET /small.txt/")),
		served("outside", ask("GET /../../etc/passwd")),
		served("HEAD", ask("HEAD /large.bin")),
		served("HTTP/1.0 keep-alive", head("GET /large.bin HTTP/1.0", "Connection: keep-alive")),
		served("a range", ask("GET /small.txt", "Range: bytes=2-5")),
		served("a range to the end", ask("GET /small.txt", "Range: bytes=7-")),
		served("the last bytes", ask("GET /small.txt", "Range: bytes=-3")),
		served("a range of a large file", ask("GET /large.bin", "Range: bytes=1000-900000")),
		served("two ranges", ask("GET /small.txt", "Range: bytes=0-1,5-6")),
		served("a range that cannot be", ask("GET /small.txt", "Range: bytes=20-30")),
		served("a bad range", ask("GET /small.txt", "Range: bytes=x")),
		served("not modified", ask("GET /small.txt", "If-Modified-Since: Mon, 06 May 2024 07:08:09 GMT")),
		served("modified", ask("GET /small.txt", "If-Modified-Since: Mon, 06 May 2024 07:08:08 GMT")),
		served("If-Unmodified-Since", ask("GET /small.txt", "If-Unmodified-Since: Mon, 06 May 2024 07:08:08 GMT")),
		served("If-Range", ask("GET /small.txt", "Range: bytes=2-5", "If-Range: Mon, 06 May 2024 07:08:09 GMT")),
		{name: "FileServer: two large files pipelined", do: files, send: ask("GET /large.bin") + ask("GET /large.bin") + last},
		{
			name: "ServeContent", send: ask("GET /", "If-None-Match: \"v1\"") + ask("GET /", "Range: bytes=0-3") + last,
			do: func(_ *run, w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"v1"`)
				http.ServeContent(w, r, "a.json", time.Time{}, bytes.NewReader([]byte(`{"a": 1}`)))
			},
		},
		copied("ReadFrom a file", func(k *run, w http.ResponseWriter, file *os.File) {
			n, err := w.(io.ReaderFrom).ReadFrom(file)
			k.note("%d %v", n, err)
		}),
		copied("ReadFrom a file with a length", func(k *run, w http.ResponseWriter, file *os.File) {
			w.Header().Set("Content-Length", fmt.Sprint(1<<20))
			n, err := w.(io.ReaderFrom).ReadFrom(file)
			k.note("%d %v", n, err)
		}),
		copied("ReadFrom a part of a file", func(k *run, w http.ResponseWriter, file *os.File) {
			w.Header().Set("Content-Length", "500000")
			_, _ = file.Seek(7, io.SeekStart)
			n, err := w.(io.ReaderFrom).ReadFrom(io.LimitReader(file, 500_000))
			at, _ := file.Seek(0, io.SeekCurrent)
			k.note("%d %v at %d", n, err, at)
		}),
		copied("ReadFrom less than the length", func(k *run, w http.ResponseWriter, file *os.File) {
			w.Header().Set("Content-Length", "500000")
			n, err := w.(io.ReaderFrom).ReadFrom(io.LimitReader(file, 400_000))
			k.note("%d %v", n, err)
		}),
		copied("a file between writes", func(k *run, w http.ResponseWriter, file *os.File) {
			w.Header().Set("Content-Length", "100010")
			_, _ = io.WriteString(w, "start")
			n, err := io.CopyN(w, file, 100_000)
			k.note("%d %v", n, err)
			_, _ = io.WriteString(w, "close")
		}),
		copied("ReadFrom a file after a flush", func(k *run, w http.ResponseWriter, file *os.File) {
			w.(http.Flusher).Flush()
			n, err := w.(io.ReaderFrom).ReadFrom(file)
			k.note("%d %v", n, err)
		}),
		copied("ReadFrom a file at its end", func(k *run, w http.ResponseWriter, file *os.File) {
			_, _ = file.Seek(0, io.SeekEnd)
			n, err := w.(io.ReaderFrom).ReadFrom(file)
			k.note("%d %v", n, err)
		}),
	}
}
