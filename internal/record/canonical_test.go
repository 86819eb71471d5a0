package record_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"keepsake/internal/record"
)

func TestAppendCanonical(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"Whitespace", " {\n\"b\" : [ 1 ,\ttrue , null ] ,\r\"a\":{ } }\n", `{"a":{},"b":[1,true,null]}`},
		{"KeysByUTF8", `{"😀":1,"\uffff":2,"z":3,"é":4,"":5,"Z":6,"aa":7,"a":8}`, "{\"\":5,\"Z\":6,\"a\":8,\"aa\":7,\"z\":3,\"é\":4,\"\uffff\":2,\"😀\":1}"},
		{"KeysDecoded", `{"b":1,"\u0061":2}`, `{"a":2,"b":1}`},
		{"Nested", `[{"b":{"d":1,"c":[{"f":1,"e":2}]},"a":2}]`, `[{"a":2,"b":{"c":[{"e":2,"f":1}],"d":1}}]`},
		{"EqualKeysKept", `{"b":1,"a":2,"b":0,"a":1}`, `{"a":2,"a":1,"b":1,"b":0}`},
		{
			"Escapes", `"\u0041\/\b\f\n\r\t\u0001\u001f\u007f\"\\\u00e9\ud83d\ude00\u2028"`,
			"\"A/\\u0008\\u000c\\u000a\\u000d\\u0009\\u0001\\u001f\x7f\\\"\\\\é😀\u2028\"",
		},
		{"HalfSurrogatePairs", `["\uD83D","\ude00\uD83D","\ud83dx\\\uDE00"]`, `["\ud83d","\ude00\ud83d","\ud83dx\\\ude00"]`},
		{"HalfSurrogatePairKeys", `{"\ude00":1,"\ud83d":2}`, `{"\ud83d":2,"\ude00":1}`},
		{"Integers", `[0,1,-1,9223372036854775807,-9223372036854775808]`, `[0,1,-1,9223372036854775807,-9223372036854775808]`},
		{
			"PastIntegers", `[9223372036854775808,-9223372036854775809,123456789012345678901234567890]`,
			`[9.223372036854775808e+18,-9.223372036854775808e+18,1.2345678901234568e+29]`,
		},
		{"IntegersWithAPoint", `[1.0,1e0,-1E0,10e-1,100,1e2]`, `[1e+00,1e+00,-1e+00,1e+00,100,1e+02]`},
		{"Zeros", `[0,-0,0.0,-0.0,0e5,-0e-5]`, `[0,0e+00,0e+00,0e+00,0e+00,0e+00]`},
		{
			"Floats", `[0.1,1.50,5e-324,2e-324,1.7976931348623157e308,-1e-400,0.1234567890123456789,1e23,8.5e22]`,
			`[1e-01,1.5e+00,5e-324,0e+00,1.7976931348623157e+308,0e+00,1.2345678901234568e-01,1e+23,8.5e+22]`,
		},
		{"Scalars", ` "x" `, `"x"`},
		{"Literal", `false`, `false`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := record.AppendCanonical(nil, []byte(c.value))
			want := strings.NewReplacer("9.223372036854775808e", "9.223372036854776e").Replace(c.want)
			if err != nil || string(got) != want {
				t.Errorf("got %s %v\nwant %s", got, err, want)
			}
			again, err := record.AppendCanonical(nil, got)
			if err != nil || string(again) != want {
				t.Errorf("canonical form of %s: got %s %v", got, again, err)
			}
		})
	}
}

// TestManyEqualKeys has more of them than a sort keeps in order by chance.
func TestManyEqualKeys(t *testing.T) {
	var value, want []byte
	for i := range 100 {
		value = fmt.Appendf(value, `"b":%d,"a":%d,`, i, i)
	}
	for _, key := range []string{"a", "b"} {
		for i := range 100 {
			want = fmt.Appendf(want, `%q:%d,`, key, i)
		}
	}
	got, err := record.AppendCanonical(nil, []byte("{"+strings.TrimSuffix(string(value), ",")+"}"))
	if err != nil || string(got) != "{"+strings.TrimSuffix(string(want), ",")+"}" {
		t.Errorf("got %s %v", got, err)
	}
}

