package chromadir_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/storetest"
)

// What is in the directory that gets damaged: rows 0 to 799 of each collection
// were saved in its index, and the queue has those from 799 on.
const (
	allRows   = 1000
	batch     = 200
	savedRows = 800
	queueFrom = 799
)

// element is the size of an element with 8 numbers and 32 links.
const (
	elementSize = 4 + 32*4 + 8*4 + 8
	labelAt     = elementSize - 8
)

// hurt is a copy of the directory, to be damaged.
type hurt struct {
	dir string
	// folders are those of the indexes, by collection.
	folders map[string]string
}

func (h hurt) file(collection, name string) string {
	return filepath.Join(h.dir, h.folders[collection], name)
}

func (h hurt) database() string { return filepath.Join(h.dir, "chroma.sqlite3") }

// left is what can be had of a collection.
type left struct{ whole, vectorless, documentless, unnamed, unreadable int64 }

type damage struct {
	name string
	do   func(t *testing.T, h hurt)
	// strict is what Open says, "" where it reads all the same.
	strict string
	// anonymous says that collections have lost their names.
	anonymous bool
	rows      func(t *testing.T, h hurt) left // of the l2 collection
	angles    func(t *testing.T, h hurt) left // of the cosine one; nil for all
}

func exactly(l left) func(*testing.T, hurt) left { return func(*testing.T, hurt) left { return l } }

var all = exactly(left{whole: allRows})

// onlyQueue is what there is of a collection whose index is lost.
var onlyQueue = left{whole: allRows - queueFrom, vectorless: queueFrom}

