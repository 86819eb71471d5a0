package chroma_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/chromatest"
)

// version is a row that has its number in each of its parts.
func version(id string, n int) memory.Record {
	return fmt.Appendf(nil, `{"id":%q,"embedding":[%d.0,%d.0],"metadata":{"also":%d,"version":%d},"document":"%d"}`, id, n, n, -n, n, n)
}

// versions returns rows of that version, by the ids of the collection.
func versions(n int, names []string) (rows []memory.Record) {
	for _, id := range names {
		rows = append(rows, version(id, n))
	}
	return rows
}

// update gives rows another version.
func (p place) update(t testing.TB, n int, names ...string) {
	t.Helper()
	body := map[string]any{"ids": names}
	var vectors [][]int
	var metadatas []map[string]int
	var documents []string
	for range names {
		vectors = append(vectors, []int{n, n})
		metadatas = append(metadatas, map[string]int{"version": n, "also": -n})
		documents = append(documents, fmt.Sprint(n))
	}
	body["embeddings"], body["metadatas"], body["documents"] = vectors, metadatas, documents
	p.Call(t, http.MethodPost, p.rows(t, "update"), body, nil)
}

// newerVectors makes an answer as the server gives it when rows are updated while
// it puts it together: what it looked up first, and vectors of later.
func newerVectors(n int, names ...string) func([]byte) ([]byte, error) {
	return func(body []byte) ([]byte, error) {
		var page map[string]json.RawMessage
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		var there []string
		var vectors [][]json.Number
		if err := json.Unmarshal(page["ids"], &there); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(page["embeddings"], &vectors); err != nil {
			return nil, err
		}
		for i, id := range there {
			if slices.Contains(names, id) {
				vectors[i] = []json.Number{json.Number(fmt.Sprint(n)), json.Number(fmt.Sprint(n))}
			}
		}
		var err error
		page["embeddings"], err = json.Marshal(vectors)
		if err != nil {
			return nil, err
		}
		return json.Marshal(page)
	}
}

// TestTornRows updates rows while an answer is on its way: no row is of two moments.
func TestTornRows(t *testing.T) {
	const all = 60
	var names []string
	for i := range all {
		names = append(names, fmt.Sprintf("row-%02d", i))
	}
	for _, tt := range []struct {
		name      string
		torn      []string
		times     int64 // answers that are torn
		unsettled int64
	}{
		{"Once", names[10:15], 1, 0},
		{"APage", names[20:40], 1, 0},
		{"FiveTimes", names[59:], 5, 0},
		{"EachTime", names[:2], 1 << 30, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, chromatest.Shared(t))
			p.create(t, "l2")
			p.add(t, versions(0, names))
			var n atomic.Int64
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if !asksRows(r) || !anyOf(asked(t, r), tt.torn) || n.Load() >= tt.times {
					return chromatest.Fault{}
				}
				next := int(n.Add(1))
				return chromatest.Fault{Rewrite: func(body []byte) ([]byte, error) {
					p.update(t, next, tt.torn...)
					return newerVectors(next, tt.torn...)(body)
				}}
			})
			config := p.config(proxy.URL())
			config.PageRows = 20
			got, capture := read(t, open(t, config))
			if !capture.Complete() || capture.Held != all || len(got) != all || capture.Unsettled != tt.unsettled {
				t.Errorf("got %d rows, %+v, want %d, %d unsettled", len(got), capture, all, tt.unsettled)
			}
			if tt.unsettled > 0 {
				return
			}
			for _, rec := range got {
				want := version(id(t, rec), 0)
				if slices.Contains(tt.torn, id(t, rec)) {
					want = version(id(t, rec), int(tt.times))
				}
				if !bytes.Equal(rec, want) {
					t.Errorf("got %s, want %s", rec, want)
				}
			}
		})
	}
}

// TestGoneBetween removes a row between the two answers of a page, and adds it
// again or not.
func TestGoneBetween(t *testing.T) {
	for _, back := range []bool{false, true} {
		t.Run(fmt.Sprintf("Back=%t", back), func(t *testing.T) {
			p, rows := filled(t, 40)
			gone := id(t, rows[7])
			var confirmed atomic.Bool
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if r.Op != "get" || asksRows(r) || !slices.Contains(asked(t, r), gone) || confirmed.Swap(true) {
					return chromatest.Fault{}
				}
				p.remove(t, gone)
				return chromatest.Fault{Rewrite: func(body []byte) ([]byte, error) {
					if back {
						p.add(t, rows[7:8])
					}
					return body, nil
				}}
			})
			got, capture := read(t, open(t, p.config(proxy.URL())))
			want := slices.Concat(rows[:7], rows[8:])
			if back {
				want = append(want, rows[7])
			}
			equalRows(t, got, want)
			if !capture.Complete() || capture.Held != int64(len(want)) || !confirmed.Load() {
				t.Errorf("got %+v, want %d held", capture, len(want))
			}
		})
	}
}

