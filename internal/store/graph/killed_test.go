package graph_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/storetest"
)

// steps are those of a replace of a graph that is there.
var steps = []string{
	"lock", "delete edges", "update nodes", "insert nodes", "update edges", "move edges", "insert edges", "delete nodes",
	"check", "commit", "committed",
}

// before and after are two graphs, such that one becomes the other by all of the
// steps. The bulk is more than SQLite keeps in memory until the commit, so that
// some of a transaction is on the disk already.
func before() []memory.Record { return append(storetest.Graph("a", 300), stray("old", 0)...) }

func after(bulk int) []memory.Record {
	rows := slices.Concat(storetest.Graph("b", 270), stray("new", bulk))
	// Some stay as they are.
	return slices.Concat(storetest.Graph("a", 300)[:9], rows[9:])
}

func stray(name string, bulk int) []memory.Record {
	return lines(
		fmt.Sprintf(`{"type":"node","data":{"id":%q,"text":%q}}`, name, strings.Repeat("x", bulk)),
		fmt.Sprintf(`{"type":"edge","data":{"id":"%s-edge","source":%[1]q,"target":%[1]q,"type":"T","text":%q}}`, name, strings.Repeat("x", bulk)))
}

// TestT2_ReplaceKilled kills a replace at each of its steps: what was, or what is
// to be, is there, and the same command ends it.
func TestT2_ReplaceKilled(t *testing.T) {
	if path := os.Getenv("GRAPH_TEST_REPLACE"); path != "" {
		replaceUntil(t, path, os.Getenv("GRAPH_TEST_STEP"))
		return
	}
	for mode, steps := range map[string][]string{"WAL": steps, "DELETE": {"update edges", "commit", "committed"}} {
		for _, step := range steps {
			t.Run(mode+" "+step, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "memory.sqlite")
				agent := live(t, path)
				run(t, agent, "PRAGMA journal_mode = "+mode)
				put(t, agent, before())
				kill(t, path, step, 0)
				if step == "committed" {
					wantContent(t, path, after(0))
				} else {
					wantContent(t, path, before())
				}
				replace(t, path, nil, after(0))
				wantContent(t, path, after(0))
			})
		}
	}
}

// TestT2_ReplaceKilledWhileItSpills: more than fits in memory is in the log when
// the process is killed.
func TestT2_ReplaceKilledWhileItSpills(t *testing.T) {
	const bulk = 12 << 20
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), before())
	kill(t, path, "commit", bulk)
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() < 4<<20 {
		t.Errorf("got %v, %v, want the log to hold much of the transaction", info, err)
	}
	wantContent(t, path, before())
}

// TestT2_ReplaceKilledWhenAbsent: between the making of the file and the
// transaction there is an empty graph, and the same plan goes on.
func TestT2_ReplaceKilledWhenAbsent(t *testing.T) {
	for _, step := range []string{"create", "lock", "insert nodes", "insert edges", "check", "commit", "committed"} {
		t.Run(step, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			kill(t, path, step, 0)
			switch step {
			case "create":
				if got := storetest.Names(t, filepath.Dir(path)); got != "" {
					t.Errorf("got files %s, want none", got)
				}
			case "committed":
				wantContent(t, path, after(0))
			default:
				wantContent(t, path, nil)
			}
			replace(t, path, nil, after(0))
			wantContent(t, path, after(0))
		})
	}
}

// kill replaces the graph in another process, that dies at the step.
func kill(t *testing.T, path, step string, bulk int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestT2_ReplaceKilled$")
	cmd.Env = append(os.Environ(), "GRAPH_TEST_REPLACE="+path, "GRAPH_TEST_STEP="+step, fmt.Sprintf("GRAPH_TEST_BULK=%d", bulk))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !bytes.HasSuffix(out, []byte("dying at "+step+"\n")) {
		t.Fatalf("got %v, want a process killed at step %q:\n%s", err, step, out)
	}
}

// replaceUntil is the other process.
func replaceUntil(t *testing.T, path, step string) {
	t.Helper()
	var bulk int
	if _, err := fmt.Sscan(os.Getenv("GRAPH_TEST_BULK"), &bulk); err != nil {
		t.Fatal(err)
	}
	g := newPatient(path)
	graph.OnStep(g, func(name string) {
		if name != step {
			return
		}
		fmt.Println("dying at", step)
		storetest.Die()
	})
	s := stage(t, g, records(after(bulk)))
	if _, err := s.Commit(t.Context(), permit(t, path), nil); err != nil {
		t.Fatal(err)
	}
}
