package answer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"keepsake/internal/record"
	"keepsake/internal/store/chroma/answer"
)

// row returns a line as they are in a real knowledge base: 1,024 numbers that a
// server printed from float32, four metadata keys, and a text.
func row(rng *rand.Rand, dimension int) []byte {
	b := fmt.Appendf(nil, `{"id":"%016x%016x","embedding":[`, rng.Uint64(), rng.Uint64())
	for i := range dimension {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, rng.NormFloat64()*0.03, 'f', -1, 32)
	}
	return fmt.Appendf(b, `],"metadata":{"kind":"src","line":%d,"path":"src/worker/%x.mjs","score":0.%d},"document":%q}`,
		rng.IntN(1000), rng.Uint32(), rng.Uint32(),
		"A memory of some length: what was asked, what was answered — and why. "+strconv.Itoa(rng.Int()))
}

func rows(n, dimension int) [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([][]byte, n)
	for i := range out {
		out[i] = row(rng, dimension)
	}
	return out
}

// page returns the answer of a server that holds rows.
func page(rows [][]byte) []byte {
	var columns [4][]byte
	var s record.Scanner
	for _, line := range rows {
		v, err := s.Vector(line)
		if err != nil {
			panic(err)
		}
		for i, span := range []record.Span{v.ID, v.Embedding, v.Metadata, v.Document} {
			columns[i] = append(append(columns[i], span.Of(line)...), ',')
		}
	}
	for i := range columns {
		columns[i] = bytes.TrimSuffix(columns[i], []byte(","))
	}
	return fmt.Appendf(nil, `{"ids":[%s],"embeddings":[%s],"metadatas":[%s],"documents":[%s],"uris":null,"include":["embeddings"]}`,
		columns[0], columns[1], columns[2], columns[3])
}

// reference is a row as encoding/json sees it.
type reference struct {
	ID        string          `json:"id"`
	Embedding []float32       `json:"embedding"`
	Metadata  json.RawMessage `json:"metadata"`
	Document  *string         `json:"document"`
}

// each runs f over the lines in turn, and reports bytes of lines per second.
func each(b *testing.B, lines [][]byte, f func(line []byte) error) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(lines[0])))
	for i := 0; b.Loop(); i++ {
		if err := f(lines[i%len(lines)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	body := page(rows(200, 1024))
	b.Run("Scanner", func(b *testing.B) {
		var s record.Scanner
		var p answer.Page
		var dst []byte
		each(b, [][]byte{body}, func(body []byte) error {
			if err := p.Scan(body); err != nil {
				return err
			}
			for i := range p.IDs {
				var err error
				if dst, err = s.AppendLine(dst[:0], body, p.Row(i)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	b.Run("EncodingJSON", func(b *testing.B) {
		each(b, [][]byte{body}, func(body []byte) error {
			var p struct {
				IDs        []string          `json:"ids"`
				Embeddings [][]float32       `json:"embeddings"`
				Metadatas  []json.RawMessage `json:"metadatas"`
				Documents  []*string         `json:"documents"`
			}
			if err := json.Unmarshal(body, &p); err != nil {
				return err
			}
			for i := range p.IDs {
				if _, err := json.Marshal(reference{p.IDs[i], p.Embeddings[i], p.Metadatas[i], p.Documents[i]}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// TestNoAllocations scans and prints a page with what is warm.
func TestNoAllocations(t *testing.T) {
	body := page(rows(4, 64))
	var s record.Scanner
	var p answer.Page
	var dst []byte
	allocs := testing.AllocsPerRun(20, func() {
		err := p.Scan(body)
		for i := range p.IDs {
			if err == nil {
				dst, err = s.AppendLine(dst[:0], body, p.Row(i))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations a page, want none", allocs)
	}
}
