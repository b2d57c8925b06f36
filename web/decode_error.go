package web

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxProblems bounds how often a refused body is decoded again to find what
// else is wrong with it.
const maxProblems = 16

// refused turns the error of decoding data into v into an [*Error]. The decoder
// stops at the first problem; to name them all, the culprit is blanked out in
// data, which leaves every other offset where it was, and the rest decoded
// again into a scratch value.
func refused(data []byte, v any, err error) error {
	var problems []Problem
	for {
		p, at, ok := problemOf(data, err)
		if !ok {
			return fmt.Errorf("web: decode %T: %w", v, err)
		}
		inside := func(q Problem) bool {
			return q.Pointer == p.Pointer || strings.HasPrefix(q.Pointer, p.Pointer+"/")
		}
		if slices.ContainsFunc(problems, inside) {
			break // It may only miss what was blanked out inside it.
		}
		problems = append(problems, p)
		if len(problems) == maxProblems || at < 0 || !blank(data, at) {
			break
		}
		if err = json.Unmarshal(data, reflect.New(reflect.TypeOf(v).Elem()).Interface(), strict); err == nil {
			break
		}
	}
	return malformed(problems...)
}

// problemOf words a decoder's error. The offset is that of the name or value
// at fault, -1 when the text is no JSON from there on. ok is false when err is
// not the client's fault.
func problemOf(data []byte, err error) (p Problem, at int64, ok bool) {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		p = Problem{Pointer: clip(string(syntax.JSONPointer), 200), Code: "syntax"}
		switch {
		case errors.Is(syntax.Err, jsontext.ErrDuplicateName):
			p.Code, p.Detail = "duplicate", "is given twice"
		case errors.Is(syntax.Err, io.ErrUnexpectedEOF):
			p.Detail = "is not valid JSON: the text ends too early"
		default:
			p.Detail = "is not valid JSON: " + syntax.Err.Error()
		}
		p.Detail += " " + position(data, int(syntax.ByteOffset))
		return p, -1, true
	}
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok || semantic.GoType != nil && !decodable(semantic.GoType) {
		return p, 0, false
	}
	p = Problem{Pointer: clip(string(semantic.JSONPointer), 200), Code: "type"}
	if errors.Is(semantic.Err, json.ErrUnknownName) {
		p.Code = "unknown"
		p.Detail = "is not known" + didYouMean(semantic.JSONPointer.LastToken(), jsonNames(semantic.GoType))
	} else {
		p.Detail = expected(semantic)
	}
	p.Detail += " " + position(data, int(semantic.ByteOffset))
	return p, semantic.ByteOffset, true
}

// decodable is false for the types of which json/v2 knows no JSON form: a field
// of one is a mistake of the program, not of the client.
func decodable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128:
		return false
	}
	return t != reflect.TypeFor[time.Duration]()
}

// position says where offset is in data, for people: the column counts bytes.
func position(data []byte, offset int) string {
	before := data[:min(offset, len(data))]
	line := 1 + bytes.Count(before, []byte{'\n'})
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return "(line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column) + ")"
}

// expected words a value of the wrong type.
func expected(e *json.SemanticError) string {
	want, kinds := wanted(e.GoType)
	if got := kindName(e.JSONKind); got != "" && kinds != "" && !strings.ContainsRune(kinds, rune(e.JSONKind)) {
		return "must be " + want + ", not " + got
	}
	if errors.Is(e.Err, strconv.ErrRange) {
		return "is out of range"
	}
	if want == "" {
		return "is not in the expected format"
	}
	return "must be " + want
}

// wanted words what t is decoded from, and gives its kinds of JSON, "" when
// the type decides by itself.
func wanted(t reflect.Type) (words, kinds string) {
	if t == nil {
		return "", ""
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch p := reflect.PointerTo(t); {
	case t == reflect.TypeFor[time.Time]():
		return "a date and time such as 2006-01-02T15:04:05Z", `"`
	case p.Implements(reflect.TypeFor[json.Unmarshaler]()), p.Implements(reflect.TypeFor[json.UnmarshalerFrom]()):
		return "", ""
	case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return "a string in the expected format", `"`
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false", "tf"
	case reflect.String:
		return "a string", `"`
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return integerWords(t), "0"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return integerWords(t), "0"
	case reflect.Float32, reflect.Float64:
		return "a number", "0"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string in base64", `"`
		}
		return "an array", "["
	case reflect.Map, reflect.Struct:
		return "an object", "{"
	}
	return "", ""
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return ""
}

// jsonNames returns the member names of the struct t.
func jsonNames(t reflect.Type) (names []string) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range reflect.VisibleFields(t) {
		if name, inlined := jsonName(f); name != "" && !inlined && f.IsExported() {
			names = append(names, name)
		}
	}
	return names
}

// jsonName returns the name of f in JSON, "" when it has none. An inlined
// field has its members stand in the object around it.
func jsonName(f reflect.StructField) (name string, inlined bool) {
	tag := f.Tag.Get("json")
	if tag == "-" {
		return "", false
	}
	name, options, _ := strings.Cut(tag, ",")
	if slices.Contains(strings.Split(options, ","), "inline") || f.Anonymous && name == "" {
		return f.Name, true
	}
	if name == "" {
		name = f.Name
	}
	return name, false
}

// blank overwrites with spaces the object member whose name or value begins at
// offset, with one comma beside it, and a long enough array element with null.
// It reports false when nothing could be done.
func blank(data []byte, offset int64) bool {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	name := int64(-1) // where the name before the next value begins
	for {
		start := dec.InputOffset()
		for start < int64(len(data)) && bytes.IndexByte([]byte(" \t\r\n,:"), data[start]) >= 0 {
			start++
		}
		if start > offset || start == int64(len(data)) {
			return false
		}
		kind, n := dec.StackIndex(dec.StackDepth())
		isName := kind == '{' && n%2 == 0 && data[start] == '"'
		if isName {
			name = start
		}
		if start == offset {
			if isName {
				if _, err := dec.ReadToken(); err != nil {
					return false
				}
			}
			break
		}
		if _, err := dec.ReadToken(); err != nil {
			return false
		}
		if !isName {
			name = -1
		}
	}
	if err := dec.SkipValue(); err != nil {
		return false
	}
	end := dec.InputOffset()
	if name < 0 {
		if dec.StackDepth() == 0 || end-offset < int64(len("null")) {
			return false
		}
		copy(fill(data[offset:end]), "null")
		return true
	}
	fill(data[name:end])
	const space = " \t\r\n"
	if i := len(bytes.TrimRight(data[:name], space)) - 1; i >= 0 && data[i] == ',' {
		data[i] = ' '
	} else if rest := bytes.TrimLeft(data[end:], space); len(rest) > 0 && rest[0] == ',' {
		rest[0] = ' '
	}
	return true
}

// fill overwrites b with spaces but keeps its lines, for the positions of later
// problems.
func fill(b []byte) []byte {
	for i := range b {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
	return b
}
