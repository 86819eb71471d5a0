package cli_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/graph"
)

// guarded is a memory that has changed since its bundle was made, and the command
// that would replace it.
type guarded struct {
	*agent
	bundle string
	args   []string
}

func newGuarded(t *testing.T) guarded {
	t.Helper()
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph, memory.TrajectoryLog)
	bundle := a.backup("--only", "mc,graph,trajectories")
	a.deletes(memory.Memories, a.ids(memory.Memories)[:2]...)
	a.adds(memory.Memories, "new")
	a.sql("DELETE FROM Edges WHERE rowid = 2")
	return guarded{a, bundle, []string{"restore", bundle, "--mode", "replace", "--force"}}
}

func (g guarded) confirming(token string, more ...string) []string {
	return append(append(slices.Clone(g.args), more...), "--confirm", token)
}

// B6: production is replaced with both factors, and with nothing less.
func TestAC_B6_BothFactors(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	token := g.token(g.args...)
	const noEnvironment, noToken = "the environment does not allow destroying production", "no token confirms the plan"
	g.sub("Neither", func(t *testing.T) {
		r := g.stays(7, g.args...)
		says(t, r.stderr, noEnvironment, noToken, "NEO_ALLOW_PRODUCTION_DESTRUCTIVE=true", "--confirm TOKEN")
	})
	g.sub("TokenAlone", func(t *testing.T) {
		r := g.stays(7, g.confirming(token)...)
		says(t, r.stderr, noEnvironment)
		silent(t, r.stderr, noToken, token)
	})
	for _, value := range []string{"", "TRUE", "True", "1", "yes", " true", "true ", "true\n"} {
		g.sub("Environment="+value, func(t *testing.T) {
			g.with(map[string]string{allowed: value, allowed + "_AI_SUBSTRATE": "1", "UNIT_TEST_MODE": "true", "TMPDIR": g.home})
			says(t, g.stays(7, g.confirming(token)...).stderr, noEnvironment)
		})
	}
	g.sub("EnvironmentAlone", func(t *testing.T) {
		g.allows()
		r := g.stays(7, g.args...)
		says(t, r.stderr, noToken, "run the same command with --plan, read it, and pass its token with --confirm")
		silent(t, r.stderr, noEnvironment)
	})
	g.sub("Both", func(*testing.T) {
		g.with(map[string]string{allowed + "_AI_SUBSTRATE": "true"}) // the later name
		g.must(0, g.confirming(token)...)
	})
	g.sub("UsedToken", func(t *testing.T) {
		g.allows()
		says(t, g.stays(7, g.confirming(token)...).stderr, "the token has been used", "a token is good for one run")
	})
	g.secretFree(token)
}

// B6: a refusal says what was refused, on what, and as what.
func TestAC_B6_RefusalInFull(t *testing.T) {
	g := newGuarded(t)
	r := g.stays(7, g.args...)
	where := "chroma:" + g.mc.URL() + "/default_tenant/" + g.mc.database
	says(t, r.stderr,
		"refuse mc.chroma.memory.replace in mc on "+where+"#neo-agent-memory", "id "+filepath.Base(g.collection(memory.Memories)),
		"refuse mc.chroma.summaries.replace in mc on "+where+"#neo-agent-sessions",
		"refuse mc.graph.replace in graph on graph:"+g.data("sqlite", "memory-core-graph.sqlite"),
		"refuse trajectories.replace in trajectories on files:"+g.fileOf(memory.TrajectoryLog),
		"(production)",
		"keepsake: restore refused, nothing was written: ",
	)
	if got := refusalsOf(t, g.json(7, g.args...)); !slices.Equal(got, []string{"guard"}) {
		t.Errorf("got refusals %q, want those of the guard alone", got)
	}
}

