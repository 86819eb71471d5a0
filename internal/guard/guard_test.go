package guard_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

func TestZeroRulesRefuseEverything(t *testing.T) {
	disposable := requestFor(at(memory.KindGraph, ":memory:"))
	b := newBench(t).allow()
	production := b.confirmed(t, requestFor(at(memory.KindGraph, "/etc/hosts")))
	for name, c := range map[string]struct {
		rules guard.Rules
		want  error
	}{
		"zero":     {guard.Rules{}, guard.ErrNoRules},
		"no clock": {guard.Rules{Audit: &b.audit, Environment: b.Environment, Ledger: b.Ledger}, guard.ErrNoRules},
		"no audit": {guard.Rules{Now: b.Now, Environment: b.Environment, Ledger: b.Ledger}, guard.ErrNoAudit},
	} {
		t.Run(name, func(t *testing.T) {
			for _, req := range []guard.Request{disposable, production, {}} {
				permit, err := c.rules.AssertDestructiveTargetAllowed(context.Background(), req)
				if permit != (guard.Permit{}) {
					t.Error("a permit was given")
				}
				wantRefused(t, err, guard.Unknown, c.want)
			}
		})
	}
}

// Production with both factors, without each, and without both: what is missing
// is said all at once.
func TestProductionNeedsTwoFactors(t *testing.T) {
	file := write(t, "x", elsewhere(t), ".neo-ai-data", "sqlite", "memory-core-graph.sqlite")
	for name, target := range map[string]guard.Target{
		"path":   at(memory.KindGraph, file),
		"server": chroma("http://127.0.0.1:49152", "id-1", ""),
	} {
		t.Run(name, func(t *testing.T) {
			req := requestFor(target)
			t.Run("both", func(t *testing.T) {
				b := newBench(t).allow()
				req := b.confirmed(t, req)
				permit, err := b.ask(t, req)
				wantAllowed(t, permit, err, guard.Production, req)
			})
			t.Run("ErrNoEnvironment", func(t *testing.T) {
				b := newBench(t)
				req := b.confirmed(t, req)
				_, err := b.ask(t, req)
				wantRefused(t, err, guard.Production, guard.ErrNoEnvironment)
				if errors.Is(err, guard.ErrNoToken) {
					t.Errorf("got %v, but the token is there", err)
				}
				_, err = b.allow().ask(t, req)
				if err != nil {
					t.Errorf("a refusal used up the token: %v", err)
				}
			})
			t.Run("ErrNoToken", func(t *testing.T) {
				_, err := newBench(t).allow().ask(t, req)
				wantRefused(t, err, guard.Production, guard.ErrNoToken)
				if errors.Is(err, guard.ErrNoEnvironment) {
					t.Errorf("got %v, but the environment allows", err)
				}
			})
			t.Run("neither", func(t *testing.T) {
				_, err := newBench(t).ask(t, req)
				wantRefused(t, err, guard.Production, guard.ErrNoEnvironment)
				wantRefused(t, err, guard.Production, guard.ErrNoToken)
			})
			t.Run("no ledger", func(t *testing.T) {
				b := newBench(t).allow()
				req := b.confirmed(t, req)
				b.Ledger = nil
				_, err := b.ask(t, req)
				wantRefused(t, err, guard.Production, guard.ErrNoToken)
			})
		})
	}
}

// Nothing opens what is unknown.
func TestUnknownIsRefusedWithBothFactors(t *testing.T) {
	b := newBench(t).allow()
	good := b.confirmed(t, requestFor(at(memory.KindGraph, "/etc/hosts")))
	req := requestFor(at(memory.KindGraph, "relative.sqlite"))
	req.Confirmation = good.Confirmation
	req.Confirmation.Agreement.Losses = []guard.Loss{{Target: req.Target}}
	_, err := b.ask(t, req)
	wantRefused(t, err, guard.Unknown, guard.ErrUnknownTarget)
}

func TestDisposableNeedsNoFactor(t *testing.T) {
	b := newBench(t).allow()
	req := b.confirmed(t, requestFor(at(memory.KindGraph, write(t, "x", scratch(t), "g.sqlite"))))
	permit, err := b.ask(t, req)
	wantAllowed(t, permit, err, guard.Disposable, req)
	used := requestFor(at(memory.KindGraph, "/etc/hosts"))
	used.Confirmation = guard.Confirmation{Token: req.Confirmation.Token, Agreement: agreement("plan-2", used.Target)}
	_, err = b.ask(t, used)
	if errors.Is(err, guard.ErrTokenUsed) {
		t.Error("a disposable target used up a token")
	}
}

