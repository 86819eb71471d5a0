package answer_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"keepsake/internal/record"
	"keepsake/internal/store/chroma/answer"
)

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("encoding/json refuses %s: %v", text, err)
	}
}

// FuzzPage: a page whose rows are all accepted is JSON, and its rows are those
// that encoding/json finds in it.
func FuzzPage(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		var s record.Scanner
		var p answer.Page
		if p.Scan(body) != nil {
			return
		}
		var rows [][]byte
		for i := range p.IDs {
			line, err := s.AppendLine(nil, body, p.Row(i))
			if err != nil {
				return
			}
			if _, err := s.Vector(line); err != nil {
				return
			}
			rows = append(rows, line)
		}
		var ref map[string]json.RawMessage
		decode(t, body, &ref)
		columns := map[string]*[]json.RawMessage{}
		for _, name := range []string{"ids", "embeddings", "metadatas", "documents", "uris"} {
			columns[name] = new([]json.RawMessage)
			if ref[name] != nil {
				decode(t, ref[name], columns[name])
			}
		}
		if len(rows) != len(*columns["ids"]) {
			t.Fatalf("got %d rows of %s", len(rows), body)
		}
		for i, line := range rows {
			sameRow(t, line, i, columns)
		}
	})
}

// sameRow compares a row with item i of the columns that encoding/json found.
func sameRow(t *testing.T, line []byte, i int, columns map[string]*[]json.RawMessage) {
	t.Helper()
	item := func(name string) []byte {
		if column := *columns[name]; column != nil {
			return column[i]
		}
		return []byte("null")
	}
	var row map[string]json.RawMessage
	decode(t, line, &row)
	for key, name := range map[string]string{"id": "ids", "embedding": "embeddings", "document": "documents"} {
		var want bytes.Buffer
		if err := json.Compact(&want, item(name)); err != nil {
			t.Fatal(err)
		}
		if string(row[key]) != want.String() {
			t.Fatalf("%s of row %d: got %s, want %s", key, i, row[key], want.Bytes())
		}
	}
	var got, want map[string]json.RawMessage
	decode(t, row["metadata"], &got)
	decode(t, item("metadatas"), &want)
	if uri := item("uris"); string(uri) != "null" {
		if want == nil {
			want = map[string]json.RawMessage{}
		}
		want["chroma:uri"] = uri
	}
	if !bytes.Equal(canonicalMap(t, got), canonicalMap(t, want)) {
		t.Fatalf("metadata of row %d: got %s, want %s", i, got, want)
	}
}

func canonicalMap(t *testing.T, m map[string]json.RawMessage) []byte {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
