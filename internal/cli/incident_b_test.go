package cli_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// A get with embeddings failed ("Error finding id") while count and health were
// fine; a rescue exported a subset and called it complete.
func TestIncidentB_VectorsThatCannotBeFound(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	good := a.backup("--only", "mc")
	bad := a.ids(memory.Memories)[10:13]
	get := a.collection(memory.Memories) + "/get"
	broken := func(r chromatest.Request, also func(chromatest.Request) bool) chromatest.Fault {
		asks := slices.ContainsFunc(bad, func(id string) bool { return bytes.Contains(r.Body, []byte(id)) })
		if r.Path == get && asks && also(r) {
			return chromatest.Fault{Status: http.StatusInternalServerError, Text: `{"error":"InternalError","message":"Error executing plan: Internal error: Error finding id"}`}
		}
		return chromatest.Fault{}
	}
	a.sub("VectorsAlone", func(t *testing.T) {
		a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
			return broken(r, func(r chromatest.Request) bool { return bytes.Contains(r.Body, []byte("embeddings")) })
		})
		out := a.json(3, "backup", "--only", "mc")
		expect(t, out, "degraded", "status")
		memories := section(t, out, memory.Memories)
		expect(t, memories, 3.0, "capture", "salvaged")
		expect(t, memories, 40.0, "rows")
		says(t, memories["reason"].(string), "3 rows are without their vector, which could not be read: ", bad[0], bad[1], bad[2])
		whole := lines(t, payload(t, good, memory.Memories))
		for i, line := range lines(t, payload(t, out["path"].(string), memory.Memories)) {
			id, _, _ := strings.Cut(strings.TrimPrefix(line, `{"id":"`), `"`)
			if want := `"embedding":null`; slices.Contains(bad, id) != strings.Contains(line, want) {
				t.Errorf("row %d: got %.120s, want no vector in %q alone", i, line, bad)
			}
			if !slices.Contains(bad, id) && !slices.Contains(whole, line) {
				t.Errorf("row %d: got %.120s, want it as it is", i, line)
			}
		}
		a.must(0, "verify", out["path"].(string))
	})
	a.sub("RowsWhole", func(t *testing.T) {
		a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
			return broken(r, func(chromatest.Request) bool { return true })
		})
		before := a.shelf()
		says(t, a.must(1, "backup", "--only", "mc").stderr, "no bundle was made: ", "37 of 40 rows that were there throughout were read")
		a.holds(before)
		out := a.json(3, "backup", "--only", "mc", "--allow-degraded")
		expect(t, out, "degraded", "status")
		for i, id := range bad {
			expect(t, section(t, out, memory.Memories), id, "capture", "unreadable", i)
		}
	})
	a.sub("Everything", func(t *testing.T) {
		a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
			if r.Path == get && bytes.Contains(r.Body, []byte(`"embeddings"`)) {
				return chromatest.Fault{Status: http.StatusInternalServerError, Text: "Error finding id"}
			}
			return chromatest.Fault{}
		})
		out := a.json(3, "backup", "--only", "mc/memory")
		expect(t, section(t, out, memory.Memories), 40.0, "capture", "salvaged")
		expect(t, out, "degraded", "status")
	})
}
