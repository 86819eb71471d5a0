package cli_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"keepsake/internal/memory"
)

// Exports of zero rows had a valid meta: six of ten bundles that were kept had no
// knowledge base.
func TestIncidentE_EmptyBundlesTakeNoPlace(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	var full []string
	for range 4 {
		full = append(full, a.publishes(1))
	}
	a.deletes(memory.KnowledgeBase, a.ids(memory.KnowledgeBase)...)
	var empty []string
	for range 6 {
		empty = append(empty, a.publishes(3))
	}
	// The three newest with a knowledge base are weeks old, and stay.
	for _, name := range full[1:] {
		a.stands(name)
	}
	if exists(a.data("backups", full[0])) {
		t.Errorf("%s stays, which nothing needs", full[0])
	}
	says(t, codesOf(bundleIn(t, a.json(0, "prune", "--dry-run"), full[1])), "keep keep-last")
	// And a memory whose knowledge base is lost gets it back from the newest of them.
	a.must(0, "restore", full[3], "--only", "kb")
	if got, want := len(a.ids(memory.KnowledgeBase)), rows()[memory.KnowledgeBase]; got != want {
		t.Errorf("got %d rows back, want %d", got, want)
	}
	says(t, a.must(0, "list").stdout, empty[5])
}

// Retention counted directories, not good bundles: the only full one survived by
// its age alone.
func TestIncidentF_OnlyGoodBundlesAreCounted(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	full := a.publishes(1)
	a.withholds(memory.Memories, a.ids(memory.Memories)[0])
	var degraded []string
	for range 5 {
		degraded = append(degraded, a.publishes(2, "--allow-degraded"))
	}
	a.kb.front = nil
	a.point()
	a.clock = a.clock.Add(60 * day)
	a.mkdir(a.data("backups", "backup-2026-11-30T00-00-00.000Z", "kb")) // named as one, and nothing in it
	a.must(0, "prune", "--accept-mass-prune")
	a.stands(full)
	out := a.json(0, "prune", "--dry-run", "--accept-mass-prune")
	says(t, codesOf(bundleIn(t, out, full)), "keep keep-last")
	says(t, a.must(0, "verify", "latest").stdout, full)
	a.sub("NorOneThatDidNotVerify", func(t *testing.T) {
		for range 3 {
			name := a.publishes(1)
			dir := a.data("backups", name)
			writable(t, dir)
			editLine(t, dir, memory.Graph, 1, "["+lines(t, payload(t, dir, memory.Graph))[0][1:])
			a.must(4, "verify", name)
		}
		a.clock = a.clock.Add(60 * day)
		a.must(0, "prune", "--accept-mass-prune")
		a.stands(full)
		says(t, a.must(0, "list").stdout, "latest good: "+full)
	})
	if exists(a.data("backups", degraded[0])) {
		t.Errorf("%s stays, which holds nothing that newer ones lack", degraded[0])
	}
}

// A killed run left a directory that looked like an old bundle, and its residue
// piled up by gigabytes.
func TestIncidentH_ResidueIsNoBundleAndGoes(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	good := a.publishes(0)
	residue := []string{".backup-partial-2026-11-22T23-00-00.000Z-ABCDEFGH", ".backup-trash-2026-11-20T23-00-00.000Z-ABCDEFGH"}
	for _, name := range residue {
		if err := os.CopyFS(a.data("backups", name), os.DirFS(a.data("backups", good))); err != nil {
			t.Fatal(err)
		}
	}
	bare := "backup-2026-11-22T23-00-00.000Z" // as the tool of that day left it
	a.write(a.data("backups", bare, "kb", "knowledge-base-backup-2026-11-22T23-00-00.000Z.jsonl"), `{"id":"torn`)
	listed := a.json(0, "list")
	if got := len(listed["bundles"].([]any)); got != 2 {
		t.Errorf("list: got %d bundles, want the good one and the bare one", got)
	}
	r := a.must(0, "verify", "latest")
	says(t, r.stdout, good)
	says(t, r.stderr, "passed over "+bare+": has no bundle-meta.json")
	for _, name := range residue {
		a.must(10, "restore", a.data("backups", name))
	}
	out := a.must(0, "backup")
	for _, name := range residue {
		says(t, out.stderr, "warning: removed "+name+", left by a run that has ended")
	}
	says(t, out.stderr, "warning: "+bare+" can't be judged: has no bundle-meta.json")
	a.noResidue()
	a.stands(bare)
	a.stands(good)
}

// Retention ran before the check, and read names as dates that were none.
func TestIncidentU_RetentionComesLastAndKnowsNames(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	named := []string{"backup-1", "backup-2019", "backup-before-migration-3"}
	for _, name := range named {
		a.write(a.data("backups", name, "kb", "knowledge-base.jsonl"), "{}\n")
	}
	var all []string
	a.env["NEO_BACKUP_RETAIN_DAYS"] = "36500"
	for range 5 {
		all = append(all, a.publishes(1))
	}
	delete(a.env, "NEO_BACKUP_RETAIN_DAYS")
	a.clock = a.clock.Add(60 * day)
	a.sub("AFailedBackupRemovesNothing", func(t *testing.T) {
		a.env["KEEPSAKE_KB_CHROMA"] = "chroma:" + closedPort(t)
		a.refuses(8, "backup")
		if got := a.permits(); got != nil {
			t.Errorf("permits for %q, want none", got)
		}
	})
	r := a.must(0, "backup")
	for _, name := range named {
		a.stands(name)
		says(t, r.stderr, "warning: "+name+" is not named as bundles are")
	}
	if got := a.permits(); !slices.Equal(got, all[:3]) {
		t.Errorf("permits for %q, want %q", got, all[:3])
	}
	a.must(0, "prune", "--accept-mass-prune")
	for _, name := range named {
		a.stands(name)
	}
}

// publishes lets days pass and makes a bundle. A section that had rows and has
// none may make it end with 3.
func (a *agent) publishes(days int, args ...string) string {
	a.t.Helper()
	a.clock = a.clock.AddDate(0, 0, days)
	r := a.run(append([]string{"backup", "--json"}, args...)...)
	if r.code != 0 && r.code != 3 {
		a.t.Fatalf("backup: got exit code %d, want 0 or 3\n%s", r.code, r.stderr)
	}
	var out struct{ Bundle string }
	if err := json.Unmarshal([]byte(r.stdout), &out); err != nil {
		a.t.Fatal(err)
	}
	return out.Bundle
}

// stands fails the test unless an entry of the backup root is still there.
func (a *agent) stands(name string) {
	a.t.Helper()
	entries, err := os.ReadDir(a.data("backups", name))
	if err != nil || len(entries) == 0 {
		a.t.Errorf("%s is gone: %v", name, err)
	}
}
