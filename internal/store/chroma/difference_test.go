package chroma_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

func compare(t testing.TB, s *chroma.Server, spec memory.SectionSpec, rows []memory.Record) (store.Difference, heard) {
	t.Helper()
	got, h, err := tryCompare(t, s, spec, rows)
	if err != nil {
		t.Fatal(err)
	}
	return got, h
}

func tryCompare(t testing.TB, s *chroma.Server, spec memory.SectionSpec, rows []memory.Record) (store.Difference, heard, error) {
	t.Helper()
	spec.Name, spec.Kind = section, memory.Vectors
	h := heard{map[store.Outcome][]string{}, map[string]string{}}
	got, err := s.Compare(t.Context(), spec, sequence(rows), store.CompareOptions{Report: h.hear})
	return got, h, err
}

func (h heard) hear(e store.Event) error {
	h.outcomes[e.Outcome] = append(h.outcomes[e.Outcome], e.ID)
	h.reasons[e.ID] = e.Reason
	return nil
}

// size is what rows take in a bundle.
func size(rows []memory.Record) int64 {
	var n int64
	for _, rec := range rows {
		n += int64(len(rec)) + 1
	}
	return n
}

// change returns the record with one of its parts replaced.
func change(t testing.TB, rec memory.Record, part, value string) memory.Record {
	t.Helper()
	var row map[string]json.RawMessage
	if err := json.Unmarshal(rec, &row); err != nil {
		t.Fatal(err)
	}
	row[part] = json.RawMessage(value)
	return fmt.Appendf(nil, `{"id":%s,"embedding":%s,"metadata":%s,"document":%s}`,
		row["id"], row["embedding"], row["metadata"], row["document"])
}

// TestCompare counts every kind of difference over several pages, and changes
// nothing.
func TestCompare(t *testing.T) {
	for _, space := range []string{"l2", "cosine"} {
		t.Run(space, func(t *testing.T) {
			p := newPlace(t, chromatest.Shared(t))
			p.create(t, space)
			rows := storetest.Vectors("a", 2500, space == "l2")
			p.add(t, rows)
			records := slices.Clone(rows[:2300]) // 200 lost
			for i, value := range map[int]string{4: "null", 5: `"other"`, 16: `""`, 2017: "null"} {
				records[i] = change(t, records[i], "document", value) // 16's is null
			}
			records[20] = change(t, records[20], "metadata", `{"seed":"b"}`)
			records[21] = change(t, records[21], "metadata", "null")
			records[22] = change(t, records[22], "embedding", "[1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0]")
			records = append(records, fresh(t, 30)...)
			records = append(records,
				memory.Record(`{"id":"salvaged","embedding":null,"metadata":null,"document":null}`),
				memory.Record(`{"id":"short","embedding":[1.0,2.0],"metadata":null,"document":null}`))
			s := open(t, p.config(p.URL()))
			before := p.state(t)
			got, h := compare(t, s, memory.SectionSpec{Dimension: 8, Distance: space}, records)
			if after := p.state(t); after != before {
				t.Error("a comparison changed the place")
			}
			// Row 4 is null as it was.
			want := store.Difference{Live: 2500, Same: 2294, Changed: 6, Lost: 200, New: 30, Rejected: 2, Bytes: got.Bytes}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if n := size(rows); got.Bytes < n*7/10 || got.Bytes > n*13/10 {
				t.Errorf("got about %d bytes, want %d", got.Bytes, n)
			}
			for outcome, n := range map[store.Outcome]int64{store.Lost: got.Lost, store.Differs: got.Changed, store.Missing: got.New, store.Rejected: got.Rejected} {
				if int64(len(h.outcomes[outcome])) != n {
					t.Errorf("got %d events %s, want %d", len(h.outcomes[outcome]), outcome, n)
				}
			}
			for id, reason := range map[string]string{
				storetest.ID(5): "document differs", storetest.ID(20): "metadata differs", storetest.ID(22): "vector differs",
				"short": "vector has 2 numbers, not 8",
			} {
				if h.reasons[id] != reason {
					t.Errorf("row %s: got reason %q, want %q", id, h.reasons[id], reason)
				}
			}
		})
	}
}

