package graph_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/storetest"
)

// TestMoved: a graph that is not what the safety copy holds is left as it is,
// byte for byte, and is replaced with one that does.
func TestMoved(t *testing.T) {
	now := storetest.Graph("a", 300)
	for _, tt := range []struct {
		name   string
		safety []memory.Record
	}{
		{"Added", now[:299]},
		{"Gone", append(slices.Clone(now), memory.Record(`{"type":"node","data":{"id":"was here"}}`))},
		{"Changed", append(storetest.Graph("b", 1), now[1:]...)},
		{"OtherUser", slices.Concat(now[:4], lines(`{"type":"node","data":{"id":" leading and trailing "}}`), now[5:])},
		{"Empty", []memory.Record{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := crashed(t, now)
			want := storetest.Graph("b", 60)
			s, leave := stage(t, newGraph(path), records(want)), permit(t, path)
			before := state(t, filepath.Dir(path))
			if _, err := s.Commit(t.Context(), leave, records(tt.safety)); !errors.Is(err, store.ErrMoved) {
				t.Errorf("got %v, want ErrMoved", err)
			}
			if after := state(t, filepath.Dir(path)); after != before {
				t.Errorf("got files\n%swant\n%s", after, before)
			}
			if _, err := s.Commit(t.Context(), leave, records(now)); err != nil {
				t.Errorf("with a new safety copy: %v", err)
			}
			wantContent(t, path, want)
		})
	}
}

// TestUnreadableMoved: a row that no copy can hold is in none.
func TestUnreadableMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, path)
	run(t, agent, `INSERT INTO Nodes VALUES ('a', NULL, '{"id":"a"}'), (NULL, NULL, '{}')`)
	want := lines(`{"type":"node","data":{"id":"b"}}`)
	s, leave := stage(t, newGraph(path), records(want)), permit(t, path)
	if _, err := s.Commit(t.Context(), leave, records(lines(`{"type":"node","data":{"id":"a"}}`))); !errors.Is(err, store.ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
	if got := query(t, path, "SELECT count(*) FROM Nodes"); got[0] != "2" {
		t.Errorf("got %s nodes, want both", got[0])
	}
	if _, err := s.Commit(t.Context(), leave, nil); err != nil {
		t.Errorf("without a safety copy: %v", err)
	}
	wantContent(t, path, want)
}

// TestMovedAtTheLock: an agent writes after the comparison, before the lock.
func TestMovedAtTheLock(t *testing.T) {
	const insert = `INSERT INTO Nodes VALUES ('late', NULL, '{"id":"late"}')`
	now := storetest.Graph("a", 300)
	for _, tt := range []struct {
		name, write string
		safety      []memory.Record
		want        error
	}{
		{"Insert", insert, now, store.ErrMoved},
		{"Update", `UPDATE Edges SET type = 'T' WHERE id = 'edge-000001'`, now, store.ErrMoved},
		{"Delete", `DELETE FROM Edges WHERE id = 'edge-000001'`, now, store.ErrMoved},
		{"OtherTable", `INSERT INTO mc_tool_call_log VALUES (2)`, now, nil},
		{"NoSafetyCopy", insert + `; DELETE FROM Edges`, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			agent := live(t, path)
			run(t, agent, "CREATE TABLE mc_tool_call_log (n)")
			put(t, agent, now)
			agent = open(t, path)
			want := slices.Concat(storetest.Graph("b", 60), now[100:101])
			g := newGraph(path)
			graph.OnStep(g, func(name string) {
				if name == "lock" {
					run(t, agent, tt.write)
				}
			})
			s := stage(t, g, records(want))
			_, err := s.Commit(t.Context(), permit(t, path), sequenceOf(tt.safety))
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.want == nil {
				wantContent(t, path, want)
			} else if got := query(t, path, "SELECT count(*) FROM Nodes"); got[0] != "200" && got[0] != "201" {
				t.Errorf("got %s nodes, want those that were there", got[0])
			}
		})
	}
}

// TestMadeMeanwhile: an agent makes the graph where there was none.
func TestMadeMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	g := newGraph(path)
	graph.OnStep(g, func(name string) {
		if name == "create" {
			run(t, live(t, path), `INSERT INTO Nodes VALUES ('first', NULL, '{"id":"first"}')`)
		}
	})
	s := stage(t, g, records(storetest.Graph("a", 30)))
	if _, err := s.Commit(t.Context(), permit(t, path), nil); !errors.Is(err, store.ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
	wantContent(t, path, lines(`{"type":"node","data":{"id":"first"}}`))
}

// TestReplaceEqual: a graph that is the records already is not written to, and
// not asked to be what the safety copy holds: the plan has been carried out.
func TestReplaceEqual(t *testing.T) {
	rows := storetest.Graph("a", 300)
	path := crashed(t, rows)
	s, leave := stage(t, newGraph(path), records(rows)), permit(t, path)
	before := state(t, filepath.Dir(path))
	done, err := s.Commit(t.Context(), leave, records(storetest.Graph("b", 30)))
	if err != nil || done.Rows != 300 {
		t.Errorf("got %+v, %v, want 300 rows", done, err)
	}
	if after := state(t, filepath.Dir(path)); after != before {
		t.Errorf("got files\n%swant\n%s", after, before)
	}
}

// TestLinkMoved: the path leads elsewhere than when it was staged.
func TestLinkMoved(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "memory.sqlite")
	for _, name := range []string{"one", "two"} {
		put(t, live(t, filepath.Join(dir, name)), storetest.Graph(name, 30))
	}
	relink(t, link, "one")
	s, leave := stage(t, newGraph(link), records(storetest.Graph("b", 60))), permit(t, link)
	relink(t, link, "two")
	before := state(t, dir)
	if _, err := s.Commit(t.Context(), leave, nil); !errors.Is(err, guard.ErrTargetMoved) {
		t.Errorf("got %v, want ErrTargetMoved", err)
	}
	if after := state(t, dir); after != before {
		t.Errorf("got files\n%swant\n%s", after, before)
	}
}

// TestMovedUnderLock: the file is another one when the lock has been taken.
func TestMovedUnderLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 30))
	g := newGraph(path)
	s, leave := stage(t, g, records(storetest.Graph("b", 60))), permit(t, path)
	graph.OnStep(g, func(name string) {
		if name == "lock" {
			rename(t, path, path+".old")
			put(t, live(t, path), storetest.Graph("c", 30))
		}
	})
	if _, err := s.Commit(t.Context(), leave, nil); !errors.Is(err, guard.ErrTargetMoved) {
		t.Errorf("got %v, want ErrTargetMoved", err)
	}
	wantContent(t, path, storetest.Graph("c", 30))
}

// TestReplaceCancelled: what is cancelled in the middle was never done.
func TestReplaceCancelled(t *testing.T) {
	rows := storetest.Graph("a", 300)
	for _, step := range []string{"delete edges", "delete nodes", "check", "commit"} {
		t.Run(step, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			put(t, live(t, path), rows)
			g := newGraph(path)
			ctx, cancel := context.WithCancel(t.Context())
			graph.OnStep(g, func(name string) {
				if name == step {
					cancel()
				}
			})
			s := stage(t, g, records(storetest.Graph("b", 60)))
			if _, err := s.Commit(ctx, permit(t, path), nil); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want it cancelled", err)
			}
			wantContent(t, path, rows)
		})
	}
}
