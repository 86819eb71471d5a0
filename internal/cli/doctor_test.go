package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// elsewhere is a folder on another disk than the temporary one; a test that needs
// it is skipped where there is none.
func elsewhere(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "keepsake-test-")
	if err != nil {
		t.Skip("there is no second disk: ", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// well is an agent whose backups are in order.
func well(t *testing.T) *agent {
	t.Helper()
	a := newAgent(t, true)
	a.remember()
	a.env["NEO_BACKUP_PATH"] = elsewhere(t)
	a.must(0, "backup")
	a.must(0, "verify", "latest", "--level", "restore")
	return a
}

// complains runs the doctor, wants it to say words, and to end with 1.
func (a *agent) complains(words ...string) string {
	a.t.Helper()
	text := unwrapped(a.must(1, "doctor", "--quiet").stdout)
	says(a.t, text, words...)
	return text
}

// unwrapped is text without its line breaks, indents and columns.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestDoctorAllIsWell(t *testing.T) {
	a := well(t)
	r := a.must(0, "doctor")
	for _, words := range []string{
		"ok data folder: ", "ok kb/knowledge-base: 60 rows, chroma:http://", "ok mc/memory: 40 rows, ", "ok graph/graph: 50 rows, graph:.neo-ai-data/",
		"ok concepts: 2 files with 9 rows, files:.neo-ai-data/concepts", "ok kept aside: nothing", "ok newest bundle: backup-", "ok verified: a bundle was verified ", "ok unfinished plans: none", "ok disk: the bundles are on another disk than the data", "ok work tree: the bundles are in none",
		"ok room: ", "ok residue: none", "ok unreadable bundles: none", "ok age of mc: the newest good bundle is ", "ok age of mailbox: ",
		"ok drill: ", " restored in ",
	} {
		says(t, unwrapped(r.stdout), words)
	}
	for line := range strings.Lines(r.stdout) {
		if len(line) > 81 && len(strings.Fields(line)) > 1 { // an address can't be broken
			t.Errorf("%q has more than 80 characters", line)
		}
	}
	if r := a.must(0, "doctor", "--quiet"); r.stdout+r.stderr != "" {
		t.Errorf("--quiet printed %q%q", r.stdout, r.stderr)
	}
	doc := a.json(0, "doctor")
	if doc["ok"] != true || dig(t, doc, "checks", 0, "check") != "data folder" || dig(t, doc, "checks", 0, "level") != "ok" {
		t.Errorf("got %v", doc)
	}
	if got := dig(t, a.json(1, "doctor", "--backup-root", filepath.Join(a.home, "none")), "ok"); got != false {
		t.Errorf("without a backup root: got %v", got)
	}
}

// The doctor writes nothing, and waits for nobody.
func TestDoctorOnlyLooks(t *testing.T) {
	a := well(t)
	live, kept := a.state(), tree(t, a.env["NEO_BACKUP_PATH"])
	a.must(0, "doctor")
	same(t, "what lives", a.state(), live)
	same(t, "the bundles", tree(t, a.env["NEO_BACKUP_PATH"]), kept)
}

// 133 GB of bundles lay on the disk that they protect, inside a git work tree.
func TestIncidentK_OnTheDataDiskInAWorkTree(t *testing.T) {
	a := small(t)
	a.backup(onlyServerless)
	silent(t, unwrapped(a.run("doctor").stdout), "inside the git work tree")
	a.mkdir(filepath.Join(a.home, ".git"))
	claims(t, a.data("backups", a.rootEntries()[0]), 133e9)
	a.complains(
		"warning disk: the bundles are on the disk of the data: who loses it loses both --backup-root, NEO_BACKUP_PATH",
		"warning work tree: the bundles are inside the git work tree "+a.home+" ",
		"problem room: ", " are free, and the next bundle needs about 665.0 GB ",
	)
	a.sub("WorkTreeOfAnotherAgent", func(t *testing.T) { // a file, as git worktree add makes it
		remove(t, a.home, ".git")
		a.write(a.data(".git"), "gitdir: elsewhere\n")
		a.complains("inside the git work tree " + a.data())
	})
}

func TestDoctorStores(t *testing.T) {
	a := well(t)
	a.sub("ServerDown", func(t *testing.T) {
		kb := a.env["KEEPSAKE_KB_CHROMA"]
		defer func() { a.env["KEEPSAKE_KB_CHROMA"] = kb }()
		a.env["KEEPSAKE_KB_CHROMA"] = "chroma:" + closedPort(t)
		a.complains("problem store of kb and mc: reach Chroma at ", "is it running, and is this its address?")
	})
	a.sub("NoGraph", func(t *testing.T) {
		path := a.data("sqlite", "memory-core-graph.sqlite")
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		a.complains("problem graph/graph: it is not there")
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	})
	a.sub("Empty", func(*testing.T) {
		a.deletes(memory.Summaries, a.ids(memory.Summaries)...)
		a.complains("problem mc/summaries: holds 0 rows, and had 6 rows in backup-", "--only mc/summaries puts it back")
	})
	a.sub("NoCollection", func(t *testing.T) {
		a.freshDatabases()
		out := a.complains("problem kb/knowledge-base: it is not there", "problem mc/memory: it is not there")
		silent(t, out, "graph/graph")
	})
	a.sub("NoDataFolder", func(t *testing.T) {
		says(t, unwrapped(a.must(1, "doctor", "--quiet", "--data-dir", filepath.Join(a.home, "none")).stdout), "problem data folder: ", "is not there")
	})
}

// A memory whose vectors are lost, though its server counts them, can't be read.
func TestDoctorReadsWhatItCounts(t *testing.T) {
	a := well(t)
	get := a.collection(memory.KnowledgeBase) + "/get"
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if r.Path == get && strings.Contains(string(r.Body), "embeddings") {
			return chromatest.Fault{Status: http.StatusBadRequest, Text: `{"error":"ChromaError","message":"Error finding id"}`}
		}
		return chromatest.Fault{}
	})
	a.complains("problem kb/knowledge-base: ", "a backup would fail")
}

