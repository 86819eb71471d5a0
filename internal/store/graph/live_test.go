package graph_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/storetest"
)

// TestLiveWriter reads and merges while another process writes all the time.
// That process waits five seconds for a lock, as Neo.mjs does, and must
// never have waited in vain; what is read must be of one moment.
func TestLiveWriter(t *testing.T) {
	if path := os.Getenv("GRAPH_TEST_WRITER"); path != "" {
		writeUntilEOF(path)
	}
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	more := storetest.Graph("a", 20000)
	put(t, live(t, path), more[:3000])
	writer := startWriter(t, path)

	for range 3 {
		wantOneMoment(t, path)
	}
	result, err := newPatient(path).Merge(t.Context(), memory.SectionSpec{Name: memory.Graph}, records(more), store.MergeOptions{})
	if err != nil || !result.Complete() || result.Same != 20000 {
		t.Errorf("merge beside a writer: got %+v, %v", result, err)
	}
	wantOneMoment(t, path)

	commits, slowest := writer.stop(t)
	if commits < 10 {
		t.Errorf("the writer made %d commits, want it to have been at work", commits)
	}
	if slowest > 5*time.Second {
		t.Errorf("a commit of the writer took %v, want at most 5s", slowest)
	}
	t.Logf("%d commits, the slowest in %v", commits, slowest)
}

// wantOneMoment reads the graph and wants for each edge both of its nodes, which
// the writer puts in at once, and as many rows as were counted.
func wantOneMoment(t *testing.T, path string) {
	t.Helper()
	s, err := newPatient(path).Open(t.Context(), nil)
	if err != nil {
		t.Fatalf("open beside a writer: %v", err)
	}
	defer s.Close()
	r, err := s.Read(t.Context(), memory.Graph)
	if err != nil {
		t.Fatal(err)
	}
	var scanner record.Scanner
	nodes, n, edges := map[string]bool{}, int64(0), 0
	for rec, err := range r.All() {
		if err != nil {
			t.Fatalf("read beside a writer: %v", err)
		}
		e, err := scanner.Element(rec)
		if err != nil {
			t.Fatal(err)
		}
		if n++; !e.Edge {
			nodes[string(e.ID)] = true
			continue
		}
		if edges++; !nodes[string(e.Source)] || !nodes[string(e.Target)] {
			t.Fatalf("edge %s without its nodes", e.ID)
		}
	}
	pairs := 0
	for id := range nodes {
		if rest, isFrom := strings.CutPrefix(id, "from-"); isFrom {
			if pairs++; !nodes["to-"+rest] {
				t.Fatalf("%s without the node that was committed with it", id)
			}
		}
	}
	if capture, err := r.Capture(); err != nil || capture.Before != n || capture.Held != n || edges == 0 {
		t.Errorf("got %+v, %v of %d rows", capture, err, n)
	}
}

type writer struct {
	stdin  io.Closer
	stdout *bufio.Scanner
	cmd    *exec.Cmd
}

// startWriter starts this test in a process of its own, and returns when it has
// made its first commit.
func startWriter(t *testing.T, path string) *writer {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLiveWriter$")
	cmd.Env = append(os.Environ(), "GRAPH_TEST_WRITER="+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := &writer{stdin, bufio.NewScanner(stdout), cmd}
	t.Cleanup(func() { _, _ = stdin.Close(), cmd.Wait() })
	if !w.stdout.Scan() || w.stdout.Text() != "writing" {
		t.Fatalf("got %q from the writer, want it to have begun", w.stdout.Text())
	}
	return w
}

// stop ends the writer and returns how it fared.
func (w *writer) stop(t *testing.T) (commits int, slowest time.Duration) {
	t.Helper()
	if err := w.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	w.stdout.Scan()
	if _, err := fmt.Sscan(w.stdout.Text(), &commits, (*int64)(&slowest)); err != nil {
		t.Fatalf("the writer says %q", w.stdout.Text())
	}
	return commits, slowest
}

// writeUntilEOF is the other process: two nodes and an edge with each commit. It
// ends with what it has to say when its standard input is closed.
func writeUntilEOF(path string) {
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	tick := time.NewTicker(2 * time.Millisecond)
	slowest := time.Duration(0)
	for n := 0; ; n++ {
		begun := time.Now()
		if err := writeOnce(db, n); err != nil {
			fmt.Println("commit", n, err)
			os.Exit(1)
		}
		slowest = max(slowest, time.Since(begun))
		if n == 0 {
			fmt.Println("writing")
		}
		select {
		case <-ended:
			fmt.Println(n, int64(slowest))
			os.Exit(0)
		case <-tick.C:
		}
	}
}

func writeOnce(db *sql.DB, n int) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // harmless after the commit
	for _, id := range []string{"from", "to"} {
		if _, err := tx.Exec("INSERT INTO Nodes VALUES (?, NULL, '{}')", fmt.Sprintf("%s-%d", id, n)); err != nil {
			return err
		}
	}
	if _, err := tx.Exec("INSERT INTO Edges VALUES (?, NULL, ?, ?, 'T', '{}')", fmt.Sprintf("between-%d", n),
		fmt.Sprintf("from-%d", n), fmt.Sprintf("to-%d", n)); err != nil {
		return err
	}
	return tx.Commit()
}
