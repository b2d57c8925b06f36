// Package view renders HTML with html/template: pages that fill the blocks of a
// layout, partials, and components from any library.
//
// Every file of the tree is a template named by its path without ".html".
// Files under layouts/ and partials/ are seen by all; every other file is a
// page, with its own copy of them, whose {{define}}s replace the layout's
// {{block}}s:
//
//	layouts/base.html   <title>{{block "title" .}}gale{{end}}</title> … {{block "content" .}}{{end}}
//	partials/nav.html   <nav>…</nav>, used by {{template "partials/nav" .}}
//	users/show.html     {{define "title"}}{{.Data.Name}}{{end}} {{define "content"}}…{{end}}
//
// A page uses [Options].Layout unless it begins with {{/* layout: NAME */}},
// where NAME may be none. Templates are executed with a [Page]: what the handler
// passed is .Data, what every page needs (user, flashes) is .App.
//
// New parses and escapes every page, and checks every url and static name that
// stands in a template as a literal, so that a broken template fails the start
// and not a request. A page is written only when it was rendered whole.
//
// Security: html/template escapes by context, in HTML, attributes, scripts, styles
// and URLs. Values of template.HTML and its like, and what a [Component] writes,
// are trusted as they are; never make them from input.
//
// A [Set] is safe for concurrent use.
package view
