package graph_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
	"keepsake/internal/store/storetest"
)

// session opens the graph at path until the test ends.
func session(t *testing.T, path string) store.Session {
	t.Helper()
	s, err := newGraph(path).Open(t.Context(), nil)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// read returns the rows of the graph at path, and lets go of it.
func read(t *testing.T, path string) ([]string, memory.Capture) {
	t.Helper()
	s := session(t, path)
	r, err := s.Read(t.Context(), memory.Graph)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	rows := texts(t, r.All())
	capture, err := r.Capture()
	if err != nil {
		t.Fatalf("capture: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return rows, capture
}

func wantRows(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// TestWriteAheadLog reads a database of which the main file is still empty.
func TestWriteAheadLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := open(t, path)
	run(t, agent, "PRAGMA wal_autocheckpoint = 0;"+schema)
	run(t, agent, `INSERT INTO Nodes VALUES ('a', NULL, '{"id":"a"}')`)
	info, err := os.Stat(path)
	if err != nil || info.Size() > 4096 {
		t.Fatalf("got %v, %v, want everything in the log", info.Size(), err)
	}
	before := storetest.Names(t, filepath.Dir(path))
	got, capture := read(t, path)
	wantRows(t, got, `{"type":"node","data":{"id":"a"}}`)
	if capture.Before != 1 || capture.Method != "sqlite" {
		t.Errorf("got %+v", capture)
	}
	if after := storetest.Names(t, filepath.Dir(path)); after != before {
		t.Errorf("a reading beside an agent left %s, want %s", after, before)
	}
	run(t, agent, `INSERT INTO Nodes VALUES ('b', NULL, '{"id":"b"}')`)
}

// TestCrashedAgent reads what an agent left that was killed: the log is not
// checkpointed.
func TestCrashedAgent(t *testing.T) {
	live := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := open(t, live)
	run(t, agent, "PRAGMA wal_autocheckpoint = 0;"+schema)
	run(t, agent, `INSERT INTO Nodes VALUES ('a', NULL, '{"id":"a"}')`)

	for _, tt := range []struct{ name, suffixes string }{
		{"WithSharedMemory", " -wal -shm"},
		{"WithoutSharedMemory", " -wal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			for _, suffix := range strings.Split(tt.suffixes, " ") {
				content, err := os.ReadFile(live + suffix)
				if err != nil {
					t.Fatal(err)
				}
				write(t, path+suffix, string(content))
			}
			main, log := hash(t, path), hash(t, path+"-wal")
			got, _ := read(t, path)
			wantRows(t, got, `{"type":"node","data":{"id":"a"}}`)
			if hash(t, path) != main || hash(t, path+"-wal") != log {
				t.Error("a reading changed the database or its log")
			}
			// A -shm is the only thing that may be new: it is made anew by
			// whoever comes next.
			if got := storetest.Names(t, filepath.Dir(path)); got != "memory.sqlite memory.sqlite-shm memory.sqlite-wal" {
				t.Errorf("got files %s", got)
			}
		})
	}
}

func hash(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestLeavesNothing looks at a database that nobody has open.
func TestLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 30))
	before := state(t, filepath.Dir(path))
	read(t, path)
	if _, err := newGraph(path).Survey(t.Context(), memory.Graph); err != nil {
		t.Fatal(err)
	}
	if after := state(t, filepath.Dir(path)); after != before {
		t.Errorf("got files\n%swant\n%s", after, before)
	}
}

// TestLogOfALaterAgent lets an agent open the database while it is read, and
// write to it: its log is left alone.
func TestLogOfALaterAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 30))
	s := session(t, path)
	agent := open(t, path)
	run(t, agent, `INSERT INTO Nodes VALUES ('late', NULL, '{"id":"late"}')`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		t.Errorf("got %v, %v, want the agent's log untouched", info, err)
	}
	got, _ := read(t, path)
	if len(got) != 31 {
		t.Errorf("got %d rows, want 31", len(got))
	}
}

// TestNoUserColumn reads a file of a version without user_id.
func TestNoUserColumn(t *testing.T) {
	path := oldFile(t)
	got, _ := read(t, path)
	wantRows(t, got,
		`{"type":"node","data":{"id":"a","properties":{"userId":"me"}}}`,
		`{"type":"node","raw":"{}},","columns":{"id":"b"}}`,
		`{"type":"edge","data":{"id":"e","source":"a","target":"b","type":"KNOWS"}}`)
}

// oldFile makes a database of a version without user_id and without references.
func oldFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := open(t, path)
	run(t, agent, `CREATE TABLE Nodes (id TEXT PRIMARY KEY, data TEXT NOT NULL);
		CREATE TABLE Edges (id TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL);
		INSERT INTO Nodes VALUES ('a', '{"id":"a","properties":{"userId":"me"}}'), ('b', '{}},');
		INSERT INTO Edges VALUES ('e', 'a', 'b', 'KNOWS', '{"id":"e","source":"a","target":"b","type":"KNOWS"}')`)
	if err := agent.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestIncidentQ_UnparsableGraphRowsAreKept: rows that did not parse were skipped,
