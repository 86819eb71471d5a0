package flat_test

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/flat"
)

// records yields lines through one buffer.
func records(lines ...string) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		var buffer []byte
		for _, line := range lines {
			buffer = append(buffer[:0], line...)
			if !yield(buffer, nil) {
				return
			}
		}
	}
}

// merge merges lines into the one section of a source and returns the events,
// as "outcome id".
func merge(t *testing.T, source flat.Source, section memory.Section, lines iter.Seq2[memory.Record, error], heard func(store.Event)) (store.Result, []string) {
	t.Helper()
	var events []string
	result, err := newFiles(source).Merge(t.Context(), memory.SectionSpec{Name: section}, lines,
		store.MergeOptions{Report: func(e store.Event) error {
			events = append(events, fmt.Sprintf("%s %s", e.Outcome, e.ID))
			if heard != nil {
				heard(e)
			}
			return nil
		}})
	if err != nil {
		t.Fatalf("merge: %v", err)
	}
	return result, events
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMergeOfALog: lines count, their order in the bundle is kept, and the live
// file stays as it is but for its end.
func TestMergeOfALog(t *testing.T) {
	for _, tt := range []struct {
		name, live string
		lines      []string
		want       string
		added      int64
	}{
		{"Missing", "a\nc\n", []string{"a", "b", "c", "d"}, "a\nc\nb\nd\n", 2},
		{"Multiplicity", "a\nb\n", []string{"a", "a", "a", "b"}, "a\nb\na\na\n", 2},
		{"MoreThere", "a\na\na\n", []string{"a"}, "a\na\na\n", 0},
		{"Bytes", "{\"a\": 1}\n", []string{`{"a":1}`, "{\"a\":1}\r"}, "{\"a\": 1}\n{\"a\":1}\n{\"a\":1}\r\n", 2},
		{"Blank", "\n", []string{"", ""}, "\n\n", 1},
		{"TornEnd", "a\ntor", []string{"a", "b"}, "a\ntor\nb\n", 1},
		{"TornEndAlone", "a\ntor", []string{"a"}, "a\ntor", 0},
		{"TornEndIsARecord", "a\nb", []string{"a", "b"}, "a\nb\n", 0},
		{"TornEndIsOneOfTwo", "b", []string{"b", "b", "c"}, "b\nb\nc\n", 2},
		{"Empty", "", []string{"a"}, "a\n", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.jsonl")
			write(t, path, tt.live)
			for _, added := range []int64{tt.added, 0} { // twice is once
				result, events := merge(t, logFile(path), memory.MailboxSentToCull, records(tt.lines...), nil)
				if result.Added != added || !result.Complete() || result.Same != int64(len(tt.lines)) || len(events) != int(added) {
					t.Errorf("got %+v, events %q, want %d added and all in", result, events, added)
				}
				if got := content(t, path); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
		})
	}
}

// TestMergeOfAKeyedFile: the live line of a key wins.
func TestMergeOfAKeyedFile(t *testing.T) {
	edge := func(rest string) string { return `{"source":"a","target":"b"` + rest + `}` }
	for _, tt := range []struct {
		name, live, line string
		want             store.Result
	}{
		{"Same", `{"id":"a","n":1}`, `{"n":1, "id":"a"}`, store.Result{Same: 1}},
		{"OtherID", `{"id":"a"}`, `{"id":"b"}`, store.Result{Added: 1, Same: 1}},
		{"Differs", `{"id":"a","n":1}`, `{"id":"a","n":2}`, store.Result{Differs: 1}},
		{"IDBeforeEdge", edge(`,"type":"T","id":"x"`), edge(`,"type":"T","id":"y"`), store.Result{Added: 1, Same: 1}},
		{"NumberIsNoText", `{"id":"1"}`, `{"id":1}`, store.Result{Added: 1, Same: 1}},
		{"SameEdge", edge(`,"type":"T","n":1`), edge(`,"type":"T","n":2`), store.Result{Differs: 1}},
		{"OtherType", edge(`,"type":"T"`), edge(`,"type":"U"`), store.Result{Added: 1, Same: 1}},
		{"NoType", edge(`,"n":1`), edge(`,"n":2`), store.Result{Differs: 1}},
		{"NoKey", `{"n":1}`, `{"n":2}`, store.Result{Added: 1, Same: 1}},
		{"NoJSON", `id`, `text`, store.Result{Added: 1, Same: 1}},
		{"SameNoJSON", `text`, `text`, store.Result{Same: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "nodes.jsonl")
			write(t, path, tt.live+"\n")
			want := tt.live + "\n"
			if tt.want.Added > 0 {
				want += tt.line + "\n"
			}
			result, _ := merge(t, concepts(dir), "concepts/nodes", records(tt.line), nil)
			tt.want.Records, tt.want.Before, tt.want.After, tt.want.Proof = 1, 1, 1+tt.want.Added, store.ProofFull
			if result != tt.want {
				t.Errorf("got  %+v\nwant %+v", result, tt.want)
			}
			if got := content(t, path); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestNewFile: a file that is absent becomes what was in the bundle, byte for
// byte, also where a key comes twice; and nothing else is left in its folder.
func TestNewFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "concepts")
	lines := []string{`{"id":"a","n":1}`, "", "text\r", `{"id":"a","n":2}`, `{"id":"a","n":1}`}
	result, events := merge(t, concepts(dir), "concepts/nodes", records(lines...), nil)
	want := store.Result{Records: 5, Added: 5, Same: 5, Created: true, After: 5, Proof: store.ProofFull}
	if result != want || len(events) != 5 || events[0] != "added a" {
		t.Errorf("got  %+v, events %q\nwant %+v", result, events, want)
	}
	if got := content(t, filepath.Join(dir, "nodes.jsonl")); got != strings.Join(lines, "\n")+"\n" {
		t.Errorf("got %q", got)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got files %v, %v, want one", entries, err)
	}
}

// TestBrokenSequence: what broke has made no file, not even beside its place.
func TestBrokenSequence(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "concepts")
	broken := errors.New("the bundle broke")
	result, err := newFiles(concepts(dir)).Merge(t.Context(), memory.SectionSpec{Name: "concepts/nodes"},
		func(yield func(memory.Record, error) bool) {
			if yield(memory.Record("{}"), nil) {
				yield(nil, broken)
			}
		}, store.MergeOptions{})
	if !errors.Is(err, broken) || result.Added != 0 || result.Created {
		t.Errorf("got %+v, %v, want nothing added and the sequence's error", result, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("got files %v, %v, want none", entries, err)
	}
}

// TestFileThatComesMeanwhile: an agent makes the file while ours is written.
// Its lines stay.
func TestFileThatComesMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mail.jsonl")
	pass := 0
	result, _ := merge(t, logFile(path), memory.MailboxSentToCull, func(yield func(memory.Record, error) bool) {
		if pass++; pass == 1 {
			write(t, path, "theirs\n")
		}
		records("ours", "theirs")(yield)
	}, nil)
	if got := content(t, path); got != "theirs\nours\n" {
		t.Errorf("got %q, want the agent's line, then ours", got)
	}
	want := store.Result{Records: 2, Added: 1, Same: 2, Before: 1, After: 2, Proof: store.ProofFull}
	if result != want {
		t.Errorf("got  %+v\nwant %+v", result, want)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got files %v, %v, want one", entries, err)
	}
}

// TestHeldOpen: an agent that holds the file open for appending goes on in the
// same file, and no line of either is torn.
func TestHeldOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	write(t, path, "first\n")
	agent, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	line := strings.Repeat("x", 1000)
	result, _ := merge(t, logFile(path), memory.MailboxSentToCull, func(yield func(memory.Record, error) bool) {
		for i := range 5000 { // some batches
			if i%100 == 0 {
				if _, err := agent.WriteString("theirs\n"); err != nil {
					t.Fatal(err)
				}
			}
			if !yield(memory.Record(fmt.Sprint(i, line)), nil) {
				return
			}
		}
	}, nil)
	if result.Added != 5000 || !result.Complete() {
		t.Errorf("got %+v, want 5000 added", result)
	}
	counts := map[int]int{}
	for l := range strings.Lines(content(t, path)) {
		counts[len(l)]++
	}
	if counts[len("theirs\n")] != 100 || counts[len("first\n")] != 1 || counts[1002]+counts[1003]+counts[1004]+counts[1005] != 5000 {
		t.Errorf("got lines of lengths %v, want no other than were written", counts)
	}
}

