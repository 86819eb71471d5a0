package guard_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// begun is a plan of two targets of which the first has been permitted.
func begun(t *testing.T) (b *bench, c guard.Confirmation, graph, kb guard.Target) {
	t.Helper()
	graph, kb = twoTargets(t)
	b = newBench(t).allow()
	a := agreement("plan-1", graph, kb)
	token, _, err := b.Issue(rand.Reader, a)
	if err != nil {
		t.Fatal(err)
	}
	c = guard.Confirmation{Token: token, Agreement: a}
	req := requestFor(graph)
	req.Confirmation = c
	permit, err := b.ask(t, req)
	wantAllowed(t, permit, err, guard.Production, req)
	return b, c, graph, kb
}

// A plan that was begun can be finished, with its token or without, at any time.
func TestBegunPlanCanBeFinished(t *testing.T) {
	for name, without := range map[string]bool{"with its token": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			b, c, graph, kb := begun(t)
			b.clock = start.Add(48 * time.Hour)
			if without {
				c.Token = guard.Token{}
			}
			for _, target := range []guard.Target{graph, kb} {
				req := requestFor(target)
				req.Confirmation = c
				permit, err := b.ask(t, req)
				wantAllowed(t, permit, err, guard.Production, req)
			}
		})
	}
}

// What the plan has done so far must not keep it from being finished: other
// losses, another inode, a collection that was renamed, a new one at its name.
func TestBegunPlanFindsItsTargetsAgain(t *testing.T) {
	b, c, graph, _ := begun(t)
	path := graph.Locator().Path
	if err := os.Rename(write(t, "new", filepath.Dir(path), "new"), path); err != nil {
		t.Fatal(err)
	}
	address := "http://127.0.0.1:49152"
	renamed := chroma(address, "id-1", "").Locator()
	renamed.Collection = "neo-knowledge-base-2026-11-22"
	for name, target := range map[string]guard.Target{
		"another inode":       at(memory.KindGraph, path),
		"new one at its name": chroma(address, "id-9", ""),
		"nothing at its name": chroma(address, "", ""),
		"renamed":             newTarget(renamed, &witness{id: "id-1"}),
	} {
		t.Run(name, func(t *testing.T) {
			req := requestFor(target)
			req.Confirmation = guard.Confirmation{Agreement: agreement("plan-1", target)}
			req.Confirmation.Agreement.Losses[0].Lost = 5000
			permit, err := b.ask(t, req)
			wantAllowed(t, permit, err, guard.Production, req)
		})
	}
	for name, change := range map[string]func(req *guard.Request){
		"another server":    func(r *guard.Request) { r.Target = chroma("http://127.0.0.1:49153", "id-1", "") },
		"another path":      func(r *guard.Request) { *r = requestFor(at(memory.KindGraph, "/etc/hosts")) },
		"another bundle":    func(r *guard.Request) { r.Confirmation.Agreement.Bundle = "cd" },
		"another operation": func(r *guard.Request) { r.Operation = guard.Undo },
		"another purpose": func(r *guard.Request) {
			r.Operation, r.Confirmation.Agreement.Operation = guard.Undo, guard.Undo
		},
		"another collection": func(r *guard.Request) {
			l := renamed
			l.CollectionID = "id-9"
			r.Target = newTarget(l, &witness{id: "id-9"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			req := requestFor(chroma(address, "id-1", ""))
			req.Confirmation = c
			req.Confirmation.Token = guard.Token{}
			change(&req)
			bundle, op := req.Confirmation.Agreement.Bundle, req.Confirmation.Agreement.Operation
			req.Confirmation.Agreement = agreement("plan-1", req.Target)
			if bundle != "" {
				req.Confirmation.Agreement.Bundle, req.Confirmation.Agreement.Operation = bundle, op
			}
			_, err := b.ask(t, req)
			wantRefused(t, err, guard.Production, guard.ErrTokenOther)
		})
	}
	t.Run("target not in the plan as it is now", func(t *testing.T) {
		req := requestFor(chroma(address, "id-1", ""))
		req.Confirmation = guard.Confirmation{Agreement: agreement("plan-1", at(memory.KindGraph, path))}
		_, err := b.ask(t, req)
		wantRefused(t, err, guard.Production, guard.ErrTokenOther)
	})
}

// Two collections that aren't there yet have no id in common.
func TestBegunPlanKnowsAbsentCollectionsByName(t *testing.T) {
	absent := func(name string) guard.Target {
		l := chroma("http://h:1", "", "").Locator()
		l.Collection = name
		return newTarget(l, &witness{})
	}
	b := newBench(t).allow()
	req := b.confirmed(t, requestFor(absent("one")))
	permit, err := b.ask(t, req)
	wantAllowed(t, permit, err, guard.Production, req)
	other := requestFor(absent("two"))
	other.Confirmation = guard.Confirmation{Agreement: agreement("plan-1", other.Target)}
	_, err = b.ask(t, other)
	wantRefused(t, err, guard.Production, guard.ErrTokenOther)
}

// One token, one plan, one run.
func TestTokenUsed(t *testing.T) {
	t.Run("another plan", func(t *testing.T) {
		b, c, graph, _ := begun(t)
		req := requestFor(graph)
		req.Confirmation = c
		req.Confirmation.Agreement.Plan = "plan-2"
		_, err := b.ask(t, req)
		wantRefused(t, err, guard.Production, guard.ErrTokenUsed)
	})
	t.Run("plan is done", func(t *testing.T) {
		b, c, graph, _ := begun(t)
		for range 2 {
			if err := b.Finish("plan-1"); err != nil {
				t.Fatal(err)
			}
		}
		for _, token := range []guard.Token{c.Token, {}} {
			req := requestFor(graph)
			req.Confirmation = guard.Confirmation{Token: token, Agreement: c.Agreement}
			_, err := b.ask(t, req)
			wantRefused(t, err, guard.Production, guard.ErrTokenUsed)
		}
	})
	t.Run("a plan that was never begun", func(t *testing.T) {
		b, c, graph, _ := begun(t)
		req := requestFor(graph)
		req.Confirmation = guard.Confirmation{Agreement: c.Agreement}
		req.Confirmation.Agreement.Plan = "plan-2"
		_, err := b.ask(t, req)
		wantRefused(t, err, guard.Production, guard.ErrNoToken)
		if strings.Contains(err.Error(), "ledger") {
			t.Errorf("got %v, but the ledger is fine", err)
		}
	})
	t.Run("environment is needed to finish too", func(t *testing.T) {
		b, c, graph, _ := begun(t)
		b.Environment = guard.Environment{}
		req := requestFor(graph)
		req.Confirmation = c
		_, err := b.ask(t, req)
		wantRefused(t, err, guard.Production, guard.ErrNoEnvironment)
	})
}

// Of many that start plans with one token at the same moment, one gets it.
func TestTokenUsedAtTheSameMoment(t *testing.T) {
	graph, kb := twoTargets(t)
	b := newBench(t).allow()
	token, _, err := b.Issue(rand.Reader, agreement("", graph, kb))
	if err != nil {
		t.Fatal(err)
	}
	const runs = 16
	errs := make([]error, runs)
	var wait sync.WaitGroup
	for i := range runs {
		wait.Go(func() {
			rules := b.Rules
			rules.Audit = &bytes.Buffer{}
			req := requestFor(graph)
			req.Confirmation = guard.Confirmation{Token: token, Agreement: agreement(strings.Repeat("p", i+1), graph, kb)}
			_, errs[i] = rules.AssertDestructiveTargetAllowed(t.Context(), req)
		})
	}
	wait.Wait()
	allowed := 0
	for _, err := range errs {
		if err == nil {
			allowed++
		} else if !errors.Is(err, guard.ErrTokenUsed) {
			t.Errorf("got %v, want ErrTokenUsed", err)
		}
	}
	if allowed != 1 {
		t.Errorf("%d plans were started with one token, want 1", allowed)
	}
}

// A ledger that fails refuses, at each of its steps. What comes after a crash
// between two of them is mended by the same command with its token.
func TestLedgerFails(t *testing.T) {
	graph, kb := twoTargets(t)
	for name, c := range map[string]struct {
		fail string
		want error
	}{
		"read begun":   {"read begun-", guard.ErrNoToken},
		"read issued":  {"read issued-", guard.ErrTokenOther},
		"read done":    {"read done-", guard.ErrTokenUsed},
		"create begun": {"create begun-", guard.ErrNoToken},
		"create plan":  {"create plan-", guard.ErrNoToken},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).allow()
			ledger := &failingLedger{Ledger: b.Ledger}
			b.Ledger = ledger
			a := agreement("plan-1", graph, kb)
			token, _, err := b.Issue(rand.Reader, a)
			if err != nil {
				t.Fatal(err)
			}
			req := requestFor(graph)
			req.Confirmation = guard.Confirmation{Token: token, Agreement: a}
			ledger.fail = c.fail
			_, err = b.ask(t, req)
			wantRefused(t, err, guard.Production, c.want)
			if !errors.Is(err, errFull) {
				t.Errorf("got %v, want its cause", err)
			}
			ledger.fail = ""
			permit, err := b.ask(t, req)
			wantAllowed(t, permit, err, guard.Production, req)
			req.Confirmation.Token = guard.Token{}
			permit, err = b.ask(t, req)
			wantAllowed(t, permit, err, guard.Production, req)
		})
	}
	t.Run("read plan", func(t *testing.T) {
		b, c, graph, _ := begun(t)
		b.Ledger = &failingLedger{Ledger: b.Ledger, fail: "read plan-"}
		req := requestFor(graph)
		req.Confirmation = guard.Confirmation{Agreement: c.Agreement}
		_, err := b.ask(t, req)
		wantRefused(t, err, guard.Production, guard.ErrNoToken)
		if !errors.Is(err, errFull) {
			t.Errorf("got %v, want its cause", err)
		}
	})
	t.Run("plan without its begin", func(t *testing.T) {
		b, c, graph, _ := begun(t)
		b.Ledger = &failingLedger{Ledger: b.Ledger, absent: "begun-"}
		req := requestFor(graph)
		req.Confirmation = guard.Confirmation{Agreement: c.Agreement}
		_, err := b.ask(t, req)
		wantRefused(t, err, guard.Production, guard.ErrNoToken)
	})
	t.Run("another plan came between", func(t *testing.T) {
		b, c, graph, _ := begun(t)
		b.Ledger = &failingLedger{Ledger: b.Ledger, absent: "begun-"} // as it was a moment ago
		req := requestFor(graph)
		req.Confirmation = c
		req.Confirmation.Agreement.Plan = "plan-2"
		_, err := b.ask(t, req)
		wantRefused(t, err, guard.Production, guard.ErrTokenUsed)
	})
	t.Run("finish", func(t *testing.T) {
		b := newBench(t)
		b.Ledger = brokenLedger{}
		if err := b.Finish("plan-1"); !errors.Is(err, errFull) {
			t.Errorf("Finish: %v, want its cause", err)
		}
		if err := (guard.Rules{}).Finish("plan-1"); !errors.Is(err, guard.ErrNoRules) {
			t.Errorf("Finish: %v, want ErrNoRules", err)
		}
	})
}