// and the number expected was that of the rows that were left.
func TestIncidentQ_UnparsableGraphRowsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, path)
	for i, data := range []string{"not JSON", "", "[1]", `{"id":`, `{"id":"other"}`, "{\n \"id\" : \"n5\"\r\n}", `"a"`, "\x00", `{"a":"\ud800"}`} {
		run(t, agent, "INSERT INTO Nodes VALUES (?, NULL, ?)", fmt.Sprintf("n%d", i), data)
	}
	got, capture := read(t, path)
	wantRows(t, got,
		`{"type":"node","raw":"not JSON","columns":{"id":"n0"}}`,
		`{"type":"node","raw":"","columns":{"id":"n1"}}`,
		`{"type":"node","raw":"[1]","columns":{"id":"n2"}}`,
		`{"type":"node","raw":"{\"id\":","columns":{"id":"n3"}}`,
		`{"type":"node","data":{"id":"other"},"columns":{"id":"n4"}}`,
		`{"type":"node","data":{ "id" : "n5"}}`,
		`{"type":"node","raw":"\"a\"","columns":{"id":"n6"}}`,
		`{"type":"node","raw":"\u0000","columns":{"id":"n7"}}`,
		`{"type":"node","data":{"a":"\ud800"},"columns":{"id":"n8"}}`)
	if capture.Before != 9 || !capture.Complete() {
		t.Errorf("got %+v, want 9 rows, complete", capture)
	}
}

// TestUnreadableRows counts and names rows that no bundle can hold.
func TestUnreadableRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	agent := live(t, path)
	run(t, agent, `INSERT INTO Nodes VALUES ('good', NULL, '{"id":"good"}'), ('bad', NULL, CAST(x'22ff22' AS TEXT)),
		(NULL, NULL, '{}'), ('', NULL, '{}')`)
	s := session(t, path)
	r, err := s.Read(t.Context(), memory.Graph)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, texts(t, r.All()), `{"type":"node","data":{"id":"good"}}`)
	capture, err := r.Capture()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"bad", "Nodes, row 3", "Nodes, row 4"}
	if !slices.Equal(capture.Unreadable, want) || capture.Missing != 0 || capture.Held != 4 || capture.Complete() {
		t.Errorf("got %+v, want unreadable %q of 4 held", capture, want)
	}
	if got := findings(t, s); got != "unreadable-row unreadable-row unreadable-row" {
		t.Errorf("got findings %s", got)
	}
}

func findings(t *testing.T, s store.Session) string {
	t.Helper()
	inspector, ok := s.(store.Inspector)
	if !ok {
		t.Fatal("the session is no Inspector")
	}
	var codes []string
	for _, f := range inspector.Findings() {
		codes = append(codes, f.Code)
	}
	return strings.Join(codes, " ")
}

// TestAbsent: what is not there is no error, and nothing is made of it.
func TestAbsent(t *testing.T) {
	for _, tt := range []struct {
		name     string
		make     func(t *testing.T, path string)
		findings string
	}{
		{"File", func(*testing.T, string) {}, ""},
		{"EmptyFile", func(t *testing.T, path string) { t.Helper(); write(t, path, "") }, "graph-without-tables"},
		{"OtherTables", func(t *testing.T, path string) {
			t.Helper()
			agent := open(t, path)
			run(t, agent, "CREATE TABLE mc_tool_call_log (id)")
			if err := agent.Close(); err != nil {
				t.Fatal(err)
			}
		}, "graph-without-tables"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			tt.make(t, path)
			before := state(t, filepath.Dir(path))
			s := session(t, path)
			if specs, err := s.Sections(t.Context()); err != nil || len(specs) != 0 {
				t.Errorf("got %v, %v, want no section", specs, err)
			}
			if _, err := s.Read(t.Context(), memory.Graph); !errors.Is(err, store.ErrAbsent) {
				t.Errorf("got %v, want ErrAbsent", err)
			}
			if got := findings(t, s); got != tt.findings {
				t.Errorf("got findings %q, want %q", got, tt.findings)
			}
			if after := state(t, filepath.Dir(path)); after != before {
				t.Errorf("got files\n%swant\n%s", after, before)
			}
		})
	}
}

