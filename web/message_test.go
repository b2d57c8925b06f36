package web_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

func TestDecoder(t *testing.T) {
	t.Parallel()
	type in struct {
		Name string `json:"name" validate:"required,max=3"`
	}
	decode := web.Decoder[in]()
	v, err := decode([]byte(`{"name":"ann"}`))
	assert.NoError(t, err)
	assert.Equal(t, v, in{"ann"})
	for data, status := range map[string]int{
		``:                           http.StatusBadRequest,
		`{"name":1}`:                 http.StatusBadRequest,
		`{"name":"ann","x":1}`:       http.StatusBadRequest,
		`{"name":""}`:                http.StatusUnprocessableEntity,
		`{"name":"more than three"}`: http.StatusUnprocessableEntity,
	} {
		_, err := decode([]byte(data))
		e, ok := errors.AsType[*web.Error](err)
		assert.True(t, ok && e.Status == status && len(e.Problems) == 1, data)
	}
	_, err = web.Decoder[web.NoContent]()(nil)
	assert.NoError(t, err)
}

func TestExplain(t *testing.T) {
	t.Parallel()
	e := web.Explain(t.Context(), errors.New("the password of the database"))
	assert.Equal(t, e.Status, http.StatusInternalServerError)
	assert.Equal(t, e.Message, "Something went wrong on our side.")
	e = web.Explain(t.Context(), errors.Join(web.Invalid("/a", "is wrong"), web.Invalid("/b", "is wrong")))
	assert.Equal(t, len(e.Problems), 2)
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	assert.Equal(t, web.Explain(ctx, ctx.Err()).Code, "timeout")
}
