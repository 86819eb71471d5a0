package bundle_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// big yields rows of 1,024 numbers with four metadata keys and a document, as a
// memory has them: about 13 kB each. The embedding is one of a few, the id its own.
func big(n int) iter.Seq2[memory.Record, error] {
	r := rand.New(rand.NewPCG(7, 7))
	var tails [][]byte
	for range 64 {
		tail := []byte(`","embedding":[`)
		for j := range 1024 {
			if j > 0 {
				tail = append(tail, ',')
			}
			tail = strconv.AppendFloat(tail, r.NormFloat64()*0.03, 'g', -1, 32)
		}
		tail = append(tail, `],"metadata":{"agent":"a","sessionId":"s-1","timestamp":1777593600000,"type":"memory"},"document":"`...)
		for range 60 {
			tail = append(tail, "lease vector "...)
		}
		tails = append(tails, append(tail, `"}`...))
	}
	return func(yield func(memory.Record, error) bool) {
		var row []byte
		for i := range n {
			row = append(row[:0], `{"id":"mem_`...)
			row = strconv.AppendInt(row, int64(i), 10)
			row = append(row, tails[i%len(tails)]...)
			if !yield(row, nil) {
				return
			}
		}
	}
}

func bigSize(n int) (size int64) {
	for row, err := range big(n) {
		if err == nil {
			size += int64(len(row)) + 1
		}
	}
	return size
}

const benchRows = 10_000

func writeBig(b *testing.B, compress bool) string {
	b.Helper()
	ctx := context.Background()
	opts := options(b, b.TempDir())
	opts.Compress = compress
	w, err := bundle.Create(ctx, opts)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Abort()
	s, err := w.Write(ctx, memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors}, big(benchRows))
	if err != nil {
		b.Fatal(err)
	}
	path, err := w.Publish(ctx, sampleMeta([]bundle.SectionMeta{s.Meta(capture(benchRows))}))
	if err != nil {
		b.Fatal(err)
	}
	return path
}

func BenchmarkWrite(b *testing.B) {
	for _, compress := range []bool{false, true} {
		b.Run(fmt.Sprintf("zstd=%t", compress), func(b *testing.B) {
			b.SetBytes(bigSize(benchRows))
			b.ReportAllocs()
			for b.Loop() {
				if err := os.RemoveAll(writeBig(b, compress)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, level := range []bundle.Level{bundle.Quick, bundle.Full} {
		b.Run(string(level), func(b *testing.B) {
			path := writeBig(b, false)
			b.SetBytes(bigSize(benchRows))
			b.ReportAllocs()
			for b.Loop() {
				if verify(b, path, level).Refused() {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkRecords(b *testing.B) {
	path := writeBig(b, false)
	b.SetBytes(bigSize(benchRows))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range open(b, path).Records(context.Background(), memory.Memories) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// What one look at a small bundle costs: the bit-flip test takes tens of
// thousands.
func BenchmarkVerifySmall(b *testing.B) {
	path := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		if verify(b, path, bundle.Full).Refused() {
			b.Fatal("refused")
		}
	}
}