// TestOtherSections: a graph that was not asked for is not opened.
func TestOtherSections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	write(t, path, strings.Repeat("no database", 1000))
	s, err := newGraph(path).Open(t.Context(), []memory.Section{memory.Memories})
	if err != nil {
		t.Fatalf("got %v, want no look at all", err)
	}
	if _, err := s.Read(t.Context(), memory.Graph); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestRefused: each kind of place that is no graph, with what is said of it.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
		text string
	}{
		{
			"NoDatabase", func(t *testing.T, path string) { t.Helper(); write(t, path, strings.Repeat("text\n", 2000)) },
			store.ErrUnreachable, "it is no SQLite database, or is damaged",
		},
		{"Folder", func(t *testing.T, path string) {
			t.Helper()
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}, store.ErrUnreachable, "it is no file but d"},
		{"LinkToNothing", func(t *testing.T, path string) {
			t.Helper()
			if err := os.Symlink(path+".gone", path); err != nil {
				t.Fatal(err)
			}
		}, store.ErrUnreachable, "it is a link to nothing"},
		{"Locked", func(t *testing.T, path string) {
			t.Helper()
			agent := open(t, path)
			run(t, agent, "CREATE TABLE Nodes (id); BEGIN EXCLUSIVE")
		}, store.ErrUnreachable, "another process holds its lock"},
		{"HalfAGraph", func(t *testing.T, path string) {
			t.Helper()
			run(t, open(t, path), "CREATE TABLE Nodes (id TEXT PRIMARY KEY, data TEXT)")
		}, store.ErrUnreachable, "it is no graph: table Edges has no column id"},
		{"OtherColumns", func(t *testing.T, path string) {
			t.Helper()
			run(t, open(t, path), "CREATE TABLE Nodes (id, text); CREATE TABLE Edges (id, source, target, type, data)")
		}, store.ErrUnreachable, "it is no graph: table Nodes has no column data"},
		{"DamagedSchema", func(t *testing.T, path string) {
			t.Helper()
			put(t, live(t, path), storetest.Graph("a", 30))
			damage(t, path, 100, 200)
		}, store.ErrUnreadable, "the database is damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "memory.sqlite")
			tt.make(t, path)
			g := newGraph(path)
			_, surveyed := g.Survey(t.Context(), memory.Graph)
			_, merged := g.Merge(t.Context(), memory.SectionSpec{Name: memory.Graph},
				overwritten([]string{`{"type":"node","data":{"id":"a"}}`}), store.MergeOptions{})
			_, opened := g.Open(t.Context(), nil)
			for verb, err := range map[string]error{"survey": surveyed, "merge": merged, "open": opened} {
				if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: got %v, want %v with %q and the path", verb, err, tt.want, tt.text)
				}
			}
		})
	}
}

// damage overwrites bytes of a file.
func damage(t *testing.T, path string, from, to int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		content[i] = 0xa5
	}
	write(t, path, string(content))
}

// TestDamagedPage: rows that were counted and cannot be read end the reading.
func TestDamagedPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 3000))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// Leaves of the table in the middle of the file; its counts come from the index.
	for page := int(info.Size()/4096) / 4; page < int(info.Size()/4096)/2; page++ {
		damage(t, path, page*4096, page*4096+64)
	}
	s, err := newGraph(path).Open(t.Context(), nil)
	if err == nil {
		defer s.Close()
		var r *store.Reading
		if r, err = s.Read(t.Context(), memory.Graph); err == nil {
			for _, err = range r.All() {
				continue // the last error counts
			}
		}
	}
	if !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v, want ErrUnreadable that says damaged", err)
	}
}

// TestLocator: links are resolved, in names that need escaping too.
func TestLocator(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	actual := filepath.Join(dir, "100% #1?; 記憶&mode=rwc")
	if runtime.GOOS == "windows" {
		actual = filepath.Join(dir, "100% #1; 記憶&mode=rwc")
	}
	if err := os.Mkdir(actual, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(actual, link); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(link, "memory.sqlite")
	want := memory.Locator{Kind: memory.KindGraph, Path: filepath.Join(actual, "memory.sqlite")}
	for _, state := range []string{"absent", "there"} {
		survey, err := newGraph(path).Survey(t.Context(), memory.Graph)
		if err != nil || survey.Locator != want || survey.Exists != (state == "there") {
			t.Errorf("%s: got %+v, %v, want locator %v", state, survey, err, want)
		}
		if state == "absent" {
			merge(t, path, `{"type":"node","data":{"id":"a"}}`)
		}
	}
	if got := storetest.Names(t, actual); got != "memory.sqlite" {
		t.Errorf("got files %q, want the database under its own name", got)
	}
}

// TestOtherName: a graph that a bundle knows by another section.
func TestOtherName(t *testing.T) {
	g := graph.New(graph.Config{Path: filepath.Join(t.TempDir(), "x.sqlite"), Section: "graph/other"})
	if _, err := g.Survey(t.Context(), memory.Graph); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent", err)
	}
	if _, err := g.Survey(t.Context(), "graph/other"); err != nil {
		t.Errorf("got %v, want the graph under its name", err)
	}
}