func TestDoctorBundles(t *testing.T) {
	a := well(t)
	root := a.env["NEO_BACKUP_PATH"]
	newest := func() string { return filepath.Join(root, bundleOf(t, root)) }
	later := func(d time.Duration) { a.clock = a.clock.Add(d) }
	a.sub("TooOld", func(t *testing.T) {
		later(25 * time.Hour)
		a.must(0, "doctor")
		later(2 * time.Hour)
		a.complains("problem age of kb: the newest good bundle is 27 h old, more than 26 h: backup-", "problem age of mc: ", "problem age of graph: ", "problem age of concepts: ")
		a.write(filepath.Join(a.home, "keepsake.yaml"), "doctor:\n  max_age: 2d\n")
		a.must(0, "doctor")
		remove(t, a.home, "keepsake.yaml")
	})
	a.sub("OneSubsystemAlone", func(t *testing.T) {
		a.backup("--only", "kb,graph")
		out := a.complains("problem age of mc: ")
		silent(t, out, "age of kb", "age of graph")
		a.backup()
		a.must(0, "doctor")
	})
	a.sub("Unreadable", func(t *testing.T) {
		e := edited{t, newest()}
		for _, name := range []string{"bundle-meta.json"} {
			if err := os.Chmod(e.file(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		whole := readFile(t, e.file("bundle-meta.json"))
		e.bytes(e.file("bundle-meta.json"), func(data []byte) []byte { return data[:len(data)/2] })
		a.complains("warning unreadable bundle: backup-", "problem age of mc: ")
		e.bytes(e.file("bundle-meta.json"), func([]byte) []byte { return []byte(whole) })
	})
	a.sub("OfTheFuture", func(*testing.T) {
		clock := a.clock
		later(-30 * time.Hour)
		a.complains("problem age of kb: there is no good bundle of it")
		a.clock = clock
	})
	a.sub("RetentionRefused", func(*testing.T) {
		a.env["NEO_BACKUP_RETAIN_K"] = "0"
		a.complains("warning retention: no bundle is ever removed: ")
		delete(a.env, "NEO_BACKUP_RETAIN_K")
	})
	a.sub("Residue", func(t *testing.T) {
		stamp := bundle.FormatTimestamp(a.clock)
		for _, name := range []string{bundle.PartialPrefix + stamp + "-ABCDEFGH", bundle.TrashPrefix + stamp + "-ABCDEFGH"} {
			a.mkdir(filepath.Join(root, name))
		}
		says(t, unwrapped(a.must(0, "doctor").stdout), "note residue: "+bundle.PartialPrefix, "note residue: "+bundle.TrashPrefix)
		later(25 * time.Hour)
		a.complains("warning residue: "+bundle.PartialPrefix, "warning residue: "+bundle.TrashPrefix, "left by a run that was killed")
		a.backup()
		a.must(0, "doctor")
	})
	a.sub("None", func(t *testing.T) {
		a.env["NEO_BACKUP_PATH"] = elsewhere(t)
		says(t, a.complains("problem age of kb: there is no good bundle of it", "problem age of graph: "), "is the daily backup running?")
	})
}

// bundleOf is the newest bundle of a root.
func bundleOf(t *testing.T, root string) string {
	t.Helper()
	c, err := catalog.List(root)
	if err != nil || len(c.Bundles) == 0 {
		t.Fatal(c, err)
	}
	return c.Bundles[0].Name
}

func TestDoctorDrills(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	root := elsewhere(t)
	a.env["NEO_BACKUP_PATH"] = root
	a.backup()
	says(t, unwrapped(a.must(0, "doctor").stdout), "note drill: no bundle that is here was ever restored in one keepsake verify latest --level restore")
	a.must(0, "verify", "latest", "--level", "full")
	says(t, unwrapped(a.must(0, "doctor").stdout), "note drill: no bundle")
	a.must(0, "verify", "latest", "--level", "restore")
	says(t, unwrapped(a.must(0, "doctor").stdout), "ok drill: ")
	name := bundleOf(t, root)
	at := a.clock
	a.clock = a.clock.Add(31 * 24 * time.Hour)
	says(t, unwrapped(a.run("doctor").stdout), "note drill: the last one was 31 d ago")
	a.clock = at
	err := catalog.UpdateNotes(root, name, func(n *catalog.Notes) {
		n.Add(catalog.Verification{At: a.clock.Add(time.Second), Level: catalog.Drill, Refusals: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	a.clock = a.clock.Add(time.Minute)
	a.complains("problem drill: the last one, ", "found that "+name+" can't be restored")
}

func TestDoctorLegacy(t *testing.T) {
	a := well(t)
	legacy := a.data("neo-sqlite", "memory-core.sqlite")
	a.write(legacy, "retired")
	old := a.clock.Add(-48 * time.Hour)
	if err := os.Chtimes(legacy, old, old); err != nil {
		t.Fatal(err)
	}
	says(t, unwrapped(a.must(0, "doctor").stdout), "note legacy file: .neo-ai-data/neo-sqlite/memory-core.sqlite is never backed up ")
	a.write(legacy+"-wal", "written") // with WAL the file itself stays old
	soon := a.clock.Add(time.Hour)
	if err := os.Chtimes(legacy+"-wal", soon, soon); err != nil {
		t.Fatal(err)
	}
	a.complains("warning legacy file: ", "was written to since the last bundle")
}

// A replace that was cut short, and rows that clients write into what it kept
// aside, are told of.
func TestDoctorAfterAReplace(t *testing.T) {
	a := well(t)
	before := a.collection(memory.Memories)
	a.replaced("latest", "--only", "mc/memory")
	a.must(0, "doctor")
	a.sub("LateRows", func(t *testing.T) {
		row := chromaRows{IDs: []string{"late"}, Embeddings: [][]float32{make([]float32, dimension)}}
		a.kb.Call(t, http.MethodPost, before+"/add", row, nil)
		a.complains("warning mc/memory: 1 rows were written into neo-agent-memory-aside-", "restart the clients")
	})
	a.sub("Unfinished", func(t *testing.T) {
		steps, err := filepath.Glob(a.data(".keepsake", "restores", "*", "steps.jsonl"))
		if err != nil || len(steps) != 1 {
			t.Fatal(steps, err)
		}
		all := lines(t, steps[0])
		writeLines(t, steps[0], all[:len(all)-1]) // as if it had been killed before its last step
		a.complains("problem unfinished plans: plan ", "keepsake restore --resume finishes it")
	})
	a.sub("PlanUnreadable", func(t *testing.T) {
		plans, err := filepath.Glob(a.data(".keepsake", "restores", "*", "plan.json"))
		if err != nil || len(plans) != 1 {
			t.Fatal(plans, err)
		}
		a.write(plans[0], "{")
		a.complains("problem unfinished plans: look for unfinished plans: ")
	})
}

func TestDoctorRoom(t *testing.T) {
	a := small(t)
	a.backup(onlyServerless)
	var free int64
	out := unwrapped(a.run("doctor").stdout)
	at := strings.Index(out, "room: ")
	if at < 0 {
		t.Fatal(out)
	}
	var amount float64
	var unit string
	if _, err := fmt.Sscanf(out[at:], "room: %f %s are free", &amount, &unit); err != nil {
		t.Fatal(err)
	}
	free = int64(amount * map[string]float64{"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit])
	claims(t, a.data("backups", a.rootEntries()[0]), free*2/3/5) // of five files
	a.complains("warning room: ", "enough for one bundle of about ", ", not for two")
}
