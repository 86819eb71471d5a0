package flat_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/flat"
)

// concepts is a folder of sections, and logFile a file that is one.
func concepts(dir string) flat.Source {
	return flat.Source{Subsystem: memory.Concepts, Path: dir, Keyed: true}
}

func logFile(path string) flat.Source {
	return flat.Source{Subsystem: memory.Mailbox, Path: path, Name: "sent-to-cull"}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, sections []memory.Section, sources ...flat.Source) store.Session {
	t.Helper()
	s, err := newFiles(sources...).Open(t.Context(), sections)
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

// read reads a section and calls do, if there is one, after the first line.
func read(t *testing.T, s store.Session, section memory.Section, do func()) (lines []string, capture memory.Capture, err error) {
	t.Helper()
	r, err := s.Read(t.Context(), section)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	for rec, err := range r.All() {
		if err != nil {
			_, captured := r.Capture()
			if !errors.Is(captured, store.ErrNotRead) {
				t.Errorf("capture after an error: got %v, want ErrNotRead", captured)
			}
			return lines, memory.Capture{}, err
		}
		if lines = append(lines, string(rec)); len(lines) == 1 && do != nil {
			do()
		}
	}
	capture, err = r.Capture()
	return lines, capture, err
}

// findings returns "level code section" of each finding.
func findings(t *testing.T, s store.Session) string {
	t.Helper()
	inspector, ok := s.(store.Inspector)
	if !ok {
		t.Fatal("the session is no Inspector")
	}
	var all []string
	for _, f := range inspector.Findings() {
		if f.File == "" || f.Message == "" {
			t.Errorf("got %+v, want a file and a message", f)
		}
		all = append(all, fmt.Sprintf("%s %s %s", f.Level, f.Code, f.Section))
	}
	return strings.Join(all, "; ")
}

// TestBytes: lines are what stands between the newlines, whatever it is.
func TestBytes(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 3<<16) // 3 MiB
	for _, tt := range []struct {
		name, text string
		want       []string
		torn       int64
		findings   string
	}{
		{"Lines", "{\"a\":1}\n{\"b\":2}\n", []string{`{"a":1}`, `{"b":2}`}, 0, ""},
		{"CarriageReturns", "{\"a\":1}\r\n\r\n", []string{"{\"a\":1}\r", "\r"}, 0, ""},
		{"BlankLines", "\n\n a \n", []string{"", "", " a "}, 0, ""},
		{"AnyUTF8", "\ufeff記憶 🧠\u0000\u2028\n", []string{"\ufeff記憶 🧠\u0000\u2028"}, 0, ""},
		{"LongLine", "a\n" + long + "\nb\n", []string{"a", long, "b"}, 0, ""},
		{"TornLine", "{\"a\":1}\n{\"b\":", []string{`{"a":1}`}, 5, "note torn-line mailbox/sent-to-cull"},
		{"TornLineThatIsWhole", "{\"a\":1}\n{\"b\":2}", []string{`{"a":1}`}, 7, "warning torn-line mailbox/sent-to-cull"},
		{"OnlyTorn", "{\"a\"", nil, 4, "note torn-line mailbox/sent-to-cull"},
		{"TornCharacter", "a\n\xe8\xa8", []string{"a"}, 2, "note torn-line mailbox/sent-to-cull"},
		{"Empty", "", nil, 0, "warning empty-file mailbox/sent-to-cull"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			write(t, path, tt.text)
			s := open(t, nil, logFile(path))
			specs, err := s.Sections(t.Context())
			if err != nil || len(specs) != 1 || specs[0].Rows != int64(len(tt.want)) {
				t.Errorf("got %+v, %v, want one section of %d rows", specs, err, len(tt.want))
			}
			got, capture, err := read(t, s, memory.MailboxSentToCull, nil)
			if err != nil || strings.Join(got, "\n") != strings.Join(tt.want, "\n") || len(got) != len(tt.want) {
				t.Errorf("got %.100q, %v, want %.100q", got, err, tt.want)
			}
			if capture.TornBytes != tt.torn || !capture.Complete() || capture.Method != "files" {
				t.Errorf("got %+v, want %d torn bytes, complete", capture, tt.torn)
			}
			if got := findings(t, s); got != tt.findings {
				t.Errorf("got findings %q, want %q", got, tt.findings)
			}
		})
	}
}