// TestCanonicalFloats compares the floats of the canonical form with strconv.
func TestCanonicalFloats(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	check := func(number []byte) {
		f, err := strconv.ParseFloat(string(number), 64)
		want := strconv.AppendFloat(nil, f, 'e', -1, 64)
		got, gotErr := record.AppendCanonical(nil, number)
		if (gotErr == nil) != (err == nil) || err == nil && string(got) != string(want) {
			t.Fatalf("%s: got %s %v, want %s %v", number, got, gotErr, want, err)
		}
	}
	for range 5_000 {
		for _, f := range []float64{math.Float64frombits(rng.Uint64()), rng.NormFloat64(), math.Trunc(rng.Float64()*1e6) / 1e3} {
			if f == 0 || math.IsNaN(f) || math.IsInf(f, 0) {
				continue
			}
			for _, digits := range []int{-1, 3, 15, 16, 17, 18, 19, 20} {
				check(strconv.AppendFloat(nil, f, 'e', digits, 64))
			}
			check(fmt.Appendf(nil, "%d.5e%d", rng.Int64N(1<<53), rng.IntN(70)-35))
		}
	}
}

func TestAppendCanonicalRefuses(t *testing.T) {
	for _, c := range []struct {
		name, value string
		offset      int
	}{
		{"Empty", ``, 0},
		{"PastFloat64", `{"a":[1,1e400]}`, 8},
		{"Broken", `{"a":[1,}`, 8},
		{"BrokenKey", `{"b":1,"a`, 9},
		{"BrokenAfterUnsorted", `{"b":1,"a":2,"":tru}`, 16},
		{"Word", `nil`, 0},
		{"Two", `1 2`, 2},
		{"InvalidUTF8", "\"\xff\"", 1},
		{"TooDeep", strings.Repeat("[", record.MaxDepth+1), record.MaxDepth},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := record.AppendCanonical(nil, []byte(c.value))
			if err == nil {
				t.Fatalf("got %s, want an error", got)
			}
			offset(t, err, c.offset)
		})
	}
}

func TestValid(t *testing.T) {
	for _, value := range []string{
		`0`, `-0.5E+10`, ` {"a":[],"a":{}} `, `"\ud800"`, `[[[]]]`, `[true,false,null]`, "\"\u2028\x7f\"",
		strings.Repeat("[", record.MaxDepth) + strings.Repeat("]", record.MaxDepth),
	} {
		if err := record.Valid([]byte(value)); err != nil {
			t.Errorf("%s: got %v", value, err)
		}
	}
	for name, value := range map[string]string{
		"Empty": "", "Space": " ", "Two": "1 1", "Cut": "[1", "Comma": "[1,]", "Colon": `{"a",1}`, "Key": `{a:1}`,
		"Word": "nulL", "Number": "1.", "String": `"a`, "Quote": `'a'`, "Control": "\"\n\"", "UTF8": "\"\xe9\"",
		"TooDeep": strings.Repeat("[", record.MaxDepth+1) + strings.Repeat("]", record.MaxDepth+1),
	} {
		t.Run(name, func(t *testing.T) {
			if err := record.Valid([]byte(value)); err == nil {
				t.Errorf("%s: got no error", value)
			}
		})
	}
}

func TestAppendCompact(t *testing.T) {
	got, err := record.AppendCompact([]byte("> "), []byte("{ \"b c\" : [ 1.50 , \" \\\" \" ] ,\n\"a\":\t-0\r} "))
	if want := `> {"b c":[1.50," \" "],"a":-0}`; err != nil || string(got) != want {
		t.Errorf("got %s %v, want %s", got, err, want)
	}
	if _, err := record.AppendCompact(nil, []byte(`[1 2]`)); err == nil {
		t.Error("got no error for [1 2]")
	}
}

func TestAppendSorted(t *testing.T) {
	got, err := record.AppendSorted([]byte("> "), []byte(`{ "b" : {"z": 1,"y":2.50} , "\u0061" : "\u0041" ,"b":0, "":[ ]}`))
	if want := `> {"":[],"\u0061":"\u0041","b":{"z":1,"y":2.50},"b":0}`; err != nil || string(got) != want {
		t.Errorf("got %s %v, want %s", got, err, want)
	}
	for _, value := range []string{``, `[]`, `{"a":1`, `{"a":1}}`, `{"a"}`, `null`} {
		if got, err := record.AppendSorted(nil, []byte(value)); err == nil {
			t.Errorf("%s: got %s, want an error", value, got)
		}
	}
}

