package record_test

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"keepsake/internal/record"
)

// offset fails the test unless err is a SyntaxError at that byte.
func offset(t *testing.T, err error, want int) {
	t.Helper()
	var syntax *record.SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("got error %v, want a SyntaxError", err)
	}
	if syntax.Offset != want {
		t.Errorf("got %q, want offset %d", syntax, want)
	}
}

func floats(bits []byte) []float32 {
	out := make([]float32, 0, len(bits)/4)
	for ; len(bits) > 0; bits = bits[4:] {
		out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(bits)))
	}
	return out
}

func TestVector(t *testing.T) {
	line := []byte(` { "metadata" : {"b":1,"a":[true,null,{"x":-1.5e3}]} ,"\u0069d":"a\u00e9\n","document":"","embedding":[1, -0,0.5e-3 ,1e-45]}` + "\r\n")
	var s record.Scanner
	v, err := s.Vector(line)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		got  record.Span
		want string
	}{
		"id":        {v.ID, `"a\u00e9\n"`},
		"embedding": {v.Embedding, `[1, -0,0.5e-3 ,1e-45]`},
		"metadata":  {v.Metadata, `{"b":1,"a":[true,null,{"x":-1.5e3}]}`},
		"document":  {v.Document, `""`},
	} {
		if got := string(c.got.Of(line)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	if string(v.Key) != "aé\n" {
		t.Errorf("got key %q", v.Key)
	}
	got := floats(v.Bits)
	want := []float32{1, float32(math.Copysign(0, -1)), 0.0005, math.SmallestNonzeroFloat32}
	if v.Dimension != len(want) || len(got) != len(want) {
		t.Fatalf("got dimension %d and %v, want %v", v.Dimension, got, want)
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Errorf("number %d: got %v, want %v", i, got[i], want[i])
		}
	}
}

