package guard_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// twoTargets are the graph and the knowledge base of one plan.
func twoTargets(t *testing.T) (graph, kb guard.Target) {
	t.Helper()
	file := write(t, "x", elsewhere(t), "graph.sqlite")
	return at(memory.KindGraph, file), chroma("http://127.0.0.1:49152", "id-1", "")
}

// Each way in which a token is not for what is asked, by its typed ground.
func TestTokenRefusals(t *testing.T) {
	graph, kb := twoTargets(t)
	other := at(memory.KindGraph, "/etc/hosts")
	for name, c := range map[string]struct {
		change func(b *bench, req *guard.Request)
		want   error
	}{
		"ErrNoToken":         {func(_ *bench, r *guard.Request) { r.Confirmation.Token = guard.Token{} }, guard.ErrNoToken},
		"ErrNoToken no plan": {func(_ *bench, r *guard.Request) { r.Confirmation.Agreement.Plan = "" }, guard.ErrNoToken},
		"ErrNoToken at all":  {func(_ *bench, r *guard.Request) { r.Confirmation = guard.Confirmation{} }, guard.ErrNoToken},
		"ErrTokenOther never issued": {func(_ *bench, r *guard.Request) {
			r.Confirmation.Token = issue(t, rand.Reader)
		}, guard.ErrTokenOther},
		"ErrTokenOther bundle":    {func(_ *bench, r *guard.Request) { r.Confirmation.Agreement.Bundle = "cd" }, guard.ErrTokenOther},
		"ErrTokenOther no bundle": {func(_ *bench, r *guard.Request) { r.Confirmation.Agreement.Bundle = "" }, guard.ErrTokenOther},
		"ErrTokenOther purpose": {func(_ *bench, r *guard.Request) {
			r.Confirmation.Agreement.Operation = guard.Undo
			r.Operation = guard.Undo
		}, guard.ErrTokenOther},
		"ErrTokenOther operation": {func(_ *bench, r *guard.Request) { r.Operation = guard.Undo }, guard.ErrTokenOther},
		"ErrTokenOther target":    {func(_ *bench, r *guard.Request) { r.Target = other }, guard.ErrTokenOther},
		"ErrTokenOther target put in": {func(_ *bench, r *guard.Request) {
			r.Target = other
			r.Confirmation.Agreement = agreement("plan-1", other, kb)
		}, guard.ErrTokenOther},
		"ErrTokenOther one more target": {func(_ *bench, r *guard.Request) {
			r.Confirmation.Agreement = agreement("plan-1", graph, kb, other)
		}, guard.ErrTokenOther},
		"ErrTokenOther one target less": {func(_ *bench, r *guard.Request) {
			r.Confirmation.Agreement = agreement("plan-1", graph)
		}, guard.ErrTokenOther},
		"ErrTokenOther uncounted": {func(_ *bench, r *guard.Request) {
			r.Confirmation.Agreement = agreement("plan-1", graph, kb)
			r.Confirmation.Agreement.Losses[1].Lost = -1
		}, guard.ErrTokenOther},
		"ErrTokenExpired":            {func(b *bench, _ *guard.Request) { b.clock = start.Add(15*time.Minute + 1) }, guard.ErrTokenExpired},
		"ErrTokenExpired clock back": {func(b *bench, _ *guard.Request) { b.clock = start.Add(-time.Second) }, guard.ErrTokenExpired},
		"ErrLossesGrew lost": {func(_ *bench, r *guard.Request) {
			r.Confirmation.Agreement = agreement("plan-1", graph, kb)
			r.Confirmation.Agreement.Losses[1].Lost = 106
		}, guard.ErrLossesGrew},
		"ErrLossesGrew changed": {func(_ *bench, r *guard.Request) {
			r.Confirmation.Agreement = agreement("plan-1", graph, kb)
			r.Confirmation.Agreement.Losses[0].Changed = 43
		}, guard.ErrLossesGrew},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).allow()
			a := agreement("plan-1", graph, kb)
			token, _, err := b.Issue(rand.Reader, a)
			if err != nil {
				t.Fatal(err)
			}
			req := requestFor(graph)
			req.Confirmation = guard.Confirmation{Token: token, Agreement: a}
			c.change(b, &req)
			_, err = b.ask(t, req)
			wantRefused(t, err, guard.Production, c.want)

			// The refusal used nothing up: what was agreed to can still be done.
			b.clock = start
			again := requestFor(graph)
			again.Confirmation = guard.Confirmation{Token: token, Agreement: a}
			if _, err := b.ask(t, again); err != nil {
				t.Errorf("a refusal used up the token: %v", err)
			}
		})
	}
}