func TestBadRequest(t *testing.T) {
	file, dir := at(memory.KindGraph, ":memory:"), at(memory.KindFiles, scratch(t))
	server := chroma("http://127.0.0.1:49152", "id-1", mark(guard.MarkDisposable, "id-1", "", false))
	for name, req := range map[string]guard.Request{
		"no operation":       {Subsystem: memory.GraphSystem, Mode: "replace", Target: file},
		"other operation":    {Operation: "graph.drop", Subsystem: memory.GraphSystem, Mode: "replace", Target: file},
		"no subsystem":       {Operation: "mc.graph.replace", Mode: "replace", Target: file},
		"other subsystem":    {Operation: "mc.graph.replace", Subsystem: memory.KB, Mode: "replace", Target: file},
		"kb as mc":           {Operation: "kb.chroma.replace", Subsystem: memory.MC, Mode: "replace", Target: server},
		"no mode":            {Operation: "mc.graph.replace", Subsystem: memory.GraphSystem, Target: file},
		"merge":              {Operation: "mc.graph.replace", Subsystem: memory.GraphSystem, Mode: "merge", Target: file},
		"graph on a server":  {Operation: "mc.graph.replace", Subsystem: memory.GraphSystem, Mode: "replace", Target: server},
		"kb on files":        {Operation: "kb.chroma.replace", Subsystem: memory.KB, Mode: "replace", Target: dir},
		"concepts on graph":  {Operation: "concepts.replace", Subsystem: memory.Concepts, Mode: "replace", Target: file},
		"demo of a graph":    {Operation: guard.DemoReset, Target: file},
		"undo of nothing":    {Operation: guard.Undo, Target: file},
		"no such name":       {Operation: guard.RestoreReplace, Subsystem: "../kb", Mode: "replace", Target: dir},
		"named as concepts":  {Operation: "concepts.replace", Subsystem: "notes", Mode: "replace", Target: dir},
		"chroma's own files": {Operation: guard.RestoreReplace, Subsystem: memory.KB, Mode: "replace", Target: at(memory.KindChromaDir, scratch(t))},
		"no target":          {Operation: "mc.graph.replace", Subsystem: memory.GraphSystem, Mode: "replace"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newBench(t).allow().ask(t, req)
			wantRefused(t, err, guard.Unknown, guard.ErrBadRequest)
		})
	}
}

// Every operation is allowed on what it is for.
func TestOperations(t *testing.T) {
	temp := scratch(t)
	graph, dir := at(memory.KindGraph, ":memory:"), at(memory.KindFiles, temp)
	server := chroma("http://127.0.0.1:49152", "id-1", mark(guard.MarkDisposable, "id-1", "", false))
	for name, req := range map[string]guard.Request{
		"kb":           {Operation: "kb.chroma.replace", Subsystem: "kb", Mode: "replace", Target: server},
		"kb embedded":  {Operation: "kb.chroma.replace", Subsystem: "kb", Mode: "replace", Target: at(memory.KindCollections, ":memory:")},
		"memory":       {Operation: "mc.chroma.memory.replace", Subsystem: "mc", Mode: "replace", Target: server},
		"summaries":    {Operation: "mc.chroma.summaries.replace", Subsystem: "mc", Mode: "replace", Target: server},
		"graph":        {Operation: "mc.graph.replace", Subsystem: "graph", Mode: "replace", Target: graph},
		"concepts":     {Operation: "concepts.replace", Subsystem: "concepts", Mode: "replace", Target: dir},
		"trajectories": {Operation: "trajectories.replace", Subsystem: "trajectories", Mode: "replace", Target: dir},
		"mailbox":      {Operation: "mailbox.replace", Subsystem: "mailbox", Mode: "replace", Target: dir},
		"restore":      {Operation: "restore.replace", Subsystem: "mc", Mode: "replace", Target: graph},
		"named":        {Operation: "restore.replace", Subsystem: "notes", Mode: "replace", Target: dir},
		"database":     {Operation: "restore.replace", Subsystem: "state", Mode: "replace", Target: at(memory.KindSQLite, filepath.Join(temp, "state.db"))},
		"undo":         {Operation: "undo", Subsystem: "kb", Mode: "undo", Target: server},
		"undo of one":  {Operation: "undo", Subsystem: "graph", Target: graph},
		"prune":        {Operation: "prune", Target: dir},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			permit, err := b.ask(t, req)
			wantAllowed(t, permit, err, guard.Disposable, req)
		})
	}
}

