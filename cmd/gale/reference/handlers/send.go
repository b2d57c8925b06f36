package handlers

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

const (
	// maxArray bounds a JSON body in bytes.
	maxArray = 10 << 20
	// maxLine bounds a line of a stream: a packet with the largest payload.
	maxLine = models.MaxPayload + 4<<10
	// chunk is how many lines of a stream are stored at a time.
	chunk = 500
	// lineWait is how long a stream may be silent.
	lineWait = time.Minute
)

// Send stores the packets of the body: one JSON object, an array of at most
// 1,000, all or none; or a stream of lines (NDJSON) without an end of its own,
// stored as it comes. It answers when they are committed.
func (h *Packets) Send(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c, err := h.visible(ctx, r.PathValue("channel"))
	if err != nil {
		return err
	}
	sender := h.Auth.MustUser(ctx).Sender()
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" && mediaType != "" {
		return h.stream(w, r, c, sender)
	}
	web.LimitBody(w, r, maxArray)
	in, err := web.DecodeJSON[sent](w, r)
	if err != nil {
		return err
	}
	receipts, err := h.Service.Send(ctx, c, sender, in.drafts)
	if bad, ok := errors.AsType[services.BadDrafts](err); ok {
		return badDrafts(bad, in.single)
	}
	if err != nil {
		return answer(err)
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
}

// errTooMany is told with the limit.
var errTooMany = fmt.Errorf("more than %d packets in one array; send several arrays, or a stream of lines", models.MaxBatch)

// UnmarshalJSONFrom stops at the limit, so that an array of a million empty
// objects costs no memory.
func (s *sent) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		s.single, s.drafts = true, make([]models.Draft, 1)
		return json.UnmarshalDecode(dec, &s.drafts[0])
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if len(s.drafts) == models.MaxBatch {
			return errTooMany
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

// Sum is the answer to an array or a stream.
type Sum struct {
	Stored     int     `json:"stored"`
	Duplicates int     `json:"duplicates"`
	IDs        []int64 `json:"ids,omitempty"`
}

func (s *Sum) add(receipts []models.Receipt) {
	for _, r := range receipts {
		if r.Duplicate {
			s.Duplicates++
		} else {
			s.Stored++
		}
	}
}

// line is a packet of a stream.
type line struct{ models.Draft }

// Validate is called for each line.
func (l line) Validate() error {
	var all []error
	for _, f := range l.Check() {
		e := web.Invalid(f.Pointer, f.Detail)
		e.Problems[0].Code = f.Code
		all = append(all, e)
	}
	return errors.Join(all...)
}

// stream stores lines as they come. With an Idempotency-Key, a line without a
// client id gets one made of the key and its number, so that the same stream
// sent again stores nothing twice.
func (h *Packets) stream(w http.ResponseWriter, r *http.Request, c models.Channel, sender string) error {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > models.MaxClientID/2 {
		return &web.Error{Status: http.StatusBadRequest, Message: "Idempotency-Key must be at most 64 bytes."}
	}
	web.LimitBody(w, r, -1)
	control := http.NewResponseController(w)
	var (
		sum     Sum
		pending = make([]models.Draft, 0, chunk)
		count   int
	)
	store := func() error {
		if len(pending) == 0 {
			return nil
		}
		receipts, err := h.Service.Send(r.Context(), c, sender, pending)
		sum.add(receipts)
		pending = make([]models.Draft, 0, chunk)
		return answer(err)
	}
	extend := func() error { return control.SetReadDeadline(time.Now().Add(lineWait)) }
	if err := extend(); err != nil {
		return err
	}
	for l, err := range web.ReadNDJSON[line](r, web.ReadOptions{MaxLine: maxLine}) {
		if err != nil {
			return sum.broken(w, errors.Join(store(), err), err)
		}
		count++
		if key != "" && l.ClientID == "" {
			l.ClientID = key + ":" + strconv.Itoa(count)
		}
		if pending = append(pending, l.Draft); len(pending) == chunk {
			if err := errors.Join(store(), extend()); err != nil {
				return sum.broken(w, err, nil)
			}
		}
	}
	if err := store(); err != nil {
		return sum.broken(w, err, nil)
	}
	return web.WriteJSON(w, http.StatusCreated, sum)
}

// broken says how much of a stream was stored before it ended with err; the
// line at fault is named by lineErr when there is one. The header has the count
// for programs.
func (s *Sum) broken(w http.ResponseWriter, err, lineErr error) error {
	w.Header().Set("Relay-Stored", strconv.Itoa(s.Stored+s.Duplicates))
	var cause *web.Error
	if !errors.As(err, &cause) {
		return err
	}
	told := *cause
	told.Err = err
	told.Header = told.Header.Clone()
	if told.Header == nil {
		told.Header = http.Header{}
	}
	told.Header.Set("Relay-Stored", strconv.Itoa(s.Stored+s.Duplicates))
	what := "The stream broke off"
	if bad, ok := errors.AsType[*web.LineError](lineErr); ok {
		what = fmt.Sprintf("Line %d is at fault", bad.Line)
	}
	told.Message = fmt.Sprintf("%s: the %d packets before it are stored, nothing after. %s", what, s.Stored+s.Duplicates, told.Message)
	return &told
}
