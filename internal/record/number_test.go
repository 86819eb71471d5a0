package record_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"keepsake/internal/record"
)

// checkFloat compares the ways in which a number is read with strconv: alone,
// and among others in a row, where most go another way than the last.
type checkFloat struct {
	scanner record.Scanner
	line    []byte
	want    []float32
	numbers int
}

func (c *checkFloat) check(t *testing.T, number []byte) {
	c.numbers++
	want64, err := strconv.ParseFloat(string(number), 32)
	want, wantOK := float32(want64), err == nil
	got, ok := record.ParseFloat32(number)
	if ok != wantOK || ok && math.Float32bits(got) != math.Float32bits(want) {
		t.Fatalf("ParseFloat32(%s): got %v %v, want %v %v", number, got, ok, want, wantOK)
	}
	if !wantOK {
		line := fmt.Appendf(nil, `{"id":"a","embedding":[%s,0.1]}`, number)
		if v, err := c.scanner.Vector(line); err == nil {
			t.Fatalf("Vector(%s): got %v, want it refused", line, v)
		}
		return
	}
	c.line = append(append(c.line, ','), number...)
	if c.want = append(c.want, want); len(c.want) == 64 {
		c.flush(t)
	}
}

// flush scans the row of the numbers so far.
func (c *checkFloat) flush(t *testing.T) {
	if len(c.want) == 0 {
		return
	}
	line := fmt.Appendf(nil, `{"id":"a","embedding":[%s]}`, c.line[1:])
	v, err := c.scanner.Vector(line)
	if err != nil {
		t.Fatalf("Vector(%s): %v", line, err)
	}
	if v.Dimension != len(c.want) {
		t.Fatalf("Vector(%s): got dimension %d, want %d", line, v.Dimension, len(c.want))
	}
	for i, got := range floats(v.Bits) {
		if math.Float32bits(got) != math.Float32bits(c.want[i]) {
			t.Fatalf("Vector(%s): number %d: got %v, want %v", line, i, got, c.want[i])
		}
	}
	c.line, c.want = c.line[:0], c.want[:0]
}

// spellings calls f with decimals for v and next to it.
func spellings(v float64, f func([]byte)) {
	var scratch [400]byte
	for _, format := range []byte{'e', 'f'} {
		f(strconv.AppendFloat(scratch[:0], v, format, -1, 64))
		f(strconv.AppendFloat(scratch[:0], v, format, -1, 32))
	}
	for _, digits := range []int{7, 8, 9, 16, 17, 18, 19, 20} {
		f(strconv.AppendFloat(scratch[:0], v, 'e', digits, 64))
	}
	f(strconv.AppendFloat(scratch[:0], v, 'f', 16, 64))
}

func TestParseFloat32Random(t *testing.T) {
	var c checkFloat
	check := func(number []byte) { c.check(t, number) }
	rng := rand.New(rand.NewPCG(3, 4))
	for range 30_000 {
		bits := rng.Uint32()&^(0xff<<23) | rng.Uint32N(255)<<23
		spellings(float64(math.Float32frombits(bits)), check)
		spellings(rng.NormFloat64(), check)
	}
	c.flush(t)
	t.Logf("%d numbers", c.numbers)
}

// TestParseFloat32Midpoints reads the decimals that are hardest to round:
// halfway between two float32, and next to that on both sides.
func TestParseFloat32Midpoints(t *testing.T) {
	var c checkFloat
	check := func(number []byte) { c.check(t, number) }
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 16_000 {
		bits := rng.Uint32N(math.Float32bits(math.MaxFloat32))
		if i%4 == 0 { // where embeddings are
			bits = math.Float32bits(0.01) + rng.Uint32N(math.Float32bits(2)-math.Float32bits(0.01))
		}
		half := (float64(math.Float32frombits(bits)) + float64(math.Float32frombits(bits+1))) / 2 // exact
		spellings(half, check)
		spellings(math.Nextafter(half, 0), check)
		spellings(math.Nextafter(half, 1e300), check)
		if i%16 > 0 {
			continue
		}
		exact := string(strconv.AppendFloat(nil, half, 'e', 160, 64)) // 150 is all that any has
		for _, digit := range []string{"", "0", "1", "9"} {
			check([]byte(strings.Replace(exact, "e", digit+"e", 1)))
		}
	}
	c.flush(t)
	t.Logf("%d numbers", c.numbers)
}

// TestParseFloat32Short reads every number of up to five digits in every
// position of the point, and runs of digits of every length.
func TestParseFloat32Short(t *testing.T) {
	var c checkFloat
	for n := range 100_000 {
		c.check(t, fmt.Appendf(nil, "0.%05d", n))
		c.check(t, fmt.Appendf(nil, "-%d.%d", n/1000, n%1000))
	}
	digits := strings.Repeat("1234567890", 5)
	for whole := 1; whole < 40; whole++ {
		for fraction := range 40 {
			number := digits[:whole] + "." + digits[whole:][:min(fraction, 50-whole)]
			c.check(t, []byte(strings.TrimSuffix(number, ".")))
			c.check(t, []byte("0."+strings.Repeat("0", whole)+digits[:fraction+1]))
		}
	}
	c.flush(t)
}

