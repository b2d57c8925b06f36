package db

import (
	"cmp"
	"database/sql"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// plan says where the columns of a query go in a T.
type plan struct {
	fields []field // one for each column; the whole T has an empty index
}

type field struct {
	index  []int
	direct bool // the driver may scan into it without our conversion
}

// dest returns what Rows.Scan takes to fill v, which is addressable.
func (p *plan) dest(v reflect.Value) []any {
	dest := make([]any, len(p.fields))
	for i, f := range p.fields {
		target := v
		if f.index != nil {
			target = v.FieldByIndex(f.index)
		}
		ptr := target.Addr().Interface()
		if f.direct {
			dest[i] = ptr
		} else {
			dest[i] = converter{ptr}
		}
	}
	return dest
}

// converter is the [sql.Scanner] that makes both databases agree on what goes
// into types other than the basic kinds.
type converter struct{ dest any }

func (c converter) Scan(src any) error { return Assign(c.dest, src) }

// planCache holds the plans of a DB. A service has as many as it has queries;
// the bound is for one that builds its column list.
type planCache struct {
	mu    sync.RWMutex
	plans map[planKey]*plan
}

type planKey struct {
	t       reflect.Type
	columns string
}

const maxPlans = 1024

// plan returns the plan for t and columns; it works on a nil cache.
func (c *planCache) plan(t reflect.Type, columns []string) (*plan, error) {
	if c == nil {
		return newPlan(t, columns)
	}
	key := planKey{t, strings.Join(columns, ",")}
	c.mu.RLock()
	p := c.plans[key]
	c.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := newPlan(t, columns)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plans == nil || len(c.plans) >= maxPlans {
		c.plans = make(map[planKey]*plan)
	}
	c.plans[key] = p
	return p, nil
}

func newPlan(t reflect.Type, columns []string) (*plan, error) {
	if t.Kind() != reflect.Struct || isValue(t) {
		if len(columns) != 1 {
			return nil, fmt.Errorf("db: %v takes 1 column, the query returns %d (%s)", t, len(columns), strings.Join(columns, ", "))
		}
		return &plan{[]field{{direct: isDirect(t)}}}, nil
	}
	byName, err := fieldsByName(t)
	if err != nil {
		return nil, err
	}
	p := &plan{make([]field, len(columns))}
	seen := make(map[string]bool, len(columns))
	for i, column := range columns {
		name := strings.ToLower(column)
		f, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("db: %v has no field for column %q; add one, or tag it `db:%q`", t, column, name)
		}
		if seen[name] {
			return nil, fmt.Errorf("db: %v: the query returns column %q twice", t, column)
		}
		seen[name] = true
		p.fields[i] = field{f.Index, isDirect(f.Type)}
	}
	if len(seen) < len(byName) {
		missing := make([]string, 0, len(byName)-len(seen))
		for name := range byName {
			if !seen[name] {
				missing = append(missing, name)
			}
		}
		slices.Sort(missing)
		return nil, fmt.Errorf("db: the query returns no column for %v's %s; select it, or tag the field `db:\"-\"`", t, strings.Join(missing, ", "))
	}
	return p, nil
}

// fieldsByName returns the fields of a struct, those of embedded structs as if
// they were its own, by column name.
func fieldsByName(t reflect.Type) (map[string]reflect.StructField, error) {
	byName := make(map[string]reflect.StructField)
	var skip [][]int // embedded structs that are a column of their own, or none
	for _, f := range reflect.VisibleFields(t) {
		if slices.ContainsFunc(skip, func(s []int) bool { return len(f.Index) > len(s) && slices.Equal(f.Index[:len(s)], s) }) {
			continue
		}
		tag := f.Tag.Get("db")
		if f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct && !isValue(f.Type) {
			continue // its fields follow
		}
		if f.Anonymous {
			if tag == "" && f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct && !isValue(f.Type) {
				return nil, fmt.Errorf("db: %v embeds the pointer %v; embed the struct itself", t, f.Type)
			}
			skip = append(skip, f.Index)
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		name := cmp.Or(strings.ToLower(tag), snake(f.Name))
		if old, ok := byName[name]; ok {
			return nil, fmt.Errorf("db: %v: the fields %s and %s both stand for column %q", t, old.Name, f.Name, name)
		}
		byName[name] = f
	}
	return byName, nil
}

// snake turns a field's name into a column's: UserID is user_id, HTTPPort is
// http_port, Line2 is line2.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

var (
	timeType            = reflect.TypeFor[time.Time]()
	bytesType           = reflect.TypeFor[[]byte]()
	scannerType         = reflect.TypeFor[sql.Scanner]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// isValue reports whether a struct type, or a pointer to one, is a single
// value.
func isValue(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	p := reflect.PointerTo(t)
	return t == timeType || p.Implements(scannerType) || p.Implements(textUnmarshalerType)
}

// isDirect reports whether both drivers scan into t alike by themselves, which
// saves the conversion: basic kinds, []byte and pointers to these.
func isDirect(t reflect.Type) bool {
	if t == bytesType {
		return true
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if isValue(t) {
		return false
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	default:
		return false
	}
}
