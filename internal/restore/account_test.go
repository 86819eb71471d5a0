package restore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
)

// What would make a word of success false makes the account incomplete.
func TestTrue_01_CompleteOnlyWhenAllIsIn(t *testing.T) {
	whole := restore.Account{Asked: 4, Added: 1, Same: 1, Differs: 1, Removed: 1}
	if !whole.Complete() || whole.Nothing() {
		t.Errorf("got complete %t, nothing %t, want only the first", whole.Complete(), whole.Nothing())
	}
	for name, change := range map[string]func(*restore.Account){
		"Missing":     func(a *restore.Account) { a.Asked++; a.Missing++ },
		"Rejected":    func(a *restore.Account) { a.Asked++; a.Rejected++ },
		"NotInBundle": func(a *restore.Account) { a.Asked++; a.NotInBundle++ },
		"NoTarget":    func(a *restore.Account) { a.Asked++; a.NoTarget++ },
		"Unaccounted": func(a *restore.Account) { a.Asked++ },
		"TooMany":     func(a *restore.Account) { a.Same++ },
		"Uncounted":   func(a *restore.Account) { a.Lacks = []bundle.Lack{{Section: "kb/x", Rows: -1}} },
	} {
		a := whole
		if change(&a); a.Complete() {
			t.Errorf("%s: got complete of %+v", name, a)
		}
	}
	for _, a := range []restore.Account{{Asked: 2, Same: 1, Differs: 1}, {Asked: 1, Same: 1, Added: 1}, {Asked: 2, Same: 1}} {
		if a.Nothing() {
			t.Errorf("%+v: got nothing to do", a)
		}
	}
}

// A section that can't be done keeps no other back, and all are named at once.
func TestTrue_06_OneSectionStopsNoOther(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(t *testing.T, p *place)
		state  restore.State
		at     int // of the section that can't be done
	}{
		"OtherDimension": {func(t *testing.T, p *place) { live(t, p, 16, "l2") }, restore.StateRefused, 0},
		"OtherDistance":  {func(t *testing.T, p *place) { live(t, p, 8, "cosine") }, restore.StateRefused, 0},
		"NoDatabase": {func(t *testing.T, p *place) {
			write(t, filepath.Join(p.dir, "collections.sqlite3"), "no database at all")
		}, restore.StateRefused, 0},
		"FailsAsItRuns": {func(t *testing.T, p *place) {
			p.inTheWay(t, 0, "collections.sqlite3")
		}, restore.StateFailed, 0},
		"FolderInTheWay": {func(t *testing.T, p *place) {
			if err := os.MkdirAll(filepath.Join(p.dir, "graph.sqlite"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, restore.StateRefused, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, makeBundle(t))
			tt.change(t, p)
			plan := p.plan(t)
			if err := plan.Refusal(); err != nil {
				t.Fatalf("got %v, want the other section to be restored", err)
			}
			r, err := restore.Run(t.Context(), plan, p.journal())
			if err != nil || r.Complete || r.Failed() == nil {
				t.Fatalf("got %v, %+v, want an incomplete receipt", err, r)
			}
			bad, good := r.Sections[tt.at], r.Sections[1-tt.at]
			if bad.State != tt.state || bad.Error == "" || bad.Account.In() > 0 || good.State != restore.StateDone || good.Account.Added != 30 {
				t.Errorf("got %+v and %+v, want the first named and the second done", bad, good)
			}
			if r.Account.Asked != 60 || r.Account.Sum()+r.Account.Unaccounted() != 60 {
				t.Errorf("got %+v, want all 60 rows in it", r.Account)
			}
			if named := notices(r.Notices); !strings.Contains(named, string(bad.Section)) {
				t.Errorf("got %s, want %s named", named, bad.Section)
			}
		})
	}
}

// Nothing at all could be done, and for one reason: that is the error of the run.
func TestTrue_06_NothingAtAllIsTheStoresError(t *testing.T) {
	p := newPlace(t, makeBundle(t))
	p.inTheWay(t, 0, "collections.sqlite3")
	p.inTheWay(t, 1, "graph.sqlite")
	if r, err := restore.Run(t.Context(), p.plan(t), p.journal()); err == nil || r.Complete || r.Error == "" {
		t.Errorf("got %v, %+v, want the store's error", err, r)
	}
}

// inTheWay has a folder take the place of a target's file as its merge begins.
func (p *place) inTheWay(t *testing.T, target int, file string) {
	t.Helper()
	p.opts.Targets[target].Store = watched{p.opts.Targets[target].Store, func() {
		if err := os.MkdirAll(filepath.Join(p.dir, file), 0o755); err != nil {
			t.Error(err)
		}
	}}
}

func notices(all []memory.Finding) string {
	var lines []string
	for _, f := range all {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