// failingLedger is a real ledger whose one step fails: "read begun-".
type failingLedger struct {
	guard.Ledger
	fail, absent string
}

func (l *failingLedger) Create(name string, value []byte) error {
	if l.fail != "" && strings.HasPrefix("create "+name, l.fail) {
		return errFull
	}
	return l.Ledger.Create(name, value)
}

func (l *failingLedger) Read(name string) ([]byte, error) {
	if l.fail != "" && strings.HasPrefix("read "+name, l.fail) {
		return nil, errFull
	}
	if l.absent != "" && strings.HasPrefix(name, l.absent) {
		return nil, fs.ErrNotExist
	}
	return l.Ledger.Read(name)
}

func TestDirLedger(t *testing.T) {
	d := guard.DirLedger{Dir: filepath.Join(t.TempDir(), "a", "b")}
	if _, err := d.Read("x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of nothing: %v, want fs.ErrNotExist", err)
	}
	if err := d.Create("x", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := d.Create("x", []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create twice: %v, want fs.ErrExist", err)
	}
	got, err := d.Read("x")
	if err != nil || string(got) != "one" {
		t.Errorf("Read = %q, %v, want the first value", got, err)
	}
	blocked := guard.DirLedger{Dir: filepath.Join(write(t, "x", t.TempDir(), "file"), "in")}
	if err := blocked.Create("x", nil); err == nil {
		t.Error("Create in a file's folder: no error")
	}
}
