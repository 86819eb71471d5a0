package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// One bundle that claims the highest sequence there is ends no backups, wherever the
// memory meets it.
func TestTrue_17_ABundleOfTheHighestSequence(t *testing.T) {
	a := graphAgent(t)
	first, huge := a.backup("--only", "graph"), a.backup("--only", "graph")
	resealed(t, huge, `"sequence": 2`, `"sequence": 9223372036854775807`)
	remove(t, filepath.Join(huge, "SHA256SUMS")) // it has the hash of the old meta
	a.sub("Backup", func(t *testing.T) {
		out := a.json(0, "backup", "--only", "graph")
		expect(t, out, 3.0, "sequence")
		if got := dig(t, readMeta(t, out["path"].(string)), "keepsake", "parent", "bundle"); got != filepath.Base(huge) {
			t.Errorf("parent is %v, want %s, which is before it by its timestamp", got, filepath.Base(huge))
		}
		r := a.must(0, "list")
		says(t, r.stdout, "odd: its sequence 9223372036854775807 is not believed", "latest good: "+out["bundle"].(string))
		says(t, a.run("doctor").stdout, filepath.Base(huge)+": its sequence\n", " 9223372036854775807 is not believed")
	})
	a.sub("FreshFolder", func(t *testing.T) {
		if err := os.RemoveAll(a.data(".keepsake")); err != nil {
			t.Fatal(err)
		}
		a.must(0, "restore", huge)
		if text := readFile(t, a.data(".keepsake", "memory.json")); !strings.Contains(text, `"lastSequence": 3`) { // the highest that is believed there
			t.Errorf("it counts on from the bundle: %s", text)
		}
		expect(t, a.json(0, "backup", "--only", "graph"), 4.0, "sequence")
	})
	a.sub("MemoryThatTookItOver", func(t *testing.T) {
		path := a.data(".keepsake", "memory.json")
		text := readFile(t, path)
		a.write(path, strings.Replace(text, `"lastSequence": 4`, `"lastSequence": 9223372036854775807`, 1))
		expect(t, a.json(0, "backup", "--only", "graph"), 5.0, "sequence")
	})
	a.sub("SealIsWrong", func(t *testing.T) {
		writable(t, first)
		path := filepath.Join(first, "bundle-meta.json")
		a.write(path, strings.Replace(readFile(t, path), `"sequence": 1`, `"sequence": 4000000000`, 1))
		expect(t, a.json(0, "backup", "--only", "graph"), 6.0, "sequence")
	})
}
