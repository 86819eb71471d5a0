package answer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"keepsake/internal/record"
	"keepsake/internal/record/recordtest"
	"keepsake/internal/store/chroma/answer"
)

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

func BenchmarkPage(b *testing.B) {
	body := page(recordtest.Rows(200, 1024))
	b.Run("Scanner", func(b *testing.B) {
		var s record.Scanner
		var p answer.Page
		var dst []byte
		recordtest.Each(b, [][]byte{body}, func(body []byte) error {
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
		recordtest.Each(b, [][]byte{body}, func(body []byte) error {
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
				row := recordtest.Reference{ID: p.IDs[i], Embedding: p.Embeddings[i], Metadata: p.Metadatas[i], Document: p.Documents[i]}
				if _, err := json.Marshal(row); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// TestNoAllocations scans and prints a page with what is warm.
func TestNoAllocations(t *testing.T) {
	body := page(recordtest.Rows(4, 64))
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