func TestTokenAllowsWhatWasAgreedTo(t *testing.T) {
	graph, kb := twoTargets(t)
	for name, change := range map[string]func(b *bench, a *guard.Agreement){
		"as shown":        func(*bench, *guard.Agreement) {},
		"last moment":     func(b *bench, _ *guard.Agreement) { b.clock = start.Add(15 * time.Minute) },
		"5 % more":        func(_ *bench, a *guard.Agreement) { a.Losses[0].Lost, a.Losses[1].Changed = 105, 42 },
		"less":            func(_ *bench, a *guard.Agreement) { a.Losses[0].Lost, a.Losses[1].Changed = 0, 1 },
		"another order":   func(_ *bench, a *guard.Agreement) { a.Losses[0], a.Losses[1] = a.Losses[1], a.Losses[0] },
		"plan of its own": func(_ *bench, a *guard.Agreement) { a.Plan = "another id" },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).allow()
			token, until, err := b.Issue(rand.Reader, agreement("plan-1", graph, kb))
			if err != nil {
				t.Fatal(err)
			}
			if !until.Equal(start.Add(15 * time.Minute)) {
				t.Errorf("until = %v, want 15 minutes from %v", until, start)
			}
			a := agreement("plan-1", graph, kb)
			change(b, &a)
			for _, target := range []guard.Target{graph, kb} {
				req := requestFor(target)
				req.Confirmation = guard.Confirmation{Token: token, Agreement: a}
				permit, err := b.ask(t, req)
				wantAllowed(t, permit, err, guard.Production, req)
			}
		})
	}
}

