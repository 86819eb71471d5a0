package storetest

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// awkward are ids that a careless store loses or mangles.
var awkward = []string{
	`quote"back\slash/and'tick`,
	"nul is not here, but\ttab and\nnewline are",
	"ünïcödé 記憶 🧠 e\u0301",
	"%_*?; DROP TABLE Nodes; --",
	" leading and trailing ",
	strings.Repeat("long-", 60),
	"\u2028separator\u2029\ufeff",
	"null", "0", "{}",
}

// ID returns the id of the n-th row of every set: the awkward ones first.
func ID(n int) string {
	if n < len(awkward) {
		return awkward[n]
	}
	return fmt.Sprintf("row-%06d", n)
}

// Vectors returns n vector rows of Dimension numbers, canonical. Rows of equal
// number have equal ids whatever the seed; all else differs with it. With exact
// they hold zeros, denormals and extremes that survive only bit for bit.
func Vectors(seed string, n int, exact bool) []memory.Record {
	random := source(seed)
	rows := make([]memory.Record, n)
	for i := range rows {
		bits := vector(random, exact && i%5 == 0)
		metadata, document := []byte(metadata(seed, i)), document(seed, i)
		rows[i] = must(new(record.Scanner).AppendVector(nil, ID(i), bits, metadata, document))
	}
	return rows
}

// metadata has every type that all stores take; every seventh row has none.
func metadata(seed string, i int) string {
	if i%7 == 3 {
		return "null"
	}
	return fmt.Sprintf(`{"big":%d,"count":%d,"flag":%t,"ratio":%g,"seed":%q,"text":"naïve \"q\" \\ 🧠\n%d"}`,
		int64(math.MaxInt64)-int64(i), i, i%2 == 0, float64(i)+0.5, seed, i)
}

// document is null, empty, or a text.
func document(seed string, i int) *string {
	text := ""
	switch i % 4 {
	case 0:
		return nil
	case 1:
	default:
		text = fmt.Sprintf("%s: document %d, with \"quotes\", ümlauts and\nlines", seed, i)
	}
	return &text
}

func vector(random *rand.Rand, extreme bool) []byte {
	bits := make([]byte, 0, 4*Dimension)
	for range Dimension {
		bits = binary.LittleEndian.AppendUint32(bits, math.Float32bits(random.Float32()*2-1))
	}
	if extreme {
		for i, b := range []uint32{0x80000000, 0x00000001, 0x807fffff, 0x7f7fffff >> 1, 0x3f800001} {
			binary.LittleEndian.PutUint32(bits[4*i:], b)
		}
	}
	return bits
}

// Graph returns n graph rows, nodes first: two of three are nodes, the others
// are edges between them. A few carry columns that their data does not imply,
// or data that is no JSON.
func Graph(seed string, n int) []memory.Record {
	nodes := (2*n + 2) / 3
	rows := make([]memory.Record, 0, n)
	for i := range nodes {
		rows = append(rows, node(seed, i))
	}
	for i := range n - nodes {
		rows = append(rows, edge(seed, i, nodes))
	}
	return rows
}

func node(seed string, i int) memory.Record {
	id := ID(i)
	data := fmt.Sprintf(`{"id":%s,"label":"CONCEPT","properties":{"n":%d,"f":%d.5,"seed":%q,"text":"é \u2028 \\n"}}`,
		quoted(id), i, i, seed)
	var user []byte
	switch i % 9 {
	case 4:
		user = []byte("someone-" + seed) // a column that data does not imply
	case 5:
		data = "not JSON, " + seed + ":\n" + id
	}
	return element(false, id, user, "", "", "", data)
}

// edge goes from and to the first nodes of its graph.
func edge(seed string, i, nodes int) memory.Record {
	from, to := ID(i%nodes), ID((i*7+1)%nodes)
	id := fmt.Sprintf("edge-%06d", i)
	data := fmt.Sprintf(`{"id":%q,"source":%s,"target":%s,"type":"RELATES","properties":{"weight":0.25,"seed":%q}}`,
		id, quoted(from), quoted(to), seed)
	if i%9 == 4 {
		data = "[" + quoted(seed) + "]" // JSON, but no object
	}
	return element(true, id, nil, from, to, "RELATES", data)
}

func element(edge bool, id string, user []byte, from, to, typ, data string) memory.Record {
	var source, target, kind []byte
	if edge {
		source, target, kind = []byte(from), []byte(to), []byte(typ)
	}
	return must(new(record.Scanner).AppendElement(nil, edge, []byte(id), user, source, target, kind, []byte(data)))
}

// Lines returns n lines of a log: JSON, JSON with spaces, other text, and
// every tenth line the same as another.
func Lines(seed string, n int) []memory.Record {
	rows := make([]memory.Record, n)
	for i := range rows {
		switch i % 10 {
		case 7:
			rows[i] = memory.Record(fmt.Sprintf("not JSON – %s %d\r", seed, i))
		case 8:
			rows[i] = memory.Record(fmt.Sprintf(`{ "seed" : %q, "n": %d.0 , "s":"\u00e9" }`, seed, i))
		case 9:
			rows[i] = memory.Record(fmt.Sprintf(`{"seed":%q,"again":true}`, seed))
		default:
			rows[i] = memory.Record(fmt.Sprintf(`{"seed":%q,"n":%d,"text":"記憶 %d"}`, seed, i, i))
		}
	}
	return rows
}

// KeyedLines returns n lines with an id each or, every fifth, a source, a target
// and a type instead.
func KeyedLines(seed string, n int) []memory.Record {
	rows := make([]memory.Record, n)
	for i := range rows {
		key := `"id":` + quoted(ID(i))
		if i%5 == 4 {
			key = fmt.Sprintf(`"source":%s,"target":"t%d","type":"REL"`, quoted(ID(i)), i)
		}
		rows[i] = memory.Record(fmt.Sprintf(`{%s,"seed":%q,"n":%d}`, key, seed, i))
	}
	return rows
}

func quoted(s string) string { return string(record.AppendString(nil, []byte(s))) }

func source(seed string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(seed))
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}

// must is for rows that the suite makes itself.
func must(row []byte, err error) memory.Record {
	if err != nil {
		panic(fmt.Sprintf("storetest makes a row that record refuses: %v", err))
	}
	return row
}
