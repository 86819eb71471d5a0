package record_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"keepsake/internal/record"
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

// reference is a row as encoding/json sees it.
type reference struct {
	ID        string          `json:"id"`
	Embedding []float32       `json:"embedding"`
	Metadata  json.RawMessage `json:"metadata"`
	Document  *string         `json:"document"`
}

func BenchmarkVector(b *testing.B) {
	lines := rows(64, 1024)
	b.Run("Scanner", func(b *testing.B) {
		var s record.Scanner
		each(b, lines, func(line []byte) error {
			_, err := s.Vector(line)
			return err
		})
	})
	b.Run("EncodingJSON", func(b *testing.B) {
		each(b, lines, func(line []byte) error {
			var r reference
			return json.Unmarshal(line, &r)
		})
	})
}

func BenchmarkVectorDigest(b *testing.B) {
	var s record.Scanner
	each(b, rows(64, 1024), func(line []byte) error {
		v, err := s.Vector(line)
		if err != nil {
			return err
		}
		_, err = s.VectorDigest(line, v)
		return err
	})
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

func BenchmarkAppendLine(b *testing.B) {
	var s record.Scanner
	var dst []byte
	lines := rows(200, 1024)
	parts := map[*byte]record.Row{}
	for _, line := range lines {
		v, err := s.Vector(line)
		if err != nil {
			b.Fatal(err)
		}
		parts[&line[0]] = record.Row{ID: v.ID, Embedding: v.Embedding, Metadata: v.Metadata, Document: v.Document}
	}
	each(b, lines, func(line []byte) error {
		var err error
		dst, err = s.AppendLine(dst[:0], line, parts[&line[0]])
		return err
	})
}

func BenchmarkAppendFloat32s(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	var bits, dst []byte
	for range 1024 {
		bits = binary.LittleEndian.AppendUint32(bits, math.Float32bits(float32(rng.NormFloat64()*0.03)))
	}
	each(b, [][]byte{bits}, func(bits []byte) error {
		var err error
		dst, err = record.AppendFloat32s(dst[:0], bits)
		return err
	})
}

func BenchmarkElement(b *testing.B) {
	line := []byte(`{"type":"edge","data":{"id":"EDGE:00000001","source":"NODE:0000000000000001","target":"NODE:0000000000000002","type":"RELATES_TO","properties":{"weight":0.75,"userId":"agent","note":"why it is there"}}}`)
	var s record.Scanner
	each(b, [][]byte{line}, func(line []byte) error {
		if _, err := s.Element(line); err != nil {
			return err
		}
		_ = s.LineDigest(line)
		return nil
	})
}
