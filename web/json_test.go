package web_test

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

type page struct {
	Limit  int    `query:"limit" default:"50" validate:"min=1,max=100"`
	Cursor string `query:"cursor"`
}

type everything struct {
	page
	Channel string        `path:"channel" validate:"alphanum"`
	Key     *string       `header:"Idempotency-Key"`
	Tags    []string      `query:"tag" validate:"max=3,dive,max=5"`
	Since   *time.Time    `query:"since"`
	Wait    time.Duration `query:"wait"`
	Small   int8          `query:"small"`
	Count   uint16        `query:"count"`
	Ratio   float64       `query:"ratio"`
	Live    bool          `query:"live"`
	From    netip.Addr    `query:"from"`
	Match   []string      `header:"If-Match"`
	Body    *struct {
		Label string `json:"label" validate:"required"`
		Items []item `json:"items" validate:"dive"`
	}
	ignored int
}

type item struct {
	Name string `json:"name" validate:"min=2"`
	N    int    `json:"n"`
}

// call sends one request to a JSON handler on a ServeMux.
func call[In, Out any](fn func(context.Context, In) (Out, error), method, target, body string, header ...string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.Handle("/channels/{channel}", web.JSON(fn))
	var rd io.Reader
	if body != "" {
		rd = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, rd)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, r)
	return rec
}

// told returns the problems of an answer, one a line.
func told(t *testing.T, rec *httptest.ResponseRecorder) []string {
	t.Helper()
	var answer struct{ Errors []web.Problem }
	if err := stdjson.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%v in %q", err, rec.Body)
	}
	var lines []string
	for _, p := range answer.Errors {
		lines = append(lines, strings.TrimSpace(p.In+" "+p.Parameter+p.Pointer+" "+p.Detail))
	}
	return lines
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestJSONFillsEveryKind(t *testing.T) {
	t.Parallel()
	var in everything
	rec := call(func(_ context.Context, got everything) (web.NoContent, error) {
		in = got
		return web.NoContent{}, nil
	}, "POST", "/channels/wind?tag=a&tag=b&since=2026-01-02T03:04:05Z&wait=1m&small=-128&count=65535&ratio=1.5&live=true&from=::1&cursor=x&limit=",
		`{"label":"l","items":[{"name":"nn","n":1}]}`, "Idempotency-Key", "k", "If-Match", "a, b", "If-Match", "c")
	assert.Equal(t, rec.Code, http.StatusNoContent)
	assert.Equal(t, rec.Body.Len(), 0)
	assert.Equal(t, in.Limit, 50)
	assert.Equal(t, in.Cursor, "x")
	assert.Equal(t, in.Channel, "wind")
	assert.Equal(t, *in.Key, "k")
	assert.Equal(t, in.Tags, []string{"a", "b"})
	assert.Equal(t, in.Since.Unix(), int64(1767323045))
	assert.Equal(t, in.Wait, time.Minute)
	assert.Equal(t, in.Small, int8(-128))
	assert.Equal(t, in.Count, uint16(65535))
	assert.Equal(t, in.Ratio, 1.5)
	assert.Equal(t, in.Live, true)
	assert.Equal(t, in.From, netip.IPv6Loopback())
	assert.Equal(t, in.Match, []string{"a", "b", "c"})
	assert.Equal(t, in.Body.Items, []item{{"nn", 1}})
	assert.Equal(t, in.ignored, 0)
}

func ok(context.Context, everything) (string, error) { return "called", nil }

func TestJSONTellsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	rec := call(ok, "POST", "/channels/wi-nd?limt=3&limit=x&wait=soon&small=128&count=-1&ratio=NaN&live=maybe&from=me&since=today&cursor=a&cursor=b&tag=%ff",
		`{"label":1,"itms":[],"items":[{"name":true,"n":"x"}]}`)
	assert.Equal(t, rec.Code, http.StatusBadRequest)
	same(t, told(t, rec), []string{
		`query limt is not known; did you mean "limit"?`,
		"query limit must be a whole number",
		"query cursor is given 2 times, and may be given once",
		"query tag value 1 is not valid UTF-8",
		"query since must be a date and time such as 2006-01-02T15:04:05Z",
		"query wait must be a duration such as 1h30m or 250ms",
		"query small must be a whole number from -128 to 127",
		"query count must be a whole number from 0 to 65535",
		"query ratio must be a number",
		"query live must be true or false",
		"query from is not in the expected format",
		"/label must be a string, not a number (line 1, column 10)",
		`/itms is not known; did you mean "items"? (line 1, column 12)`,
		"/items/0/name must be a string, not a boolean (line 1, column 39)",
		"/items/0/n must be a whole number, not a string (line 1, column 48)",
		"path channel may hold only the letters a to z and digits",
	})
}