// TestLostAfterwards: lines that are gone when the file is read back are missing.
func TestLostAfterwards(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	write(t, path, "a\n")
	result, events := merge(t, logFile(path), memory.MailboxSentToCull, records("a", "b", "c"), func(e store.Event) {
		if e.Outcome == store.Added {
			write(t, path, "c\n")
		}
	})
	if result.Missing != 2 || result.Same != 1 || result.Complete() || result.After != 1 {
		t.Errorf("got %+v, want 2 missing", result)
	}
	if n := len(slices.DeleteFunc(events, func(e string) bool { return !strings.HasPrefix(e, "missing ") })); n != 2 {
		t.Errorf("got events %q, want 2 of missing", events)
	}
}

// TestRejected: a record that can be no line.
func TestRejected(t *testing.T) {
	for _, live := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "mail.jsonl")
		if live {
			write(t, path, "a\n")
		}
		result, _ := merge(t, logFile(path), memory.MailboxSentToCull, records("a", "b\nc", "\xff"), nil)
		if result.Rejected != 2 || result.Same != 1 || result.Complete() {
			t.Errorf("got %+v, want 2 rejected", result)
		}
		if got := content(t, path); got != "a\n" {
			t.Errorf("got %q", got)
		}
	}
}

// TestNames: a name from a bundle must not lead out of its folder, nor make a
// file that a backup would leave out.
func TestNames(t *testing.T) {
	for _, name := range []string{"..", "../x", "a/b", `a\b`, "/etc/x", ".hidden", "C:x", "x/../../y"} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, "concepts")
			files := newFiles(concepts(dir))
			section := memory.Section("concepts/" + name)
			_, surveyed := files.Survey(t.Context(), section)
			_, merged := files.Merge(t.Context(), memory.SectionSpec{Name: section}, records("{}"), store.MergeOptions{})
			for verb, err := range map[string]error{"survey": surveyed, "merge": merged} {
				if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "is no name for a file") {
					t.Errorf("%s: got %v, want a refusal", verb, err)
				}
			}
			if got := state(t, root); got != "" {
				t.Errorf("got files %s", got)
			}
		})
	}
}

