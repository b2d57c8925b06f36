package web_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

// decode gives DecodeJSON one body.
func decode[T any](contentType, body string) (T, error) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return web.DecodeJSON[T](httptest.NewRecorder(), r)
}

type packet struct {
	Label string         `json:"label" validate:"max=10"`
	Value float64        `json:"value"`
	At    time.Time      `json:"at"`
	Tags  map[string]int `json:"tags"`
	Raw   []byte         `json:"raw"`
	Level int8           `json:"level"`
}

func TestDecodeJSONNeedsItsType(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]int{
		"application/json":                     0,
		"application/json; charset=UTF-8":      0,
		"application/merge-patch+json":         0,
		"":                                     415,
		"text/plain":                           415, // What a cross-site form can send without preflight.
		"application/x-www-form-urlencoded":    415,
		"application/json; charset=iso-8859-1": 415,
		"application/json; charset":            415,
		"text/plain; x=application/json":       415,
		"application/jsonx":                    415,
	} {
		_, err := decode[packet](contentType, `{"label":"a"}`)
		e, _ := errors.AsType[*web.Error](err)
		if e == nil {
			e = &web.Error{}
		}
		if e.Status != want {
			t.Errorf("%q: status %d, want %d", contentType, e.Status, want)
		}
	}
}

func TestDecodeJSONSaysWhatAndWhere(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		``:                          " a JSON body is required",
		` `:                         " is not valid JSON: the text ends too early (line 1, column 2)",
		"{\n \"label\": 1}":         "/label must be a string, not a number (line 2, column 11)",
		`{"label":"a","label":"b"}`: "/label is given twice (line 1, column 14)",
		`{"Label":"a"}`:             `/Label is not known; did you mean "label"? (line 1, column 2)`,
		`{"label":"a"} {}`:          " is not valid JSON: invalid character '{' after top-level value (line 1, column 15)",
		`{"at":"yesterday"}`:        "/at must be a date and time such as 2006-01-02T15:04:05Z (line 1, column 7)",
		`{"level":200}`:             "/level is out of range (line 1, column 10)",
		`{"level":1.5}`:             "/level must be a whole number from -128 to 127 (line 1, column 10)",
		`{"raw":"*"}`:               "/raw must be a string in base64 (line 1, column 8)",
		`{"tags":[1]}`:              "/tags must be an object, not an array (line 1, column 9)",
		`{"tags":{"a/b":"x"}}`:      "/tags/a~1b must be a whole number, not a string (line 1, column 16)",
		`[]`:                        " must be an object, not an array (line 1, column 1)",
		`{"label":"a"`:              " is not valid JSON: the text ends too early (line 1, column 13)",
		`{"label":NaN}`:             "/label is not valid JSON: invalid character 'N' at start of value (line 1, column 10)",
		"{\"label\":\"\xff\"}":      "/label is not valid JSON: invalid UTF-8 (line 1, column 11)",
		`{"label":"more than ten"}`: "/label must have at most 10 characters",
	} {
		_, err := decode[packet]("application/json", body)
		e, ok := errors.AsType[*web.Error](err)
		if !ok || len(e.Problems) != 1 {
			t.Errorf("%s: got %v with %+v, want one problem", body, err, e)
			continue
		}
		if got := e.Problems[0].Pointer + " " + e.Problems[0].Detail; got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", body, got, want)
		}
	}
}

func TestDecodeJSONGoesOnAfterAProblem(t *testing.T) {
	t.Parallel()
	_, err := decode[[]item]("application/json", `[{"name":1,
		"n":"x"}, 12345, {"a":{"b":[1,2]},"name":"ok"} , {"n":1,"z":"}"}]`)
	e, _ := errors.AsType[*web.Error](err)
	var pointers []string
	for _, p := range e.Problems {
		pointers = append(pointers, p.Pointer)
	}
	same(t, pointers, []string{"/0/name", "/0/n", "/1", "/2/a", "/3/z"})
	assert.Contains(t, e.Problems[4].Detail, "(line 2, column 59)")
}

func TestDecodeJSONChecksListsAndPointers(t *testing.T) {
	t.Parallel()
	_, err := decode[[]item]("application/json", `[{"name":"ok","n":1},{"name":"x","n":2}]`)
	e, _ := errors.AsType[*web.Error](err)
	assert.Equal(t, e.Problems[0].Pointer, "/1/name")
	v, err := decode[*item]("application/json", `null`)
	assert.NoError(t, err)
	assert.True(t, v == nil, "null is not nil")
	_, err = decode[*item]("application/json", `{"name":"x"}`)
	e, _ = errors.AsType[*web.Error](err)
	assert.Equal(t, e.Problems[0].Pointer, "/name")
}

