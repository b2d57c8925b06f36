package web_test

import (
	"bytes"
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

type signUp struct {
	Email    string   `form:"email" validate:"required,email"`
	Password string   `form:"password,verbatim" validate:"min=8"`
	Age      *int     `form:"age"`
	Terms    bool     `form:"terms"`
	Roles    []string `form:"role"`
}

func (s signUp) Validate() error {
	if s.Email == "taken@example.com" {
		return web.Invalid("email", "is taken")
	}
	return nil
}

func post(contentType, body string) (signUp, *web.Error) {
	r := httptest.NewRequest("POST", "/?email=query@example.com", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	v, err := web.Form[signUp](httptest.NewRecorder(), r)
	e, _ := errors.AsType[*web.Error](err)
	return v, e
}

const urlencoded = "application/x-www-form-urlencoded"

func TestForm(t *testing.T) {
	t.Parallel()
	v, err := post(urlencoded, "email=+a@example.com%0d%0a&password=++secret++&age=&terms=on&role=a&role=b")
	assert.True(t, err == nil, "the form is refused")
	assert.Equal(t, v, signUp{Email: "a@example.com", Password: "  secret  ", Terms: true, Roles: []string{"a", "b"}})

	v, err = post(urlencoded, "password=longenough")
	assert.Equal(t, err.Problems, []web.Problem{{Parameter: "email", In: "form", Code: "required", Detail: "is required"}})
	assert.Equal(t, v.Password, "longenough") // To show the form again.
}

func TestFormTellsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := post(urlencoded, "emial=x&password=1234567&age=old&terms=perhaps&email=a&email=b&role=%00&role=%c3%28")
	assert.Equal(t, err.Status, http.StatusBadRequest)
	var got []string
	for _, p := range err.Problems {
		assert.Equal(t, p.In, "form")
		got = append(got, p.Parameter+" "+p.Detail)
	}
	same(t, got, []string{
		`emial is not known; did you mean "email"?`,
		"email is given 2 times, and may be given once",
		"age must be a whole number",
		"terms must be true or false",
		"role value 1 holds control characters",
		"role value 2 is not valid UTF-8",
		"password must have at least 8 characters",
	})
	_, err = post(urlencoded, "email=taken@example.com&password=longenough")
	assert.Equal(t, err.Problems, []web.Problem{{Parameter: "email", In: "form", Code: "invalid", Detail: "is taken"}})
}

func TestFormRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		contentType, body string
		status            int
	}{
		{"application/json", `{}`, 415},
		{"", `email=a`, 415},
		{urlencoded + "; charset=utf-16", `email=a`, 415},
		{urlencoded, "email=%zz", 400},
		{urlencoded, strings.Repeat("role=a&", 300), 400},
		{"multipart/form-data", "x", 400},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=role\r\n\r\nab", 400},
	} {
		_, err := post(tc.contentType, tc.body)
		if err == nil || err.Status != tc.status {
			t.Errorf("%s %.20q: got %v, want %d", tc.contentType, tc.body, err, tc.status)
		}
	}
}

func multiform(t *testing.T, fill func(*multipart.Writer)) (signUp, *web.Error) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	fill(w)
	assert.NoError(t, w.Close())
	return post(w.FormDataContentType(), body.String())
}

func TestMultipartForm(t *testing.T) {
	t.Parallel()
	v, err := multiform(t, func(w *multipart.Writer) {
		_ = w.WriteField("email", " a@example.com ")
		_ = w.WriteField("password", "longenough")
	})
	assert.True(t, err == nil, "the form is refused")
	assert.Equal(t, v.Email, "a@example.com")
	_, err = multiform(t, func(w *multipart.Writer) { _, _ = w.CreateFormFile("role", "x.txt") })
	assert.Equal(t, err.Problems[0].Detail, "is a file, which is not taken here")
	_, err = multiform(t, func(w *multipart.Writer) {
		for range 257 {
			_ = w.WriteField("role", "x")
		}
	})
	assert.Equal(t, err.Problems[0].Code, "fields")
}

func TestFormThatAMiddlewareHasRead(t *testing.T) {
	t.Parallel()
	form := url.Values{"email": {" a@example.com"}, "password": {"longenough"}}
	r := httptest.NewRequest("POST", "/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", urlencoded)
	assert.NoError(t, r.ParseForm())
	v, err := web.Form[signUp](httptest.NewRecorder(), r)
	assert.NoError(t, err)
	assert.Equal(t, v.Email, "a@example.com")
	assert.Equal(t, r.PostForm.Get("email"), " a@example.com")
}

func TestFormPanicsOverAWrongStruct(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/", nil)
	v := assert.Panics(t, func() { _, _ = web.Form[struct{ Body string }](httptest.NewRecorder(), r) })
	assert.Contains(t, v.(string), "web: Form: ")
}