func TestReplaceOperation(t *testing.T) {
	for section, want := range map[memory.Section]guard.Operation{
		memory.KnowledgeBase:     "kb.chroma.replace",
		memory.Memories:          "mc.chroma.memory.replace",
		memory.Summaries:         "mc.chroma.summaries.replace",
		memory.Graph:             "mc.graph.replace",
		"concepts/nodes":         "concepts.replace",
		memory.TrajectoryLog:     "trajectories.replace",
		memory.MailboxSentToCull: "mailbox.replace",
		"mc/temporal":            "restore.replace",
	} {
		if got := guard.ReplaceOperation(section); got != want {
			t.Errorf("ReplaceOperation(%q) = %q, want %q", section, got, want)
		}
	}
}

// A store that says no nature, or one that isn't known, gets leave for nothing, both
// factors or not; and a nature is no way round what is seen.
func TestNatureIsNoProof(t *testing.T) {
	file := write(t, "x", elsewhere(t), "g.sqlite")
	server := memory.Locator{Kind: memory.KindChroma, Address: "http://127.0.0.1:8000", Collection: "c", CollectionID: "1"}
	temp := write(t, "x", scratch(t), "g.sqlite")
	ops := []guard.Operation{guard.RestoreReplace, guard.Undo, guard.Prune, guard.DemoReset, guard.ReplaceOperation(memory.Graph)}
	for name, c := range map[string]struct {
		nature  guard.Nature
		locator memory.Locator
		ground  error
	}{
		"none":                    {"", memory.Locator{Kind: memory.KindGraph, Path: temp}, guard.ErrBadRequest},
		"none in memory":          {"", memory.Locator{Kind: memory.KindGraph, Path: ":memory:"}, guard.ErrBadRequest},
		"another":                 {"cloud", memory.Locator{Kind: memory.KindGraph, Path: temp}, guard.ErrBadRequest},
		"no kind":                 {guard.Graph, memory.Locator{Path: temp}, guard.ErrUnknownTarget},
		"a server that is a file": {guard.Graph, server, guard.ErrUnknownTarget},
		"a file that is a server": {guard.Served, memory.Locator{Kind: memory.KindGraph, Path: file, Collection: "c", CollectionID: "1"}, guard.ErrUnknownTarget},
	} {
		t.Run(name, func(t *testing.T) {
			target := guard.NewTarget(t.Context(), c.nature, c.locator, &witness{id: "1", mark: mark(guard.MarkDisposable, "1", "", false)})
			if class, _ := newBench(t).Classify(target); class != guard.Unknown {
				t.Errorf("class = %s, want unknown", class)
			}
			for _, op := range ops {
				_, err := newBench(t).allow().ask(t, guard.Request{Operation: op, Subsystem: memory.GraphSystem, Mode: "replace", Target: target, Reason: "a test"})
				if !errors.Is(err, c.ground) && !errors.Is(err, guard.ErrBadRequest) {
					t.Errorf("%s: got %v, want %v", op, err, c.ground)
				}
			}
		})
	}
}

