package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

const (
	// maxLine bounds a line of a stream: a packet with the largest payload.
	maxLine = models.MaxPayload + 4<<10
	// chunk is how many lines of a stream are stored at a time, or less where
	// their payloads come to chunkBytes, which bounds the memory of a stream.
	chunk      = 500
	chunkBytes = 1 << 20
	// storeAfter is how long a line waits for a whole chunk.
	storeAfter = 200 * time.Millisecond
	// lineWait is how long a stream may be silent.
	lineWait = time.Minute
)

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

// stream stores lines as they come, and answers when the last is committed.
func (h *Packets) stream(w http.ResponseWriter, r *http.Request, c models.Channel, sender, key string) error {
	web.LimitBody(w, r, -1)
	obs.LongLived(r.Context()) // it ends when the sender does
	in := &intake{body: r.Body, control: http.NewResponseController(w)}
	in.send = func(drafts []models.Draft) ([]models.Receipt, error) {
		return h.Service.Send(r.Context(), c, sender, drafts)
	}
	in.idle = time.AfterFunc(time.Hour, in.store)
	in.idle.Stop()
	r.Body = in
	count := 0
	var bad error
	for l, err := range web.ReadNDJSON[line](r, web.ReadOptions{MaxLine: maxLine}) {
		if err != nil {
			bad = err
			break
		}
		count++
		identify(&l.Draft, key, count)
		if !in.add(l.Draft) {
			break
		}
	}
	sum, err := in.end()
	if err == nil {
		err = bad
	}
	if err == nil {
		// One that passes while the answer is being made would cut it off.
		err = in.control.SetReadDeadline(time.Time{})
	}
	if err != nil {
		return broken(w, sum, err)
	}
	return web.WriteJSON(w, http.StatusCreated, sum)
}

// identify gives a draft without a client id one made of the request's
// Idempotency-Key and its place, so that the same body sent again stores
// nothing twice.
func identify(d *models.Draft, key string, place int) {
	if key != "" && d.ClientID == "" {
		d.ClientID = key + ":" + strconv.Itoa(place)
	}
}

// intake collects the lines of a stream, and stores them when they are many or
// when no more come for a while: a sensor that sends one line a minute wants it
// stored now, not when there are 500. It stands between the body and who reads
// it, to know when the reader waits.
type intake struct {
	body    io.ReadCloser
	control *http.ResponseController
	send    func([]models.Draft) ([]models.Receipt, error)
	idle    *time.Timer // calls store while Read waits

	mu      sync.Mutex
	pending []models.Draft
	size    int // bytes of their payloads
	sum     Sum
	err     error // of storing; nothing is stored after it
}

// Read waits for more of the body, at most lineWait.
func (in *intake) Read(p []byte) (int, error) {
	if err := in.control.SetReadDeadline(time.Now().Add(lineWait)); err != nil {
		return 0, err
	}
	in.idle.Reset(storeAfter)
	defer in.idle.Stop()
	return in.body.Read(p)
}

// Close closes the body.
func (in *intake) Close() error { return in.body.Close() }

// add takes a line and reports whether more are wanted.
func (in *intake) add(d models.Draft) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.pending = append(in.pending, d)
	in.size += len(d.Payload)
	if len(in.pending) >= chunk || in.size >= chunkBytes {
		in.storeLocked()
	}
	return in.err == nil
}

func (in *intake) store() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.storeLocked()
}

func (in *intake) storeLocked() {
	if len(in.pending) == 0 || in.err != nil {
		return
	}
	var receipts []models.Receipt
	receipts, in.err = in.send(in.pending)
	in.sum.add(receipts)
	in.pending, in.size = nil, 0 // sent, or held by who still stores it
}

// end stores what is left. The timer's last call has then ended, or finds
// nothing to do.
func (in *intake) end() (Sum, error) {
	in.idle.Stop()
	in.store()
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.sum, in.err
}

// broken says how much of a stream was stored before it ended with err, and at
// which line where that was the reason. The header has the count for programs.
func broken(w http.ResponseWriter, sum Sum, err error) error {
	stored := sum.Stored + sum.Duplicates
	w.Header().Set("Relay-Stored", strconv.Itoa(stored))
	if errors.Is(err, context.Canceled) {
		return err // there is nobody to be told
	}
	cause, ok := errors.AsType[*web.Error](Told(err))
	if !ok {
		return err
	}
	told := *cause
	told.Err = err
	if bad, ok := errors.AsType[*web.LineError](err); ok {
		told.Message = fmt.Sprintf("%s The stream ended at line %d: %d packets before it are stored, nothing from there on.", cause.Message, bad.Line, stored)
	} else {
		told.Message = fmt.Sprintf("%s The first %d packets of the stream are stored, nothing after.", cause.Message, stored)
	}
	return &told
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
