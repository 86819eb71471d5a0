package cli_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/sample"
	"keepsake/internal/store/chroma/chromatest"
)

const allowed = "NEO_ALLOW_PRODUCTION_DESTRUCTIVE"

// token asks for the plan of a command and returns the token for it.
func (a *agent) token(args ...string) string {
	a.t.Helper()
	token, _ := a.json(0, append(args, "--plan")...)["token"].(string)
	if len(token) != 32 {
		a.t.Fatalf("keepsake %v --plan: got token %q, want 32 characters", args, token)
	}
	return token
}

// confirmed runs a command with both factors and wants it to end with code.
func (a *agent) confirmed(code int, args ...string) result {
	a.t.Helper()
	token := a.token(args...)
	a.env[allowed] = "true"
	defer delete(a.env, allowed)
	return a.must(code, append(args, "--confirm", token)...)
}

// replaced makes the memory become a bundle.
func (a *agent) replaced(bundle string, more ...string) result {
	a.t.Helper()
	return a.confirmed(0, append([]string{"restore", bundle, "--mode", "replace", "--force", "--accept-shrink"}, more...)...)
}

// changes makes another memory of it: in each section rows go and others come;
// where they have ids, some are changed.
func (a *agent) changes() {
	a.t.Helper()
	for _, spec := range sample.Sections() {
		n := rows()[spec.Name]
		switch spec.Kind {
		case memory.Vectors:
			a.deletes(spec.Name, a.ids(spec.Name)[:n/4]...)
			a.updates(spec.Name, map[string]any{"changed": true}, "changed", a.ids(spec.Name)[:n/10+1]...)
			a.adds(spec.Name, "new-1-"+spec.Name.Name(), "new-2-"+spec.Name.Name())
		case memory.Elements:
			a.sql("DELETE FROM Edges WHERE rowid % 3 = 0")
			a.sql("UPDATE Nodes SET data = json_set(data, '$.label', 'CHANGED') WHERE rowid % 5 = 0")
			a.sql(`INSERT INTO Nodes(id, data) VALUES ('new-node', '{"id":"new-node","label":"NEW","properties":{}}')`)
		default:
			lines := lines(a.t, a.fileOf(spec.Name))
			a.write(a.fileOf(spec.Name), strings.Join(lines[1:], "\n")+"\n"+`{"id":"new-line","text":"new"}`+"\n")
		}
	}
}

func (a *agent) fileOf(s memory.Section) string {
	switch s.Subsystem() {
	case memory.Trajectories:
		return a.data("datasets", "rlaif", "trajectories.jsonl")
	case memory.Mailbox:
		return a.data("sqlite", "sent-to-cull.jsonl")
	}
	return a.data("concepts", s.Name()+".jsonl")
}

// TestReplaceAndUndo goes there and back: the memory becomes the bundle, row for
// row, and what it was before.
func TestReplaceAndUndo(t *testing.T) {
	t.Parallel()
	for name, unified := range map[string]bool{"unified": true, "federated": false} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, unified)
			a.remember()
			first := a.digests()
			bundle := a.backup()
			a.changes()
			second := a.digests()

			r := a.replaced(bundle)
			sameDigests(t, a.digests(), first)
			says(t, r.stdout, bundleName(bundle)+" replaced the memory", "Kept aside:", "keepsake undo puts it back")

			r = a.confirmed(0, "undo")
			sameDigests(t, a.digests(), second)
			says(t, r.stdout, "is what the memory is again")
			a.must(10, "undo", "--plan")
		})
	}
}

func bundleName(path string) string { return filepath.Base(path) }

// TestUndoMerge takes out what the merge put in, and nothing else.
func TestUndoMerge(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	a.changes()
	before := a.digests()
	a.must(0, "restore", bundle)
	if maps.EqualFunc(a.digests(), before, maps.Equal[map[record.Digest]int, map[record.Digest]int]) {
		t.Fatal("the merge added nothing")
	}
	r := a.confirmed(0, "undo")
	sameDigests(t, a.digests(), before)
	says(t, r.stdout, "was taken back")
}

// TestAsidesAreDropped: an old collection is kept as long as a safety bundle, and
// longer when a client that wasn't restarted wrote into it.
func TestAsidesAreDropped(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember(memory.KnowledgeBase, memory.Memories)
	only := []string{"--only", "kb,mc/memory"}
	bundle := a.backup(only...)
	old := map[memory.Section]string{memory.KnowledgeBase: a.collection(memory.KnowledgeBase), memory.Memories: a.collection(memory.Memories)}
	a.replaced(bundle, only...)
	a.kb.Call(t, http.MethodPost, old[memory.Memories]+"/add", chromaRows{
		IDs: []string{"late"}, Embeddings: [][]float32{make([]float32, dimension)}, Documents: []string{"late"},
	}, nil)
	asides := func() (names []string) {
		for name := range a.state() {
			if strings.Contains(name, "-aside-") {
				names = append(names, name)
			}
		}
		return names
	}
	r := a.must(0, append([]string{"backup"}, only...)...)
	says(t, r.stderr, "1 rows were written into neo-agent-memory-aside-", "restart the clients")
	if got := asides(); len(got) != 2 {
		t.Fatalf("got %q, want both kept for a week", got)
	}
	a.clock = a.clock.Add(8 * 24 * time.Hour)
	r = a.must(0, append([]string{"backup"}, only...)...)
	says(t, r.stderr, "dropped neo-knowledge-base-aside-", "neo-agent-memory-aside-", "was not dropped", "rows that the live collection lacks")
	if got := asides(); len(got) != 1 || !strings.Contains(got[0], "neo-agent-memory-aside-") {
		t.Errorf("got %q, want the one with a late row", got)
	}
}

// TestInPlaceCutShort: what an agent wrote into a section that was half replaced
// is in a bundle before it goes.
func TestInPlaceCutShort(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.KnowledgeBase)
	first := a.digests()
	bundle := a.backup("--only", "kb")
	a.deletes(memory.KnowledgeBase, a.ids(memory.KnowledgeBase)[:20]...)
	a.updates(memory.KnowledgeBase, map[string]any{"changed": true}, "changed", a.ids(memory.KnowledgeBase)[:20]...)
	id := a.collection(memory.KnowledgeBase)
	args := []string{"restore", bundle, "--mode", "replace", "--force", "--in-place"}
	var broken atomic.Bool
	writes := atomic.Int64{}
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "add" || r.Op == "delete" {
			writes.Add(1)
		}
		return chromatest.Fault{Status: map[bool]int{true: 400}[broken.Load() && writes.Load() > 1]}
	})
	token := a.token(args...)
	a.env[allowed] = "true"
	broken.Store(true)
	a.must(1, append(args, "--confirm", token)...)
	broken.Store(false)
	a.must(11, "backup", "--only", "kb")
	a.adds(memory.KnowledgeBase, "late")
	r := a.json(0, "restore", "--resume")
	sameDigests(t, a.digests(), first)
	if got := a.collection(memory.KnowledgeBase); got != id {
		t.Errorf("got collection %s, want its id kept: %s", got, id)
	}
	text, err := json.Marshal(r["findings"])
	if err != nil {
		t.Fatal(err)
	}
	_, name, found := strings.Cut(string(text), "what the run that was cut short had left is in ")
	if !found {
		t.Fatalf("got findings %s, want a half-way bundle", text)
	}
	files, err := filepath.Glob(a.data("backups", name[:len("backup-2026-11-22T09-00-00.000Z")], "kb", "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %q, %v", files, err)
	}
	half, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	says(t, string(half), `{"id":"late"`)
}
