package cli_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// everythingWrong is a memory that a replace by the bundle is refused for on every
// ground that a whole bundle leaves.
func everythingWrong(t *testing.T) (*agent, []string) {
	t.Helper()
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph)
	bundle := a.backup("--only", "mc,graph")
	a.adopts("7c9a2c6e-0b52-4a53-8f0e-1f4f8bb3a001")
	a.renames(a.collection(memory.Summaries), "was-sessions")
	a.makes(memory.Summaries, "l2", dimension/2)
	many := make([]string, 60)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	a.adds(memory.Memories, many...)
	a.env["NEO_CHROMA_UNIFIED"] = "false"
	a.env["KEEPSAKE_MC_CHROMA"] = a.kb.store()
	return a, []string{"restore", bundle, "--mode", "replace"}
}

// TestReplaceRefusalsInOrder: all grounds are told at once, in their order, and the
// first decides how the command ends; taking one away leaves the others.
func TestReplaceRefusalsInOrder(t *testing.T) {
	t.Parallel()
	a, args := everythingWrong(t)
	for _, tt := range []struct {
		name string
		code int
		want []string
		more []string
		with func()
	}{
		{"All", 5, []string{"topology", "dimension", "not-empty", "shrink", "memory", "guard"}, nil, nil},
		{"TopologyForced", 5, []string{"dimension", "not-empty", "shrink", "memory", "guard"}, []string{"--force-topology-mismatch"}, nil},
		{"Forced", 5, []string{"dimension", "shrink", "memory", "guard"}, []string{"--force-topology-mismatch", "--force"}, nil},
		{"WithoutSummaries", 6, []string{"not-empty", "shrink", "memory", "guard"}, []string{"--force-topology-mismatch", "--only", "mc/memory,graph"}, nil},
		{"Shrink", 6, []string{"shrink", "memory", "guard"}, []string{"--force-topology-mismatch", "--only", "mc/memory,graph", "--force"}, nil},
		{"Memory", 6, []string{"memory", "guard"}, []string{"--force-topology-mismatch", "--only", "mc/memory,graph", "--force", "--accept-shrink"}, nil},
		{
			"Guard", 7,
			[]string{"guard"},
			[]string{"--force-topology-mismatch", "--only", "mc/memory,graph", "--force", "--accept-shrink", "--force-memory"},
			nil,
		},
	} {
		a.sub(tt.name, func(t *testing.T) {
			command := append(slices.Clone(args), tt.more...)
			document := a.json(tt.code, command...)
			if got := refusalsOf(t, document); !slices.Equal(got, tt.want) {
				t.Errorf("got refusals %q, want %q", got, tt.want)
			}
			r := a.stays(tt.code, command...)
			first := dig(t, document, "findings", firstRefusal(t, document), "message").(string)
			says(t, r.stderr, "keepsake: restore refused, nothing was written: ", first+" (and more)\n")
			if tt.code == 7 {
				return // a plan is what the guard asks for
			}
			a.stays(tt.code, append(command, "--dry-run")...)
			planned := a.json(tt.code, append(command, "--plan")...)
			if _, given := planned["token"]; given {
				t.Error("a plan that is refused has a token")
			}
			without := slices.DeleteFunc(slices.Clone(tt.want), func(code string) bool { return code == "guard" })
			if got := refusalsOf(t, planned); !slices.Equal(got, without) {
				t.Errorf("--plan: got refusals %q, want %q", got, without)
			}
		})
	}
}

func firstRefusal(t *testing.T, document map[string]any) int {
	t.Helper()
	return slices.IndexFunc(document["findings"].([]any), func(f any) bool { return f.(map[string]any)["level"] == "refusal" })
}

// TestReplaceDryRunEndsAsTheRun: with the same code, and with nothing written.
func TestReplaceDryRunEndsAsTheRun(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	token := g.token(g.args...)
	g.stays(7, append(g.args, "--dry-run")...)
	g.sub("Allowed", func(t *testing.T) {
		g.allows()
		r := g.stays(0, append(g.confirming(token), "--dry-run")...)
		says(t, r.stdout, "A replace now, by "+bundleName(g.bundle), "graph/graph is production")
		silent(t, r.stdout, "merge", token)
		out := g.json(0, append(g.confirming(token), "--dry-run")...)
		if _, given := out["token"]; given {
			t.Error("a dry run has a token")
		}
		g.stays(7, append(g.args, "--dry-run")...)
		g.must(0, g.confirming(token)...) // the dry run didn't use it up
	})
	g.sub("Unreachable", func(t *testing.T) {
		g.env["KEEPSAKE_KB_CHROMA"] = "chroma:" + closedPort(t)
		g.stays(8, append(g.args, "--dry-run")...)
		g.stays(8, append(g.args, "--plan")...)
		g.stays(8, g.args...)
	})
}

// TestReplacePlan: what it shows, and that it fits a terminal.
func TestReplacePlan(t *testing.T) {
	g := newGuarded(t)
	before := g.audit()
	r := g.stays(0, append(g.args, "--plan")...)
	says(t, r.stdout,
		"A replace now, by "+bundleName(g.bundle)+":\n\n",
		"mc/memory is production: a server by its address\n  collection neo-agent-memory, id "+bundleName(g.collection(memory.Memories))+"\n",
		"graph/graph is production: .neo-ai-data is on its path\n",
		"It takes about ", " for the safety bundle, ",
		"NEO_ALLOW_PRODUCTION_DESTRUCTIVE=true \\\n  keepsake restore "+g.bundle+" --mode replace --force --confirm ",
	)
	for i, line := range strings.Split(r.stdout, "\n") {
		long := strings.HasPrefix(line, "  keepsake ") || strings.Contains(line, "://") || strings.Contains(line, "/")
		if n := utf8.RuneCountInString(line); n > 80 && !long {
			t.Errorf("line %d has %d columns, want 80 at the most: %s", i+1, n, line)
		}
	}
	if len(g.audit()) != len(before) {
		t.Error("a plan was taken for a decision")
	}
	out := g.json(0, append(g.args, "--plan")...)
	expect(t, out, "replace", "mode")
	expect(t, out, false, "refused")
	for key, want := range map[string]float64{"live": 39, "same": 38, "changed": 0, "lost": 1, "new": 2, "rejected": 0} {
		expect(t, section(t, out, memory.Memories), want, "difference", key)
	}
	for _, key := range []string{"token", "expires", "id", "fingerprint", "estimate"} {
		if out[key] == nil {
			t.Errorf("the plan has no %q", key)
		}
	}
	if got, want := out["expires"].(string), g.clock.Add(15*60*1e9).Format("2006-01-02T15:04"); !strings.HasPrefix(got, want) {
		t.Errorf("expires: got %s, want %s", got, want)
	}
}

// A count that is unknown makes the plan unknown: there is no token for it.
func TestReplacePlanOfWhatCannotBeCounted(t *testing.T) {
	g := newGuarded(t)
	memories := g.collection(memory.Memories)
	g.behind(&g.kb, func(r chromatest.Request) chromatest.Fault {
		if r.Path == memories+"/count" {
			return chromatest.Fault{Status: 400, Text: `{"error":"InternalError","message":"no"}`}
		}
		return chromatest.Fault{}
	})
	if _, given := g.json(8, append(g.args, "--plan")...)["token"]; given {
		t.Error("the plan has a token")
	}
}
