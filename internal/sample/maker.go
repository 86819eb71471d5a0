package sample

import (
	"encoding/hex"
	"strconv"
	"time"

	"keepsake/internal/record"
)

// maker writes records into line. Its buffers are reused.
type maker struct {
	dice
	embedder embedder
	rows     int
	line     []byte
	text     []byte
}

// dice is the generator SplitMix64 (Steele, Lea, Flood: Fast Splittable
// Pseudorandom Number Generators, 2014): a few instructions a number.
type dice struct{ state uint64 }

func newDice(seed, row uint64) dice {
	d := dice{seed + row*0xd1342543de82ef95}
	return dice{d.next()}
}

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (d *dice) below(n int) int { return int(d.next() >> 33 % uint64(n)) }

func (d *dice) pick(from []string) string { return from[d.below(len(from))] }

// key begins a member of the object that is being written.
func (m *maker) key(name string) {
	if last := m.line[len(m.line)-1]; last != '{' && last != '[' {
		m.line = append(m.line, ',')
	}
	m.line = append(m.line, '"')
	m.line = append(m.line, name...)
	m.line = append(m.line, `":`...)
}

func (m *maker) raw(json string) { m.line = append(m.line, json...) }

func (m *maker) str(name, value string) {
	m.text = append(m.text[:0], value...)
	m.strText(name)
}

// strText writes m.text as the value of a member.
func (m *maker) strText(name string) {
	m.key(name)
	m.line = record.AppendString(m.line, m.text)
}

func (m *maker) num(name string, value int64) {
	m.key(name)
	m.line = strconv.AppendInt(m.line, value, 10)
}

// fraction writes hundredths: 87 is 0.87.
func (m *maker) fraction(name string, hundredths int) {
	m.key(name)
	m.line = strconv.AppendFloat(m.line, float64(hundredths)/100, 'f', 2, 64)
}

func (m *maker) flag(name string, value bool) {
	m.key(name)
	m.line = strconv.AppendBool(m.line, value)
}

// vectorRow writes a row whose id is in m.text; metadata writes the members of
// its metadata, and document, unless nil, puts the document into m.text.
func (m *maker) vectorRow(topic int, metadata func(), document func()) {
	m.raw(`{"id":`)
	m.line = record.AppendString(m.line, m.text)
	m.raw(`,"embedding":`)
	m.line = m.embedder.append(m.line, topic, &m.dice)
	m.raw(`,"metadata":{`)
	metadata()
	m.raw(`}`)
	if document == nil {
		m.raw(`,"document":null}`)
		return
	}
	m.text = m.text[:0]
	document()
	m.strText("document")
	m.raw(`}`)
}

// began is when the workshop's agent was set to work: 1 May 2026, 08:00 UTC.
const began = 1_777_622_400_000

// at returns the moment of the i-th memory, in milliseconds.
func at(i int) int64 { return began + int64(i)*7*60_000 }

func appendISO(dst []byte, milliseconds int64) []byte {
	return time.UnixMilli(milliseconds).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// appendUUID writes a random uuid that ends with i, so that no two are equal.
func (m *maker) appendUUID(dst []byte, i int) []byte {
	var b [16]byte
	high, low := m.next(), uint64(i)
	for j := range 8 {
		b[j], b[8+j] = byte(high>>(8*j)), byte(low>>(56-8*j))
	}
	b[6], b[8], b[9] = b[6]&0x0f|0x40, byte(high)&0x3f|0x80, byte(high>>8)
	for j, part := range [][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		if j > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, b[part[0]:part[1]])
	}
	return dst
}

// numbered appends a name and a number of at least four digits.
func numbered(dst []byte, name string, i int) []byte {
	dst = append(dst, name...)
	for width := 1000; width > 1 && i < width; width /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(i), 10)
}