func damages() []damage {
	return []damage{
		{
			name: "DatabaseHeader", strict: "chroma.sqlite3 is damaged", anonymous: true,
			do:     func(t *testing.T, h hurt) { overwrite(t, h.database(), 0, make([]byte, 100)) },
			rows:   exactly(left{documentless: savedRows}),
			angles: exactly(left{documentless: savedRows}),
		},
		{
			name: "NoDatabase", strict: "it holds no chroma.sqlite3", anonymous: true,
			do:     func(t *testing.T, h hurt) { drop(t, h.database()) },
			rows:   exactly(left{documentless: savedRows}),
			angles: exactly(left{documentless: savedRows}),
		},
		{
			name: "EmptyDatabase", strict: "no such table", anonymous: true,
			do:     func(t *testing.T, h hurt) { cut(t, h.database(), 0) },
			rows:   exactly(left{documentless: savedRows}),
			angles: exactly(left{documentless: savedRows}),
		},
		{
			name: "DatabaseHeaderAndPickle", strict: "chroma.sqlite3 is damaged", anonymous: true,
			do: func(t *testing.T, h hurt) {
				overwrite(t, h.database(), 0, make([]byte, 100))
				drop(t, h.file("rows", "index_metadata.pickle"))
				cut(t, h.file("angles", "index_metadata.pickle"), 10)
			},
			rows:   exactly(left{unnamed: savedRows}),
			angles: exactly(left{unnamed: savedRows}),
		},
		{
			name: "MetadataPages", strict: "chroma.sqlite3 is damaged",
			do:   func(t *testing.T, h hurt) { ruin(t, h.database(), "embedding_metadata", 3) },
			rows: metadataLost("rows"), angles: metadataLost("angles"),
		},
		{
			name: "RowPages", strict: "chroma.sqlite3 is damaged",
			do:   func(t *testing.T, h hurt) { ruin(t, h.database(), "embeddings", 2) },
			rows: all, // the index of their ids has all that is needed
		},
		{
			name: "NoIndex", strict: "rows have no vector",
			do: func(t *testing.T, h hurt) {
				if err := os.RemoveAll(h.file("rows", "")); err != nil {
					t.Fatal(err)
				}
			},
			rows: exactly(onlyQueue),
		},
		{
			name: "NoPickle", strict: "index_metadata.pickle",
			do:   func(t *testing.T, h hurt) { drop(t, h.file("rows", "index_metadata.pickle")) },
			rows: exactly(left{whole: onlyQueue.whole, vectorless: onlyQueue.vectorless, unnamed: savedRows}),
		},
		{
			name: "TornPickle", strict: "index_metadata.pickle: unexpected EOF",
			do: func(t *testing.T, h hurt) { cut(t, h.file("rows", "index_metadata.pickle"), 9876) },
			rows: func(t *testing.T, h hurt) left {
				known := named(t, h.file("rows", "index_metadata.pickle"))
				delete(known, storetest.ID(queueFrom))
				n := int64(len(known))
				return left{whole: n + onlyQueue.whole, vectorless: onlyQueue.vectorless - n, unnamed: savedRows - n - unnamedQueue(t, h)}
			},
		},
		{
			name: "StrangePickle", strict: "an object of a class that no such file holds",
			do: func(t *testing.T, h hurt) {
				overwrite(t, h.file("rows", "index_metadata.pickle"), 2, []byte("cos\nsystem\n(S'true'\ntR."))
			},
			rows: exactly(left{whole: onlyQueue.whole, vectorless: onlyQueue.vectorless, unnamed: savedRows}),
		},
		{
			name: "HeaderGarbage", strict: "header.bin",
			do: func(t *testing.T, h hurt) {
				overwrite(t, h.file("rows", "header.bin"), 0, bytes.Repeat([]byte{0xa5}, 100))
			},
			rows: exactly(onlyQueue),
		},
		{
			name: "HeaderCountsTooFew", strict: "the index has no element of its label",
			do: func(t *testing.T, h hurt) {
				overwrite(t, h.file("rows", "header.bin"), 20, binary.LittleEndian.AppendUint64(nil, 600))
			},
			rows: firstElements(600),
		},
		{
			name: "HeaderCountsTooMany",
			do: func(t *testing.T, h hurt) {
				many := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 1<<20), 1<<19)
				overwrite(t, h.file("rows", "header.bin"), 12, many)
			},
			rows: all,
		},
		{
			name: "ShortElements", strict: "data_level0.bin: it holds 300 of 800 elements",
			do:   func(t *testing.T, h hurt) { cut(t, h.file("rows", "data_level0.bin"), 300*elementSize+17) },
			rows: firstElements(300),
		},
		{
			name: "NoElements", strict: "data_level0.bin",
			do:   func(t *testing.T, h hurt) { drop(t, h.file("rows", "data_level0.bin")) },
			rows: exactly(onlyQueue),
		},
		{
			name: "ShortLengths", strict: "length.bin: it holds 250 of 800 lengths",
			do:     func(t *testing.T, h hurt) { cut(t, h.file("angles", "length.bin"), 4*250) },
			rows:   all,
			angles: firstElementsOf("angles", 250),
		},
		{
			name: "LabelsWithoutIDs", strict: "the index does not know its id",
			do: func(t *testing.T, h hurt) {
				writePickle(t, h.file("rows", "index_metadata.pickle"), 100, savedRows, savedRows)
			},
			rows: exactly(left{whole: allRows - 100, vectorless: 100, unnamed: 100}),
		},
		{
			name: "RowsWithoutNumbers", strict: "vectors have no row",
			do: func(t *testing.T, h hurt) {
				alter(t, h.database(), `DELETE FROM embeddings WHERE id % 10 = 3`)
			},
			rows:   func(t *testing.T, h hurt) left { return rowsGone(t, h, "rows") },
			angles: func(t *testing.T, h hurt) left { return rowsGone(t, h, "angles") },
		},
	}
}

// TestDamaged damages a directory in every way and wants all that is left.
func TestDamaged(t *testing.T) {
	for name, options := range generations {
		t.Run(name, func(t *testing.T) {
			s := chromatest.Start(t, options...)
			// In this order: the pages that are damaged are those of the first.
			for _, of := range []struct{ name, space string }{{"rows", "l2"}, {"angles", "cosine"}} {
				path := create(t, s, of.name, savedEach(of.space, 2*batch))
				for rows := range slices.Chunk(storetest.Vectors("a", allRows, of.name == "rows"), batch) {
					send(t, s, path+"add", rows)
				}
			}
			want := read(t, overHTTP(t, s, "rows", "angles"))
			s.Kill()
			for _, tt := range slices.Concat(damages(), hostile()) {
				t.Run(tt.name, func(t *testing.T) { damaged(t, s.Dir(), want, tt) })
			}
		})
	}
}

