package cli_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// add adds rows to a collection, from one number to another.
func (w *workshop) add(name string, from, to int) {
	w.t.Helper()
	var made struct{ ID string }
	w.Call(w.t, http.MethodPost, w.collections(), map[string]any{"name": name, "get_or_create": true}, &made)
	var ids, documents []string
	var embeddings [][]float32
	for i := from; i <= to; i++ {
		ids, documents = append(ids, fmt.Sprintf("%s-%d", name, i)), append(documents, fmt.Sprintf("document %d", i))
		embeddings = append(embeddings, []float32{float32(i), 0.5, -1})
	}
	w.Call(w.t, http.MethodPost, w.collections()+"/"+made.ID+"/add", map[string]any{"ids": ids, "embeddings": embeddings, "documents": documents}, nil)
}

// day makes a bundle, and lets a day go by.
func (w *workshop) day(code int, args ...string) string {
	w.t.Helper()
	out := w.json(code, append([]string{"backup"}, args...)...)
	w.clock = w.clock.Add(day)
	return out["bundle"].(string)
}

// shelved are the bundles in the backup root.
func (w *workshop) shelved() (names []string) {
	w.t.Helper()
	for _, b := range w.json(0, "list")["bundles"].([]any) {
		names = append(names, dig(w.t, b, "bundle").(string))
	}
	return names
}

// fate is what prune would do with a bundle, and the first ground in words.
func (w *workshop) fate(name string) string {
	w.t.Helper()
	d := bundleIn(w.t, w.json(0, "prune", "--dry-run", "--accept-mass-prune"), name)
	grounds := d["grounds"].([]any)
	return d["action"].(string) + ": " + grounds[0].(map[string]any)["text"].(string)
}

// A collection that was dropped on purpose makes every later bundle degraded. The
// healthy one beside it grows, and is lost later: the bundle that has all of it stays.
func TestTrue_15_TheNewestGoodCopyOfAUnitStays(t *testing.T) {
	w := newWorkshop(t, "preset: chroma\nretention: {keep-daily: 0, keep-weekly: 0}\nsources:\n  chroma: {store: SERVER, collections: [diary, cache, other]}\n")
	w.add("diary", 1, 100)
	w.add("cache", 1, 10)
	w.add("other", 1, 10)
	var whole []string
	for range 3 {
		whole = append(whole, w.day(0))
	}
	w.drop("cache")
	w.add("diary", 101, 400)
	all := []string{w.day(3, "--allow-degraded"), w.day(3, "--allow-degraded"), w.day(3, "--allow-degraded")}
	w.drop("diary")
	w.add("diary", 1, 1)
	for range 12 {
		w.day(3, "--allow-degraded") // prunes as well
	}
	w.must(0, "prune", "--accept-mass-prune")
	shelf := w.shelved()
	for _, name := range append(slices.Clone(whole), all...) {
		if !slices.Contains(shelf, name) {
			t.Errorf("%s is gone; left are %v", name, shelf)
		}
	}
	if got, want := w.fate(all[2]), "keep: holds the newest good chroma/diary"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wantBundled(t, filepath.Join(w.home, "backups", all[2]), map[string]float64{"chroma/cache": 0, "chroma/diary": 400, "chroma/other": 10})
	says(t, w.must(0, "list").stdout, "next prune: keep, holds the newest good chroma/diary")
}

// What was named and is gone stays until somebody says that it has ended, also when
// the configuration doesn't know it any more; and from then on what is made says so.
func TestTrue_15_AcceptedEnds(t *testing.T) {
	const config = "preset: none\nretention: {keep: 1, keep-daily: 0, keep-weekly: 0}\nsources:\n  chroma: {store: SERVER, collections: [diary%s]}\n%s"
	const notes = "  notes: files:notes/*.md\n"
	w := newWorkshop(t, fmt.Sprintf(config, ", cache", notes))
	w.add("diary", 1, 5)
	w.add("cache", 1, 5)
	w.write(filepath.Join(w.home, "notes", "plan.md"), "plan")
	first := w.day(0)
	w.configure(fmt.Sprintf(config, ", cache", ""))
	w.day(0)
	w.clock = w.clock.Add(90 * day)
	w.day(0)
	if got, want := w.fate(first), "keep: holds the newest good notes"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.refuses(2, "backup", "--accept-lineage", "note")
	w.refuses(2, "backup", "--only", "chroma/diary", "--accept-lineage", "chroma/cache") // it is there
	r := w.must(0, "backup", "--accept-lineage", "notes")
	says(t, r.stderr, "notes: accepted as its end: it was in "+first)
	if slices.Contains(w.shelved(), first) {
		t.Errorf("%s stays", first)
	}
	w.clock = w.clock.Add(day)
	w.drop("cache")
	w.configure(fmt.Sprintf(config, "", ""))
	last := w.day(0, "--accept-lineage", "chroma/cache")
	path := filepath.Join(w.home, "backups", last)
	if got := fmt.Sprint(dig(t, readMeta(t, path), "keepsake", "ended")); got != "[notes chroma/cache]" {
		t.Errorf("ended are %v", got)
	}
	w.add("cache", 1, 5)
	w.configure(fmt.Sprintf(config, ", cache", ""))
	path = filepath.Join(w.home, "backups", w.day(0))
	if got := fmt.Sprint(dig(t, readMeta(t, path), "keepsake", "ended")); got != "[notes]" {
		t.Errorf("ended are %v, and one is there again", got)
	}
}

// A bundle of a status that this version doesn't know is none that it may remove.
func TestTrue_15_UnknownStatusIsLeftAlone(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(6)
	path := a.data("backups", all[0])
	resealed(t, path, `"status": "complete"`, `"status": "skipped"`)
	a.clock = a.clock.Add(60 * day)
	a.must(0, "prune")
	a.holds(all[:1], all[3:])
}

// A record that vanished more than a week ago is in a bundle still.
func TestTrue_18_OtherPresetsKeepDaysAndWeeks(t *testing.T) {
	for preset, want := range map[string]int{"none": 3, "neo": 0} { // the newest week's is the newest there is
		t.Run(preset, func(t *testing.T) {
			w := &workshop{agent: bare(t)}
			w.write(filepath.Join(w.home, "notes", "plan.md"), "plan")
			w.write(filepath.Join(w.home, "keepsake.yaml"), "preset: "+preset+"\ndata-dir: .\nsources: {notes: 'files:notes/*.md'}\n")
			for i := range 40 {
				w.write(filepath.Join(w.home, "notes", "log.md"), strings.Repeat("x", i+1))
				w.json(0, "backup", "--only", "notes")
				w.clock = w.clock.Add(day)
			}
			w.must(0, "prune", "--accept-mass-prune")
			old := 0
			for _, b := range w.json(0, "list")["bundles"].([]any) {
				if stamp := dig(t, b, "timestamp").(string); stamp < w.clock.Add(-7*day).UTC().Format("2006-01-02T15:04:05Z") {
					old++
				}
			}
			if old != want {
				t.Errorf("got %d bundles of more than a week ago, want %d", old, want)
			}
		})
	}
}