// What stands at the path when the decision is made must be what was surveyed.
func TestTargetMovedBeforeDecision(t *testing.T) {
	temp := scratch(t)
	for name, change := range map[string]func(t *testing.T, path string){
		"another file": func(t *testing.T, path string) {
			if err := os.Rename(write(t, "y", filepath.Dir(path), "other"), path); err != nil {
				t.Fatal(err)
			}
		},
		"gone": func(t *testing.T, path string) { remove(t, path) },
		"another name": func(t *testing.T, path string) {
			if err := os.Link(path, path+".too"); err != nil {
				t.Fatal(err)
			}
		},
		"a link": func(t *testing.T, path string) {
			remove(t, path)
			link(t, write(t, "x", filepath.Dir(path), "goal"), path)
		},
		"a folder": func(t *testing.T, path string) { remove(t, path); folder(t, path) },
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "x", temp, strings.ReplaceAll(name, " ", "-"), "g.sqlite")
			req := requestFor(at(memory.KindGraph, path))
			change(t, path)
			_, err := newBench(t).ask(t, req)
			wantRefused(t, err, guard.Unknown, guard.ErrTargetMoved)
		})
	}
	t.Run("came", func(t *testing.T) {
		req := requestFor(at(memory.KindGraph, filepath.Join(temp, "soon.sqlite")))
		write(t, "x", temp, "soon.sqlite")
		_, err := newBench(t).ask(t, req)
		wantRefused(t, err, guard.Unknown, guard.ErrTargetMoved)
	})
	t.Run("unreadable now", func(t *testing.T) {
		w := &witness{id: "1", mark: mark(guard.MarkDisposable, "1", "", false)}
		l := memory.Locator{Kind: memory.KindChroma, Address: "http://h:1", Collection: "c", CollectionID: "1"}
		req := requestFor(newTarget(l, w))
		w.err = errors.New("connection refused")
		_, err := newBench(t).ask(t, req)
		wantRefused(t, err, guard.Unknown, guard.ErrUnknownTarget)
	})
	t.Run("unreadable then", func(t *testing.T) {
		w := &witness{id: "1", mark: mark(guard.MarkDisposable, "1", "", false), err: errors.New("connection refused")}
		l := memory.Locator{Kind: memory.KindChroma, Address: "http://h:1", Collection: "c", CollectionID: "1"}
		req := requestFor(newTarget(l, w))
		w.err = nil
		_, err := newBench(t).ask(t, req)
		wantRefused(t, err, guard.Unknown, guard.ErrUnknownTarget)
	})
	t.Run("mark taken off", func(t *testing.T) {
		w := &witness{id: "1", mark: mark(guard.MarkDisposable, "1", "", false)}
		l := memory.Locator{Kind: memory.KindChroma, Address: "http://h:1", Collection: "c", CollectionID: "1"}
		req := requestFor(newTarget(l, w))
		w.mark = ""
		_, err := newBench(t).ask(t, req)
		wantRefused(t, err, guard.Production, guard.ErrNoToken)
	})
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestCancelled(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := b.AssertDestructiveTargetAllowed(ctx, requestFor(at(memory.KindGraph, ":memory:")))
	wantRefused(t, err, guard.Unknown, context.Canceled)
}

// The message is what an operator reads at three in the morning.
func TestRefusedErrorSaysEverything(t *testing.T) {
	away := elsewhere(t)
	file := write(t, "x", away, ".neo-ai-data", "g.sqlite")
	link(t, file, away, "here")
	b := newBench(t)
	for name, c := range map[string]struct {
		req  guard.Request
		want []string
	}{
		"path": {requestFor(at(memory.KindGraph, filepath.Join(away, "here"))), []string{
			"refuse mc.graph.replace in graph on graph:" + away + "/here", "resolves to " + file, "inode", "device",
			"(production): the environment does not allow", "; no token confirms",
		}},
		"server": {requestFor(chroma("http://h.example:8000", "id-1", "")), []string{
			"kb.chroma.replace in kb on chroma:http://h.example:8000/default_tenant/default_database#neo-knowledge-base (collection id id-1) (production)",
		}},
		"nothing yet": {requestFor(at(memory.KindGraph, away+"/new")), []string{"nothing there yet"}},
		"names":       {requestFor(at(memory.KindGraph, hardLinked(t, away))), []string{"2 names"}},
		"password":    {requestFor(chroma("http://u:secret@h:1", "id-1", "")), []string{"(unreadable address)", "more than host, port and path"}},
		"no request":  {guard.Request{}, []string{"an operation without a name on", "(unknown): no such operation"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.ask(t, c.req)
			if err == nil {
				t.Fatal("allowed")
			}
			for _, want := range c.want {
				if got := err.Error(); !strings.Contains(got, want) {
					t.Errorf("got %q, want %q in it", got, want)
				}
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %q, want one line and no secret", err)
			}
		})
	}
	if strings.Contains(b.audit.String(), "secret") {
		t.Error("a password is in the audit log")
	}
	t.Run("no reason", func(t *testing.T) {
		if got := (&guard.RefusedError{}).Error(); !strings.Contains(got, "no reason") {
			t.Errorf("got %q", got)
		}
	})
}

