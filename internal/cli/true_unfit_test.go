package cli_test

import (
	"encoding/json"
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
