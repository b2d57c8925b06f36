package services_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func object(size int) jsontext.Value {
	return jsontext.Value(`{"x":"` + strings.Repeat("x", size-8) + `"}`)
}

func TestSendTakes(t *testing.T) {
	t.Parallel()
	store := &packets{}
	s := &services.Packets{Store: store}
	good := []models.Draft{
		{Kind: "a", Payload: jsontext.Value(`{}`)},
		{Kind: strings.Repeat("k", models.MaxKind), Payload: object(models.MaxPayload), ClientID: strings.Repeat("i", models.MaxClientID)},
		{Kind: "door.open_2-B", Payload: jsontext.Value(` {"a":[1]}`), ClientID: "K\u00f6ln 1"},
	}
	receipts, err := s.Send(t.Context(), models.Channel{}, "ada", good)
	assert.NoError(t, err)
	assert.Equal(t, len(receipts), 3)
	assert.Equal(t, store.appended, [][]models.Draft{good})
	receipts, err = s.Send(t.Context(), models.Channel{}, "ada", nil)
	assert.NoError(t, err)
	assert.Equal(t, len(receipts), 0)
	assert.Equal(t, len(store.appended), 1) // no transaction for nothing
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	ok := jsontext.Value(`{}`)
	for _, bad := range []struct {
		draft       models.Draft
		place, code string
	}{
		{models.Draft{Payload: ok}, "/kind", "required"},
		{models.Draft{Kind: strings.Repeat("k", models.MaxKind+1), Payload: ok}, "/kind", "max"},
		{models.Draft{Kind: ".a", Payload: ok}, "/kind", "pattern"},
		{models.Draft{Kind: "a-", Payload: ok}, "/kind", "pattern"},
		{models.Draft{Kind: "a b", Payload: ok}, "/kind", "pattern"},
		{models.Draft{Kind: "a\n", Payload: ok}, "/kind", "pattern"},
		{models.Draft{Kind: "ü", Payload: ok}, "/kind", "pattern"},
		{models.Draft{Kind: "a"}, "/payload", "required"},
		{models.Draft{Kind: "a", Payload: jsontext.Value(`null`)}, "/payload", "type"},
		{models.Draft{Kind: "a", Payload: jsontext.Value(`[{}]`)}, "/payload", "type"},
		{models.Draft{Kind: "a", Payload: jsontext.Value(`"{}"`)}, "/payload", "type"},
		{models.Draft{Kind: "a", Payload: object(models.MaxPayload + 1)}, "/payload", "max"},
		{models.Draft{Kind: "a", Payload: ok, ClientID: strings.Repeat("i", models.MaxClientID+1)}, "/client_id", "max"},
		{models.Draft{Kind: "a", Payload: ok, ClientID: "a\x00"}, "/client_id", "pattern"},
		{models.Draft{Kind: "a", Payload: ok, ClientID: "a\x7f"}, "/client_id", "pattern"},
		{models.Draft{Kind: "a", Payload: ok, ClientID: "a\xff"}, "/client_id", "pattern"},
	} {
		store := &packets{}
		s := &services.Packets{Store: store}
		_, err := s.Send(t.Context(), models.Channel{}, "ada", []models.Draft{{Kind: "a", Payload: ok}, bad.draft})
		flaws, isBad := errors.AsType[services.BadDrafts](err)
		if !isBad || len(flaws) != 1 {
			t.Fatalf("%+v: error is %v, want one flaw", bad.draft, err)
		}
		assert.Equal(t, flaws[0].Index, 1)
		assert.Equal(t, flaws[0].Pointer, bad.place)
		assert.Equal(t, flaws[0].Code, bad.code)
		assert.Equal(t, len(store.appended), 0) // all or none
	}
	_, err := (&services.Packets{Store: &packets{}}).Send(t.Context(), models.Channel{}, "ada", []models.Draft{{}, {}})
	flaws, _ := errors.AsType[services.BadDrafts](err)
	assert.Equal(t, len(flaws), 4) // every flaw of every draft
}