func TestUndecodableTypeIsTheServersFault(t *testing.T) {
	t.Parallel()
	_, err := decode[struct{ Wait time.Duration }]("application/json", `{"Wait":"1s"}`)
	_, ok := errors.AsType[*web.Error](err)
	assert.True(t, err != nil && !ok, "a field that JSON cannot fill is blamed on the client")
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	long := `"` + strings.Repeat("x", web.DefaultBodyLimit) + `"`
	for name, tc := range map[string]struct {
		limits []int64
		body   string
		status int
	}{
		"default": {nil, long, 413},
		"raised":  {[]int64{10, 2 << 20}, long, 200},
		"lifted":  {[]int64{10, -1}, long, 200},
		"lowered": {[]int64{100, 3}, `"abcdef"`, 413},
		"just at": {[]int64{8}, `"abcdef"`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				for _, n := range tc.limits {
					web.LimitBody(w, r, n)
				}
				_, err := web.DecodeJSON[string](w, r)
				return err
			}))
			defer srv.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, strings.NewReader(tc.body))
			assert.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			// A client that asks first is refused before it sends a byte; one that
			// does not may find the connection reset before it reads the answer.
			req.Header.Set("Expect", "100-continue")
			srv.Client().Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
			res, err := srv.Client().Do(req)
			assert.NoError(t, err)
			_ = res.Body.Close()
			assert.Equal(t, res.StatusCode, tc.status)
			assert.Equal(t, res.Close, tc.status == 413)
		})
	}
}

func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		status int
	}{
		"cut":  {errors.New("unexpected EOF"), 400},
		"slow": {timeout{}, 408},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/", errReader{tc.err})
			r.Header.Set("Content-Type", "application/json")
			_, err := web.DecodeJSON[any](httptest.NewRecorder(), r)
			e, _ := errors.AsType[*web.Error](err)
			assert.Equal(t, e.Status, tc.status)
			assert.ErrorIs(t, err, tc.err)
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"label":"a","value":1e3,"at":"2026-01-02T03:04:05Z","tags":{"a":1},"raw":"AA==","level":1}`,
		`{"label":1,"x":2,"tags":{"a":"b"},"level":true}`, `{"label":"a","label":"a"}`, "{\"label\":\"\xff\"}", `[[[`, `{"a":{"b":[1,2,{}]}}`, "\ufeff{}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(data))
		r.Header.Set("Content-Type", "application/json")
		got, err := web.DecodeJSON[packet](httptest.NewRecorder(), r)
		if err != nil {
			e, ok := errors.AsType[*web.Error](err)
			if !ok || e.Status < 400 || e.Status > 499 || len(e.Problems) == 0 {
				t.Fatalf("%q: %v is no answer for a client", data, err)
			}
			return
		}
		var want packet
		if err := json.Unmarshal(data, &want, json.RejectUnknownMembers(true)); err != nil {
			t.Fatalf("%q was taken, and json says %v", data, err)
		}
		a, errA := json.Marshal(got, json.Deterministic(true))
		b, errB := json.Marshal(want, json.Deterministic(true))
		if !bytes.Equal(a, b) || errA != nil || errB != nil {
			t.Fatalf("%q: got %s, want %s (%v, %v)", data, a, b, errA, errB)
		}
	})
}

func TestDecodeJSONChecksNestedLists(t *testing.T) {
	t.Parallel()
	_, err := decode[map[string][]*item]("application/json", `{"a":[{"name":"ok"},{"name":"x"}]}`)
	e, _ := errors.AsType[*web.Error](err)
	assert.Equal(t, e.Problems, []web.Problem{{Pointer: "/a/1/name", Code: "min", Detail: "must have at least 2 characters"}})
}

type kinds struct {
	Bool  bool              `json:"bool"`
	Float float32           `json:"float"`
	Uint  uint              `json:"uint"`
	List  []string          `json:"list"`
	Map   map[string]string `json:"map"`
	Text  netip.Addr        `json:"text"`
	Own   picky             `json:"own"`
	Ptr   *string           `json:"ptr"`
}

type picky struct{}

func (*picky) UnmarshalJSON([]byte) error { return errors.New("secret reason") }

func TestWrongTypesAreNamed(t *testing.T) {
	t.Parallel()
	_, err := decode[kinds]("application/json", `{"bool":"yes","float":[1],"uint":-1,"list":{"a":1},"map":["long enough"],"text":7,"own":1,"ptr":true,"unknown`+strings.Repeat("x", 300)+`":0}`)
	e, ok := errors.AsType[*web.Error](err)
	assert.True(t, ok, "no answer for the client")
	var got []string
	for _, p := range e.Problems {
		detail, _, _ := strings.Cut(p.Detail, " (")
		got = append(got, p.Pointer+" "+detail)
	}
	same(t, got, []string{
		"/bool must be true or false, not a string",
		"/float must be a number, not an array",
		"/uint must be a whole number, not negative",
		"/list must be an array, not an object",
		"/map must be an object, not an array",
		"/text must be a string in the expected format, not a number",
		"/own is not in the expected format",
		"/ptr must be a string, not a boolean",
		"/unknown" + strings.Repeat("x", 192) + "… is not known",
	})
}
