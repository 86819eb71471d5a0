package storetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// row is what the suite knows of a record: who it is, and all that it says but
// for an embedding that may move within the tolerance.
type row struct {
	id   string
	rest string
	bits []byte
}

// parse takes a record apart.
func (s *suite) parse(t *testing.T, rec memory.Record) row {
	t.Helper()
	var scanner record.Scanner
	switch s.kind {
	case memory.Vectors:
		v, err := scanner.Vector(rec)
		if err != nil {
			t.Fatalf("scan vector: %v\n%.300s", err, rec)
		}
		return vectorRow(t, rec, v)
	case memory.Elements:
		e, err := scanner.Element(rec)
		if err != nil {
			t.Fatalf("scan element: %v\n%.300s", err, rec)
		}
		id := fmt.Sprintf("edge=%t %s", e.Edge, e.ID)
		digest := scanner.LineDigest(rec)
		return row{id: id, rest: string(digest[:])}
	}
	return row{id: string(rec), rest: string(rec)} // lines are kept byte for byte
}

func vectorRow(t *testing.T, rec memory.Record, v *record.Vector) row {
	t.Helper()
	var rest []byte
	for _, span := range []record.Span{v.Metadata, v.Document} {
		value := span.Of(rec)
		if len(value) == 0 {
			value = []byte("null")
		}
		canonical, err := record.AppendCanonical(nil, value)
		if err != nil {
			t.Fatalf("canonical form: %v\n%.300s", err, value)
		}
		rest = append(append(rest, canonical...), 0)
	}
	return row{string(v.Key), string(rest), bytes.Clone(v.Bits)}
}

// bareID is the id that a store would delete a row by.
func (s *suite) bareID(t *testing.T, rec memory.Record) string {
	t.Helper()
	var scanner record.Scanner
	if s.kind == memory.Vectors {
		return s.parse(t, rec).id
	}
	e, err := scanner.Element(rec)
	if err != nil {
		t.Fatalf("scan element: %v", err)
	}
	return string(e.ID)
}

// digest is the record digest, as a merge reports it.
func (s *suite) digest(t *testing.T, rec memory.Record) record.Digest {
	t.Helper()
	var scanner record.Scanner
	if s.kind != memory.Vectors {
		return scanner.LineDigest(rec)
	}
	v, err := scanner.Vector(rec)
	if err != nil {
		t.Fatalf("scan vector: %v", err)
	}
	digest, err := scanner.VectorDigest(rec, v)
	if err != nil {
		t.Fatalf("digest: %v", err)
	}
	return digest
}

// wantRows fails unless got holds each of want as often as want does, and
// nothing else, whatever the order. Passages is how often the embeddings went
// through a store.
func (s *suite) wantRows(t *testing.T, got, want []memory.Record, passages int) {
	t.Helper()
	index := s.index(t, want)
	for _, rec := range got {
		if r := s.parse(t, rec); !s.take(index, r, passages) {
			t.Errorf("a row that was not put in, or was changed: %.200s", rec)
		}
	}
	for id, left := range index {
		if len(left) > 0 {
			t.Errorf("row lost (%d of its id): %.100q", len(left), id)
		}
	}
}

// wantHeld fails unless got holds all of want, each once; more is no fault.
func (s *suite) wantHeld(t *testing.T, got, want []memory.Record) {
	t.Helper()
	index := s.index(t, got)
	for _, rec := range want {
		if r := s.parse(t, rec); !s.take(index, r, 1) {
			t.Errorf("row lost or changed: %.200s", rec)
		}
	}
	for id, left := range index {
		if len(left) > 1 && s.kind != memory.Lines {
			t.Errorf("row read %d times: %.100q", len(left), id)
		}
	}
}

func (s *suite) index(t *testing.T, rows []memory.Record) map[string][]row {
	t.Helper()
	index := make(map[string][]row, len(rows))
	for _, rec := range rows {
		r := s.parse(t, rec)
		index[r.id] = append(index[r.id], r)
	}
	return index
}

// take removes a row equal to r from index.
func (s *suite) take(index map[string][]row, r row, passages int) bool {
	left := index[r.id]
	for i, other := range left {
		if other.rest == r.rest && near(other.bits, r.bits, s.Tolerance*float64(passages)) {
			index[r.id] = append(left[:i], left[i+1:]...)
			return true
		}
	}
	return false
}

// near compares embeddings of little-endian float32: bit for bit without a
// tolerance, else number by number.
func near(a, b []byte, tolerance float64) bool {
	if tolerance == 0 || len(a) != len(b) {
		return bytes.Equal(a, b)
	}
	for i := 0; i < len(a); i += 4 {
		x := float64(math.Float32frombits(binary.LittleEndian.Uint32(a[i:])))
		y := float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i:])))
		if math.Abs(x-y) > tolerance*max(math.Abs(x), math.Abs(y)) {
			return false
		}
	}
	return true
}

// checker returns a check of one record after the other: canonical, keys in
// order, nodes before edges.
func (s *suite) checker() func(memory.Record) error {
	var scanner record.Scanner
	edges := false
	return func(rec memory.Record) error {
		if bytes.ContainsRune(rec, '\n') {
			return errors.New("a newline in a record")
		}
		switch s.kind {
		case memory.Vectors:
			return checkVector(&scanner, rec)
		case memory.Elements:
			e, err := scanner.Element(rec)
			if err != nil {
				return err
			}
			if edges && !e.Edge {
				return errors.New("a node after an edge")
			}
			edges = e.Edge
			return checkElement(rec, e)
		}
		_, err := scanner.Line(rec)
		return err
	}
}

func checkVector(scanner *record.Scanner, rec memory.Record) error {
	v, err := scanner.Vector(rec)
	if err != nil {
		return err
	}
	sorted := v.Metadata.Of(rec)
	if len(sorted) > 0 && sorted[0] == '{' {
		if sorted, err = record.AppendSorted(nil, sorted); err != nil {
			return err
		}
	}
	want := fmt.Appendf(nil, `{"id":%s,"embedding":%s,"metadata":%s,"document":%s}`,
		v.ID.Of(rec), v.Embedding.Of(rec), sorted, v.Document.Of(rec))
	if !bytes.Equal(rec, want) {
		return errors.New("keys are not id, embedding, metadata, document, with metadata sorted")
	}
	if bytes.ContainsAny(v.Embedding.Of(rec), " \t\r\n") {
		return errors.New("whitespace in the embedding")
	}
	return nil
}

func checkElement(rec memory.Record, e *record.Element) error {
	want := `{"type":"node",`
	if e.Edge {
		want = `{"type":"edge",`
	}
	if !bytes.HasPrefix(rec, []byte(want)) {
		return fmt.Errorf("does not begin with %s", want)
	}
	return nil
}