// fresh returns n rows whose ids no set of the suite has.
func fresh(t testing.TB, n int) []memory.Record {
	t.Helper()
	rows := make([]memory.Record, n)
	for i, rec := range storetest.Vectors("fresh", n, false) {
		rows[i] = change(t, rec, "id", fmt.Sprintf(`"fresh-%d"`, i))
	}
	return rows
}

// TestCompareAbsent makes no collection. The first row would fix its dimension.
func TestCompareAbsent(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	for _, dimension := range []int{8, 0} {
		got, _ := compare(t, open(t, p.config(p.URL())), memory.SectionSpec{Dimension: dimension},
			append(storetest.Vectors("a", 9, true), memory.Record(`{"id":"short","embedding":[1.0],"metadata":null}`)))
		if want := (store.Difference{New: 9, Rejected: 1}); got != want {
			t.Errorf("dimension %d: got %+v, want %+v", dimension, got, want)
		}
	}
	if state := p.state(t); state != "[[]]" {
		t.Errorf("got %s, want no collection", state)
	}
}

// TestCompareRejectedThatLives counts the row whose record can't take its place.
func TestCompareRejectedThatLives(t *testing.T) {
	p, rows := filled(t, 5)
	records := slices.Clone(rows)
	records[2] = change(t, rows[2], "embedding", "null")
	got, h := compare(t, open(t, p.config(p.URL())), memory.SectionSpec{}, records)
	if want := (store.Difference{Live: 5, Same: 4, Changed: 1, Rejected: 1, Bytes: got.Bytes}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(h.outcomes[store.Differs]) != 1 || len(h.outcomes[store.Rejected]) != 1 {
		t.Errorf("got events %v, want one of each", h.outcomes)
	}
}

// TestCompareUnreadable takes a row whose vector, or which itself, can't be had
// for changed.
func TestCompareUnreadable(t *testing.T) {
	p, rows := filled(t, 200)
	broken := []byte(`"row-000100"`)
	for _, tt := range []struct {
		name  string
		fails func(r chromatest.Request) bool
	}{
		{"Vector", func(r chromatest.Request) bool { return bytes.Contains(r.Body, []byte("embeddings")) }},
		{"All", func(chromatest.Request) bool { return true }},
	} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/Lost=%t", tt.name, lost), func(t *testing.T) {
				proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
					if r.Op == "get" && bytes.Contains(r.Body, broken) && tt.fails(r) {
						return chromatest.Fault{Status: 500, Text: `{"error":"InternalError","message":"Error finding id"}`}
					}
					return chromatest.Fault{}
				})
				want, records := store.Difference{Live: 200, Same: 199, Changed: 1}, rows
				if lost {
					want, records = store.Difference{Live: 200, Lost: 200}, nil
				}
				got, _ := compare(t, open(t, p.config(proxy.URL())), memory.SectionSpec{}, records)
				if want.Bytes = got.Bytes; got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if n := size(rows); got.Bytes < n*7/10 || got.Bytes > n*13/10 {
					t.Errorf("got about %d bytes, want %d", got.Bytes, n)
				}
			})
		}
	}
}

