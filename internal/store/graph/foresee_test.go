package graph_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/storetest"
)

// TestTrue_05_ForeseesALock: a graph that somebody holds the lock of can't be added to;
// where all is in, no lock is wanted. Nothing is left in the folder for copies.
func TestTrue_05_ForeseesALock(t *testing.T) {
	path, temp := filepath.Join(t.TempDir(), "graph.sqlite"), t.TempDir()
	g := graph.New(graph.Config{Path: path, BusyTimeout: 20 * time.Millisecond})
	spec := memory.SectionSpec{Name: memory.Graph, Kind: memory.Elements}
	opts := store.ForeseeOptions{Temp: func() (string, error) { return temp, nil }}
	records := func(yield func(memory.Record, error) bool) {
		for _, rec := range storetest.Graph("a", 20) {
			if !yield(rec, nil) {
				return
			}
		}
	}
	if r, err := g.Foresee(t.Context(), spec, records, opts); err != nil || !r.Created || r.Added != 20 {
		t.Errorf("absent: got %+v, %v", r, err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the graph was made")
	}
	if _, err := g.Merge(t.Context(), spec, records, store.MergeOptions{}); err != nil {
		t.Fatal(err)
	}
	agent := open(t, path)
	agent.SetMaxOpenConns(1)
	run(t, agent, "BEGIN IMMEDIATE")
	if r, err := g.Foresee(t.Context(), spec, records, opts); err != nil || r.Same != 20 {
		t.Errorf("all in: got %+v, %v", r, err)
	}
	run(t, agent, "COMMIT; DELETE FROM Edges; BEGIN IMMEDIATE")
	_, err := g.Foresee(t.Context(), spec, records, opts)
	if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "lock") {
		t.Errorf("locked: got %v, want that another process holds the lock", err)
	}
	run(t, agent, "COMMIT")
	if r, err := g.Foresee(t.Context(), spec, records, opts); err != nil || r.Added == 0 {
		t.Errorf("free: got %+v, %v", r, err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