func damaged(t *testing.T, dir string, want contents, tt damage) {
	t.Helper()
	h := hurt{dir: t.TempDir(), folders: folders(t, dir)}
	if err := os.CopyFS(h.dir, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	healthy := hurt{dir: dir, folders: h.folders}
	tt.do(t, h)
	before := storetest.Tree(t, h.dir)
	checkStrict(t, h, want, tt)
	checkRescued(t, h, healthy, want, tt)
	if storetest.Tree(t, h.dir) != before {
		t.Error("reading changed the directory")
	}
}

func checkStrict(t *testing.T, h hurt, want contents, tt damage) {
	t.Helper()
	got, err := tryRead(t.Context(), chromadir.New(config(t, h.dir, "rows", "angles")))
	if tt.strict == "" {
		if err != nil {
			t.Fatalf("got %v, want all rows", err)
		}
		equal(t, got, want)
		if len(got.findings) == 0 {
			t.Error("got no finding of the damage")
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), tt.strict) {
		t.Fatalf("got %v, want an error that says %q", err, tt.strict)
	}
	if !errors.Is(err, store.ErrUnreadable) && !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreadable", err)
	}
}

func checkRescued(t *testing.T, h, healthy hurt, want contents, tt damage) {
	t.Helper()
	c := config(t, h.dir, "rows", "angles")
	c.Others = "rescued"
	session, report, err := chromadir.Rescue(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if (report.Database != "") != tt.anonymous {
		t.Errorf("got database %q", report.Database)
	}
	for name, expect := range map[string]func(*testing.T, hurt) left{"rows": tt.rows, "angles": tt.angles} {
		if expect == nil {
			expect = all
		}
		section := sectionOf(name)
		if tt.anonymous {
			section = memory.Section("rescued/" + strings.SplitN(h.folders[name], "-", 2)[0])
		}
		i := slices.IndexFunc(report.Collections, func(r chromadir.Recovered) bool { return r.Section == section })
		if i < 0 {
			t.Errorf("%s: not in the report: %+v", section, report)
			continue
		}
		r := report.Collections[i]
		got := left{r.Whole, r.Vectorless, r.Documentless, r.Unnamed, r.Unreadable}
		if expected := expect(t, h); got != expected {
			t.Errorf("%s: got %+v, want %+v\nproblems: %q", name, got, expected, r.Problems)
		}
		if r.Complete() && name == "rows" && tt.angles == nil {
			t.Errorf("%s: got %+v, want the damage in it", name, r)
		}
		checkLosses(t, r)
		checkSection(t, session, r, want.rows[sectionOf(name)], labelled(t, healthy, name), name == "angles")
	}
}

// checkLosses wants every row that lacks something listed once, with a reason.
func checkLosses(t *testing.T, r chromadir.Recovered) {
	t.Helper()
	lost := map[string]int64{}
	for _, l := range r.Losses {
		lost[l.Lost]++
		if l.Reason == "" || l.ID == "" {
			t.Errorf("got loss %+v, want an id and a reason", l)
		}
	}
	want := map[string]int64{"vector": r.Vectorless, "document": r.Documentless, "id": r.Unnamed, "row": r.Unreadable}
	maps.DeleteFunc(want, func(_ string, n int64) bool { return n == 0 })
	if !maps.Equal(lost, want) {
		t.Errorf("got losses %v, want %v", lost, want)
	}
}

// checkSection wants of each row that is read what it was before the damage,
// but for what the report says is lost. ids are those of the labels.
func checkSection(t *testing.T, session *chromadir.Session, r chromadir.Recovered, want []memory.Record, ids map[string]string, cosine bool) {
	t.Helper()
	tolerance := 0.0
	if cosine {
		tolerance = 5e-7
	}
	lost := map[string]string{}
	for _, l := range r.Losses {
		lost[l.ID] = l.Lost
	}
	originals := map[string]memory.Record{}
	for _, rec := range want {
		originals[idOf(t, rec)] = rec
	}
	reading, err := session.Read(t.Context(), r.Section)
	if err != nil {
		t.Fatal(err)
	}
	var rows int64
	var a, b record.Scanner
	for rec, err := range reading.All() {
		if err != nil {
			t.Fatal(err)
		}
		rows++
		g, err := a.Vector(rec)
		if err != nil {
			t.Fatal(err)
		}
		id := string(g.Key)
		what := lost[id]
		if what == "id" {
			id = ids[id]
		}
		original := originals[id]
		w, err := b.Vector(original)
		if err != nil {
			t.Fatalf("row %q was never there", g.Key)
		}
		switch what {
		case "vector":
			if g.Dimension != -1 {
				t.Errorf("row %q: got a vector, want none", id)
			}
		default:
			if !near(g.Bits, w.Bits, tolerance) {
				t.Fatalf("row %q:\ngot  %.300s\nwant %.300s", id, rec, original)
			}
		}
		switch what {
		case "document", "id":
			if string(g.Metadata.Of(rec))+string(g.Document.Of(rec)) != "nullnull" {
				t.Errorf("row %q: got %.300s, want but a vector", id, rec)
			}
		default:
			if rest(t, rec, g) != rest(t, original, w) {
				t.Fatalf("row %q:\ngot  %.300s\nwant %.300s", id, rec, original)
			}
		}
	}
	capture, err := reading.Capture()
	if err != nil {
		t.Fatal(err)
	}
	if rows != r.Rows() || capture.Held != r.Rows()+r.Unreadable || capture.Salvaged != r.Vectorless ||
		int64(len(capture.Unreadable)) != r.Unreadable || capture.Missing != 0 || capture.Method != "directory" {
		t.Errorf("got %d rows, %+v, want those of %+v", rows, capture, left{r.Whole, r.Vectorless, r.Documentless, r.Unnamed, r.Unreadable})
	}
}

func idOf(t testing.TB, rec memory.Record) string {
	t.Helper()
	var s record.Scanner
	v, err := s.Vector(rec)
	if err != nil {
		t.Fatal(err)
	}
	return string(v.Key)
}

// positions are the numbers of the rows in the order of their elements. Row n
// has label n+1, since they were added in order.
func positions(t *testing.T, h hurt, collection string) []int {
	t.Helper()
	b, err := os.ReadFile(h.file(collection, "data_level0.bin"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []int
	for i := 0; i+elementSize <= len(b); i += elementSize {
		if label := binary.LittleEndian.Uint64(b[i+labelAt:]); label > 0 {
			rows = append(rows, int(label)-1)
		}
	}
	return rows
}

// labelled are the ids of rows under the names that they get without them.
func labelled(t *testing.T, h hurt, collection string) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, n := range positions(t, h, collection) {
		ids[fmt.Sprintf("label-%d", n+1)] = storetest.ID(n)
	}
	return ids
}

func firstElements(n int) func(*testing.T, hurt) left { return firstElementsOf("rows", n) }

// firstElementsOf is what there is when only the first elements are left.
func firstElementsOf(collection string, n int) func(*testing.T, hurt) left {
	return func(t *testing.T, h hurt) left {
		t.Helper()
		have := map[int]bool{}
		for i := queueFrom; i < allRows; i++ {
			have[i] = true
		}
		for _, row := range positions(t, h, collection)[:n] {
			have[row] = true
		}
		return left{whole: int64(len(have)), vectorless: int64(allRows - len(have))}
	}
}

// named are the ids whose entry is whole in a torn pickle.
func named(t *testing.T, path string) map[string]bool {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	_, b, _ = bytes.Cut(b, []byte("id_to_label}("))
	for len(b) > 5 && b[0] == 'X' {
		n := int(binary.LittleEndian.Uint32(b[1:]))
		if len(b) < 5+n+5 {
			break
		}
		ids[string(b[5:5+n])] = true
		if b = b[5+n+5:]; len(b) > 1 && b[0] == 'u' && b[1] == '(' {
			b = b[2:]
		}
	}
	return ids
}

// unnamedQueue is 1 when the pickle names the row that both have.
func unnamedQueue(t *testing.T, h hurt) int64 {
	t.Helper()
	if named(t, h.file("rows", "index_metadata.pickle"))[storetest.ID(queueFrom)] {
		return 1
	}
	return 0
}

// metadataLost counts the rows whose metadata a damaged database can't give.
func metadataLost(collection string) func(*testing.T, hurt) left {
	return func(t *testing.T, h hurt) left {
		t.Helper()
		db := openDB(t, h.database())
		defer db.Close()
		numbers := numbersOf(t, db, h, collection)
		var l left
		for _, n := range numbers {
			var size sql.NullInt64
			const query = `SELECT sum(length(key || coalesce(string_value, int_value, float_value, bool_value))) FROM embedding_metadata WHERE id = ?`
			if err := db.QueryRow(query, n).Scan(&size); err != nil {
				l.documentless++
			} else {
				l.whole++
			}
		}
		if l.documentless == 0 && collection == "rows" {
			t.Error("no metadata was damaged")
		}
		return l
	}
}

// rowsGone counts rows without numbers: vectors they have, of the index or the
// queue, but no documents.
func rowsGone(t *testing.T, h hurt, collection string) left {
	t.Helper()
	db := openDB(t, h.database())
	defer db.Close()
	n := int64(len(numbersOf(t, db, h, collection)))
	// Those of the queue alone were applied to the tables already, so nothing
	// says that they were not deleted; but the queue still has their vectors.
	return left{whole: n, documentless: allRows - n}
}

func numbersOf(t *testing.T, db *sql.DB, h hurt, collection string) []int64 {
	t.Helper()
	rows, err := db.Query(`SELECT e.id FROM embeddings e JOIN segments m ON m.id = e.segment_id JOIN segments v ON v.collection = m.collection
		WHERE m.scope = 'METADATA' AND v.id = ?`, h.folders[collection])
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var numbers []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return numbers
}

// folders finds the folders of the indexes.
func folders(t *testing.T, dir string) map[string]string {
	t.Helper()
	db := openDB(t, filepath.Join(dir, "chroma.sqlite3"))
	defer db.Close()
	found := map[string]string{}
	for _, name := range []string{"rows", "angles"} {
		var folder string
		row := db.QueryRow(`SELECT s.id FROM segments s JOIN collections c ON c.id = s.collection WHERE s.scope = 'VECTOR' AND c.name = ?`, name)
		if err := row.Scan(&folder); err != nil {
			t.Fatal(err)
		}
		found[name] = folder
	}
	return found
}

func openDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file://"+path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func alter(t *testing.T, path, statement string) {
	t.Helper()
	db := openDB(t, path)
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// ruin overwrites leaves of a table, from the one of that number on.
func ruin(t *testing.T, path, table string, leaves int) {
	t.Helper()
	db := openDB(t, path)
	defer db.Close()
	rows, err := db.Query(`SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path`, table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var pages []int64
	for rows.Next() {
		var page int64
		if err := rows.Scan(&page); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page)
	}
	if err := rows.Err(); err != nil || len(pages) < 2*leaves {
		t.Fatalf("table %s has pages %v: %v", table, pages, err)
	}
	for _, page := range pages[1 : 1+leaves] {
		overwrite(t, path, (page-1)*4096, bytes.Repeat([]byte{0xff}, 4096))
	}
}

func overwrite(t *testing.T, path string, at int64, with []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(with, at)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func cut(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func drop(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// writePickle writes a whole pickle with the labels of rows in order.
func writePickle(t *testing.T, path string, from, to, added int) {
	t.Helper()
	ids := map[string]uint32{}
	for i := from; i < to; i++ {
		ids[storetest.ID(i)] = uint32(i + 1)
	}
	writeIDs(t, path, ids, added)
}

// writeIDs writes a pickle as servers do.
func writeIDs(t *testing.T, path string, ids map[string]uint32, added int) {
	t.Helper()
	text := func(s string) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte{'X'}, uint32(len(s))), s...)
	}
	number := func(n uint32) []byte { return binary.LittleEndian.AppendUint32([]byte{'J'}, n) }
	b := slices.Concat([]byte{0x80, 3, '}', '('}, text("dimensionality"), []byte{'N'}, text("total_elements_added"), number(uint32(added)),
		text("max_seq_id"), []byte{'N'}, text("id_to_label"), []byte("}"))
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(ids)), 1000) {
		b = append(b, '(')
		for _, id := range batch {
			b = append(append(b, text(id)...), number(ids[id])...)
		}
		b = append(b, 'u')
	}
	b = slices.Concat(b, text("label_to_id"), []byte("}"))
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(ids)), 1000) {
		b = append(b, '(')
		for _, id := range batch {
			b = append(append(b, number(ids[id])...), text(id)...)
		}
		b = append(b, 'u')
	}
	b = slices.Concat(b, text("id_to_seq_id"), []byte("}u."))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
