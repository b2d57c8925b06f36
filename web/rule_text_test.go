package web_test

import (
	"errors"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

type ruled struct {
	Len     string        `json:"len,omitempty" validate:"omitempty,len=1"`
	List    []int         `json:"list,omitempty" validate:"omitempty,min=2,unique"`
	Gt      int           `json:"gt,omitempty" validate:"omitempty,gt=10"`
	Exact   int           `json:"exact,omitempty" validate:"omitempty,len=3"`
	Less    float64       `json:"less,omitempty" validate:"lt=1.5"`
	Future  time.Time     `json:"future,omitzero" validate:"omitempty,gt"`
	Past    time.Time     `json:"past,omitzero" validate:"omitempty,lt"`
	Colour  string        `json:"colour,omitempty" validate:"omitempty,oneof=red 'dark blue'"`
	Mail    string        `json:"mail,omitempty" validate:"omitempty,email"`
	Site    string        `json:"site,omitempty" validate:"omitempty,url"`
	ID      string        `json:"id,omitempty" validate:"omitempty,uuid"`
	Prefix  string        `json:"prefix,omitempty" validate:"omitempty,startswith=pk_"`
	Same    string        `json:"same,omitempty" validate:"omitempty,eqfield=Mail"`
	Odd     string        `json:"odd,omitempty" validate:"omitempty,isbn"`
	Odder   string        `json:"odder,omitempty" validate:"omitempty,containsrune=x"`
	Skipped chan struct{} `json:"-" validate:"-"`
}

func TestRulesAreWorded(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"len":"ab"}`:                      "/len must have exactly 1 character",
		`{"list":[1]}`:                      "/list must have at least 2 items",
		`{"list":[1,1]}`:                    "/list must not hold the same value twice",
		`{"gt":10}`:                         "/gt must be greater than 10",
		`{"exact":2}`:                       "/exact must be 3",
		`{"less":1.5}`:                      "/less must be less than 1.5",
		`{"future":"2000-01-01T00:00:00Z"}`: "/future must be in the future",
		`{"past":"9000-01-01T00:00:00Z"}`:   "/past must be in the past",
		`{"colour":"green"}`:                "/colour must be one of red, dark blue",
		`{"mail":"me"}`:                     "/mail must be an email address",
		`{"site":"x"}`:                      "/site must be a URL",
		`{"id":"1"}`:                        "/id must be a UUID",
		`{"prefix":"sk_1"}`:                 "/prefix must begin with pk_",
		`{"same":"x"}`:                      "/same must be the same as Mail",
		`{"odd":"1"}`:                       "/odd failed the rule isbn",
		`{"odder":"1"}`:                     "/odder failed the rule containsrune=x",
	} {
		_, err := decode[ruled]("application/json", body)
		e, ok := errors.AsType[*web.Error](err)
		if !ok || len(e.Problems) != 1 {
			t.Errorf("%s: got %v, want one problem", body, err)
			continue
		}
		assert.Equal(t, e.Status, 422)
		assert.Equal(t, e.Problems[0].Pointer+" "+e.Problems[0].Detail, want)
	}
}
