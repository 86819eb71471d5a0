package collections_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// floats holds every class of float32, at its edges, and random bits.
func floats() []float32 {
	edges := []uint32{
		0x00000000, 0x80000000, // zeros
		0x00000001, 0x80000001, 0x007fffff, 0x807fffff, // denormals
		0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, // normals
		0x3f800000, 0x3f800001, 0x3f7fffff, 0x33d6bf95, 0x4b7fffff, 0x4b800000, 0x5f000000,
	}
	random := rand.New(rand.NewPCG(1, 2))
	for len(edges) < 4096 {
		if b := random.Uint32(); b&0x7f800000 != 0x7f800000 {
			edges = append(edges, b)
		}
	}
	numbers := make([]float32, len(edges))
	for i, b := range edges {
		numbers[i] = math.Float32frombits(b)
	}
	return numbers
}

// T12: what goes in comes out with the same digest.
func TestRoundTrip(t *testing.T) {
	long := `"` + strings.Repeat(`déjà \"vu\" 記憶 `, 10<<20/20) + `"`
	ids := []string{"a", "\x00", "nul\x00in", "e\u0301", "é", "🧠", "\u2028\ufeff", `"\`, " ", strings.Repeat("x", 100_000), "A", "DROP TABLE records; --"}
	one := []float32{1}
	var unicode []memory.Record
	for _, id := range ids {
		unicode = append(unicode, line(id, one, "null", "null"))
	}
	for _, test := range []struct {
		name      string
		dimension int
		rows      []memory.Record
	}{
		{"EveryFloat", 4096, []memory.Record{line("a", floats(), "null", "null")}},
		{"IDs", 1, unicode},
		{"LongDocument", 1, []memory.Record{line("a", one, "null", long)}},
		{"NullAndEmpty", 1, []memory.Record{
			line("1", one, "null", "null"), line("2", one, "{}", `""`), line("3", one, "null", `""`), line("4", one, "{}", "null"),
		}},
		{"DocumentWithNUL", 1, []memory.Record{line("a", one, "null", `"a\u0000b"`)}},
		{"Metadata", 1, []memory.Record{
			line("a", one, `{"z":1,"a":{"deep":[1,2.50,{"x":null}],"b":[]},"big":9223372036854775807,"f":1.0,"exp":1e300,"é":"\u00e9\n","t":true}`, "null"),
		}},
		{"NoRows", 1, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, _ := fresh(t)
			merge(t, s, spec(test.dimension), test.rows...)
			got, capture := read(t, s)
			if len(got) != len(test.rows) || !capture.Complete() || capture.Held != int64(len(test.rows)) {
				t.Fatalf("got %d rows, %+v, want %d", len(got), capture, len(test.rows))
			}
			for i, rec := range got {
				if digest(t, rec) != digest(t, test.rows[i]) {
					t.Errorf("row %d: got %.300s\nwant %.300s", i, rec, test.rows[i])
				}
			}
		})
	}
}

func TestFloatsAreStoredAsTheirBits(t *testing.T) {
	s, path := fresh(t)
	merge(t, s, spec(4096), line("a", floats(), "null", "null"))
	var got []byte
	if err := raw(t, path).QueryRow(`SELECT embedding FROM records`).Scan(&got); err != nil {
		t.Fatal(err)
	}
	for i, want := range floats() {
		if b := binary.LittleEndian.Uint32(got[4*i:]); b != math.Float32bits(want) {
			t.Errorf("number %d: got %08x, want %08x", i, b, math.Float32bits(want))
		}
	}
}

// A row that was damaged behind our back is salvaged or listed, not lost.
func TestDamagedRows(t *testing.T) {
	for _, test := range []struct {
		name, statement        string
		salvaged, unreadable   int
		wantNull, wantEndError bool
	}{
		{name: "VectorTooShort", statement: `UPDATE records SET embedding = x'0000803f' WHERE id = 'b'`, salvaged: 1},
		{name: "VectorInfinite", statement: `UPDATE records SET embedding = x'0000807f0000803f' WHERE id = 'b'`, salvaged: 1},
		{name: "MetadataNoJSON", statement: `UPDATE records SET metadata = '{"k":' WHERE id = 'b'`, unreadable: 1},
		{name: "DocumentNoUTF8", statement: `UPDATE records SET document = cast(x'ff' AS TEXT) WHERE id = 'b'`, unreadable: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filled(t)
			do(t, raw(t, path), test.statement)
			rows, capture := read(t, at(path))
			if len(rows) != 3-test.unreadable || capture.Salvaged != int64(test.salvaged) || len(capture.Unreadable) != test.unreadable {
				t.Fatalf("got %d rows, %+v", len(rows), capture)
			}
			if capture.Complete() || capture.Missing != 0 {
				t.Errorf("got %+v, want it incomplete, and nothing missing", capture)
			}
			if test.unreadable == 1 && capture.Unreadable[0] != "b" {
				t.Errorf("got unreadable %q, want b", capture.Unreadable)
			}
			if want := `{"id":"b","embedding":null,`; test.salvaged == 1 && !strings.HasPrefix(string(rows[1]), want) {
				t.Errorf("got %s, want %s…", rows[1], want)
			}
		})
	}
}

// All of a session is of one moment, that of Open.
func TestSessionIsOneLook(t *testing.T) {
	path := filled(t)
	session, err := at(path).Open(t.Context(), []memory.Section{section, memory.Summaries, section})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	do(t, raw(t, path), `DELETE FROM records`)
	do(t, raw(t, path), `INSERT INTO collections (id, name, distance, dimension) VALUES ('late', 'agent-sessions', 'l2', 2)`)
	specs, err := session.Sections(t.Context())
	if err != nil || len(specs) != 1 || specs[0].Rows != 3 {
		t.Errorf("got %+v, %v, want one section of 3 rows", specs, err)
	}
	reading, err := session.Read(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, err := range reading.All() {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if rows != 3 {
		t.Errorf("got %d rows, want the 3 that were there at Open", rows)
	}
}

// Sections come sorted and once, however they were asked for.
func TestSectionsAreSorted(t *testing.T) {
	s, _ := fresh(t)
	other := spec(2)
	other.Name = memory.Summaries
	merge(t, s, other)
	merge(t, s, spec(2))
	for _, asked := range [][]memory.Section{nil, {memory.Summaries, section, memory.Summaries, "kb/other"}} {
		session, err := s.Open(t.Context(), asked)
		if err != nil {
			t.Fatal(err)
		}
		specs, err := session.Sections(t.Context())
		if err != nil || len(specs) != 2 || specs[0].Name != section || specs[1].Name != memory.Summaries {
			t.Errorf("asked for %v: got %+v, %v, want %s and %s", asked, specs, err, section, memory.Summaries)
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Pages that are damaged in the middle end the reading with an error.
func TestDamagedPages(t *testing.T) {
	s, path := fresh(t)
	var rows []memory.Record
	for i := range 2000 {
		rows = append(rows, line(fmt.Sprint(i), make([]float32, 64), "null", "null"))
	}
	merge(t, s, spec(64), rows...)
	for page := 20; page < 60; page += 10 {
		patch(t, path, int64(page)*pageSize, make([]byte, pageSize))
	}
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		if !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("got %v, want ErrUnreachable", err)
		}
		return
	}
	defer session.Close()
	reading, err := session.Read(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range reading.All() {
		last = err
	}
	if !errors.Is(last, store.ErrUnreadable) || !strings.Contains(last.Error(), "the file is damaged") {
		t.Errorf("got %v, want ErrUnreadable for a damaged file", last)
	}
	if _, err := reading.Capture(); !errors.Is(err, store.ErrNotRead) {
		t.Errorf("capture: got %v, want ErrNotRead", err)
	}
}

// The count comes from the index and the rows from the table: rows that one of
// them has lost are missing, not unseen.
func TestRowsThatTheIndexHasLost(t *testing.T) {
	path := filled(t)
	db := raw(t, path)
	// An entry of the index without its row, made by hiding the index from a
	// delete.
	const with, without = `UNIQUE (collection, id)`, `CHECK (1)`
	do(t, db, `CREATE TABLE hidden AS SELECT * FROM sqlite_schema WHERE name = 'sqlite_autoindex_records_1'`)
	do(t, db, `PRAGMA writable_schema = ON`)
	do(t, db, `UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'records'`, with, without)
	do(t, db, `DELETE FROM sqlite_schema WHERE name = 'sqlite_autoindex_records_1'`)
	do(t, db, `PRAGMA writable_schema = RESET`)
	do(t, db, `DELETE FROM records WHERE id = 'b'`)
	do(t, db, `PRAGMA writable_schema = ON`)
	do(t, db, `UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'records'`, without, with)
	do(t, db, `INSERT INTO sqlite_schema SELECT * FROM hidden`)
	closeDB(t, db)
	rows, capture := read(t, at(path))
	if capture.Missing != 1 || capture.Complete() || len(rows) != 2 {
		t.Errorf("got %d rows, %+v, want one missing", len(rows), capture)
	}
}

// numbered yields n rows of eight numbers through one buffer.
func numbered(n int) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		var scanner record.Scanner
		var rec []byte
		vector := make([]byte, 32)
		for i := range n {
			for j := range 8 {
				binary.LittleEndian.PutUint32(vector[4*j:], math.Float32bits(float32(i)/float32(j+1)))
			}
			var err error
			rec, err = scanner.AppendVector(rec[:0], fmt.Sprintf("row-%d", i), vector, []byte(`{"n":1}`), nil)
			if !yield(rec, err) {
				return
			}
		}
	}
}

// 200,000 rows are 16 MB of lines; neither way holds more than a batch of ids.
// SQLite's own pages are outside of Go's heap, two megabytes by its default.
func TestMemoryIsBounded(t *testing.T) {
	const n, bound = 200_000, 1 << 20
	s, _ := fresh(t)
	watch := newHeap()
	result, err := s.Merge(t.Context(), spec(8), watch.over(numbered(n)), store.MergeOptions{})
	if err != nil || result.Added != n || !result.Complete() {
		t.Fatalf("got %+v, %v, want %d rows in", result, err, n)
	}
	if watch.growth() > bound {
		t.Errorf("merge: the heap grew by %d bytes, want at most %d", watch.growth(), bound)
	}
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	reading, err := session.Read(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	watch, count := newHeap(), 0
	for _, err := range watch.over(reading.All()) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != n || watch.growth() > bound {
		t.Errorf("read: got %d rows, the heap grew by %d bytes, want %d and at most %d", count, watch.growth(), n, bound)
	}
}

// heap watches how much is live at its peak, above what was live at first.
type heap struct{ base, peak uint64 }

func newHeap() *heap {
	h := &heap{}
	h.base = h.live()
	return h
}

func (h *heap) live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	h.peak = max(h.peak, m.HeapAlloc)
	return m.HeapAlloc
}

func (h *heap) growth() uint64 { return h.peak - min(h.base, h.peak) }

// over looks at the heap every now and then, in the middle of batches.
func (h *heap) over(records iter.Seq2[memory.Record, error]) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		n := 0
		for rec, err := range records {
			if n++; n%19_499 == 0 {
				h.live()
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

// The loop of ours allocates nothing: what is left is what the driver hands out
// per row, a buffer and a value for each column, and its step.
func TestReadingAllocates(t *testing.T) {
	const n = 5000
	s, _ := fresh(t)
	if _, err := s.Merge(t.Context(), spec(8), numbered(n), store.MergeOptions{}); err != nil {
		t.Fatal(err)
	}
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	perRun := testing.AllocsPerRun(3, func() {
		reading, err := session.Read(t.Context(), section)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range reading.All() {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if perRow := perRun / n; perRow > 7 {
		t.Errorf("got %.2f allocations a row, want at most the driver's 6", perRow)
	}
}