// TestConfirmAsksForNoVectors: what the second answer costs is what the rows are
// besides their vectors.
func TestConfirmAsksForNoVectors(t *testing.T) {
	p, rows := filled(t, 100)
	var vectors, others atomic.Int64
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		switch {
		case asksRows(r):
			vectors.Add(int64(len(asked(t, r))))
		case strings.Contains(string(r.Body), `"metadatas"`):
			others.Add(int64(len(asked(t, r))))
		}
		return chromatest.Fault{}
	})
	got, _ := read(t, open(t, p.config(proxy.URL())))
	equalRows(t, got, rows)
	if vectors.Load() != 100 || others.Load() != 100 {
		t.Errorf("got %d vectors and %d confirmations, want 100 of each", vectors.Load(), others.Load())
	}
}

// TestGoneEachTime removes a row between the two answers of a page, and adds it
// again, in each round: the last one takes it as it came, and says so.
func TestGoneEachTime(t *testing.T) {
	p, rows := filled(t, 40)
	gone := id(t, rows[7])
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op != "get" || asksRows(r) || !slices.Contains(asked(t, r), gone) {
			return chromatest.Fault{}
		}
		p.remove(t, gone)
		return chromatest.Fault{Rewrite: func(body []byte) ([]byte, error) {
			p.add(t, rows[7:8])
			return body, nil
		}}
	})
	got, capture := read(t, open(t, p.config(proxy.URL())))
	equalRows(t, got, slices.Concat(rows[:7], rows[8:], rows[7:8]))
	if !capture.Complete() || capture.Held != 40 || capture.Missing != 0 || capture.Unsettled != 1 {
		t.Errorf("got %+v, want 40 held, one of them unsettled", capture)
	}
}

// TestUnreadableAndGone: a row that could not be got, and is not there any more,
// is removed, and nothing is wrong with the rest.
func TestUnreadableAndGone(t *testing.T) {
	p, rows := filled(t, 40)
	bad := ids(t, rows[20:22])
	var lists atomic.Int64
	proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
		switch list := asked(t, r); {
		case r.Op == "get" && anyOf(list, bad):
			return chromatest.Fault{Status: http.StatusInternalServerError, Text: "Error finding id"}
		case r.Op == "get" && len(list) == 0 && lists.Add(1) == 2:
			p.remove(t, bad...)
		}
		return chromatest.Fault{}
	})
	got, capture := read(t, open(t, p.config(proxy.URL())))
	equalRows(t, got, slices.Concat(rows[:20], rows[22:]))
	if !capture.Complete() || len(capture.Unreadable) != 0 || capture.Removed != 2 {
		t.Errorf("got %+v, want two removed", capture)
	}
}

// TestListingRepeats has the server list a row twice, in place of another: its
// count is right then.
func TestListingRepeats(t *testing.T) {
	p, _ := filled(t, 40)
	for _, from := range []int64{1, 2} {
		t.Run(fmt.Sprintf("Listing%d", from), func(t *testing.T) {
			var lists atomic.Int64
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if r.Op != "get" || len(asked(t, r)) > 0 || lists.Add(1) < from {
					return chromatest.Fault{}
				}
				return chromatest.Fault{Rewrite: func(body []byte) ([]byte, error) {
					body, err := chromatest.DropRow(39)(body)
					if err != nil {
						return nil, err
					}
					return chromatest.RepeatRow(3)(body)
				}}
			})
			_, _, err := tryRead(t, open(t, p.config(proxy.URL())))
			if !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), "twice") {
				t.Errorf("got %v, want ErrUnreadable: a row is listed twice", err)
			}
		})
	}
}

// TestColumnsMissing has the server give pages without what was asked for.
func TestColumnsMissing(t *testing.T) {
	p, _ := filled(t, 10)
	for _, column := range []string{"documents", "metadatas"} {
		t.Run(column, func(t *testing.T) {
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if r.Op != "get" || len(asked(t, r)) == 0 {
					return chromatest.Fault{}
				}
				return chromatest.Fault{Rewrite: func(body []byte) ([]byte, error) {
					var page map[string]json.RawMessage
					if err := json.Unmarshal(body, &page); err != nil {
						return nil, err
					}
					page[column] = json.RawMessage("null")
					return json.Marshal(page)
				}}
			})
			got, _, err := tryRead(t, open(t, p.config(proxy.URL())))
			if !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), "rows without documents or metadata") || len(got) != 0 {
				t.Errorf("got %d rows, %v, want ErrUnreadable", len(got), err)
			}
		})
	}
}
