package record_test

import (
	"encoding/binary"
	"math"
	"os"
	"strconv"
	"testing"

	"keepsake/internal/record"
)

// TestShortest holds the printing of float32 against the standard library's: around
// powers of two and ten, and every so many; all there are with
// KEEPSAKE_TEST_FULL=1.
func TestShortest(t *testing.T) {
	var p floatPrinter
	for e := range uint32(255) {
		p.around(t, e<<23)
	}
	for e := -45; e <= 38; e++ {
		ten, _ := strconv.ParseFloat("1e"+strconv.Itoa(e), 32)
		for digit := range 10 {
			p.around(t, math.Float32bits(float32(ten)*float32(digit)))
		}
	}
	step := uint32(100_003)
	if os.Getenv("KEEPSAKE_TEST_FULL") != "" {
		step = 1
	}
	for f := uint32(0); f < 0xff<<23; f += step {
		p.one(t, f)
	}
}

type floatPrinter struct{ bits, got, want []byte }

func (p *floatPrinter) around(t *testing.T, f uint32) {
	for near := max(f, 20) - 20; near < min(f+20, 0xff<<23); near++ {
		p.one(t, near)
		p.one(t, near|1<<31)
	}
}

func (p *floatPrinter) one(t *testing.T, f uint32) {
	v := float64(math.Float32frombits(f))
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	p.want = append(strconv.AppendFloat(append(p.want[:0], '['), v, format, -1, 32), ']')
	p.bits = binary.LittleEndian.AppendUint32(p.bits[:0], f)
	var err error
	if p.got, err = record.AppendFloat32s(p.got[:0], p.bits); err != nil || string(p.got) != string(p.want) {
		t.Fatalf("%#x: got %s, %v, want %s", f, p.got, err, p.want)
	}
}
