// Package recordtest is the rows that the scanners of records and of pages are
// measured with, so that their figures can be compared.
package recordtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// row returns a line as they are in a real knowledge base: numbers that a server
// printed from float32, four metadata keys, and a text.
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

// Rows returns n lines with embeddings of that dimension, the same each time.
func Rows(n, dimension int) [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([][]byte, n)
	for i := range out {
		out[i] = row(rng, dimension)
	}
	return out
}

// Reference is a row as encoding/json sees it.
type Reference struct {
	ID        string          `json:"id"`
	Embedding []float32       `json:"embedding"`
	Metadata  json.RawMessage `json:"metadata"`
	Document  *string         `json:"document"`
}

// Each runs f over the lines in turn, and reports bytes of lines per second.
func Each(b *testing.B, lines [][]byte, f func(line []byte) error) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(lines[0])))
	for i := 0; b.Loop(); i++ {
		if err := f(lines[i%len(lines)]); err != nil {
			b.Fatal(err)
		}
	}
}
