package cli_test

import (
	"os"
	"testing"
	"time"

	"keepsake/internal/lock"
	"keepsake/internal/memory"
)

// TestTrue_20_WrongDataDirLeavesNothing: an attempt on a folder without a memory, or on
// none, ends as it has to, and leaves no file there.
func TestTrue_20_WrongDataDirLeavesNothing(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	down := func() { a.env["KEEPSAKE_KB_CHROMA"] = "chroma:" + closedPort(t) }
	for _, tt := range []struct {
		name         string
		with         func()
		folder, none int // the codes, with a folder there and without
		args         []string
	}{
		{"Backup", nil, 8, 10, []string{"backup"}},
		{"DryRun", nil, 8, 10, []string{"backup", "--dry-run"}},
		{"Unreachable", down, 8, 10, []string{"backup", "--only", "kb"}},
		{"NoBundle", nil, 10, 10, []string{"restore", "latest"}},
		{"Refused", down, 8, 8, []string{"restore", bundle, "--only", "kb,mc"}},
		{"Replace", nil, 10, 10, []string{"restore", "latest", "--mode", "replace", "--force"}},
		{"ReplacePlan", down, 8, 8, []string{"restore", bundle, "--mode", "replace", "--plan"}},
		{"Resume", down, 8, 8, []string{"restore", "--resume"}},
		{"NothingToResume", nil, 0, 0, []string{"restore", "--resume"}},
		{"Undo", nil, 10, 10, []string{"undo"}},
		{"Prune", nil, 10, 10, []string{"prune"}},
		{"Verify", nil, 10, 10, []string{"verify", "--all"}},
		{"Doctor", nil, 1, 1, []string{"doctor"}},
		{"Rescue", nil, 8, 8, []string{"rescue", "nothing"}},
	} {
		a.sub(tt.name, func(t *testing.T) {
			if tt.with != nil {
				tt.with()
			}
			wrong := a.in("wrong")
			for _, there := range []bool{false, true} {
				code := tt.none
				if there {
					a.write(a.in("wrong", "somebody's.txt"), "not ours")
					code = tt.folder
				}
				before := everything(t, a.home)
				a.must(code, append(tt.args, "--data-dir", wrong)...)
				same(t, "afterwards", everything(t, a.home), before)
			}
			if err := os.RemoveAll(wrong); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTrue_20_TracesOfOthersStay: what a run that came to nothing takes away is its own
// alone. A memory that somebody else works on keeps its lock.
func TestTrue_20_TracesOfOthersStay(t *testing.T) {
	a := bare(t)
	a.write(a.data(".keepsake", "note"), "mine")
	a.must(8, "backup", "--only", "graph")
	if _, err := os.Stat(a.data("backups")); err == nil {
		t.Error("the backup root was made, and stays")
	}
	if got := readFile(t, a.data(".keepsake", "note")); got != "mine" {
		t.Errorf("got note %q", got)
	}
	a.mkdir(a.data("backups"))
	held := another(t, a.data("backups", ".lock"), lock.Exclusive)
	a.must(11, "backup", "--only", "graph")
	release(t, held)
	a.remember(memory.Graph)
	a.must(0, "backup", "--only", "graph")
	id := readFile(t, a.data(".keepsake", "memory.json"))
	a.forgetFiles()
	a.write(a.data(".keepsake", "memory.json"), id)
	a.must(8, "backup", "--only", "graph")
	if got := readFile(t, a.data(".keepsake", "memory.json")); got != id {
		t.Errorf("got identity %s, want %s as before", got, id)
	}
}

// TestTrue_20_DemoThatRefusesLeavesNothing in a folder that it did not make, nor one
// that it can't use.
func TestTrue_20_DemoThatRefusesLeavesNothing(t *testing.T) {
	a := &agent{t: t, home: t.TempDir(), env: map[string]string{}, clock: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	a.mkdir(a.in("empty"))
	a.write(a.in("full", "file"), "not ours")
	a.mkdir(a.in(".neo-ai-data"))
	for dir, code := range map[string]int{"empty": 7, "full": 7, ".neo-ai-data/demo": 1} {
		before := everything(t, a.home)
		a.must(code, "demo", "--dir", dir)
		same(t, "after the refusal", everything(t, a.home), before)
	}
}

// TestTrue_20_UsageErrorsAreTwo: what neither the memory nor the bundle can mean is a
// fault of the command line, with backup and with restore; what is meant and isn't there
// is none.
func TestTrue_20_UsageErrorsAreTwo(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember(memory.KnowledgeBase, memory.Graph, "concepts/nodes")
	bundle := a.backup("--only", "graph,concepts")
	for _, tt := range []struct {
		code int
		says string
		args []string
	}{
		{2, "--only kbb: there is no source or section of that name; there are ", []string{"backup", "--only", "kb,kbb"}},
		{2, "--only kb/knowledge: ", []string{"backup", "--only", "kb/knowledge"}},
		{2, "--only kb/: ", []string{"backup", "--only", "kb/"}},
		{2, "--only graph/nodes,x: ", []string{"backup", "--only", "graph/nodes", "--only", "x"}},
		{2, "--only kbb: ", []string{"backup", "--only", "kbb", "--allow-degraded"}},
		{8, "there is no concepts/edges: ", []string{"backup", "--only", "concepts/edges"}},
		{8, "has no mc/memory", []string{"backup", "--only", "mc"}},
		{2, "--only kbb: there is no source or section of that name; there are ", []string{"restore", bundle, "--only", "kbb"}},
		{2, "--only mc/memories: ", []string{"restore", bundle, "--only", "graph", "--only", "mc/memories"}},
		{4, "the bundle holds no kb", []string{"restore", bundle, "--only", "kb"}},
		{4, "the bundle holds no concepts/edges", []string{"restore", bundle, "--only", "concepts/edges"}},
		{2, "--to kb/typo: the bundle has no such section", []string{"restore", bundle, "--to", "kb/typo=collections:x.sqlite"}},
		{2, "--as mc/memory: the bundle has no such section", []string{"restore", bundle, "--as", "mc/memory=beside"}},
		{2, "--accept-lineage", []string{"backup", "--accept-lineage", "KB"}},
		{2, "no such section", []string{"restore", bundle, "--mode", "replace", "--force", "--to", "kb/typo=collections:x.sqlite"}},
	} {
		before := a.state()
		for _, args := range [][]string{append([]string{tt.args[0], "--dry-run"}, tt.args[1:]...), tt.args} {
			says(t, a.refuses(tt.code, args...).stderr, tt.says)
		}
		same(t, "afterwards", a.state(), before)
	}
	if err := os.RemoveAll(a.data("concepts")); err != nil {
		t.Fatal(err)
	}
	a.must(0, "restore", bundle, "--only", "concepts/nodes")
}

// TestTrue_20_BackupOfNothing is an 8, in the run and in the dry run, and says what was
// looked through.
func TestTrue_20_BackupOfNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		config string
		with   func(a *agent)
		says   string
		args   []string
	}{
		"NoFile":  {"  notes: files:notes/*.md\n  log: files:log/*.jsonl\n", func(*agent) {}, "there is nothing to back up in source log, source notes", nil},
		"NoTable": {"  state: sqlite:*.sqlite\n", func(*agent) {}, "there is nothing to back up in source state", nil},
		"NothingIsLeft": {"  state: sqlite:*.sqlite\n", func(a *agent) {
			a.write(a.in("a.sqlite"), "no database")
		}, "there is nothing to back up in source state", []string{"--allow-degraded"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := plain(t, tt.config)
			tt.with(a)
			a.foretold(8, tt.says, tt.args...)
			if _, err := os.Stat(a.in("backups")); err == nil {
				t.Error("a backup root was made for nothing")
			}
		})
	}
}
