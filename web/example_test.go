package web_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/galeweb/gale/web"
)

// serve has h answer one request and prints the answer.
func serve(h http.Handler, method, target, body string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	fmt.Println(rec.Code, strings.TrimSpace(rec.Body.String()))
}

func ExampleHandlerFunc() {
	hello := web.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		return web.Text(w, http.StatusOK, "hello, wind")
	})
	serve(hello, "GET", "/", "")
	// Output: 200 hello, wind
}

func ExampleError() {
	errTaken := errors.New("labels: unique constraint") // From the database, for the log only.
	create := web.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return &web.Error{Status: http.StatusConflict, Code: "label_taken", Message: "That label is taken.", Err: errTaken}
	})
	serve(create, "POST", "/", "")
	// Output: 409 {"type":"about:blank","title":"Conflict","status":409,"detail":"That label is taken.","code":"label_taken"}
}

type NewPacket struct {
	Channel string `path:"channel"`
	Body    struct {
		Label string  `json:"label" validate:"required,max=40"`
		Value float64 `json:"value"`
	}
}

type Packet struct {
	ID    int     `json:"id"`
	Label string  `json:"label"`
	Value float64 `json:"value"`
}

func (p Packet) Location() string { return fmt.Sprint("/packets/", p.ID) } // And so 201.

func ExampleJSON() {
	create := func(_ context.Context, in NewPacket) (Packet, error) {
		return Packet{ID: 7, Label: in.Body.Label, Value: in.Body.Value}, nil
	}
	mux := http.NewServeMux()
	mux.Handle("POST /channels/{channel}", web.JSON(create))
	serve(mux, "POST", "/channels/roof", `{"label":"wind","value":12.5}`)
	serve(mux, "POST", "/channels/roof", `{"label":"","value":12.5}`)
	// Output:
	// 201 {"id":7,"label":"wind","value":12.5}
	// 422 {"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"Some of the values are not valid.","code":"invalid","errors":[{"pointer":"/label","code":"required","detail":"is required"}]}
}

func ExampleNDJSON() {
	rows := func() iter.Seq2[Packet, error] { // As from a database, one row at a time.
		return func(yield func(Packet, error) bool) {
			for id := range 3 {
				if !yield(Packet{ID: id, Label: "wind"}, nil) {
					return
				}
			}
		}
	}
	export := web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return web.NDJSON(w, r, rows())
	})
	serve(export, "GET", "/", "")
	// Output:
	// 200 {"id":0,"label":"wind","value":0}
	// {"id":1,"label":"wind","value":0}
	// {"id":2,"label":"wind","value":0}
}

func ExampleLocalPath() {
	fmt.Println(web.LocalPath("/inbox?unread=1", "/"))
	fmt.Println(web.LocalPath("//evil.example", "/"))
	// Output:
	// /inbox?unread=1
	// /
}
