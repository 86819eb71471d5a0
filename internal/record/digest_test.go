package record_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"keepsake/internal/record"
	"keepsake/internal/record/recordtest"
)

func vectorDigest(s *record.Scanner, line string) (record.Digest, error) {
	v, err := s.Vector([]byte(line))
	if err != nil {
		return record.Digest{}, err
	}
	return s.VectorDigest([]byte(line), v)
}

// TestDigests reads testdata/digests.json, which another program wrote from the
// words of DESIGN.md. A digest that changes there makes old bundles look bad.
func TestDigests(t *testing.T) {
	text, err := os.ReadFile("testdata/digests.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Name, Kind, Line, Digest string }
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	var s record.Scanner // one for all: nothing of a row may be left in the next
	for _, c := range vectors {
		t.Run(c.Kind+" "+c.Name, func(t *testing.T) {
			got := s.LineDigest([]byte(c.Line))
			if c.Kind == "vector" {
				if got, err = vectorDigest(&s, c.Line); err != nil {
					t.Fatal(err)
				}
			}
			if hex.EncodeToString(got[:]) != c.Digest {
				t.Errorf("got %x, want %s", got, c.Digest)
			}
		})
	}
	if len(vectors) < 40 {
		t.Errorf("got %d digests", len(vectors))
	}
}

// TestVectorDigestTellsApart changes one thing at a time, and moves bytes over
// the border of two fields.
func TestVectorDigestTellsApart(t *testing.T) {
	var s record.Scanner
	seen := map[record.Digest]string{}
	for _, line := range []string{
		`{"id":"a","embedding":[1],"metadata":{"k":1},"document":"d"}`,
		`{"id":"b","embedding":[1],"metadata":{"k":1},"document":"d"}`,
		`{"id":"a","embedding":[1.0000001],"metadata":{"k":1},"document":"d"}`,
		`{"id":"a","embedding":[-1],"metadata":{"k":1},"document":"d"}`,
		`{"id":"a","embedding":[1,0],"metadata":{"k":1},"document":"d"}`,
		`{"id":"a","embedding":[0],"metadata":{"k":1},"document":"d"}`,
		`{"id":"a","embedding":[-0],"metadata":{"k":1},"document":"d"}`,
		`{"id":"a","embedding":[],"metadata":{"k":1},"document":"d"}`,
		`{"id":"a","embedding":null,"metadata":{"k":1},"document":"d"}`,
		`{"id":"a","embedding":[1],"metadata":{"k":1.0},"document":"d"}`,
		`{"id":"a","embedding":[1],"metadata":{"k":"1"},"document":"d"}`,
		`{"id":"a","embedding":[1],"metadata":{"k":true},"document":"d"}`,
		`{"id":"a","embedding":[1],"metadata":{"K":1},"document":"d"}`,
		`{"id":"a","embedding":[1],"metadata":{"k":1,"l":1},"document":"d"}`,
		`{"id":"a","embedding":[1],"metadata":{"k":[1]},"document":"d"}`,
		`{"id":"a","embedding":[1],"metadata":null,"document":"d"}`,
		`{"id":"a","embedding":[1],"metadata":null,"document":"{\"k\":1}"}`,
		`{"id":"a","embedding":[1],"metadata":{"k":1},"document":""}`,
		`{"id":"a","embedding":[1],"metadata":{"k":1},"document":null}`,
		`{"id":"a","embedding":[1],"metadata":{"k":1},"document":"d\u0000"}`,
		`{"id":"a\u0000\u0000\u0080?","embedding":[],"metadata":{"k":1},"document":"d"}`,
	} {
		got, err := vectorDigest(&s, line)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("%s and %s have the same digest", other, line)
		}
		seen[got] = line
	}
}

func TestVectorDigestRefuses(t *testing.T) {
	var s record.Scanner
	if _, err := vectorDigest(&s, `{"id":"a","embedding":[1],"metadata":{"k":1e400}}`); err == nil {
		t.Error("got no error for a number past the largest float64")
	}
	if _, err := vectorDigest(&s, `{"id":"a","embedding":[1],"metadata":{"k":1e300}}`); err != nil {
		t.Errorf("got %v for the next row", err)
	}
}

