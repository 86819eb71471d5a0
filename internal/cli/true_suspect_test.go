package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

const sourcesConfig = `preset: none
sources:
  workspace: files:workspace/**/*.md
  soul: files:SOUL.md
  state: sqlite:state/tasks.sqlite
`

// newWorkspace is an agent of 41 notes, its soul and a database.
func newWorkspace(t *testing.T) *workshop {
	w := &workshop{agent: bare(t)}
	w.home = filepath.Join(t.TempDir(), "agent")
	w.write(w.at("keepsake.yaml"), sourcesConfig)
	for i := range 40 {
		w.write(w.at("workspace", "memory", fmt.Sprintf("n%02d.md", i)), fmt.Sprintf("note %d\n", i))
	}
	w.write(w.at("workspace", "MEMORY.md"), "# all that I know\n")
	w.write(w.at("SOUL.md"), "# who I am\n")
	w.mkdir(w.at("state"))
	w.tasks("CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)", "INSERT INTO tasks (title) VALUES ('a'), ('b'), ('c')")
	return w
}

// TestTrue_09_FolderGone: 41 of 41 notes, and a file that is named. It was "complete",
// 0 and latest.
func TestTrue_09_FolderGone(t *testing.T) {
	w := newWorkspace(t)
	good := filepath.Base(w.backupWith(0))
	for _, name := range []string{"workspace", "SOUL.md"} {
		if err := os.RemoveAll(w.at(name)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		r := w.must(3, "backup")
		if got := strings.Count(r.stderr, "warning: "); got != 2 {
			t.Errorf("got %d warnings, want one for each source:\n%s", got, r.stderr)
		}
		says(t, r.stderr, "warning: workspace: suspect: it lost 41 of 41 files since "+good, "and 38 more",
			"it was in "+good+" with 41 files: keepsake restore "+good+" --only workspace puts it back; was its folder moved, or is a disk not there?",
			"warning: soul: suspect: it lost 1 of 1 files since "+good+"; gone is soul/SOUL.md",
			"keepsake restore "+good+" --only soul puts it back", "keepsake backup --accept-lineage workspace")
		says(t, r.stdout, "degraded")
	}
	dry := w.must(3, "backup", "--dry-run")
	says(t, dry.stderr, "warning: workspace: suspect: it lost 41 of 41 files since "+good)
	says(t, w.must(0, "list").stdout, "suspect: soul, workspace", "latest good: "+good)
	out := w.json(3, "backup")
	unit := dig(t, out, "units").([]any)[1].(map[string]any)
	for key, want := range map[string]any{"unit": "workspace", "before": 41.0, "lost": 41.0, "what": "files", "against": good, "suspect": true} {
		expect(t, unit, want, key)
	}
	w.must(0, "restore", good, "--only", "workspace")
	w.must(0, "restore", good, "--only", "soul")
	if got := readFile(t, w.at("workspace", "memory", "n39.md")); got != "note 39\n" {
		t.Errorf("got %q", got)
	}
	w.backupWith(0)
}

// TestTrue_09_ManyFilesGone: 1,500 notes had 1,501 lines, and after a restore each of
// them read all receipts.
func TestTrue_09_ManyFilesGone(t *testing.T) {
	w := newWorkspace(t)
	for i := range 1500 {
		w.write(w.at("workspace", "many", fmt.Sprintf("n%04d.md", i)), "x")
	}
	good := w.backupWith(0)
	w.must(0, "restore", good)
	if err := os.RemoveAll(w.at("workspace")); err != nil {
		t.Fatal(err)
	}
	r := w.must(3, "backup")
	if got := strings.Count(r.stderr, "\n"); got > 2 {
		t.Errorf("got %d lines, want a warning and its hint:\n%.1000s", got, r.stderr)
	}
	says(t, r.stderr, "it lost 1541 of 1541 files")
}

// TestTrue_09_FileShrank: the file is there, and what was in it is not.
func TestTrue_09_FileShrank(t *testing.T) {
	w := newWorkspace(t)
	w.write(w.at("SOUL.md"), strings.Repeat("who I am. ", 100))
	good := filepath.Base(w.backupWith(0))
	w.write(w.at("SOUL.md"), "# SOUL.md - template\n")
	r := w.must(3, "backup")
	says(t, r.stderr, "warning: soul/SOUL.md: suspect: the section has 21 bytes, fewer than half of the 1000 that it had in "+good,
		"keepsake restore "+good+" --only soul --mode replace --plan shows what it would put back")
	w.tasks("DELETE FROM tasks WHERE id > 1")
	says(t, w.must(3, "backup").stderr, "warning: state/tasks.sqlite: suspect: the section has 1 rows, fewer than half of the 3 that it had in ", "soul/SOUL.md: suspect")
	says(t, w.must(0, "list").stdout, "suspect: state/tasks.sqlite,", "soul/SOUL.md; never", "latest good: "+good)
	w.backupWith(0, "--accept-lineage", "soul", "--accept-lineage", "state/tasks.sqlite")
	w.backupWith(0)
}

// TestTrue_09_AlarmLost: the share is the operator's to lower.
func TestTrue_09_AlarmLost(t *testing.T) {
	w := newWorkspace(t)
	w.backupWith(0)
	w.write(w.at("keepsake.yaml"), sourcesConfig+"alarm:\n  lost: 5%\n")
	for i := range 3 {
		if err := os.Remove(w.at("workspace", "memory", fmt.Sprintf("n%02d.md", i))); err != nil {
			t.Fatal(err)
		}
	}
	says(t, w.must(3, "backup").stderr, "workspace: suspect: it lost 3 of 41 files")
	says(t, w.must(0, "config", "show").stdout, "alarm.lost", "5%")
	w.write(w.at("keepsake.yaml"), sourcesConfig)
	says(t, w.must(0, "backup").stderr, "warning: workspace: 3 of 41 files that ")
	w.write(w.at("keepsake.yaml"), sourcesConfig+"alarm:\n  lost: 0%\n")
	says(t, w.must(2, "backup").stderr, "keepsake.yaml:7", `"0%" is no share from 0.1% to 50%`)
}

// eachGeneration runs a test against a server of today and an old one.
func eachGeneration(t *testing.T, config string, test func(t *testing.T, w *workshop)) {
	t.Run("Current", func(t *testing.T) { test(t, newWorkshop(t, config)) })
	t.Run("Old", func(t *testing.T) { test(t, newWorkshop(t, config, chromatest.Old())) })
}

const webuiConfig = "preset: none\nsources:\n  webui: SERVER\n  self:\n    store: SERVER\n    collections: [facts]\n"

// TestTrue_09_CollectionsComeAndGo: an application makes and drops one for each file
// that somebody sends it. They count as their source's loss.
func TestTrue_09_CollectionsComeAndGo(t *testing.T) {
	eachGeneration(t, strings.ReplaceAll(webuiConfig, "  self:\n    store: SERVER\n    collections: [facts]\n", ""), func(t *testing.T, w *workshop) {
		for i := range 5 {
			w.fill(fmt.Sprintf("file-%d", i), 10)
		}
		good := filepath.Base(w.backupWith(0))
		w.drop("file-0")
		w.drop("file-1")
		says(t, w.must(0, "backup").stderr, "note: webui: 2 of 5 collections that "+good+" had are not there any more: webui/file-0, webui/file-1")
		w.drop("file-2")
		w.drop("file-3")
		r := w.must(3, "backup")
		says(t, r.stderr, "warning: webui: suspect: it lost 20 of 30 rows since ", "--only webui puts it back; did the server start on an empty folder?")
		says(t, w.must(3, "backup").stderr, "suspect: it lost 20 of 30 rows since ")
		w.backupWith(0, "--accept-lineage", "webui")
		w.backupWith(0)
	})
}

// emptiesAnew drops a collection, and an agent makes it again.
func (w *workshop) emptiesAnew(name string) {
	w.t.Helper()
	w.drop(name)
	w.Call(w.t, http.MethodPost, w.collections(), map[string]any{"name": name, "get_or_create": true}, nil)
}

// TestTrue_10_EmptiedCollectionIsRefused on the server and from its directory.
func TestTrue_10_EmptiedCollectionIsRefused(t *testing.T) {
	for _, source := range []string{"http", "directory", "auto"} {
		t.Run(source, func(t *testing.T) {
			config := "preset: none\nsources:\n  mc:\n    store: SERVER\n    source: " + source + "\n    directory: DIRECTORY\n"
			if source == "http" {
				config = "preset: none\nsources:\n  mc: SERVER\n"
			}
			eachGeneration(t, strings.ReplaceAll(config, "mc:", "agents:"), emptiedIsRefused)
		})
	}
}

func emptiedIsRefused(t *testing.T, w *workshop) {
	w.fill("memory", 151)
	w.fill("summaries", 10)
	good := filepath.Base(w.backupWith(0))
	w.emptiesAnew("memory")
	before := w.shelfOf()
	for _, args := range [][]string{{"backup"}, {"backup", "--dry-run"}, {"backup", "--only", "agents/memory"}} {
		r := w.must(8, args...)
		says(t, r.stderr, "agents/memory is another collection, and has no rows: it had 151 in "+good,
			"it was in "+good+" with 151 rows: keepsake restore "+good+" --only agents/memory puts it back; did the server start on an empty folder?")
		leads(t, r.stderr, "keepsake restore "+good, "--allow-degraded", "--accept-lineage")
	}
	if got := w.shelfOf(); len(got) != len(before) {
		t.Errorf("got %v, want nothing published", got)
	}
	degraded := w.backupWith(3, "--allow-degraded")
	wantBundled(t, degraded, map[string]float64{"agents/memory": 0, "agents/summaries": 10})
	w.must(8, "backup") // the comparison stays with the good one
	w.must(0, "restore", good, "--only", "agents/memory")
	w.backupWith(0)
	w.emptiesAnew("memory")
	w.backupWith(0, "--accept-lineage", "agents/memory")
	w.backupWith(0)
}

// leads checks that words come in this order.
func leads(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		_, after, found := strings.Cut(text, word)
		if !found {
			t.Errorf("got no %q after the others in\n%s", word, text)
			return
		}
		text = after
	}
}

