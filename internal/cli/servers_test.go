package cli_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// TestServerDown: a server that is down ends a backup and a restore with 8, with
// nothing published and nothing written, anywhere.
func TestServerDown(t *testing.T) {
	a := newAgent(t, false)
	a.remember()
	bundle := a.backup()
	a.deletes(memory.KnowledgeBase, a.ids(memory.KnowledgeBase)[:3]...)
	a.sql("DELETE FROM Edges WHERE rowid = 2")
	for _, name := range []string{"KEEPSAKE_KB_CHROMA", "KEEPSAKE_MC_CHROMA"} {
		a.sub(name, func(t *testing.T) {
			address := closedPort(t)
			a.env[name] = "chroma:" + address
			r := a.refuses(8, "backup")
			says(t, r.stderr, "keepsake: no bundle was made: ", "reach Chroma at "+address, "\n  is it running, and is this its address?")
			down := map[string]string{"KEEPSAKE_KB_CHROMA": "kb", "KEEPSAKE_MC_CHROMA": "mc"}[name]
			r = a.refuses(8, "restore", bundle, "--only", down)
			says(t, r.stderr, "keepsake: restore refused, nothing was written: ", "reach Chroma at "+address)
			a.sql("DELETE FROM Edges WHERE rowid = 2")
			r = a.must(9, "restore", bundle) // what doesn't live there is restored
			says(t, r.stderr, "reach Chroma at "+address, "restore incomplete")
			says(t, a.must(0, "restore", bundle, "--only", "graph").stdout, "Nothing to do")
			a.refuses(0, "backup", "--only", "graph", "--dry-run") // what doesn't live there can still be saved
		})
	}
}

// TestServerHangs: one that takes the connection and never answers is given up.
func TestServerHangs(t *testing.T) {
	t.Parallel() // it waits
	a := newAgent(t, true)
	a.remember(memory.KnowledgeBase, memory.Graph)
	bundle := a.backup("--only", "kb,graph")
	a.behind(&a.kb, func(chromatest.Request) chromatest.Fault { return chromatest.Fault{Hang: true} })
	r := a.refuses(8, "backup", "--only", "kb,graph")
	says(t, r.stderr, "reach Chroma at "+a.kb.front.URL(), "no answer within 10s")
	r = a.refuses(8, "restore", bundle, "--only", "kb")
	says(t, r.stderr, "keepsake: restore refused, nothing was written: ", "no answer within 10s")
}

// TestServerIsNoChroma: what answers is looked at before anything is believed.
func TestServerIsNoChroma(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	for name, answer := range map[string]http.HandlerFunc{
		"WebPage":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>welcome</html>")) },
		"NotFound":   http.NotFound,
		"OtherJSON":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"ok"}`)) },
		"EmptyPages": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"ids":[]}`)) },
		"Redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, a.kb.URL()+r.URL.Path, http.StatusFound)
		},
	} {
		a.sub(name, func(t *testing.T) {
			s := httptest.NewServer(answer)
			defer s.Close()
			a.env["KEEPSAKE_KB_CHROMA"] = "chroma:" + s.URL
			for _, args := range [][]string{{"backup"}, {"restore", bundle, "--only", "kb,mc"}} {
				says(t, a.refuses(8, args...).stderr, "what answers is not a Chroma with API v2")
			}
		})
	}
}

// TestMemoriesAreOnTheOtherServer: MC's server is down and KB's holds what should
// be on it. That is said, with the setting, and never assumed.
func TestMemoriesAreOnTheOtherServer(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	bundle := a.backup()
	a.env["NEO_CHROMA_UNIFIED"] = "false"
	a.env["KEEPSAKE_MC_CHROMA"] = "chroma:" + closedPort(t)
	says(t, a.must(9, "restore", bundle, "--force-topology-mismatch").stderr, "the MC collections are on KB's server")
	for _, args := range [][]string{{"backup"}, {"restore", bundle, "--only", "mc", "--force-topology-mismatch"}} {
		says(t, a.refuses(8, args...).stderr, "the MC collections are on KB's server: set topology: unified in keepsake.yaml, or NEO_CHROMA_UNIFIED=true")
	}
	a.sub("KB has none of them", func(t *testing.T) {
		a.forget()
		a.env["NEO_CHROMA_UNIFIED"] = "false"
		a.env["KEEPSAKE_MC_CHROMA"] = "chroma:" + closedPort(t)
		a.remember(memory.Graph)
		a.put(specOf(memory.KnowledgeBase), 5)
		silent(t, a.must(8, "backup").stderr, "are on KB's server")
		silent(t, a.must(8, "restore", bundle, "--only", "mc", "--force-topology-mismatch").stderr, "are on KB's server")
	})
}

// TestServerDiesMeanwhile: what was begun is not published, and what was put in
// stays and is gone on from.
func TestServerDiesMeanwhile(t *testing.T) {
	t.Parallel() // it waits between its tries
	a := newAgent(t, true)
	a.remember()
	want := a.digests()
	bundle := a.backup()
	a.sub("Backup", func(t *testing.T) {
		get := a.collection(memory.KnowledgeBase) + "/get"
		a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
			return chromatest.Fault{Reset: r.Path == get && strings.Contains(string(r.Body), `"ids"`)}
		})
		says(t, a.refuses(8, "backup").stderr, "keepsake: no bundle was made: ", "kb/knowledge-base")
	})
	a.sub("Restore", func(t *testing.T) {
		a.forget()
		a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
			return chromatest.Fault{Reset: r.Op == "add" && strings.Contains(string(r.Body), "summary_")}
		})
		r := a.must(9, "restore", bundle) // the others went in
		says(t, r.stderr, "warning: mc/summaries: ", "it is safe to run the same command again")
		a.kb.front = nil
		a.point()
		a.must(0, "restore", bundle)
		sameDigests(t, a.digests(), want)
	})
}
