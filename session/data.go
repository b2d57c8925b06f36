package session

import (
	"encoding/json"
	"maps"
	"slices"
)

// data is what Record.Data holds.
type data struct {
	Values  map[string]json.RawMessage `json:"v,omitempty"`
	Flashes []flash                    `json:"f,omitempty"`
}

type flash struct {
	ID string `json:"id"`
	Flash
}

// changes are what one request did to the data, kept apart from the data so
// that they can be applied again to what another request saved meanwhile.
type changes struct {
	values map[string]json.RawMessage // nil means deleted
	shown  []string                   // ids of flashes
	added  []flash
}

func (c *changes) empty() bool { return len(c.values)+len(c.shown)+len(c.added) == 0 }

// decode reads Record.Data; what does not decode is dropped, since the store
// may have been written by a release that kept something else there.
func decode(b []byte) data {
	var d data
	if len(b) > 0 && json.Unmarshal(b, &d) != nil {
		return data{}
	}
	return d
}

// apply returns d with c made to it; d itself is left alone.
func (c *changes) apply(d data) data {
	out := data{Values: maps.Clone(d.Values)}
	if out.Values == nil {
		out.Values = map[string]json.RawMessage{}
	}
	for key, v := range c.values {
		if v == nil {
			delete(out.Values, key)
		} else {
			out.Values[key] = v
		}
	}
	for _, f := range d.Flashes {
		if !slices.Contains(c.shown, f.ID) {
			out.Flashes = append(out.Flashes, f)
		}
	}
	out.Flashes = append(out.Flashes, c.added...)
	return out
}

func (d data) empty() bool { return len(d.Values)+len(d.Flashes) == 0 }

// encode returns nothing for empty data, so that an untouched session takes no
// room.
func (d data) encode() ([]byte, error) {
	if d.empty() {
		return nil, nil
	}
	return json.Marshal(d)
}
