package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
)

// Head is the end of the log at some time. Kept where who may write to the
// database may not, it shows later that nothing up to it was changed or removed.
type Head struct {
	// Seq is the number of the last record, 0 for an empty log.
	Seq int64 `json:"seq"`
	// Hash is that of the last record, in hex.
	Hash string `json:"hash"`
}

// BrokenError says where the chain is broken.
type BrokenError struct {
	// Seq is the first record that is missing or wrong.
	Seq int64
	// Reason says what is wrong with it.
	Reason string
}

// Error returns the number and the reason.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("audit: the log is broken at record %d: %s", e.Seq, e.Reason)
}

const (
	reasonMissing = "it is missing"
	reasonChanged = "it was changed, or does not follow the one before"
	reasonHead    = "the row of audit_state was changed"
)

// chain makes the hashes: keyed, or plain when it is empty.
type chain []byte

func newChain(key []byte) chain {
	const least = 32
	if len(key) > 0 && len(key) < least {
		panic("audit: the key has fewer than 32 bytes; use 32 random ones, or none")
	}
	return slices.Clone(key)
}

func (c chain) new(domain string) hash.Hash {
	h := sha256.New()
	if len(c) > 0 {
		h = hmac.New(sha256.New, c)
	}
	h.Write([]byte(domain))
	return h
}

// next returns the hash of r, in hex, after a record with the hash prev.
func (c chain) next(prev string, r row) string {
	h := c.new("gale audit record 1")
	h.Write(raw(prev))
	number(h, r.Seq)
	number(h, r.At)
	for _, s := range [...]string{r.ActorID, r.ActorName, r.Action, r.Target, r.Outcome, r.Addr, r.UserAgent, r.RequestID, r.Detail} {
		text(h, s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// state is the row of audit_state.
type state struct {
	Seq     int64
	Hash    string
	CutSeq  int64
	CutHash string
	Mac     string
}

// mac returns the hash of the state.
func (c chain) mac(s state) string {
	h := c.new("gale audit state 1")
	number(h, s.Seq)
	text(h, s.Hash)
	number(h, s.CutSeq)
	text(h, s.CutHash)
	return hex.EncodeToString(h.Sum(nil))
}

// genuine reports whether this log has written the state, or a migration that
// made it.
func (c chain) genuine(s state) bool {
	return s == state{} || hmac.Equal([]byte(s.Mac), []byte(c.mac(s)))
}

// raw returns the bytes of a hash. Before the first record, and for what is no
// hash, they are zeros, which no hash is.
func raw(s string) []byte {
	if b, err := hex.DecodeString(s); err == nil && len(b) == sha256.Size {
		return b
	}
	return make([]byte, sha256.Size)
}

func number(h hash.Hash, n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}

func text(h hash.Hash, s string) {
	number(h, int64(len(s)))
	h.Write([]byte(s))
}