// The target that stands there now must be the very one that was shown.
func TestTokenIsForTheTargetShown(t *testing.T) {
	path := write(t, "x", elsewhere(t), "graph.sqlite")
	b := newBench(t).allow()
	token, _, err := b.Issue(rand.Reader, agreement("", at(memory.KindGraph, path)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(write(t, "y", filepath.Dir(path), "other"), path); err != nil {
		t.Fatal(err)
	}
	req := requestFor(at(memory.KindGraph, path))
	req.Confirmation = guard.Confirmation{Token: token, Agreement: agreement("plan-1", req.Target)}
	_, err = b.ask(t, req)
	wantRefused(t, err, guard.Production, guard.ErrTokenOther)

	for name, target := range map[string]guard.Target{
		"collection id": chroma("http://127.0.0.1:49152", "id-2", ""),
		"port":          chroma("http://127.0.0.1:49153", "id-1", ""),
		"host":          chroma("http://localhost:49152", "id-1", ""),
	} {
		t.Run(name, func(t *testing.T) {
			token, _, err := b.Issue(rand.Reader, agreement("", chroma("http://127.0.0.1:49152", "id-1", "")))
			if err != nil {
				t.Fatal(err)
			}
			req := requestFor(target)
			req.Confirmation = guard.Confirmation{Token: token, Agreement: agreement("plan-2", target)}
			_, err = b.ask(t, req)
			wantRefused(t, err, guard.Production, guard.ErrTokenOther)
		})
	}
}

// A file that isn't there yet is known by where it will be: its folder may be
// made between plan and run.
func TestTokenForAnAbsentTarget(t *testing.T) {
	path := filepath.Join(elsewhere(t), "made", "later.sqlite")
	b := newBench(t).allow()
	token, _, err := b.Issue(rand.Reader, agreement("", at(memory.KindGraph, path)))
	if err != nil {
		t.Fatal(err)
	}
	folder(t, filepath.Dir(path))
	req := requestFor(at(memory.KindGraph, path))
	req.Confirmation = guard.Confirmation{Token: token, Agreement: agreement("plan-1", req.Target)}
	permit, err := b.ask(t, req)
	wantAllowed(t, permit, err, guard.Production, req)
}

// A single replace can have a token of its own; it serves nothing else.
func TestTokenOfOneOperation(t *testing.T) {
	graph, kb := twoTargets(t)
	b := newBench(t).allow()
	a := agreement("plan-1", graph, kb)
	a.Operation = "mc.graph.replace"
	token, _, err := b.Issue(rand.Reader, a)
	if err != nil {
		t.Fatal(err)
	}
	req := requestFor(kb)
	req.Confirmation = guard.Confirmation{Token: token, Agreement: a}
	_, err = b.ask(t, req)
	wantRefused(t, err, guard.Production, guard.ErrTokenOther)
	req = requestFor(graph)
	req.Confirmation = guard.Confirmation{Token: token, Agreement: a}
	permit, err := b.ask(t, req)
	wantAllowed(t, permit, err, guard.Production, req)
}

// A server has one identity, however its address is spelled.
func TestTokenKnowsServersBySpelling(t *testing.T) {
	for shown, now := range map[string]string{
		"http://Chroma.Example:8000":  "http://chroma.example:8000/",
		"http://h":                    "http://h:80",
		"https://h":                   "https://h:443",
		"http://[0:0:0:0:0:0:0:1]:1":  "http://[::1]:1",
		"http://[::ffff:127.0.0.1]:1": "http://127.0.0.1:1",
	} {
		t.Run(shown, func(t *testing.T) {
			b := newBench(t).allow()
			token, _, err := b.Issue(rand.Reader, agreement("", chroma(shown, "id-1", "")))
			if err != nil {
				t.Fatal(err)
			}
			req := requestFor(chroma(now, "id-1", ""))
			req.Confirmation = guard.Confirmation{Token: token, Agreement: agreement("plan-1", req.Target)}
			permit, err := b.ask(t, req)
			wantAllowed(t, permit, err, guard.Production, req)
		})
	}
	t.Run("another host", func(t *testing.T) {
		b := newBench(t).allow()
		token, _, err := b.Issue(rand.Reader, agreement("", chroma("http://one", "id-1", "")))
		if err != nil {
			t.Fatal(err)
		}
		req := requestFor(chroma("http://two", "id-1", ""))
		req.Confirmation = guard.Confirmation{Token: token, Agreement: agreement("plan-1", req.Target)}
		_, err = b.ask(t, req)
		wantRefused(t, err, guard.Production, guard.ErrTokenOther)
	})
	t.Run("another path", func(t *testing.T) {
		b := newBench(t).allow()
		token, _, err := b.Issue(rand.Reader, agreement("", chroma("http://h/a", "id-1", "")))
		if err != nil {
			t.Fatal(err)
		}
		req := requestFor(chroma("http://h/b", "id-1", ""))
		req.Confirmation = guard.Confirmation{Token: token, Agreement: agreement("plan-1", req.Target)}
		_, err = b.ask(t, req)
		wantRefused(t, err, guard.Production, guard.ErrTokenOther)
	})
}

// The ledger holds hashes only, and what was changed in it opens nothing.
func TestLedgerHoldsNoToken(t *testing.T) {
	graph, kb := twoTargets(t)
	dir := t.TempDir()
	b := newBench(t).allow()
	b.Ledger = guard.DirLedger{Dir: dir}
	token, _, err := b.Issue(rand.Reader, agreement("", graph, kb))
	if err != nil {
		t.Fatal(err)
	}
	req := requestFor(graph)
	req.Confirmation = guard.Confirmation{Token: token, Agreement: agreement("plan-1", graph, kb)}

	issued := only(t, dir, "issued-*")
	good, err := os.ReadFile(issued)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"more losses":  strings.Replace(string(good), `"lost":100`, `"lost":9999`, 1),
		"later":        strings.Replace(string(good), "T22:41", "T23:41", 1),
		"other bundle": strings.Replace(string(good), "abab", "cdcd", 1),
		"no JSON":      string(good[1:]),
		"empty":        "",
		"no seal":      strings.Replace(string(good), `"seal"`, `"other"`, 1),
		"body no JSON": `{"body":"x","seal":"x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if text == string(good) {
				t.Fatal("nothing was changed")
			}
			write(t, text, issued)
			_, err := b.ask(t, req)
			wantRefused(t, err, guard.Production, guard.ErrTokenOther)
		})
	}
	write(t, string(good), issued)
	permit, err := b.ask(t, req)
	wantAllowed(t, permit, err, guard.Production, req)

	secret := token.Reveal()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(path+string(text), secret) {
			t.Errorf("%s holds the token", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.audit.String(), secret) {
		t.Error("the audit log holds the token")
	}
}

// only returns the one file of a folder that matches.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %v, %v, want one", pattern, names, err)
	}
	return names[0]
}

// A seal of a body is of that body's bytes: another version of it is refused.
func TestLedgerVersion(t *testing.T) {
	graph, kb := twoTargets(t)
	b := newBench(t).allow()
	dir := t.TempDir()
	b.Ledger = guard.DirLedger{Dir: dir}
	a := agreement("plan-1", graph, kb)
	token, _, err := b.Issue(rand.Reader, a)
	if err != nil {
		t.Fatal(err)
	}
	req := requestFor(graph)
	req.Confirmation = guard.Confirmation{Token: token, Agreement: a}
	if _, err := b.ask(t, req); err != nil {
		t.Fatal(err)
	}
	issued := only(t, dir, "issued-*")
	good, err := os.ReadFile(issued)
	if err != nil {
		t.Fatal(err)
	}
	var e map[string]json.RawMessage
	if err := json.Unmarshal(good, &e); err != nil {
		t.Fatal(err)
	}
	write(t, strings.Replace(string(good), `"version":1`, `"version":2`, 1), issued)
	req.Confirmation.Token = guard.Token{} // nothing to check the seal with
	_, err = b.ask(t, req)
	if !errors.Is(err, guard.ErrTokenOther) {
		t.Errorf("got %v, want ErrTokenOther", err)
	}
}