// B6: a token is for one plan: its bundle, its targets, what it would cost, and
// fifteen minutes.
func TestAC_B6_Token(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	other := g.backup("--only", "mc,graph,trajectories")
	g.adds(memory.Memories, "newer")
	token, summaries := g.token(g.args...), g.collection(memory.Summaries)
	g.allows()
	for _, tt := range []struct {
		name, want string
		args       []string
		with       func()
		after      func()
	}{
		{"Malformed", "not a token", g.confirming("letmein"), nil, nil},
		{"NeverIssued", "the token is for something else", g.confirming(strings.Repeat("a2", 16)), nil, nil},
		{"AnotherBundle", "the token is for something else", []string{"restore", other, "--mode", "replace", "--force", "--confirm", token}, nil, nil},
		{"FewerTargets", "the token is for something else", g.confirming(token, "--only", "mc"), nil, nil},
		{"AnotherTarget", "the token is for something else", g.confirming(token, "--as", "mc/memory=elsewhere"), nil, nil},
		{
			"LossesGrew", "more would be lost than was agreed to", g.confirming(token),
			func() { g.adds(memory.Memories, "even", "more", "rows") },
			func() { g.deletes(memory.Memories, "even", "more", "rows") },
		},
		{
			"AnotherCollection", "the token is for something else", g.confirming(token),
			func() { g.renames(summaries, "was-sessions"); g.makes(memory.Summaries, "l2", 0) },
			func() { g.renames(g.collection(memory.Summaries), "empty"); g.renames(summaries, "neo-agent-sessions") },
		},
		{"Expired", "the token has expired", g.confirming(token), func() { g.clock = g.clock.Add(16 * time.Minute) }, nil},
	} {
		g.sub(tt.name, func(t *testing.T) {
			if tt.with != nil {
				tt.with()
			}
			r := g.stays(7, tt.args...)
			says(t, r.stderr, tt.want)
			silent(t, r.stderr, token)
			if tt.after != nil {
				tt.after()
			}
		})
	}
	g.sub("UnderTheGuard", func(t *testing.T) { // undo takes no token of a replace
		fresh := g.token(g.args...)
		g.must(0, g.confirming(g.token(g.args...))...)
		says(t, g.stays(7, "undo", "--confirm", fresh).stderr, "the token is for something else")
	})
}

// B6: what is on the default paths is production wherever they are, also below a
// temporary folder; what is disposable goes without factors.
func TestAC_B6_Targets(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph, memory.TrajectoryLog)
	bundle := a.backup("--only", "graph,trajectories")
	a.sql("DELETE FROM Edges")
	args := []string{"restore", bundle, "--mode", "replace", "--force"}
	a.sub("DefaultPaths", func(t *testing.T) {
		r := a.stays(7, args...)
		says(t, r.stderr, "refuse mc.graph.replace", "refuse trajectories.replace", "(production)")
		says(t, a.must(0, append(args, "--plan")...).stdout, "graph/graph is production: .neo-ai-data is on its path")
	})
	a.sub("NoSafetyBundle", func(t *testing.T) {
		token := a.token(args...)
		a.allows()
		r := a.stays(7, append(args, "--no-safety-bundle", "--confirm", token)...)
		says(t, r.stderr, "it is not replaced without a safety bundle", "leave out --no-safety-bundle")
	})
	file := filepath.Join(t.TempDir(), "scratch.sqlite")
	elsewhere := append(slices.Clone(args), "--only", "graph", "--to", "graph/graph=graph:"+file)
	a.sub("Disposable", func(t *testing.T) {
		a.must(0, "restore", bundle, "--only", "graph", "--to", "graph/graph=graph:"+file)
		at := graph.New(graph.Config{Path: file})
		want := a.recordsOf(at, memory.Graph)
		execute(t, openSQLite(t, file), "DELETE FROM Edges")
		live := tree(t, a.data("sqlite"))
		bundles := len(a.rootEntries())
		a.must(0, append(elsewhere, "--accept-shrink", "--no-safety-bundle")...)
		sameDigests(t, records{memory.Graph: a.recordsOf(at, memory.Graph)}, records{memory.Graph: want})
		same(t, "the agent's own graph", tree(t, a.data("sqlite")), live)
		if got := len(a.rootEntries()); got != bundles {
			t.Errorf("got %d entries in the backup root, want %d: no safety bundle was asked for", got, bundles)
		}
	})
	a.sub("LinkToProduction", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "harmless.sqlite")
		if err := os.Symlink(a.data("sqlite", "memory-core-graph.sqlite"), link); err != nil {
			t.Skip("this machine makes no links: ", err)
		}
		r := a.stays(7, append(args, "--only", "graph", "--to", "graph/graph=graph:"+link)...)
		says(t, r.stderr, "(production)")
	})
}