// TestLinkThatLeaves: a merge does not write through it.
func TestLinkThatLeaves(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret.jsonl")
	write(t, outside, "a\n")
	if err := os.Symlink(outside, filepath.Join(dir, "nodes.jsonl")); err != nil {
		t.Fatal(err)
	}
	_, err := newFiles(concepts(dir)).Merge(t.Context(), memory.SectionSpec{Name: "concepts/nodes"}, records("b"), store.MergeOptions{})
	if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "a link that leads out of its folder") {
		t.Errorf("got %v, want a refusal", err)
	}
	if got := content(t, outside); got != "a\n" {
		t.Errorf("got %q, want the file outside untouched", got)
	}
}

// TestConfiguredLink: what the operator configured may be a link; its locator is
// what it leads to.
func TestConfiguredLink(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	actual, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	write(t, filepath.Join(actual, "nodes.jsonl"), "{}\n")
	if err := os.Symlink(actual, link); err != nil {
		t.Fatal(err)
	}
	survey, err := newFiles(concepts(link)).Survey(t.Context(), "concepts/nodes")
	want := memory.Locator{Kind: memory.KindFiles, Path: filepath.Join(actual, "nodes.jsonl")}
	if err != nil || survey.Locator != want || survey.Rows != 1 {
		t.Errorf("got %+v, %v, want %v", survey, err, want)
	}
	merge(t, concepts(link), "concepts/nodes", records("more"), nil)
	if got := content(t, filepath.Join(actual, "nodes.jsonl")); got != "{}\nmore\n" {
		t.Errorf("got %q", got)
	}
}

// TestOtherSection: a section that nothing is configured for.
func TestOtherSection(t *testing.T) {
	files := newFiles(logFile(filepath.Join(t.TempDir(), "x.jsonl")))
	_, surveyed := files.Survey(t.Context(), memory.TrajectoryLog)
	_, merged := files.Merge(t.Context(), memory.SectionSpec{Name: memory.TrajectoryLog}, records("{}"), store.MergeOptions{})
	for verb, err := range map[string]error{"survey": surveyed, "merge": merged} {
		if !errors.Is(err, store.ErrAbsent) {
			t.Errorf("%s: got %v, want ErrAbsent", verb, err)
		}
	}
}
