package record_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"keepsake/internal/record"
)

// FuzzVector: what Vector accepts, encoding/json reads to the same values; and
// written again, in any spelling, it is the same row.
func FuzzVector(f *testing.F) {
	f.Fuzz(func(t *testing.T, line []byte) {
		var s record.Scanner
		v, err := s.Vector(line)
		if err != nil {
			return
		}
		sameAsJSON(t, line, v)
		digest, err := s.VectorDigest(line, v)
		if err != nil {
			return // a number past the largest float64
		}
		metadata := append([]byte(nil), v.Metadata.Of(line)...)
		var document *string
		if text := v.Document.Of(line); len(text) > 0 && text[0] == '"' {
			document = new(string)
			decode(t, text, document)
		}
		embedding := string(v.Bits)
		canonical, err := s.AppendVector(nil, string(v.Key), v.Bits, metadata, document)
		if err != nil {
			t.Fatalf("AppendVector of %s: %v", line, err)
		}
		for _, again := range [][]byte{canonical, respell(t, line), viaParts(t, &s, line, v)} {
			v, err := s.Vector(again)
			if err != nil {
				t.Fatalf("%s\nwritten as %s: %v", line, again, err)
			}
			got, err := s.VectorDigest(again, v)
			if err != nil || got != digest || string(v.Bits) != embedding {
				t.Fatalf("%s\nwritten as %s: another digest, %v", line, again, err)
			}
		}
	})
}

// sameAsJSON compares a row with what encoding/json reads.
func sameAsJSON(t *testing.T, line []byte, v *record.Vector) {
	t.Helper()
	var ref map[string]json.RawMessage
	decode(t, line, &ref)
	var id string
	decode(t, ref["id"], &id)
	if id != string(v.Key) {
		t.Fatalf("got id %q, want %q", v.Key, id)
	}
	for name, span := range map[string]record.Span{"id": v.ID, "embedding": v.Embedding, "metadata": v.Metadata, "document": v.Document} {
		if got := span.Of(line); !bytes.Equal(got, ref[name]) {
			t.Fatalf("%s: got %s, want %s", name, got, ref[name])
		}
	}
	var embedding []float32
	decode(t, ref["embedding"], &embedding)
	if embedding == nil && v.Dimension != -1 || embedding != nil && v.Dimension != len(embedding) {
		t.Fatalf("got dimension %d of %s", v.Dimension, ref["embedding"])
	}
	for i, got := range floats(v.Bits) {
		if math.Float32bits(got) != math.Float32bits(embedding[i]) {
			t.Fatalf("number %d of %s: got %v, want %v", i, ref["embedding"], got, embedding[i])
		}
	}
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("encoding/json refuses %s: %v", text, err)
	}
}

// viaParts prints a row from where its parts stand.
func viaParts(t *testing.T, s *record.Scanner, line []byte, v *record.Vector) []byte {
	t.Helper()
	again, err := s.AppendLine(nil, line, record.Row{ID: v.ID, Embedding: v.Embedding, Metadata: v.Metadata, Document: v.Document})
	if err != nil {
		t.Fatalf("AppendLine of %s: %v", line, err)
	}
	return again
}

// FuzzElement: what Element accepts is JSON, and the row that its columns and
// data make is the same again.
func FuzzElement(f *testing.F) {
	f.Fuzz(func(t *testing.T, line []byte) {
		var s, other record.Scanner
		e, err := s.Element(line)
		if err != nil {
			return
		}
		var ref map[string]json.RawMessage
		decode(t, line, &ref)
		data := e.Data.Of(line)
		if !e.Raw.Empty() {
			if data, err = record.AppendUnquoted(nil, e.Raw.Of(line)); err != nil {
				t.Fatal(err)
			}
		}
		row := elementRow{e.Edge, e.ID, e.UserID, e.Source, e.Target, e.Type, string(data)}
		again, err := row.print(&other)
		if err != nil {
			t.Fatalf("AppendElement of %s: %v", line, err)
		}
		e2, err := other.Element(again)
		if err != nil {
			t.Fatalf("%s\nwritten as %s: %v", line, again, err)
		}
		wantColumns(t, e2, row)
		if textBack(string(data)) != string(rawOrData(t, e2, again)) {
			t.Fatalf("%s\nwritten as %s: other data", line, again)
		}
		if _, err := record.AppendCanonical(nil, line); err != nil {
			return // a number past the largest float64
		}
		if spelled := respell(t, line); s.LineDigest(spelled) != s.LineDigest(line) {
			t.Fatalf("%s\nwritten as %s: another digest", line, spelled)
		}
	})
}

// textBack is what a row gives back of data: the very text, but that an object
// loses the line breaks in it.
func textBack(data string) string {
	if strings.HasPrefix(data, "{") && strings.HasSuffix(data, "}") && json.Valid([]byte(data)) && depth([]byte(data)) < record.MaxDepth {
		return strings.NewReplacer("\n", "", "\r", "").Replace(data)
	}
	return data
}

