package cli_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrue_06_AnUnfitName: one file whose name no bundle can have keeps no other out.
func TestTrue_06_AnUnfitName(t *testing.T) {
	for name, unfit := range map[string]string{
		"Backslash": `a\b.md`,
		"NoUTF8":    "a\xff.md",
		"Colon":     "a:b.md",
		"Newline":   "a\nb.md",
		"Space":     "a .md ",
		"Dots":      "a...",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &workshop{agent: bare(t)}
			w.declare("preset: none\nsources:\n  notes: files:notes/**\n")
			w.write(w.at("notes", "good.md"), "good\n")
			w.write(w.at("notes", unfit), "unfit\n")
			w.must(8, "backup")
			r := w.must(3, "backup", "--allow-degraded")
			k := readMeta(t, strings.Fields(r.stdout)[0])["keepsake"].(map[string]any)
			expect(t, section(t, k, "notes/good.md"), 1.0, "rows")
			text, err := json.Marshal(k["sections"])
			if err != nil || !strings.Contains(string(text), `"failed"`) {
				t.Errorf("got sections %s, %v, want one that failed", text, err)
			}
			remove(t, w.home, "notes")
			w.must(9, "restore", strings.Fields(r.stdout)[0])
			if got := readFile(t, w.at("notes", "good.md")); got != "good\n" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestTrue_14_PartsAreToldOfAlone: what is the matter with notes in one bundle is no
// word about the log that it gives, where the notes come from another; and a source has
// one line, whatever the number of its files.
func TestTrue_14_PartsAreToldOfAlone(t *testing.T) {
	w := &workshop{agent: bare(t)}
	w.declare("preset: none\nsources:\n  notes: files:notes/**/*.md\n  log: files:log.jsonl\n")
	for i := range 41 {
		w.write(w.at("notes", fmt.Sprint(i)+".md"), "a note\n")
	}
	w.write(w.at("log.jsonl"), "{\"a\":1}\n")
	whole := filepath.Base(w.backup())
	remove(t, w.home, "notes")
	degraded := strings.Fields(w.must(3, "backup").stdout)[0]
	for _, args := range [][]string{{"--dry-run"}, {}} {
		r := w.must(0, append([]string{"restore", "latest"}, args...)...)
		silent(t, r.stderr, "lacks", "degraded")
		says(t, unwrapped(r.stdout), "notes from "+whole, "notes (41 files)")
		silent(t, r.stdout, "notes/1.md")
	}
	remove(t, w.home, "notes")
	r := w.must(9, "restore", degraded) // all of it is asked for
	says(t, r.stderr, "notes: the bundle lacks 41 files")
}
