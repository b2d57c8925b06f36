package web

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// maxFormFields bounds how many fields one form may send.
const maxFormFields = 256

// Form reads the form that r posts, urlencoded or multipart, into a struct T
// whose fields have tags such as
//
//	Email    string `form:"email" validate:"required,email"`
//	Password string `form:"password,verbatim" validate:"min=12"`
//
// and are of the types that [JSON] takes; a checked box sends "on", which is
// true. White space around a text is cut off unless the tag says verbatim. The
// query string is not looked at.
//
// As in JSON, fields that T does not have are refused, as are control
// characters other than tabs and line breaks, invalid UTF-8, repeated single
// values, more than 256 fields, files, and bodies over the limit of
// [LimitBody] or 1 MiB; then the validate tags and the Validate method apply,
// where Invalid("email", …) names a field. The [*Error] has every [Problem] at
// once, with Parameter and In "form", for the page to show again; T is
// returned with what could be read. Form panics when T cannot be filled.
func Form[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	var v T
	p := checker().formPlan(reflect.TypeFor[T]())
	return v, p.readForm(w, r, reflect.ValueOf(&v))
}

func (p *plan) readForm(w http.ResponseWriter, r *http.Request, ptr reflect.Value) error {
	values, err := formValues(w, r)
	if err != nil {
		return err
	}
	problems := p.unknown(inForm, values)
	problems = append(problems, p.fill(ptr.Elem(), func(q *param) []string {
		texts := values[q.name]
		if !q.verbatim {
			for i, s := range texts {
				texts[i] = strings.TrimSpace(s)
			}
		}
		return texts
	})...)
	if len(problems) == 0 {
		return p.check(ptr)
	}
	for _, q := range p.rules.broken(ptr.Interface()) {
		if !told(problems, q) {
			problems = append(problems, q)
		}
	}
	return malformed(problems...)
}

const (
	typeForm      = "application/x-www-form-urlencoded"
	typeMultipart = "multipart/form-data"
)

// formValues returns copies of the texts, for they are trimmed in place.
func formValues(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.PostForm != nil {
		// A middleware has read the body before.
		values := url.Values{}
		for name, texts := range r.PostForm {
			values[name] = append([]string(nil), texts...)
		}
		return values, nil
	}
	var mediaType string
	if err := needType(r, typeForm+" or "+typeMultipart, func(t string) bool {
		mediaType = t
		return t == typeForm || t == typeMultipart
	}); err != nil {
		return nil, err
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if mediaType == typeMultipart {
		return multipartValues(r, body)
	}
	if bytes.Count(body, []byte{'&'}) >= maxFormFields {
		return nil, tooManyFields()
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed(Problem{In: inForm, Code: "syntax", Detail: "the form is not encoded correctly"})
	}
	return values, nil
}

func multipartValues(r *http.Request, body []byte) (url.Values, error) {
	whole := *r
	whole.Body = io.NopCloser(bytes.NewReader(body))
	reader, err := whole.MultipartReader()
	if err != nil {
		return nil, readError(err)
	}
	values := url.Values{}
	for n := 0; ; n++ {
		part, err := reader.NextPart()
		switch {
		case err == io.EOF: // Wrapped it is the end of a form that was cut off.
			return values, nil
		case err != nil:
			return nil, readError(err)
		case n == maxFormFields:
			return nil, tooManyFields()
		}
		if err := addPart(values, part); err != nil {
			return nil, err
		}
	}
}

func addPart(values url.Values, part *multipart.Part) error {
	name := part.FormName()
	if part.FileName() != "" {
		return malformed(Problem{Parameter: clip(strings.ToValidUTF8(name, "\uFFFD"), 64), In: inForm, Code: "file", Detail: "is a file, which is not taken here"})
	}
	text, err := io.ReadAll(part)
	if err != nil {
		return readError(err)
	}
	values.Add(name, string(text))
	return nil
}

func tooManyFields() error {
	return malformed(Problem{In: inForm, Code: "fields", Detail: "the form has too many fields"})
}