func TestParseFloat32Edges(t *testing.T) {
	var c checkFloat
	for _, number := range []string{
		"0", "-0", "0.0", "-0.0", "0e0", "-0E+5", "0e999999999999999999999", "-0.00000000000000000000000000000e-99",
		"1", "-1", "1e0", "1E+00", "9", "9.9", "10", "1e22", "1e23", "123456789012345678",
		"3.4028234e38", "3.40282346638528859811704183484516925440e38", "3.4028235e+38", "-3.4028235e38",
		"3.4028235677973366e38",                                             // the first float64 that rounds up to an infinity
		"3.4028235677973365e38", "3.40282356779733661637539395458142568447", // the last that doesn't
		"340282356779733661637539395458142568447.9", "340282356779733661637539395458142568448",
		"3.4028236e38", "-3.4028236e38", "1e39", "1e999", "-1e99999999999999999999",
		"1.1754943508222875e-38", "1.17549435e-38", "1.1754942e-38", "1.1754943508222874e-38", // smallest normal
		"1e-45", "-1e-45", "1.4e-45", "7.006492321624085e-46", "7.006492321624086e-46", "7.0064923216240853e-46", // half the smallest
		"7.00649232162408535461864791644958065640130970938257885878534141944895541342930300743319094181060791015625e-46",
		"7.00649232162408535461864791644958065640130970938257885878534141944895541342930300743319094181060791015626e-46",
		"1e-46", "-1e-99999999999999999999", "1e-400",
		"16777217", "16777219", "33554434.999", "16777217.0000000000000000000000000000001", // midpoints of integers
		"0.50000002980232238769531250", "0.500000029802322387695312501", "0.50000002980232238769531249",
		"0.1234567890123456", "0.12345678901234567", "0.123456789012345678", "9.9999999999999999", "0.9999999999999999",
		"9999999999999999999", "99999999999999999999", "18446744073709551615", "18446744073709551616",
		"100000000000000000000000000000000000000", "10000000000000000000000000000000000000000e-2",
		"0." + strings.Repeat("0", 400) + "1e401", strings.Repeat("9", 400) + "e-400", "1" + strings.Repeat("0", 300) + "e-300",
		"0." + strings.Repeat("0", 100) + "1e1000", "1" + strings.Repeat("0", 119) + "e-1000",
		"1." + strings.Repeat("0", 500) + "1", "0." + strings.Repeat("9", 500),
	} {
		c.check(t, []byte(number))
	}
	c.flush(t)
}

func TestParseFloat32Refuses(t *testing.T) {
	for _, number := range []string{
		"", "-", "+1", ".5", "5.", "01", "-01", "00", "1e", "1e+", "1.e5", "e5", " 1", "1 ", "1,", "0x1p3", "1_0",
		"NaN", "Inf", "-Infinity", "nan", "١",
	} {
		if f, ok := record.ParseFloat32([]byte(number)); ok {
			t.Errorf("ParseFloat32(%q): got %v, want it refused", number, f)
		}
	}
}

// TestFloat32Classes takes every class of float32 through print and scan.
func TestFloat32Classes(t *testing.T) {
	var all []uint32
	for exponent := range uint32(255) { // 0: zero and subnormals; 255 would be NaN
		for _, fraction := range []uint32{0, 1, 2, 1<<22 - 1, 1 << 22, 1<<22 + 1, 0x2aaaaa, 0x555555, 1<<23 - 2, 1<<23 - 1} {
			bits := exponent<<23 | fraction
			all = append(all, bits, bits|1<<31)
		}
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 100_000 {
		if bits := rng.Uint32(); bits>>23&0xff != 0xff {
			all = append(all, bits)
		}
	}
	roundTrip(t, all)
}

// roundTrip prints bits as one row and scans it.
func roundTrip(t *testing.T, all []uint32) {
	t.Helper()
	var s record.Scanner
	packed := make([]byte, 0, 4*len(all))
	for _, b := range all {
		packed = append(packed, byte(b), byte(b>>8), byte(b>>16), byte(b>>24))
	}
	line, err := s.AppendVector(nil, "a", packed, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Vector(line)
	if err != nil {
		t.Fatal(err)
	}
	if string(v.Bits) != string(packed) {
		for i, got := range floats(v.Bits) {
			if math.Float32bits(got) != all[i] {
				t.Fatalf("number %d: got %08x, want %08x", i, math.Float32bits(got), all[i])
			}
		}
	}
	var ref struct{ Embedding []float32 }
	if err := json.Unmarshal(line, &ref); err != nil {
		t.Fatal(err)
	}
	for i, f := range ref.Embedding {
		if math.Float32bits(f) != all[i] {
			t.Fatalf("number %d: encoding/json reads %v, want %08x", i, f, all[i])
		}
	}
}

func TestAppendFloat32s(t *testing.T) {
	for bits, want := range map[string]string{
		"":                                 "[]",
		"\x00\x00\x80\x3f":                 "[1]",
		"\x00\x00\x00\x80":                 "[-0]",
		"\x01\x00\x00\x00\xff\xff\x7f\xff": "[1e-45,-3.4028235e+38]",
		"\xbd\x37\x06\x36\xbd\x37\x06\x35": "[0.000002,5e-07]",
	} {
		got, err := record.AppendFloat32s(nil, []byte(bits))
		if err != nil || string(got) != want {
			t.Errorf("got %s %v, want %s", got, err, want)
		}
	}
}

func TestAppendFloat32sRefuses(t *testing.T) {
	for name, bits := range map[string]string{
		"NaN":              "\x00\x00\x80\x3f\x00\x00\xc0\x7f",
		"Infinity":         "\x00\x00\x80\x3f\x00\x00\x80\x7f",
		"NegativeInfinity": "\x00\x00\x80\x3f\x00\x00\x80\xff",
		"CutShort":         "\x00\x00\x80\x3f\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := record.AppendFloat32s(nil, []byte(bits))
			if syntax := (*record.SyntaxError)(nil); !errors.As(err, &syntax) {
				t.Errorf("got %v, want a SyntaxError", err)
			}
		})
	}
}