func TestVectorAbsentAndNull(t *testing.T) {
	var s record.Scanner
	v, err := s.Vector([]byte(`{"id":"a","embedding":[]}`))
	if err != nil || !v.Metadata.Empty() || !v.Document.Empty() || v.Dimension != 0 || v.Bits == nil {
		t.Errorf("got %+v, %v", v, err)
	}
	v, err = s.Vector([]byte(`{"id":"a","embedding":null,"metadata":null,"document":null}`))
	if err != nil || v.Metadata.Empty() || v.Document.Empty() || v.Dimension != -1 || v.Bits != nil {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestVectorRefuses(t *testing.T) {
	deep := strings.Repeat("[", record.MaxDepth-1) + strings.Repeat("]", record.MaxDepth-1)
	for _, c := range []struct {
		name, line string
		offset     int
	}{
		{"Empty", ``, 0},
		{"OnlySpace", `  `, 2},
		{"NoObject", `[1]`, 0},
		{"CutShort", `{"id":"a"`, 9},
		{"CutInKey", `{"id`, 4},
		{"NoColon", `{"id" "a"}`, 6},
		{"NoComma", `{"id":"a" "embedding":[]}`, 10},
		{"TrailingComma", `{"id":"a","embedding":[],}`, 25},
		{"TrailingBytes", `{"id":"a","embedding":[]} x`, 26},
		{"TwoRows", `{"id":"a","embedding":[]}{"id":"b","embedding":[]}`, 25},
		{"UnknownKey", `{"id":"a","embedding":[],"uri":"x"}`, 25},
		{"DuplicateKey", `{"id":"a","embedding":[],"id":"b"}`, 25},
		{"DuplicateEscapedKey", `{"id":"a","embedding":[],"\u0069d":"b"}`, 25},
		{"DuplicateNull", `{"id":"a","embedding":null,"embedding":null}`, 27},
		{"NoID", `{"embedding":[]}`, 0},
		{"NoEmbedding", `{"id":"a"}`, 0},
		{"EmptyID", `{"id":"","embedding":[]}`, 6},
		{"NumericID", `{"id":1,"embedding":[]}`, 6},
		{"NullID", `{"id":null,"embedding":[]}`, 6},
		{"EmbeddingObject", `{"id":"a","embedding":{}}`, 22},
		{"EmbeddingString", `{"id":"a","embedding":"AAAA"}`, 22},
		{"EmbeddingOfStrings", `{"id":"a","embedding":[1,"2"]}`, 25},
		{"EmbeddingOfNulls", `{"id":"a","embedding":[0.1,null]}`, 27},
		{"EmbeddingNested", `{"id":"a","embedding":[[1]]}`, 23},
		{"EmbeddingTrailingComma", `{"id":"a","embedding":[0.25,]}`, 28},
		{"EmbeddingUnclosed", `{"id":"a","embedding":[0.25`, 27},
		{"NumberNaN", `{"id":"a","embedding":[NaN]}`, 23},
		{"NumberInfinity", `{"id":"a","embedding":[-Infinity]}`, 23},
		{"NumberOverflow", `{"id":"a","embedding":[3.5e38]}`, 23},
		{"NumberOverflowNegative", `{"id":"a","embedding":[0,-1e999]}`, 25},
		{"NumberLeadingZero", `{"id":"a","embedding":[01]}`, 23},
		{"NumberLeadingZeroes", `{"id":"a","embedding":[00.5]}`, 23},
		{"NumberPlus", `{"id":"a","embedding":[+1]}`, 23},
		{"NumberNoDigits", `{"id":"a","embedding":[-]}`, 23},
		{"NumberNoInteger", `{"id":"a","embedding":[.5]}`, 23},
		{"NumberLetter", `{"id":"a","embedding":[a.5,0.12345678901234567890]}`, 23},
		{"NumberNoFractionBeforeOthers", `{"id":"a","embedding":[5.,0.12345678901234567890]}`, 23},
		{"NumberNoFraction", `{"id":"a","embedding":[5.]}`, 23},
		{"NumberNoExponent", `{"id":"a","embedding":[5e]}`, 23},
		{"NumberNoExponentDigits", `{"id":"a","embedding":[5e+,1]}`, 23},
		{"NumberHex", `{"id":"a","embedding":[0x1]}`, 24},
		{"NumberUnderscore", `{"id":"a","embedding":[1_0]}`, 24},
		{"NumberTwoPoints", `{"id":"a","embedding":[0.1.2]}`, 26},
		{"MetadataArray", `{"id":"a","embedding":[],"metadata":[]}`, 36},
		{"MetadataString", `{"id":"a","embedding":[],"metadata":"{}"}`, 36},
		{"MetadataDuplicateKey", `{"id":"a","embedding":[],"metadata":{"a":1,"b":2,"\u0061":3}}`, 49},
		{"MetadataTooDeep", `{"id":"a","embedding":[],"metadata":{"a":` + deep + `}}`, 41 + record.MaxDepth - 2},
		{"DocumentNumber", `{"id":"a","embedding":[],"document":1}`, 36},
		{"DocumentUnclosed", `{"id":"a","embedding":[],"document":"abc}`, 41},
		{"BadLiteral", `{"id":"a","embedding":[],"metadata":{"a":nul}}`, 41},
		{"ControlCharacter", "{\"id\":\"a\tb\",\"embedding\":[]}", 8},
		{"NewlineInDocument", "{\"id\":\"a\",\"embedding\":[],\"document\":\"0123456789\n\"}", 47},
		{"NUL", "{\"id\":\"a\x00\",\"embedding\":[]}", 8},
		{"BadEscape", `{"id":"a\x","embedding":[]}`, 8},
		{"BadUnicodeEscape", `{"id":"a\u00g0","embedding":[]}`, 8},
		{"CutUnicodeEscape", `{"id":"a\u00`, 8},
		{"InvalidUTF8", "{\"id\":\"a\xff\",\"embedding\":[]}", 8},
		{"InvalidUTF8InDocument", "{\"id\":\"a\",\"embedding\":[],\"document\":\"0123456789ü\xc3\"}", 49},
		{"InvalidUTF8Outside", "{\"id\":\"a\",\xff\"embedding\":[]}", 10},
		{"OverlongUTF8", "{\"id\":\"\xc0\x80\",\"embedding\":[]}", 7},
		{"SurrogateInUTF8", "{\"id\":\"\xed\xa0\x80\",\"embedding\":[]}", 7},
		{"LoneHighSurrogate", `{"id":"a","embedding":[],"document":"\ud800"}`, 37},
		{"LoneLowSurrogate", `{"id":"a","embedding":[],"metadata":{"k":"x\udc00"}}`, 43},
		{"SurrogatesSwapped", `{"id":"a","embedding":[],"metadata":{"\udc00\ud800":1}}`, 38},
		{"ByteOrderMark", "\ufeff{\"id\":\"a\",\"embedding\":[]}", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s record.Scanner
			v, err := s.Vector([]byte(c.line))
			if err == nil {
				t.Fatalf("got %+v, want an error", v)
			}
			offset(t, err, c.offset)
		})
	}
}