// TestCompareRowsThatGo has rows deleted after they were listed.
func TestCompareRowsThatGo(t *testing.T) {
	p, rows := filled(t, 300)
	var gone sync.Once
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "get" && bytes.Contains(r.Body, []byte("row-000200")) {
			gone.Do(func() { p.remove(t, "row-000200", "row-000250") })
		}
		return chromatest.Fault{}
	})
	got, _ := compare(t, open(t, p.config(proxy.URL())), memory.SectionSpec{}, rows)
	if want := (store.Difference{Live: 298, Same: 298, New: 2, Bytes: got.Bytes}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestCompareNewest finds the time of the newest row, whatever its spelling and
// whether the records hold it or not.
func TestCompareNewest(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 30, 0, 610_000_000, time.UTC)
	for _, tt := range []struct {
		name, metadata string
		want           time.Time
	}{
		{"Milliseconds", fmt.Sprintf(`{"timestamp":%d}`, at.UnixMilli()), at},
		{"Float", fmt.Sprintf(`{"timestamp":%d.0}`, at.UnixMilli()), at},
		{"ISO", `{"timestamp":"2026-05-01T12:30:00.610Z"}`, at},
		{"Zone", `{"timestamp":"2026-05-01T14:30:00.61+02:00"}`, at},
		{"NoZone", `{"timestamp":"2026-05-01T12:30:00.61"}`, at},
		{"Space", `{"timestamp":"2026-05-01 12:30:00.61"}`, at},
		{"Day", `{"timestamp":"2026-05-01"}`, at.Truncate(24 * time.Hour)},
		{"UpdatedAt", fmt.Sprintf(`{"createdAt":5,"updatedAt":%d}`, at.UnixMilli()), at},
		{"CreatedAt", fmt.Sprintf(`{"createdAt":%d,"updatedAt":true}`, at.UnixMilli()), at},
		{"TimestampFirst", fmt.Sprintf(`{"timestamp":%d,"updatedAt":"2030-01-01"}`, at.UnixMilli()), at},
		{"ErrText", `{"timestamp":"yesterday"}`, time.UnixMilli(1).UTC()},
		{"ErrNumber", `{"timestamp":-7,"createdAt":1e300}`, time.UnixMilli(1).UTC()},
		{"None", `{"other":5}`, time.UnixMilli(1).UTC()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, chromatest.Shared(t))
			p.create(t, "l2")
			row := func(id, metadata string) memory.Record {
				return fmt.Appendf(nil, `{"id":%q,"embedding":[1.0,2.0],"metadata":%s,"document":null}`, id, metadata)
			}
			rows := []memory.Record{row("a", `{"timestamp":1}`), row("b", tt.metadata), row("c", "null")}
			p.add(t, rows)
			for _, records := range [][]memory.Record{rows, rows[:1], nil} {
				got, _ := compare(t, open(t, p.config(p.URL())), memory.SectionSpec{}, records)
				if !got.Newest.Equal(tt.want) {
					t.Errorf("%d records: got %v, want %v", len(records), got.Newest, tt.want)
				}
			}
		})
	}
}

// TestCompareAsksForNoVectors of rows that the records lack, but for a sample.
func TestCompareAsksForNoVectors(t *testing.T) {
	p, rows := filled(t, 1000)
	full := 0
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		var ask struct {
			IDs     []string
			Include []string
		}
		if r.Op == "get" && json.Unmarshal(r.Body, &ask) == nil && slices.Contains(ask.Include, "embeddings") {
			full += len(ask.IDs) // one page at a time: all are lost
		}
		return chromatest.Fault{}
	})
	got, _ := compare(t, open(t, p.config(proxy.URL())), memory.SectionSpec{}, nil)
	if full == 0 || full > 100 || got.Lost != 1000 {
		t.Errorf("got %d rows with vectors and %+v, want some of 1000 lost", full, got)
	}
	if n := size(rows); got.Bytes < n*7/10 || got.Bytes > n*13/10 {
		t.Errorf("got about %d bytes, want %d", got.Bytes, n)
	}
	for _, op := range []string{"add", "delete", "upsert", "update", "collections"} {
		if n := proxy.Count(http.MethodPost, op); n != 0 {
			t.Errorf("got %d requests %s, want none", n, op)
		}
	}
}

// TestCompareEnds at records that a bundle's check would have refused, and at
// errors of the caller's own.
func TestCompareEnds(t *testing.T) {
	p, rows := filled(t, 20)
	s := open(t, p.config(p.URL()))
	if _, _, err := tryCompare(t, s, memory.SectionSpec{}, append(rows[:20:20], rows[3])); err == nil ||
		err.Error() == "" || !bytes.Contains([]byte(err.Error()), []byte("record 21: row")) {
		t.Errorf("got %v, want that record 21 comes twice", err)
	}
	enough := errors.New("enough")
	_, err := s.Compare(t.Context(), memory.SectionSpec{Name: section}, sequence(nil), store.CompareOptions{
		Report: func(store.Event) error { return enough },
	})
	if !errors.Is(err, enough) {
		t.Errorf("got %v, want the error from Report", err)
	}
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		return chromatest.Fault{Reset: r.Op == "get" && r.N == 2}
	})
	config := p.config(proxy.URL())
	config.Tries = 1
	if _, _, err := tryCompare(t, open(t, config), memory.SectionSpec{}, rows); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}