func rawOrData(t *testing.T, e *record.Element, line []byte) []byte {
	t.Helper()
	if e.Raw.Empty() {
		return e.Data.Of(line)
	}
	text, err := record.AppendUnquoted(nil, e.Raw.Of(line))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// FuzzAppendElement: every database row is either refused or comes back as it was.
func FuzzAppendElement(f *testing.F) {
	f.Fuzz(func(t *testing.T, edge bool, nulls byte, id, userID, source, target, kind, data string) {
		column := func(bit int, text string) []byte {
			if nulls>>bit&1 == 1 {
				return nil
			}
			return []byte(text)
		}
		row := elementRow{edge: edge, id: column(0, id), userID: column(1, userID), data: data}
		if edge {
			row.source, row.target, row.kind = column(2, source), column(3, target), column(4, kind)
		}
		var s record.Scanner
		line, err := row.print(&s)
		if err != nil {
			return
		}
		if bytes.ContainsAny(line, "\r\n") {
			t.Fatalf("line break in %q", line)
		}
		e, err := s.Element(line)
		if err != nil {
			t.Fatalf("Element(%s): %v", line, err)
		}
		wantColumns(t, e, row)
		if got := rawOrData(t, e, line); string(got) != textBack(data) {
			t.Fatalf("got data %q, want %q", got, data)
		}
	})
}

// FuzzCanonical: Valid accepts exactly what encoding/json does, but for depth
// and UTF-8; and canonical form keeps the meaning, whatever the spelling.
func FuzzCanonical(f *testing.F) {
	f.Fuzz(func(t *testing.T, value []byte) {
		err := record.Valid(value)
		if want := json.Valid(value) && utf8.Valid(value) && depth(value) <= record.MaxDepth; (err == nil) != want {
			t.Fatalf("Valid(%q): got %v, want valid %v", value, err, want)
		}
		compact, err := record.AppendCompact(nil, value)
		var want bytes.Buffer
		if wantErr := json.Compact(&want, value); err == nil && (wantErr != nil || want.String() != string(compact)) {
			t.Fatalf("AppendCompact(%q): got %q, want %q", value, compact, want.Bytes())
		}
		canonical, err := record.AppendCanonical(nil, value)
		if err != nil {
			return
		}
		if !json.Valid(canonical) {
			t.Fatalf("canonical form of %q is %q", value, canonical)
		}
		for _, same := range [][]byte{canonical, compact, respell(t, value)} {
			if again, err := record.AppendCanonical(nil, same); err != nil || !bytes.Equal(again, canonical) {
				t.Fatalf("%q written as %q: got %q %v, want %q", value, same, again, err, canonical)
			}
		}
		if bytes.Contains(canonical, []byte(`\ud`)) {
			return // encoding/json makes one character of all half surrogate pairs
		}
		var got, ref any
		decode(t, canonical, &got)
		decode(t, value, &ref)
		if fmt.Sprintf("%#v", zeros(got)) != fmt.Sprintf("%#v", zeros(ref)) {
			t.Fatalf("%q became %q", value, canonical)
		}
	})
}

// depth counts the brackets that are open at once in valid JSON.
func depth(value []byte) (deepest int) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	for open := 0; ; {
		token, err := decoder.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			open++
			deepest = max(deepest, open)
		case json.Delim(']'), json.Delim('}'):
			open--
		}
	}
}

// zeros makes the -0 of a decoded value 0.
func zeros(v any) any {
	switch v := v.(type) {
	case float64:
		return v + 0
	case []any:
		for i := range v {
			v[i] = zeros(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = zeros(v[k])
		}
	}
	return v
}

// FuzzFloat: ParseFloat32 agrees with strconv, and takes JSON numbers only.
func FuzzFloat(f *testing.F) {
	f.Fuzz(func(t *testing.T, number string) {
		got, ok := record.ParseFloat32([]byte(number))
		want, err := strconv.ParseFloat(number, 32)
		isJSON := json.Valid([]byte(number)) && strings.Trim(number, " \t\r\n") == number && strings.ContainsAny(number[:1], "-0123456789")
		if ok != (isJSON && err == nil) {
			t.Fatalf("ParseFloat32(%q): got %v, want %v %v", number, ok, isJSON, err)
		}
		if ok && math.Float32bits(got) != math.Float32bits(float32(want)) {
			t.Fatalf("ParseFloat32(%q): got %v, want %v", number, got, want)
		}
		var s record.Scanner
		v, err := s.Vector([]byte(`{"id":"a","embedding":[` + number + `,0.5],"document":null}`))
		if ok && (err != nil || v.Dimension != 2 || math.Float32bits(floats(v.Bits)[0]) != math.Float32bits(got)) {
			t.Fatalf("Vector with %q: got %v %v, want %v", number, v, err, got)
		}
	})
}
