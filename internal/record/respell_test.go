package record_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"unicode/utf16"

	"keepsake/internal/record"
)

// respell writes valid JSON another way: keys in the opposite order, equal ones
// in their own, every character escaped, and whitespace wherever it may be.
func respell(t *testing.T, value []byte) []byte {
	t.Helper()
	if err := record.Valid(value); err != nil {
		t.Fatal(err)
	}
	p := respeller{in: value}
	p.value()
	return p.out
}

// respeller is a parser that trusts its input, and shares nothing with the one
// that it helps to test.
type respeller struct {
	in, out []byte
	i       int
}

func (p *respeller) space() {
	for p.i < len(p.in) && (p.in[p.i] == ' ' || p.in[p.i] == '\n' || p.in[p.i] == '\r' || p.in[p.i] == '\t') {
		p.i++
	}
}

func (p *respeller) value() {
	p.space()
	p.out = append(p.out, "\n\t"...)
	switch p.in[p.i] {
	case '{':
		p.object()
	case '[':
		p.array()
	case '"':
		p.text()
	default:
		for p.i < len(p.in) && p.in[p.i] > ' ' && p.in[p.i] != ',' && p.in[p.i] != ']' && p.in[p.i] != '}' {
			p.out = append(p.out, p.in[p.i])
			p.i++
		}
	}
	p.out = append(p.out, " \r"...)
	p.space()
}

func (p *respeller) array() {
	p.out = append(p.out, '[')
	for p.i++; ; p.i++ {
		if p.space(); p.in[p.i] != ']' {
			p.value()
		}
		p.out = append(p.out, p.in[p.i])
		if p.in[p.i] == ']' {
			p.i++
			return
		}
	}
}

func (p *respeller) object() {
	type member struct{ key, text string }
	var members []member
	before := p.out
	for p.i++; ; p.i++ {
		if p.space(); p.in[p.i] != '}' {
			p.out = nil
			p.text()
			key := string(p.out)
			p.space()
			p.out = append(p.out, " :"...)
			p.i++
			p.value()
			members = append(members, member{key, string(p.out)})
		}
		if p.in[p.i] == '}' {
			p.i++
			break
		}
	}
	slices.SortStableFunc(members, func(a, b member) int {
		switch {
		case a.key == b.key:
			return 0
		case a.key > b.key:
			return -1
		}
		return 1
	})
	p.out = before
	p.out = append(p.out, '{')
	for i, m := range members {
		if i > 0 {
			p.out = append(p.out, ", "...)
		}
		p.out = append(p.out, m.text...)
	}
	p.out = append(p.out, '}')
}

// text writes a string with an escape for every UTF-16 unit.
func (p *respeller) text() {
	p.out = append(p.out, '"')
	for p.i++; p.in[p.i] != '"'; {
		if p.in[p.i] != '\\' {
			n := 1
			for p.in[p.i+n]&0xc0 == 0x80 {
				n++
			}
			for _, unit := range utf16.Encode([]rune(string(p.in[p.i : p.i+n]))) {
				p.out = fmt.Appendf(p.out, "\\u%04X", unit)
			}
			p.i += n
			continue
		}
		if p.in[p.i+1] == 'u' {
			p.out = append(append(p.out, `\u`...), bytes.ToUpper(p.in[p.i+2:p.i+6])...)
			p.i += 6
			continue
		}
		units := map[byte]int{'b': 8, 'f': 12, 'n': 10, 'r': 13, 't': 9, '"': '"', '\\': '\\', '/': '/'}
		p.out = fmt.Appendf(p.out, "\\u%04X", units[p.in[p.i+1]])
		p.i += 2
	}
	p.i++
	p.out = append(p.out, '"')
}