// TestTrue_12_TheHintLeadsBack: after each loss the first thing that is said is what puts
// it back.
func TestTrue_12_TheHintLeadsBack(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	good := filepath.Base(a.backup())
	a.sub("CollectionsGone", func(t *testing.T) {
		a.drops(memory.Memories)
		a.drops(memory.Summaries)
		r := a.must(8, "backup")
		says(t, r.stderr, "it was in "+good+" with ", "keepsake restore "+good+" --only mc puts it back; did the server start on an empty folder?")
		leads(t, r.stderr, "keepsake restore "+good+" --only mc", "--allow-degraded")
		a.must(0, "restore", good, "--only", "mc")
		a.must(0, "backup", "--only", "mc")
	})
	a.sub("RowsGone", func(t *testing.T) {
		a.deletes(memory.Memories, a.ids(memory.Memories)[:30]...)
		r := a.must(3, "backup", "--only", "mc")
		leads(t, r.stderr, "it was in backup-", " with 40 rows: keepsake restore backup-", "--only mc/memory puts it back",
			"did the server start on an empty folder?", "keepsake backup --accept-lineage mc/memory")
		a.must(0, "restore", good, "--only", "mc/memory")
	})
	a.sub("GraphGone", func(t *testing.T) {
		a.sql("DELETE FROM Edges")
		a.sql("DELETE FROM Nodes")
		r := a.must(3, "backup", "--only", "graph")
		leads(t, r.stderr, "it was in "+good, "keepsake restore "+good+" --only graph puts it back", "keepsake backup --accept-lineage graph/graph")
	})
}

// What a degraded bundle lost as a whole is not in after a restore of it.
func TestTrue_09_LostSourceIsLacking(t *testing.T) {
	w := newWorkspace(t)
	w.backupWith(0)
	if err := os.RemoveAll(w.at("workspace")); err != nil {
		t.Fatal(err)
	}
	bundle := w.backupWith(3)
	says(t, w.must(0, "verify", bundle).stderr, "the bundle lacks 41 files of workspace: they were there in backup-")
	r := w.must(9, "restore", bundle)
	says(t, r.stdout+r.stderr, "41 files of workspace")
	w.must(0, "restore", bundle, "--only", "soul")
}
