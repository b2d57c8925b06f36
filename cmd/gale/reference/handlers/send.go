package handlers

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

const (
	// maxArray bounds a JSON body in bytes, bodyWait the time that it takes.
	maxArray = 10 << 20
	bodyWait = time.Minute
	// maxKey bounds an Idempotency-Key: with a number it is a client id.
	maxKey = models.MaxClientID / 2
)

// Send stores the packets of the body: one JSON object, an array of at most
// 1,000, all or none; or a stream of lines (NDJSON) without an end of its own,
// stored as it comes. It answers when they are committed. With an
// Idempotency-Key the same body may be sent again and nothing is stored twice.
func (h *Packets) Send(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c, err := h.visible(ctx, r.PathValue("channel"))
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	sender := h.Auth.MustUser(ctx).Sender()
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case kind == "application/x-ndjson", kind == "application/ndjson", kind == "application/jsonl":
		return h.stream(w, r, c, sender, key)
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		return h.sendJSON(w, r, c, sender, key)
	}
	return &web.Error{
		Status: http.StatusUnsupportedMediaType, Code: "unsupported_type",
		Message: "The Content-Type must be application/json, or application/x-ndjson for a stream of lines.",
	}
}

func idempotencyKey(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		detail := "must be at most " + strconv.Itoa(maxKey) + " characters of printable ASCII"
		return "", &web.Error{
			Status: http.StatusBadRequest, Message: "Idempotency-Key " + detail + ".",
			Problems: []web.Problem{{Parameter: "Idempotency-Key", In: "header", Code: "invalid", Detail: detail}},
		}
	}
	return key, nil
}

func (h *Packets) sendJSON(w http.ResponseWriter, r *http.Request, c models.Channel, sender, key string) error {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(bodyWait)); err != nil {
		return err
	}
	web.LimitBody(w, r, maxArray)
	in, err := web.DecodeJSON[sent](w, r)
	if err != nil {
		return err
	}
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	for i := range in.drafts {
		identify(&in.drafts[i], key, i+1)
	}
	receipts, err := h.Service.Send(r.Context(), c, sender, in.drafts)
	if bad, ok := errors.AsType[services.BadDrafts](err); ok {
		return badDrafts(bad, in.single)
	}
	if err != nil {
		return Told(err)
	}
	if in.single {
		status := http.StatusCreated
		if receipts[0].Duplicate {
			status = http.StatusOK
		}
		return web.WriteJSON(w, status, receipts[0])
	}
	sum := Sum{IDs: make([]int64, len(receipts))}
	for i, r := range receipts {
		sum.IDs[i] = r.ID
	}
	sum.add(receipts)
	return web.WriteJSON(w, http.StatusCreated, sum)
}

// sent is a JSON body: one packet or an array of them.
type sent struct {
	drafts []models.Draft
	single bool
	more   bool // than an array may have
}

// UnmarshalJSONFrom keeps no more than the limit, so that an array of a million
// empty objects costs no memory.
func (s *sent) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		s.single, s.drafts = true, make([]models.Draft, 1)
		return json.UnmarshalDecode(dec, &s.drafts[0])
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if s.more = len(s.drafts) == models.MaxBatch; s.more {
			if err := dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		var d models.Draft
		if err := json.UnmarshalDecode(dec, &d); err != nil {
			return err
		}
		s.drafts = append(s.drafts, d)
	}
	_, err := dec.ReadToken()
	return err
}

// Validate refuses an array that is too long.
func (s sent) Validate() error {
	if !s.more {
		return nil
	}
	e := web.Invalid("", "must have at most "+strconv.Itoa(models.MaxBatch)+" packets; send several arrays, or a stream of lines")
	e.Problems[0].Code = "max"
	return e
}

// maxFlaws bounds how many flaws one answer tells.
const maxFlaws = 50

// badDrafts tells the flaws of drafts with their JSON pointers; those of a
// single packet stand without an index.
func badDrafts(bad services.BadDrafts, single bool) *web.Error {
	e := &web.Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: "Nothing was stored; the problems say what is wrong.", Err: bad}
	for _, b := range bad[:min(len(bad), maxFlaws)] {
		pointer := b.Pointer
		if !single {
			pointer = "/" + strconv.Itoa(b.Index) + b.Pointer
		}
		e.Problems = append(e.Problems, web.Problem{Pointer: pointer, Code: b.Code, Detail: b.Detail})
	}
	return e
}