// TestWhileItIsRead: growth is taken as it comes, and nothing is half old and
// half new without a word.
func TestWhileItIsRead(t *testing.T) {
	text := strings.Repeat("{\"n\":1}\n", 100_000) // more than a buffer
	for _, tt := range []struct {
		name  string
		do    func(t *testing.T, path string)
		after int64
		want  string // what the error says; none when empty
	}{
		{"Grown", func(t *testing.T, path string) {
			t.Helper()
			appendLines(t, path, []memory.Record{memory.Record("x"), memory.Record("y")})
		}, 100_002, ""},
		{"Replaced", func(t *testing.T, path string) {
			t.Helper()
			write(t, path+".new", "other\n")
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}, 100_000, ""},
		{"Removed", func(t *testing.T, path string) {
			t.Helper()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, 100_000, ""},
		{"Truncated", func(t *testing.T, path string) {
			t.Helper()
			if err := os.Truncate(path, 500_004); err != nil {
				t.Fatal(err)
			}
		}, 0, "it was cut while it was read: 62500 of 100000 lines were left"},
		{"Rewritten", func(t *testing.T, path string) {
			t.Helper()
			write(t, path, strings.ReplaceAll(text, "1", "2"))
		}, 0, "it was rewritten in place while it was read"},
		{"RewrittenLonger", func(t *testing.T, path string) {
			t.Helper()
			write(t, path, strings.Repeat("{\"n\":12}\n", 100_000))
		}, 0, "while it was read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			write(t, path, text)
			s := open(t, nil, logFile(path))
			got, capture, err := read(t, s, memory.MailboxSentToCull, func() { tt.do(t, path) })
			if tt.want != "" {
				if !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v, want ErrUnreadable with %q and the path", err, tt.want)
				}
				return
			}
			if err != nil || len(got) != 100_000 || capture.Held != 100_000 || capture.After != tt.after {
				t.Errorf("got %d lines, %+v, %v, want 100,000 and %d after", len(got), capture, err, tt.after)
			}
		})
	}
}

// TestUnreadable: what no bundle can hold is an error with its line.
func TestUnreadable(t *testing.T) {
	t.Run("InvalidUTF8", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "mail.jsonl")
		write(t, path, "fine\nfine too\nbroken \xff\nfine\n")
		got, _, err := read(t, open(t, nil, logFile(path)), memory.MailboxSentToCull, nil)
		if !errors.Is(err, store.ErrUnreadable) || !strings.HasSuffix(err.Error(), "line 3: invalid UTF-8") || len(got) != 2 {
			t.Errorf("got %d lines, %v, want ErrUnreadable with line 3", len(got), err)
		}
	})
	t.Run("LineTooLong", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "mail.jsonl")
		write(t, path, "fine\n")
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("\n"), record.MaxLine+6); err != nil { // a hole before it
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		_, _, err = read(t, open(t, nil, logFile(path)), memory.MailboxSentToCull, nil)
		if !errors.Is(err, store.ErrUnreadable) || !strings.HasSuffix(err.Error(), "line 2: longer than 256 MiB") {
			t.Errorf("got %v, want ErrUnreadable with line 2", err)
		}
	})
}

// TestFolder: which files of a folder are sections, and what is said of others.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "concepts")
	outside := filepath.Join(t.TempDir(), "secret.jsonl")
	write(t, outside, "{}\n")
	for _, name := range []string{"nodes.jsonl", "edges v2.jsonl", "notes.txt", ".draft.jsonl", "bare"} {
		write(t, filepath.Join(dir, name), "{}\n")
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.jsonl"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"alias.jsonl": "nodes.jsonl", "gone.jsonl": "nothing", "secret.jsonl": outside} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, nil, concepts(dir))
	specs, err := s.Sections(t.Context())
	var names []string
	for _, spec := range specs {
		names = append(names, string(spec.Name))
	}
	if got := strings.Join(names, "; "); err != nil || got != "concepts/alias; concepts/edges v2; concepts/gone; concepts/nodes; concepts/secret" {
		t.Errorf("got sections %s, %v", got, err)
	}
	if got := findings(t, s); got != "warning no-file concepts/folder" {
		t.Errorf("got findings %s", got)
	}
	for section, text := range map[memory.Section]string{
		"concepts/secret": "it is a link that leads out of its folder, to ",
		"concepts/gone":   "it is a link to nothing",
	} {
		_, err := s.Read(t.Context(), section)
		if !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %v, want ErrUnreadable with %q", section, err, text)
		}
	}
}

