package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"keepsake/internal/memory"
)

// steady are the rows that are there throughout T8: nobody touches the first half,
// and the second half is updated all the time.
const steady = 120

// writers keep a collection changing until they are stopped.
type writers struct {
	t       *testing.T
	server  server
	path    string // of the collection
	stopped atomic.Bool
	done    sync.WaitGroup
	rounds  [4]atomic.Int64 // of insert, update, delete, re-add
}

// fire starts the four writers.
func (a *agent) fire(s memory.Section) *writers {
	a.t.Helper()
	w := &writers{t: a.t, server: a.at(s), path: a.collection(s)}
	a.t.Cleanup(w.stop)
	for i, write := range []func(round int){w.insert, w.update, w.remove, w.again} {
		w.done.Go(func() {
			for n := 1; !w.stopped.Load(); n++ {
				write(n)
				w.rounds[i].Store(int64(n))
			}
		})
	}
	return w
}

func (w *writers) stop() {
	w.stopped.Store(true)
	w.done.Wait()
}

// versioned are rows whose vector, metadata and document have one number.
func versioned(version int, ids ...string) chromaRows {
	rows := chromaRows{IDs: ids}
	for range ids {
		vector := make([]float32, dimension)
		vector[0], vector[dimension-1] = float32(version), float32(version)
		rows.Embeddings = append(rows.Embeddings, vector)
		rows.Metadatas = append(rows.Metadatas, map[string]any{"version": version, "also": version})
		rows.Documents = append(rows.Documents, fmt.Sprint(version))
	}
	return rows
}

func named(kind string, from, to int) (ids []string) {
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprintf("%s-%06d", kind, i))
	}
	return ids
}

func (w *writers) do(operation string, rows chromaRows) {
	if code, body := w.server.Try(w.t, http.MethodPost, w.path+"/"+operation, rows); code/100 != 2 {
		w.t.Errorf("%s: %d: %s", operation, code, body)
	}
}

func (w *writers) insert(n int) { w.do("add", versioned(n, named("new", 5*n, 5*n+5)...)) }

func (w *writers) update(n int) {
	const each = steady / 4
	from := steady/2 + n%2*each
	w.do("update", versioned(n, named("steady", from, from+each)...))
}

// remove follows the inserter, a little behind.
func (w *writers) remove(n int) {
	for !w.stopped.Load() && w.rounds[0].Load() < int64(n)+4 {
		w.do("get", chromaRows{IDs: named("new", 0, 1)}) // it is ahead of the inserter
	}
	w.do("delete", chromaRows{IDs: named("new", 5*n, 5*n+5)})
}

// again deletes rows and adds them at once: they move to the end of the list.
func (w *writers) again(n int) {
	ids := named("again", 10*(n%4), 10*(n%4)+10)
	w.do("delete", chromaRows{IDs: ids})
	w.do("add", versioned(n, ids...))
}

// vectorRow is a row of a bundle as T8 looks at it.
type vectorRow struct {
	ID        string
	Embedding []float32
	Metadata  struct{ Version float32 }
	Document  string
}

// TestT8 backs a collection up while four writers insert, update, delete and
// re-add: every row that was there throughout is in, once, and of one moment.
func TestT8(t *testing.T) {
	t.Parallel()
	backups := 50
	if os.Getenv("KEEPSAKE_TEST_FULL") != "" {
		backups = 200
	}
	a := newAgent(t, true)
	a.remember(memory.Memories)
	a.at(memory.Memories).Call(t, http.MethodPost, a.collection(memory.Memories)+"/delete", chromaRows{IDs: a.ids(memory.Memories)}, nil)
	a.at(memory.Memories).Call(t, http.MethodPost, a.collection(memory.Memories)+"/add", versioned(0, append(named("steady", 0, steady), named("again", 0, 40)...)...), nil)
	w := a.fire(memory.Memories)
	var grown, removed float64
	for range backups {
		out := a.json(0, "backup", "--only", "mc/memory")
		expect(t, out, "complete", "status")
		capture := section(t, out, memory.Memories)["capture"].(map[string]any)
		grown += capture["added"].(float64)
		removed += capture["removed"].(float64)
		unsettled, _ := capture["unsettled"].(float64)
		a.holdsSteady(payload(t, out["path"].(string), memory.Memories), int(unsettled))
	}
	w.stop()
	for i, kind := range []string{"insert", "update", "delete", "re-add"} {
		if n := w.rounds[i].Load(); n < int64(backups)/5 {
			t.Errorf("%s: got %d rounds beside %d backups, want the writers to have been busy", kind, n, backups)
		}
	}
	if grown == 0 || removed == 0 {
		t.Errorf("got %v rows added and %v removed while they were read, want some of each", grown, removed)
	}
	t.Logf("%d backups: %v rows added, %v removed meanwhile", backups, grown, removed)
}

// holdsSteady wants each steady row once in a bundle's file, no row twice, and the
// parts of each to be of one version, but for those that never settled.
func (a *agent) holdsSteady(file string, unsettled int) {
	a.t.Helper()
	seen := map[string]int{}
	for _, line := range lines(a.t, file) {
		var row vectorRow
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			a.t.Fatal(err)
		}
		seen[row.ID]++
		v := row.Metadata.Version
		if len(row.Embedding) != dimension || row.Embedding[0] != v || row.Embedding[dimension-1] != v || row.Document != fmt.Sprint(v) {
			if unsettled--; unsettled < 0 {
				a.t.Errorf("%s: vector, metadata and document are of several moments: %.200s", filepath.Base(file), line)
			}
		}
	}
	for _, id := range named("steady", 0, steady) {
		if seen[id] != 1 {
			a.t.Errorf("%s: got row %s %d times, want once", filepath.Base(file), id, seen[id])
		}
	}
	maps.DeleteFunc(seen, func(_ string, n int) bool { return n == 1 })
	if len(seen) > 0 {
		a.t.Errorf("%s: rows that come more than once: %v", filepath.Base(file), seen)
	}
}