// B7: a target that holds rows is not replaced without --force, and one that can't
// be counted is not an empty one.
func TestAC_B7(t *testing.T) {
	g := newGuarded(t)
	args := []string{"restore", g.bundle, "--mode", "replace"}
	g.sub("NotEmpty", func(t *testing.T) {
		token := g.token(g.args...)
		g.allows()
		r := g.stays(6, append(args, "--confirm", token)...)
		where := "chroma:" + g.mc.URL() + "/default_tenant/" + g.mc.database
		says(t, r.stderr,
			"mc/memory: "+where+"#neo-agent-memory holds 39 rows", "mc/summaries: "+where+"#neo-agent-sessions holds 6 rows",
			"graph/graph: graph:"+g.data("sqlite", "memory-core-graph.sqlite")+" holds 49 rows",
			"trajectories/trajectories: files:"+g.fileOf(memory.TrajectoryLog)+" holds 3 rows",
			"--force replaces them")
	})
	g.sub("WithoutFactors", func(*testing.T) { g.stays(6, args...) })
	g.sub("Plan", func(t *testing.T) {
		r := g.stays(6, append(args, "--plan")...)
		silent(t, r.stdout+r.stderr, "--confirm ")
		if _, given := g.json(6, append(args, "--plan")...)["token"]; given {
			t.Error("a plan that is refused has a token")
		}
	})
	for name, at := range map[string]string{"Count": "count", "List": "get"} {
		g.sub(name+"Fails", func(t *testing.T) {
			memories := g.collection(memory.Memories)
			g.behind(&g.kb, func(r chromatest.Request) chromatest.Fault {
				if r.Path == memories+"/"+at {
					return chromatest.Fault{Status: 400, Text: `{"error":"InternalError","message":"no"}`}
				}
				return chromatest.Fault{}
			})
			g.mc = g.kb
			g.point()
			r := g.must(8, args...)
			says(t, r.stderr, "mc/memory: ")
			silent(t, r.stderr, "neo-agent-memory holds", "holds 0 rows")
		})
	}
	g.sub("Empty", func(t *testing.T) {
		g.forget()
		token := g.token(args...)
		g.allows()
		g.must(0, append(args, "--confirm", token)...)
		if got := len(g.ids(memory.Memories)); got != 40 {
			t.Errorf("got %d memories, want 40", got)
		}
	})
}

// B10: a replace asks the guard for each of its targets, and what the guard answered
// is written down. A plan asks for nothing.
func TestAC_B10_ReplaceCallsTheGuard(t *testing.T) {
	g := newGuarded(t)
	token := g.token(g.args...)
	g.must(7, append(g.args, "--dry-run")...)
	if got := g.audit(); len(got) != 0 {
		t.Errorf("got %d decisions for a plan and a dry run, want none", len(got))
	}
	g.stays(7, g.args...)
	g.decided("refused", g.audit())
	g.allows()
	seen := len(g.audit())
	g.must(0, g.confirming(token)...)
	g.decided("allowed", g.audit()[seen:])
	g.secretFree(token)
}

// decided wants one decision in full for each target.
func (g guarded) decided(want string, lines []audited) {
	g.t.Helper()
	operations := map[string]int{}
	for _, l := range lines {
		operations[l.Operation]++
		if l.Decision != want || l.Class != "production" || l.Mode != "replace" || l.Plan == "" ||
			l.Source != g.bundle || len(l.Target) == 0 || l.Reason == "" {
			g.t.Errorf("got %+v, want a line in full of a production target that was %s", l, want)
		}
	}
	for _, o := range []string{"mc.chroma.memory.replace", "mc.chroma.summaries.replace", "mc.graph.replace", "trajectories.replace"} {
		if operations[o] != 1 {
			g.t.Errorf("got %d lines for %s, want 1", operations[o], o)
		}
	}
	if len(lines) != 4 {
		g.t.Errorf("got %d lines, want 4", len(lines))
	}
}
