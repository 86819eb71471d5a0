package chromadir_test

import (
	"encoding/binary"
	"math"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
	"keepsake/internal/store/storetest"
)

// The operations of the queue.
const (
	opAdd = iota
	opUpdate
	opUpsert
	opDelete
)

// queuedRow is one operation that a server logged and had no time to apply.
type queuedRow struct {
	op       int
	id       string
	first    float32 // of the vector; 0 for no vector
	metadata string
}

// TestReplay reads what a server leaves that is killed between logging writes
// and applying them, and wants what the server makes of it when it starts again.
func TestReplay(t *testing.T) {
	for name, options := range generations {
		t.Run(name, func(t *testing.T) {
			s := chromatest.Start(t, options...)
			send(t, s, create(t, s, "rows", savedEach("l2", 40))+"add", storetest.Vectors("a", 60, true))
			send(t, s, create(t, s, "other", nil)+"add", storetest.Vectors("a", 3, true))
			s.Kill()
			log := []queuedRow{
				{opAdd, "new", 1, `{"i":9223372036854775807,"f":2.0,"e":1e-9,"b":false,"s":"ü\"\n","chroma:document":""}`},
				{opAdd, "new", 2, `{"i":1}`},                                            // it is there
				{opUpdate, "nobody", 3, `{"i":1}`},                                      // it is not
				{opUpdate, "new", 0, `{"i":null,"s":"other","chroma:document":"text"}`}, // blends
				{opUpsert, storetest.ID(1), 4, `{"count":"a text now","chroma:uri":"u"}`},
				{opDelete, storetest.ID(2), 0, `{}`},
				{opDelete, storetest.ID(58), 0, `{}`},
				{opAdd, storetest.ID(58), 5, `{"again":true}`},
				{opUpdate, storetest.ID(3), 6, ``},
				{opUpsert, "bare", 7, `{}`},
				{opDelete, "nobody", 0, `{}`},
				{opAdd, "gone", 8, `{"i":1}`},
				{opDelete, "gone", 0, `{}`},
				{opDelete, "new", 0, `{}`},
				{opAdd, "new", 9, `{"large":18446744073709551616,"small":-5}`},
			}
			if name == "New" {
				log = append(log, queuedRow{opUpsert, storetest.ID(5), 10, `{"list":[1,2,3],"flags":[true],"seed":["a","b"],"mixed":[1,2.5]}`},
					queuedRow{opUpdate, storetest.ID(5), 0, `{"list":["x"],"flags":3}`})
			}
			enqueue(t, s.Dir(), "rows", log)
			before := storetest.Tree(t, s.Dir())
			got := read(t, chromadir.New(config(t, s.Dir(), "rows", "other")))
			if storetest.Tree(t, s.Dir()) != before {
				t.Error("reading changed the directory")
			}
			if len(got.rows[sectionOf("rows")]) != 61 {
				t.Errorf("got %d rows, want 61", len(got.rows[sectionOf("rows")]))
			}
			s.Restart(t)
			want := read(t, overHTTP(t, s, "rows", "other"))
			for i := range want.specs { // it grows with keys, when they are applied
				want.specs[i].Collection.Schema, got.specs[i].Collection.Schema = nil, nil
			}
			equal(t, got, want)
		})
	}
}

// enqueue logs operations on a collection, as a server does before it applies
// them.
func enqueue(t *testing.T, dir, collection string, log []queuedRow) {
	t.Helper()
	db := openDB(t, dir+"/chroma.sqlite3")
	defer db.Close()
	for _, row := range log {
		var vector, encoding any
		if row.first != 0 {
			bits := make([]byte, 4*storetest.Dimension)
			for i := range storetest.Dimension {
				binary.LittleEndian.PutUint32(bits[4*i:], math.Float32bits(row.first+float32(i)/3))
			}
			vector, encoding = bits, "FLOAT32"
		}
		var metadata any
		if row.metadata != "" {
			metadata = row.metadata
		}
		_, err := db.Exec(`INSERT INTO embeddings_queue (topic, id, operation, vector, encoding, metadata)
			SELECT 'persistent://default/default/' || id, ?, ?, ?, ?, ? FROM collections WHERE name = ?`,
			row.id, row.op, vector, encoding, metadata, collection)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestCosineOriginals wants the vectors that were sent, not those that a cosine
// space made of them, wherever the queue still has them: after the last save,
// and before it where the queue is never purged.
func TestCosineOriginals(t *testing.T) {
	for _, tt := range []struct {
		name  string
		purge bool
		exact int // rows from this one on
	}{{"Purged", true, 399}, {"NeverPurged", false, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := chromatest.Start(t, chromatest.Dir(dir))
			path := create(t, s, "rows", savedEach("cosine", 400))
			if !tt.purge {
				s.Kill()
				alter(t, dir+"/chroma.sqlite3", `UPDATE embeddings_queue_config SET config_json_str = replace(config_json_str, 'true', 'false')`)
				s.Restart(t)
			}
			rows := storetest.Vectors("a", 600, false)
			for i := 0; i < len(rows); i += 200 {
				send(t, s, path+"add", rows[i:i+200])
			}
			// An add of what is there changes nothing: its vector is no original.
			send(t, s, path+"add", []memory.Record{[]byte(`{"id":"row-000300","embedding":[1,2,3,4,5,6,7,8],"metadata":null,"document":null}`)})
			got := read(t, chromadir.New(config(t, dir, "rows")))
			equalRows(t, "all", got.rows[sectionOf("rows")], rows, 5e-7)
			equalRows(t, "exact", got.rows[sectionOf("rows")][tt.exact:], rows[tt.exact:], 0)
			over := read(t, overHTTP(t, s, "rows"))
			equal(t, got, over)
		})
	}
}

// TestCosineNotOriginal wants the vector of the index where the queue has another
// for the same row: an add of what was there, the last that was saved.
func TestCosineNotOriginal(t *testing.T) {
	s := chromatest.Start(t)
	path := create(t, s, "rows", savedEach("cosine", 100))
	rows := storetest.Vectors("a", 99, false)
	send(t, s, path+"add", rows)
	send(t, s, path+"add", []memory.Record{[]byte(`{"id":"row-000050","embedding":[1,2,3,4,5,6,7,8],"metadata":null,"document":null}`)})
	got := read(t, chromadir.New(config(t, s.Dir(), "rows")))
	equalRows(t, "rows", got.rows[sectionOf("rows")], rows, 5e-7)
}