// A target is described to the last field, and no further.
func TestTargetString(t *testing.T) {
	away := elsewhere(t)
	file := write(t, "x", away, "g.sqlite")
	named := chroma("http://h:8000", "id-1", "")
	for name, c := range map[string]struct {
		target guard.Target
		want   string
	}{
		"in memory":     {at(memory.KindGraph, ":memory:"), `^graph::memory:$`},
		"absent":        {at(memory.KindGraph, away+"/new"), `^graph:` + away + `/new \(nothing there yet\)$`},
		"file":          {at(memory.KindGraph, file), `^graph:` + file + ` \(device \d+, inode \d+\)$`},
		"through dots":  {at(memory.KindGraph, away+"/./g.sqlite"), `^graph:` + away + `/\./g.sqlite \(device \d+, inode \d+, resolves to ` + file + `\)$`},
		"two names":     {at(memory.KindGraph, hardLinked(t, away)), `inode \d+, 2 names\)$`},
		"collection":    {named, `#neo-knowledge-base \(collection id id-1\)$`},
		"no collection": {chroma("http://h:8000", "", ""), `^chroma:http://h:8000/default_tenant/default_database#neo-knowledge-base$`},
		"unreadable":    {at(memory.KindGraph, "x"), `^graph:x$`},
	} {
		if got := c.target.String(); !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%s: got %q, want %s", name, got, c.want)
		}
	}
}

func hardLinked(t testing.TB, dir string) string {
	t.Helper()
	path := write(t, "x", dir, "linked")
	if err := os.Link(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every ground that an operator can do something about says what.
func TestHints(t *testing.T) {
	b := newBench(t)
	production := requestFor(at(memory.KindGraph, "/etc/hosts"))
	for want, req := range map[string]guard.Request{
		"no-environment NEO_ALLOW_PRODUCTION_DESTRUCTIVE": production,
		"can be reached and read":                         requestFor(at(memory.KindGraph, "x")),
		"a mistake in keepsake":                           {},
		"by hand":                                         {Operation: guard.Prune, Target: at(memory.KindFiles, "/etc")},
		"choose another folder":                           {Operation: guard.DemoReset, Target: at(memory.KindFiles, "/etc")},
	} {
		_, err := b.ask(t, req)
		var refused *guard.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(refused.Hint, want) {
			t.Errorf("got %+v, want hint %q", refused, want)
		}
	}
	_, err := b.allow().ask(t, production)
	var refused *guard.RefusedError
	if !errors.As(err, &refused) || !strings.HasPrefix(refused.Hint, "no-token ") {
		t.Errorf("got %+v, want a hint at what takes a token", refused)
	}
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	_, err = b.AssertDestructiveTargetAllowed(ctx, production)
	if !errors.As(err, &refused) || refused.Hint != "" {
		t.Errorf("hint = %q, want none for an interruption", refused.Hint)
	}
}

// Foresee answers as the decision would, and uses nothing up: asked any number of
// times, the token still starts its plan once. Only refusals are written down.
func TestForesee(t *testing.T) {
	file := write(t, "x", elsewhere(t), ".neo-ai-data", "sqlite", "memory-core-graph.sqlite")
	b := newBench(t).allow()
	req := b.confirmed(t, requestFor(at(memory.KindGraph, file)))
	for range 2 {
		if err := b.Foresee(t.Context(), req); err != nil {
			t.Fatalf("got %v, want leave foreseen", err)
		}
	}
	if b.audit.Len() > 0 {
		t.Errorf("got %q in the audit log, want nothing: nothing was decided", b.audit.String())
	}
	permit, err := b.ask(t, req)
	wantAllowed(t, permit, err, guard.Production, req)

	b.audit.Reset()
	without := req
	without.Confirmation.Token = guard.Token{}
	without.Confirmation.Agreement.Plan = "another-plan"
	err = b.Foresee(t.Context(), without)
	wantRefused(t, err, guard.Production, guard.ErrNoToken)
	if !strings.Contains(b.audit.String(), `"decision":"refused"`) {
		t.Errorf("got %q in the audit log, want the refusal", b.audit.String())
	}
}
