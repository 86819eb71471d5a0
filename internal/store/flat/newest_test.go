package flat_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/flat"
)

// A last line that is no JSON, or whose time no calendar holds, has no time: a
// plan that holds the difference could not be written down, or not be made.
func TestNewestOfAnyLine(t *testing.T) {
	for _, line := range []string{`{"timestamp":`, `{"timestamp":"`, `{"timestamp"`, `{`, `{"timestamp":1000000000000000}`, `{"timestamp":-99999999999999999}`} {
		path := filepath.Join(t.TempDir(), "log.jsonl")
		if err := os.WriteFile(path, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f := flat.New(flat.Config{Sources: []flat.Source{{Subsystem: memory.Trajectories, Name: "log", Path: path}}})
		spec := memory.SectionSpec{Name: "trajectories/log", Kind: memory.Lines}
		diff, err := f.Compare(t.Context(), spec, func(func(memory.Record, error) bool) {}, store.CompareOptions{})
		if err != nil || !diff.Newest.IsZero() {
			t.Errorf("%s: got %v, %v, want no time", line, diff.Newest, err)
		}
		if _, err := json.Marshal(diff); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