// TestPipe: looking at a pipe must not wait for somebody to write to it.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	if err := mkfifo(filepath.Join(dir, "pipe.jsonl")); err != nil {
		t.Skip("no pipes here: ", err)
	}
	if got := findings(t, open(t, nil, concepts(dir))); got != "warning no-file concepts/pipe" {
		t.Errorf("got findings %q", got)
	}
	_, err := newFiles(logFile(filepath.Join(dir, "pipe.jsonl"))).Open(t.Context(), nil)
	if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "it is no file but a pipe") {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}

// TestNothingThere: absent is silent, a folder without files is not.
func TestNothingThere(t *testing.T) {
	dir := t.TempDir()
	s := open(t, nil, concepts(filepath.Join(dir, "none")), logFile(filepath.Join(dir, "none.jsonl")))
	if specs, err := s.Sections(t.Context()); err != nil || len(specs) != 0 || findings(t, s) != "" {
		t.Errorf("got %v, %v, findings %q, want nothing", specs, err, findings(t, s))
	}
	write(t, filepath.Join(dir, "there", "notes.txt"), "text")
	s = open(t, nil, concepts(filepath.Join(dir, "there")))
	if got := findings(t, s); got != "warning folder-without-jsonl concepts" {
		t.Errorf("got findings %q", got)
	}
}

// TestOnlyWhatIsAsked: other sources are not looked at, broken ones neither.
func TestOnlyWhatIsAsked(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "concepts", "nodes.jsonl"), "{}\n")
	write(t, filepath.Join(dir, "concepts", "edges.jsonl"), "{}\n")
	s := open(t, []memory.Section{"concepts/nodes"}, concepts(filepath.Join(dir, "concepts")), logFile(dir))
	specs, err := s.Sections(t.Context())
	if err != nil || len(specs) != 1 || specs[0].Name != "concepts/nodes" {
		t.Errorf("got %v, %v, want concepts/nodes alone", specs, err)
	}
}

// TestUnreachable: each place that is not what it was taken for.
func TestUnreachable(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "text")
	if err := os.Symlink("nothing", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		source  flat.Source
		section memory.Section
		text    string
	}{
		{"FileForFolder", concepts(filepath.Join(dir, "file")), "concepts/nodes", "a"},
		{"FolderForFile", logFile(dir), memory.MailboxSentToCull, "it is no file but a folder"},
		{"LinkToNothing", logFile(filepath.Join(dir, "dangling")), memory.MailboxSentToCull, "it is a link to nothing"},
		{"FolderLinkToNothing", concepts(filepath.Join(dir, "dangling")), "concepts/nodes", "it is a link to nothing"},
		{"BelowAFile", logFile(filepath.Join(dir, "file", "x.jsonl")), memory.MailboxSentToCull, syscall.ENOTDIR.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := state(t, dir)
			files := newFiles(tt.source)
			_, opened := files.Open(t.Context(), nil)
			_, surveyed := files.Survey(t.Context(), tt.section)
			_, merged := files.Merge(t.Context(), memory.SectionSpec{Name: tt.section}, records("{}"), store.MergeOptions{})
			for verb, err := range map[string]error{"open": opened, "survey": surveyed, "merge": merged} {
				if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("%s: got %v, want ErrUnreachable with %q", verb, err, tt.text)
				}
			}
			if after := state(t, dir); after != before {
				t.Errorf("got files\n%swant\n%s", after, before)
			}
		})
	}
}
