package record_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"keepsake/internal/record"
	"keepsake/internal/record/recordtest"
)

func BenchmarkVector(b *testing.B) {
	lines := recordtest.Rows(64, 1024)
	b.Run("Scanner", func(b *testing.B) {
		var s record.Scanner
		recordtest.Each(b, lines, func(line []byte) error {
			_, err := s.Vector(line)
			return err
		})
	})
	b.Run("EncodingJSON", func(b *testing.B) {
		recordtest.Each(b, lines, func(line []byte) error {
			var r recordtest.Reference
			return json.Unmarshal(line, &r)
		})
	})
}

func BenchmarkVectorDigest(b *testing.B) {
	var s record.Scanner
	recordtest.Each(b, recordtest.Rows(64, 1024), func(line []byte) error {
		v, err := s.Vector(line)
		if err != nil {
			return err
		}
		_, err = s.VectorDigest(line, v)
		return err
	})
}

func BenchmarkAppendLine(b *testing.B) {
	var s record.Scanner
	var dst []byte
	lines := recordtest.Rows(200, 1024)
	parts := map[*byte]record.Row{}
	for _, line := range lines {
		v, err := s.Vector(line)
		if err != nil {
			b.Fatal(err)
		}
		parts[&line[0]] = record.Row{ID: v.ID, Embedding: v.Embedding, Metadata: v.Metadata, Document: v.Document}
	}
	recordtest.Each(b, lines, func(line []byte) error {
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
	recordtest.Each(b, [][]byte{bits}, func(bits []byte) error {
		var err error
		dst, err = record.AppendFloat32s(dst[:0], bits)
		return err
	})
}

func BenchmarkElement(b *testing.B) {
	line := []byte(`{"type":"edge","data":{"id":"EDGE:00000001","source":"NODE:0000000000000001","target":"NODE:0000000000000002","type":"RELATES_TO","properties":{"weight":0.75,"userId":"agent","note":"why it is there"}}}`)
	var s record.Scanner
	recordtest.Each(b, [][]byte{line}, func(line []byte) error {
		if _, err := s.Element(line); err != nil {
			return err
		}
		_ = s.LineDigest(line)
		return nil
	})
}
