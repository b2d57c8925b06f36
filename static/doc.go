// Package static serves the files of an [io/fs.FS] under addresses that carry a
// fingerprint of their content, so that browsers and CDNs may keep them for ever
// and still see a change at once.
//
//	files, err := static.New(assets, static.Options{})
//	r.Mount("/static", files)
//	files.URL("css/app.css") // "/static/css/app.3f29c1d07a.css"
//
// [New] reads every file once; what is served is a fixed list, so that there is
// no directory listing, no way out of the root, and no file that was not there
// at the start. Names that begin with a dot are left out. A sibling with .br,
// .zst or .gz is not a file of its own: it is sent in place of the file to those
// who accept the coding. Ranges, conditional requests and HEAD work as in
// [http.ServeContent].
//
// [Files] is safe for concurrent use.
package static