func TestJSONTellsEveryBrokenRule(t *testing.T) {
	t.Parallel()
	rec := call(ok, "POST", "/channels/wind?limit=101&tag=abcdef", `{"label":"","items":[{"name":"ok"},{"name":"x"}]}`)
	assert.Equal(t, rec.Code, http.StatusUnprocessableEntity)
	same(t, told(t, rec), []string{
		"query limit must be at most 100",
		"query tag must have at most 5 characters",
		"/label is required",
		"/items/1/name must have at least 2 characters",
	})
}

func TestJSONRefusesTextNobodyExpects(t *testing.T) {
	t.Parallel()
	rec := call(ok, "GET", "/channels/wind?cursor=%00", "")
	same(t, told(t, rec), []string{"query cursor holds control characters"})
	rec = call(ok, "GET", "/channels/wind?cursor=%zz", "")
	same(t, told(t, rec), []string{"query  the query string is not encoded correctly"})
	rec = call(ok, "GET", "/channels/wind?cursor=a;limit=3", "")
	same(t, told(t, rec), []string{"query  the query string is not encoded correctly"})
}

func TestJSONBoundsWhatItTells(t *testing.T) {
	t.Parallel()
	var query strings.Builder
	for i := range 1000 {
		query.WriteString("&" + strings.Repeat("n", 100+i) + "=1")
	}
	rec := call(ok, "GET", "/channels/wind?"+query.String(), "")
	assert.Equal(t, len(told(t, rec)), 16)
	assert.True(t, rec.Body.Len() < 4000, "the answer repeats what was sent")
}

func TestJSONBody(t *testing.T) {
	t.Parallel()
	type required struct{ Body []int }
	takes := func(_ context.Context, in required) ([]int, error) { return in.Body, nil }
	assert.Equal(t, call(takes, "POST", "/channels/x", "[1,2]").Body.String(), "[1,2]")
	assert.Equal(t, call(takes, "POST", "/channels/x", "null").Body.String(), "[]") // A nil slice.
	same(t, told(t, call(takes, "POST", "/channels/x", "")), []string{"a JSON body is required"})

	type none struct{}
	refuses := func(context.Context, none) (web.NoContent, error) { return web.NoContent{}, nil }
	same(t, told(t, call(refuses, "POST", "/channels/x", "{}")), []string{"a request body is not taken here"})
	assert.Equal(t, call(refuses, "POST", "/channels/x", "").Code, http.StatusNoContent)
}

type created struct {
	ID       string `json:"id"`
	status   int
	location string
}

func (c created) StatusCode() int  { return c.status }
func (c created) Location() string { return c.location }

type moved struct{}

func (moved) Location() string { return "/x/å" }

func TestJSONOut(t *testing.T) {
	t.Parallel()
	type none struct{}
	rec := call(func(context.Context, none) (created, error) { return created{"1", 202, "/p/1"}, nil }, "GET", "/channels/x", "")
	assert.Equal(t, rec.Code, 202)
	assert.Equal(t, rec.Header().Get("Location"), "/p/1")
	assert.Equal(t, rec.Header().Get("Content-Type"), "application/json")
	assert.Equal(t, rec.Header().Get("Content-Length"), "10")
	assert.Equal(t, rec.Body.String(), `{"id":"1"}`)

	rec = call(func(context.Context, none) (moved, error) { return moved{}, nil }, "GET", "/channels/x", "")
	assert.Equal(t, rec.Code, http.StatusCreated)
	assert.Equal(t, rec.Header().Get("Location"), "/x/%C3%A5")

	for _, bad := range []created{{status: 404}, {status: 200, location: "/a\r\nSet-Cookie: b"}} {
		rec = call(func(context.Context, none) (created, error) { return bad, nil }, "GET", "/channels/x", "")
		assert.Equal(t, rec.Code, http.StatusInternalServerError)
		assert.Equal(t, rec.Header().Get("Location"), "")
	}
	rec = call(func(context.Context, none) (any, error) { return make(chan int), nil }, "GET", "/channels/x", "")
	assert.Equal(t, rec.Code, http.StatusInternalServerError)
}

type span struct {
	Page int `query:"page"`
	Body interval
}

type interval struct {
	From, To int
	Mode     string `validate:"omitempty,oneof=join plain own panic"`
}

func (in *span) Validate() error {
	if in.Page > 9 {
		return web.Invalid("page", "is beyond the end")
	}
	return nil
}

func (i interval) Validate() error {
	switch i.Mode {
	case "join":
		return errors.Join(web.Invalid("/From", "must not be odd"), web.Invalid("/To", "must come after /From"))
	case "plain":
		return errors.New("secret reason")
	case "own":
		return &web.Error{Status: 409, Message: "Taken."}
	}
	return nil
}

