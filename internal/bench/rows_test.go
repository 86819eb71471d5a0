//go:build bench

package bench_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// generator makes rows like those of an agent's memory: the same ones each run,
// and fast, so that making them is no part of what is measured.
type generator struct {
	shape

	random rand.PCG
	bits   []byte
}

func newGenerator(s shape) *generator {
	return &generator{shape: s, bits: make([]byte, 4*s.dim)}
}

// bodies returns ready-made bodies of `add` that hold all rows, size each.
func (g *generator) bodies(size int) [][]byte {
	var all [][]byte
	for from := 0; from < g.rows; from += size {
		all = append(all, g.body(from, min(from+size, g.rows)))
	}
	return all
}

func (g *generator) body(from, to int) []byte {
	b := make([]byte, 0, (to-from)*(6*g.dim+1000))
	b = appendList(append(b, `{"ids":`...), from, to, g.appendID)
	b = appendList(append(b, `,"embeddings":`...), from, to, g.appendEmbedding)
	b = appendList(append(b, `,"metadatas":`...), from, to, g.appendMetadata)
	b = appendList(append(b, `,"documents":`...), from, to, g.appendDocument)
	return append(b, '}')
}

func appendList(b []byte, from, to int, item func([]byte, int) []byte) []byte {
	b = append(b, '[')
	for i := from; i < to; i++ {
		if i > from {
			b = append(b, ',')
		}
		b = item(b, i)
	}
	return append(b, ']')
}

// source is the row's own randomness: each column of it has another stream.
func (g *generator) source(row int, column uint64) *rand.Rand {
	g.random.Seed(uint64(row), column)
	return rand.New(&g.random)
}

func (g *generator) appendID(b []byte, row int) []byte {
	r := g.source(row, 1)
	return fmt.Appendf(b, `"%016x-%016x"`, r.Uint64(), row)
}

// appendEmbedding prints a vector of about unit length as base64 of
// little-endian float32.
func (g *generator) appendEmbedding(b []byte, row int) []byte {
	r := g.source(row, 2)
	scale := 1 / math.Sqrt(float64(g.dim))
	for i := range g.dim {
		binary.LittleEndian.PutUint32(g.bits[4*i:], math.Float32bits(float32(r.NormFloat64()*scale)))
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, g.bits)
	return append(b, '"')
}

func (g *generator) appendMetadata(b []byte, row int) []byte {
	r := g.source(row, 3)
	b = append(b, `{"agent":"agent-`...)
	b = strconv.AppendInt(b, r.Int64N(8), 10)
	b = append(b, `","sessionId":"session-`...)
	b = strconv.AppendInt(b, int64(row/40), 10)
	b = append(b, `","timestamp":`...)
	b = strconv.AppendInt(b, 1_750_000_000_000+int64(row)*60_000, 10)
	b = append(b, `,"importance":`...)
	b = strconv.AppendFloat(b, r.Float64(), 'g', -1, 64)
	return append(b, '}')
}

// appendDocument prints 150 to 400 bytes of words.
func (g *generator) appendDocument(b []byte, row int) []byte {
	r := g.source(row, 4)
	words := [...]string{
		"backup", "session", "graph", "memory", "restore", "agent", "worker", "summary", "the", "of", "and",
		"decision", "orchestrator", "Übergabe", "index", "vector", "turn", "tool", "reads", "writes", "naïve",
	}
	b = append(b, '"')
	end := len(b) + 140 + r.IntN(250)
	for len(b) < end {
		b = append(b, words[r.IntN(len(words))]...)
		b = append(b, ' ')
	}
	b = strconv.AppendInt(b, int64(row), 10)
	return append(b, '"')
}