// TestDigestLeavesRowsAlone uses a row after its digest was taken.
func TestDigestLeavesRowsAlone(t *testing.T) {
	var s record.Scanner
	line := []byte(`{"id":"\u0061\n","embedding":[1],"metadata":{"\u006b":"\n"},"document":"\n\n\n\n\n\n"}`)
	v, err := s.Vector(line)
	if err != nil {
		t.Fatal(err)
	}
	edge := []byte(`{"type":"edge","data":{"source":"\u0061","target":"b\n","type":"T","\u006e":1}}`)
	e, err := s.Element(edge)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.VectorDigest(line, v); err != nil {
		t.Fatal(err)
	}
	_ = s.LineDigest(edge)
	if _, err := s.AppendVector(nil, "x", nil, []byte(`{"\u0062":1,"\u0061":1}`), nil); err != nil {
		t.Fatal(err)
	}
	if string(v.Key) != "a\n" || string(v.Bits) != "\x00\x00\x80\x3f" {
		t.Errorf("got key %q, bits %x", v.Key, v.Bits)
	}
	if string(e.ID) != "a->b\n:T" || string(e.Source) != "a" || string(e.Target) != "b\n" {
		t.Errorf("got id %q, source %q, target %q", e.ID, e.Source, e.Target)
	}
}

// TestNoAllocations runs every kind of row through a warm scanner.
func TestNoAllocations(t *testing.T) {
	vectors := recordtest.Rows(4, 64)
	vectors = append(vectors, []byte(`{"id":"\u0061","embedding":[1, 2e-40,16777217],"metadata":{"z":1.5,"\u0062":{"d":1,"c":2},"a":[1,2]},"document":"x\ny"}`))
	elements := [][]byte{
		[]byte(`{"type":"node","data":{"z":1,"id":"n\u0031","properties":{"userId":"u"}},"columns":{"user_id":"v"}}`),
		[]byte(`{"type":"edge","data":{"source":"a","target":"b","type":"T"}}`),
	}
	var s record.Scanner
	var dst []byte
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	allocs := testing.AllocsPerRun(20, func() {
		for _, line := range vectors {
			v, err := s.Vector(line)
			check(err)
			_, err = s.VectorDigest(line, v)
			check(err)
			metadata := v.Metadata.Of(line)
			parts := record.Row{ID: v.ID, Embedding: v.Embedding, Metadata: v.Metadata, Document: v.Document}
			dst, err = s.AppendVector(dst[:0], "id of a row", v.Bits, metadata, nil)
			check(err)
			dst, err = s.AppendLine(dst[:0], line, parts)
			check(err)
		}
		for _, line := range elements {
			e, err := s.Element(line)
			check(err)
			_ = s.LineDigest(line)
			_, err = s.Line(line)
			check(err)
			dst, err = s.AppendElement(dst[:0], e.Edge, e.ID, nil, e.Source, e.Target, e.Type, e.Data.Of(line))
			check(err)
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations a round, want none", allocs)
	}
}

// TestLongRow takes a document of 10 MB and a row of 65,536 numbers through.
func TestLongRow(t *testing.T) {
	var s record.Scanner
	document := strings.Repeat("0123456789abcdé\n", 10<<20/16)
	bits := []byte(strings.Repeat("\x00\x00\x80\x3f\x01\x00\x00\x80", 32768))
	line, err := s.AppendVector(nil, "long", bits, nil, &document)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Vector(line)
	if err != nil {
		t.Fatal(err)
	}
	got, err := record.AppendUnquoted(nil, v.Document.Of(line))
	if err != nil || string(got) != document || string(v.Bits) != string(bits) {
		t.Errorf("got a document of %d bytes and %d numbers, %v", len(got), v.Dimension, err)
	}
}
