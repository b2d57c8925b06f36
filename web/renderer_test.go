package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

func accepting(accept string, rd web.Renderer, err error) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	rec := httptest.NewRecorder()
	var h http.Handler = web.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return err })
	if rd != nil {
		h = web.WithRenderer(rd)(h)
	}
	observed(&logbook{}, h).ServeHTTP(rec, r)
	return rec
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	const page, problem = "text/html; charset=utf-8", "application/problem+json"
	for accept, want := range map[string]string{
		"":                            problem,
		"*/*":                         problem,
		"application/json":            problem,
		"text/html;q=x, */*":          problem,
		"text/html;q=NaN":             problem,
		"image/avif,image/*":          problem,
		"text/html":                   page,
		"TEXT/HTML; level=1":          page,
		"application/json, text/html": problem,
		"text/html;q=0.2, application/json;q=0.1":                                    page,
		"application/vnd.x+json, text/html;q=0.9":                                    problem,
		"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8": page,
	} {
		rec := accepting(accept, nil, &web.Error{Status: 404})
		if got := rec.Header().Get("Content-Type"); got != want {
			t.Errorf("Accept %q: got %s, want %s", accept, got, want)
		}
		assert.Equal(t, rec.Header().Get("Vary"), "Accept")
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	rec := accepting("", web.Problems{}, &web.Error{Status: 422, Code: "invalid", Message: "No \xff.", Problems: []web.Problem{
		{Pointer: "/items/3", Code: "max", Detail: "is too much"},
		{Parameter: "limit", In: "query", Detail: "is odd"},
	}})
	var got map[string]any
	assert.NoError(t, json.Unmarshal(rec.Body.Bytes(), &got))
	assert.Equal(t, got, map[string]any{
		"type": "about:blank", "title": "Unprocessable Entity", "status": 422.0, "detail": "No \uFFFD.",
		"code": "invalid", "request_id": "req-1",
		"errors": []any{
			map[string]any{"pointer": "/items/3", "code": "max", "detail": "is too much"},
			map[string]any{"parameter": "limit", "in": "query", "detail": "is odd"},
		},
	})
	assert.True(t, !strings.Contains(accepting("", web.Problems{}, &web.Error{Status: 404}).Body.String(), "detail"), "the title is said twice")
}

func TestPagesEscapeAndNeedNothing(t *testing.T) {
	t.Parallel()
	const attack = `<script>alert("1")</script>`
	body := accepting("text/html", web.Pages{}, &web.Error{
		Status: 400, Message: attack, Problems: []web.Problem{{Parameter: attack, Detail: attack}},
	}).Body.String()
	assert.Contains(t, body, "&lt;script&gt;")
	assert.Contains(t, body, "Status 400, request <code>req-1</code>")
	for _, banned := range []string{"<script", "<style", "style=", "src=", "href="} {
		assert.True(t, !strings.Contains(body, banned), "the page has "+banned)
	}
}

type teapot struct{}

func (teapot) RenderError(w http.ResponseWriter, _ *http.Request, e *web.Error) {
	w.WriteHeader(http.StatusTeapot)
	_, _ = w.Write([]byte(e.Message))
}

func TestWithRenderer(t *testing.T) {
	t.Parallel()
	rec := accepting("text/html", web.Negotiate{People: teapot{}}, &web.Error{Status: 404})
	assert.Equal(t, rec.Code, http.StatusTeapot)
	assert.Equal(t, rec.Body.String(), "Not Found")
	assert.Equal(t, accepting("", web.Negotiate{Programs: teapot{}}, &web.Error{Status: 404}).Code, http.StatusTeapot)
	assert.Contains(t, assert.Panics(t, func() { web.WithRenderer(nil) }).(string), "pass web.Negotiate{}")
}