func TestValidateMethods(t *testing.T) {
	t.Parallel()
	fn := func(_ context.Context, in span) (string, error) { return "ok", nil }
	rec := call(fn, "POST", "/channels/x?page=10", `{"From":1,"To":0,"Mode":"join"}`)
	assert.Equal(t, rec.Code, 422)
	same(t, told(t, rec), []string{"/From must not be odd", "/To must come after /From", "query page is beyond the end"})

	rec = call(fn, "POST", "/channels/x", `{"From":1,"To":0,"Mode":"plain"}`)
	assert.Equal(t, rec.Code, 422)
	assert.True(t, !strings.Contains(rec.Body.String(), "secret"), "a plain error is shown")

	rec = call(fn, "POST", "/channels/x", `{"From":1,"To":0,"Mode":"own"}`)
	assert.Equal(t, rec.Code, 409)
	assert.Contains(t, rec.Body.String(), "Taken.")

	rec = call(fn, "POST", "/channels/x", `{"From":1,"To":0,"Mode":"other"}`)
	same(t, told(t, rec), []string{"/Mode must be one of join, plain, own, panic"})
	assert.Equal(t, call(fn, "POST", "/channels/x", `{"From":1,"To":2,"Mode":""}`).Body.String(), `"ok"`)
}

func TestJSONWithWrongRouteIsTheServersFault(t *testing.T) {
	t.Parallel()
	type in struct {
		ID string `path:"id"`
	}
	rec := call(func(context.Context, in) (string, error) { return "", nil }, "GET", "/channels/x", "")
	assert.Equal(t, rec.Code, http.StatusInternalServerError)
}

func panics[In any](t *testing.T, want ...string) {
	t.Helper()
	got, _ := assert.Panics(t, func() {
		web.JSON(func(context.Context, In) (web.NoContent, error) { return web.NoContent{}, nil })
	}).(string)
	for _, w := range append(want, "web: JSON: ") {
		assert.Contains(t, got, w)
	}
}

func TestJSONPanicsAtOnceOverAWrongInput(t *testing.T) {
	t.Parallel()
	panics[int](t, "int is no struct")
	panics[struct{ Label string }](t, "field Label has no tag")
	panics[struct {
		A int `query:"a" header:"a"`
	}](t, "query and header")
	panics[struct {
		A int `query:"a"`
		B int `query:"a"`
	}](t, `"a", which another field has`)
	panics[struct {
		A chan int `query:"a"`
	}](t, "TextUnmarshaler")
	panics[struct {
		A []string `path:"a"`
	}](t, "a path parameter is one value")
	panics[struct {
		a int `query:"a"`
	}](t, "not exported")
	panics[struct {
		A int `query:"a" default:"many"`
	}](t, "has a default that must be a whole number")
	panics[struct {
		A int `query:",x"`
	}](t, "no name")
	panics[struct {
		A int `query:"a,raw"`
	}](t, `unknown option "raw"`)
	panics[struct {
		A int `query:"a" validate:"mni=3"`
	}](t, "validate tags", "mni")
	panics[struct{ Body []item }](t, `add validate:"dive"`)
	panics[struct {
		Body [][]item `validate:"dive"`
	}](t, "once for each layer")
	panics[struct{ Body tree }](t, "field Children", `add validate:"dive"`)
	panics[struct {
		Body struct{ Deep map[string][]*item }
	}](t, "Deep", `add validate:"dive"`)
	assert.Contains(t, assert.Panics(t, func() { web.JSON[struct{}, web.NoContent](nil) }).(string), "web: JSON got nil")
}

func TestTooDeepBodiesAreRefused(t *testing.T) {
	t.Parallel()
	type in struct{ Body any }
	fn := func(context.Context, in) (string, error) { return "ok", nil }
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	assert.Equal(t, call(fn, "POST", "/channels/x", nest(64)).Code, 200)
	same(t, told(t, call(fn, "POST", "/channels/x", nest(65))), []string{"is nested too deep (line 1, column 65)"})
	assert.Equal(t, call(fn, "POST", "/channels/x", `"`+strings.Repeat(`[\"`, 100)+`"`).Code, 200)
}

func TestMapAndListPointers(t *testing.T) {
	t.Parallel()
	type in struct {
		Body struct {
			By map[string]item `json:"by" validate:"dive"`
			// Embedded members stand in the object around them.
			item
		}
	}
	rec := call(func(context.Context, in) (string, error) { return "", nil }, "POST", "/channels/x", `{"by":{"a/b":{"name":"x"}},"name":"y"}`)
	got := told(t, rec)
	slices.Sort(got)
	same(t, got, []string{"/by/a~1b/name must have at least 2 characters", "/name must have at least 2 characters"})
}

type tree struct {
	Children []tree
	Name     string `validate:"required"`
}