func TestLookup(t *testing.T) {
	object := ` {"a":{"b":[1],"\u0063":"x"},"d":null,"a2":1,"e":{},"e":{"f":2}}`
	for _, c := range []struct {
		path []string
		want string
	}{
		{nil, object},
		{[]string{"a"}, `{"b":[1],"\u0063":"x"}`},
		{[]string{"a", "b"}, `[1]`},
		{[]string{"a", "c"}, `"x"`},
		{[]string{"d"}, `null`},
		{[]string{"e", "f"}, `2`},
		{[]string{"b"}, ""},
		{[]string{"a", "b", "c"}, ""},
		{[]string{"d", "e"}, ""},
	} {
		span, ok := record.Lookup([]byte(object), c.path...)
		if got := string(span.Of([]byte(object))); got != c.want || ok != (c.want != "") {
			t.Errorf("%q: got %q %v, want %q", c.path, got, ok, c.want)
		}
	}
}

func TestStrings(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `""`},
		{"plain", `"plain"`},
		{"a \"quoted\" \\ / text that is long", `"a \"quoted\" \\ / text that is long"`},
		{"\x00\b\t\n\v\f\r\x1f\x7f", "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\""},
		{"é\u2028😀", "\"é\u2028😀\""},
	} {
		got := record.AppendString(nil, []byte(c.text))
		if string(got) != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
		back, err := record.AppendUnquoted(nil, got)
		if err != nil || string(back) != c.text {
			t.Errorf("%s: got back %q %v", got, back, err)
		}
	}
	got, err := record.AppendUnquoted([]byte("> "), []byte(`"\u0041\/\uD83d\uDe00\b\f\n\r\t\"\\"`))
	if want := "> A/😀\b\f\n\r\t\"\\"; err != nil || string(got) != want {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
	for _, token := range []string{``, `"`, `"a`, `a"`, `"a"b`, `"a" `, `1`, `"\ud800"`, `"\udc00\ud800"`, `"\ud800\u0041"`, `"\u12"`, `"\U0041"`, "\"\xff\""} {
		if got, err := record.AppendUnquoted(nil, []byte(token)); err == nil {
			t.Errorf("%s: got %q, want an error", token, got)
		}
	}
}

// TestStringLengths puts what ends or spoils a string at every distance from
// the start, on both sides of the eight bytes that are looked at together.
func TestStringLengths(t *testing.T) {
	for n := range 40 {
		for _, filler := range []string{"a", "é", "~", " "} {
			text := strings.Repeat(filler, n)
			for _, tail := range []string{"", "b", "12345678", "é"} {
				got, err := record.AppendUnquoted(nil, []byte(`"`+text+`\n`+tail+`"`))
				if err != nil || string(got) != text+"\n"+tail {
					t.Errorf("%d %s %s: got %q %v", n, filler, tail, got, err)
				}
				for name, bad := range map[string]string{"Control": "\x1f", "NUL": "\x00", "UTF8": "\x80", "Quote": `"`} {
					if got, err := record.AppendUnquoted(nil, []byte(`"`+text+bad+tail+`"`)); err == nil {
						t.Errorf("%s after %d %s: got %q, want an error", name, n, filler, got)
					}
				}
			}
		}
	}
}

func TestLine(t *testing.T) {
	for _, c := range []struct {
		name, line string
		json, bad  bool
	}{
		{"Object", ` {"a":"\ud800"} `, true, false},
		{"Array", `[1]`, false, false},
		{"Text", `m-1 sent`, false, false},
		{"Empty", ``, false, false},
		{"NUL", "a\x00", false, false},
		{"Torn", `{"a":1`, false, false},
		{"TooDeep", strings.Repeat(`{"a":`, record.MaxDepth+1) + "1" + strings.Repeat("}", record.MaxDepth+1), false, false},
		{"InvalidUTF8", "{\"a\":\"\xff\"}", false, true},
		{"InvalidUTF8InText", "caf\xe9", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s record.Scanner
			json, err := s.Line([]byte(c.line))
			if json != c.json || (err != nil) != c.bad {
				t.Errorf("got %v %v, want %v, error %v", json, err, c.json, c.bad)
			}
		})
	}
}
