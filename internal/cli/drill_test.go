package cli_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/cli"
	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// temporary gives the process a folder of the test's own for temporary files.
func temporary(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	return dir
}

func (a *agent) scratch() server {
	a.t.Helper()
	return server{Server: a.kb.Server, database: a.kb.Database(a.t)}
}

func (s server) collections(t *testing.T) (names []string) {
	t.Helper()
	var all []map[string]any
	s.Call(t, http.MethodGet, chromatest.Collections(s.database), nil, &all)
	for _, c := range all {
		name, _ := c["name"].(string)
		names = append(names, name)
	}
	return names
}

func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("%s holds %v, %v, want nothing", dir, entries, err)
	}
}

// TestDrill: a drill restores all of a bundle, leaves nothing of that, and is on
// record beside the bundle.
func TestDrill(t *testing.T) {
	a := newAgent(t, true)
	temp := temporary(t) // after the server has taken its own
	a.remember()
	a.backup()
	live := a.state()
	doc := a.json(0, "verify", "latest", "--level", "restore")
	one := dig(t, doc, "bundles", 0)
	if dig(t, one, "ok") != true || dig(t, one, "level") != "restore" || dig(t, one, "rows") != 170.0 {
		t.Errorf("got %v", one)
	}
	drill, _ := dig(t, one, "drill").(map[string]any)
	for name, n := range rows() {
		s := section(t, drill, name)
		if s["rows"] != float64(n) || s["compared"] != float64(n) {
			t.Errorf("%s: got %v, want %d rows compared", name, s, n)
		}
	}
	if recall, there := drill["recall"]; !there || recall != nil || section(t, drill, memory.KnowledgeBase)["probes"] != nil {
		t.Errorf("got %v, want a recall of null, and no probes: there is no server to search", drill)
	}
	record := dig(t, a.json(0, "list"), "bundles", 0, "verifications", 0)
	if dig(t, record, "level") != "restore" || dig(t, record, "ok") != true || dig(t, record, "rows") != 170.0 ||
		dig(t, record, "recall") != nil || dig(t, record, "seconds") != drill["seconds"] || dig(t, record, "at") == "" {
		t.Errorf("on record is %v", record)
	}
	same(t, "what lives", a.state(), live)
	empty(t, temp)
	a.sub("Text", func(t *testing.T) {
		r := a.must(0, "verify", "latest", "--level", "restore")
		says(t, r.stdout, "170 rows, ", "restored in ", " s: ok\n", "  kb/knowledge-base            60  digests\n")
		silent(t, r.stdout, "recall", "%")
	})
}

// TestDrillToChroma: with --to the vectors go into collections of a real server,
// which are dropped under the guard, and the recall of its searches is printed.
func TestDrillToChroma(t *testing.T) {
	a := newAgent(t, true)
	temp := temporary(t) // after the server has taken its own
	a.remember()
	a.backup()
	live, scratch := a.state(), a.scratch()
	r := a.must(0, "verify", "latest", "--level", "restore", "--to", scratch.store())
	says(t, r.stdout, " s: ok\n", "recall@10", "kb/knowledge-base            60  reading back", "graph/graph                  50  digests")
	says(t, readFile(t, a.data("backups", ".guard-audit.log")), `"operation":"prune"`, "made for a drill", "disposable")
	if got := scratch.collections(t); len(got) > 0 {
		t.Errorf("the scratch database holds %v", got)
	}
	if recall, ok := dig(t, a.json(0, "list"), "bundles", 0, "verifications", 0, "recall").(float64); !ok || recall < 0.99 {
		t.Errorf("on record is a recall of %v", recall)
	}
	same(t, "what lives", a.state(), live)
	empty(t, temp)
}

// TestDrillFindsWhatAServerLoses: what doesn't come back ends the drill with 4. It is
// the server's fault as well as it may be the bundle's, so that the bundle stays
// what it was held for: the drill without a server judges it alone.
func TestDrillFindsWhatAServerLoses(t *testing.T) {
	a := newAgent(t, true)
	temp := temporary(t) // after the server has taken its own
	a.remember()
	a.backup()
	scratch := a.scratch()
	scratch.front = chromatest.Proxy(t, scratch.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "add" && strings.Contains(string(r.Body), "summary_") {
			return chromatest.Fault{Status: http.StatusCreated, Text: "{}"} // and does nothing
		}
		return chromatest.Fault{}
	})
	r := a.must(4, "verify", "latest", "--level", "restore", "--to", scratch.store())
	says(t, r.stdout, "DOES NOT VERIFY")
	says(t, r.stderr, "refusal: mc/summaries: 6 of 6 rows are missing")
	a.must(0, "restore", "latest", "--dry-run")
	scratch.front = nil
	if got := scratch.collections(t); len(got) > 0 {
		t.Errorf("the scratch database holds %v", got)
	}
	empty(t, temp)
}

// TestDrillRefused: nothing is made where a drill has no business.
func TestDrillRefused(t *testing.T) {
	a := newAgent(t, true)
	temp := temporary(t) // after the server has taken its own
	a.remember()
	a.backup()
	for _, c := range []struct {
		name string
		code int
		args []string
		says string
	}{
		{"OwnDatabase", 2, []string{"--level", "restore", "--to", a.kb.store()}, "is where the memory itself lives"},
		{"NoServer", 2, []string{"--level", "restore", "--to", "graph:" + filepath.Join(a.home, "x.sqlite")}, "goes into a database of a Chroma"},
		{"OneCollection", 2, []string{"--level", "restore", "--to", a.scratch().store() + "#memories"}, "goes into a database of a Chroma"},
		{"NoStore", 2, []string{"--level", "restore", "--to", "nonsense"}, "--to"},
		{"WithoutDrill", 2, []string{"--to", a.scratch().store()}, "--to goes with --level restore only"},
		{"ServerDown", 8, []string{"--level", "restore", "--to", "chroma:" + closedPort(t)}, "reach Chroma at"},
		{"NoDatabase", 8, []string{"--level", "restore", "--to", "chroma:" + a.kb.URL() + "/default_tenant/none"}, `there is no database "none"`},
	} {
		a.sub(c.name, func(t *testing.T) {
			r := a.refuses(c.code, append([]string{"verify", "latest"}, c.args...)...)
			says(t, r.stderr, c.says)
			silent(t, r.stderr, "take away")
			empty(t, temp)
		})
	}
}

// TestDrillInterrupted: a drill that is broken off takes away what it made.
func TestDrillInterrupted(t *testing.T) {
	a := newAgent(t, true)
	temp := temporary(t) // after the server has taken its own
	a.remember()
	a.backup()
	ctx, cancel := context.WithCancelCause(t.Context())
	scratch := a.scratch()
	scratch.front = chromatest.Proxy(t, scratch.Server, func(r chromatest.Request) chromatest.Fault {
		if r.Op == "add" {
			cancel(cli.InterruptedError{Signal: os.Interrupt})
		}
		return chromatest.Fault{}
	})
	if r := a.runIn(ctx, "verify", "latest", "--level", "restore", "--to", scratch.store()); r.code != 130 {
		t.Errorf("got exit code %d, want 130\n%s", r.code, r.stderr)
	}
	scratch.front = nil
	if got := scratch.collections(t); len(got) > 0 {
		t.Errorf("the scratch database holds %v", got)
	}
	empty(t, temp)
}
