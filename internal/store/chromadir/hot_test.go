package chromadir_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/chromadir"
)

// wide is the length of the vectors that writers write: the index takes a while
// to save.
const wide = 64

// TestHot looks at a directory while four writers insert, update, delete and add
// again. Each write of a row puts one number into its vector, its document and
// its metadata, so that a row of two states shows.
func TestHot(t *testing.T) {
	for name, options := range generations {
		t.Run(name, func(t *testing.T) { hot(t, chromatest.Start(t, options...)) })
	}
}

func hot(t *testing.T, s *chromatest.Server) {
	t.Helper()
	names := []string{"first", "second"}
	paths := []string{
		// Saved at each hundredth record, the index changes all the time.
		create(t, s, names[0], savedEach("l2", 100)),
		create(t, s, names[1], space("ip")),
	}
	w := writers{url: s.URL(), paths: paths}
	stop := w.start(t, 4)
	defer stop()
	dir := chromadir.New(config(t, s.Dir(), names...))
	for look := 0; look < 15; {
		before := w.written.Load()
		got := read(t, dir)
		rows := 0
		for section, list := range got.rows {
			for _, rec := range list {
				checkOneState(t, section, rec)
			}
			rows += len(list)
		}
		if w.written.Load() > before && rows > 0 {
			look++ // one at which something was written meanwhile
		}
		if t.Failed() {
			return
		}
	}
	stop()
	equal(t, read(t, dir), read(t, overHTTP(t, s, names...)))
}

// checkOneState wants one number in all parts of a row.
func checkOneState(t *testing.T, section memory.Section, rec memory.Record) (id string, v int64) {
	t.Helper()
	var row struct {
		ID        string
		Embedding []float64
		Metadata  struct{ V int64 }
		Document  string
	}
	if err := json.Unmarshal(rec, &row); err != nil {
		t.Fatal(err)
	}
	v = row.Metadata.V
	for i, x := range row.Embedding {
		if x != float64(v) {
			t.Errorf("%s: row %s: number %d is of write %v, metadata of %v, document of %s", section, row.ID, i, x, v, row.Document)
			break
		}
	}
	if len(row.Embedding) != wide || row.Document != fmt.Sprint(v) {
		t.Errorf("%s: row %s: %d numbers, metadata of write %v, document of %s", section, row.ID, len(row.Embedding), v, row.Document)
	}
	return row.ID, v
}

// writers write rows until they are stopped or their server is.
type writers struct {
	url     string
	paths   []string
	written atomic.Int64 // rows whose write was acknowledged
	number  atomic.Int64
	mortal  bool // the server will be killed
	enough  int64
	reached chan struct{} // closed when that many rows were written
	once    sync.Once
	all     []*writer
}

// start lets n writers write until stop is called, which waits for them.
func (w *writers) start(t *testing.T, n int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i := range n {
		one := &writer{writers: w, number: i, random: rand.New(rand.NewPCG(uint64(i), 7))}
		for range w.paths {
			one.there = append(one.there, map[string]int64{})
		}
		w.all = append(w.all, one)
		group.Go(func() {
			for ctx.Err() == nil {
				if err := one.write(ctx); err != nil {
					if !w.mortal {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	return func() { cancel(); group.Wait() }
}

// writer writes rows of its own: an update of what isn't there, before an add,
// is a case in which servers themselves give a vector and a metadata of
// different writes.
type writer struct {
	*writers
	number  int
	random  *rand.Rand
	there   []map[string]int64 // by collection: the number of each row that is there
	unknown map[string]bool    // rows of a write that was not acknowledged
}

// write does one operation.
func (w *writer) write(ctx context.Context) error {
	n := w.random.IntN(len(w.paths))
	operation := []string{"upsert", "update", "add", "add", "delete"}[w.random.IntN(5)]
	var ids []string
	w.unknown = map[string]bool{}
	for _, i := range w.random.Perm(150)[:1+w.random.IntN(40)] {
		id := fmt.Sprintf("writer-%d-row-%d", w.number, i)
		if _, there := w.there[n][id]; operation == "upsert" || there == (operation != "add") {
			ids = append(ids, id)
			w.unknown[id] = true
		}
	}
	if len(ids) == 0 {
		return nil
	}
	v := w.writers.number.Add(1)
	if err := call(ctx, w.url+w.paths[n]+operation, body(operation, ids, v)); err != nil {
		return err
	}
	for _, id := range ids {
		w.there[n][id] = v
		if operation == "delete" {
			delete(w.there[n], id)
		}
	}
	w.unknown = nil
	if w.written.Add(int64(len(ids))) >= w.enough && w.reached != nil {
		w.once.Do(func() { close(w.reached) })
	}
	return nil
}

// body puts one number into all parts of the rows.
func body(operation string, ids []string, v int64) map[string]any {
	body := map[string]any{"ids": ids}
	if operation == "delete" {
		return body
	}
	vector := make([]int64, wide)
	for k := range vector {
		vector[k] = v
	}
	var embeddings, metadatas, documents []any
	for range ids {
		embeddings, metadatas, documents = append(embeddings, vector), append(metadatas, map[string]any{"v": v}), append(documents, fmt.Sprint(v))
	}
	body["embeddings"], body["metadatas"], body["documents"] = embeddings, metadatas, documents
	return body
}

// call is for goroutines other than the test's.
func call(ctx context.Context, url string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %d: %s", url, answer.StatusCode, said)
	}
	return errors.Join(err)
}

// TestSavedMeanwhile lets a server write and save its index right after its
// database was copied, before the index is: the look is taken again.
func TestSavedMeanwhile(t *testing.T) {
	s := chromatest.Start(t)
	path := create(t, s, "rows", savedEach("l2", 100))
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprintf("row-%d", i))
	}
	s.Call(t, http.MethodPost, path+"upsert", body("upsert", ids, 1), nil)
	c := config(t, s.Dir(), "rows")
	const copied = 3 // the clock is asked when a look begins, and around the copying
	asked := 0
	c.Now = func() time.Time {
		if asked++; asked == copied {
			s.Call(t, http.MethodPost, path+"upsert", body("upsert", ids, 2), nil)
		}
		return time.Now()
	}
	got := read(t, chromadir.New(c))
	for _, rec := range got.rows[sectionOf("rows")] {
		if id, v := checkOneState(t, sectionOf("rows"), rec); v != 2 {
			t.Errorf("row %s: got write %d, want 2", id, v)
		}
	}
	if n := len(got.rows[sectionOf("rows")]); n != 100 || asked <= 2*copied {
		t.Errorf("got %d rows after asking the time %d times, want 100 and a second look", n, asked)
	}
}
