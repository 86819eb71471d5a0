package restore_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// appDB is the one section of a drawer.
const appDB = memory.Section("state/app.db")

// drawer is the target of databases that are kept whole, one file for each: it
// speaks of rows, which are the lines of a file here. What begins with "bad" it
// will not take.
type drawer struct{ dir string }

func (d drawer) path(s memory.Section) string { return filepath.Join(d.dir, s.Name()) }

func (d drawer) locator(s memory.Section) memory.Locator {
	return memory.Locator{Kind: memory.KindSQLite, Path: d.path(s)}
}

func rowsOf(file []byte) int64 { return int64(bytes.Count(file, []byte("\n"))) }

// live is what a file holds, nil when there is none.
func (d drawer) live(s memory.Section) ([]byte, error) {
	file, err := os.ReadFile(d.path(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return append([]byte{}, file...), err
}

func gathered(records iter.Seq2[memory.Record, error]) ([]byte, error) {
	all := []byte{}
	for block, err := range records {
		if err != nil {
			return nil, err
		}
		all = append(all, block...)
	}
	return all, nil
}

// both returns what lives and what the records are.
func (d drawer) both(s memory.Section, records iter.Seq2[memory.Record, error]) (live, file []byte, err error) {
	if live, err = d.live(s); err == nil {
		file, err = gathered(records)
	}
	return live, file, err
}

func (d drawer) Survey(ctx context.Context, s memory.Section) (store.Survey, error) {
	live, err := d.live(s)
	return store.Survey{
		Locator: d.locator(s), Exists: live != nil, Rows: rowsOf(live), Target: guard.NewTarget(ctx, guard.Database, d.locator(s), nil),
	}, err
}

func event(o store.Outcome, file []byte, reason string) store.Event {
	sum := sha256.Sum256(file)
	return store.Event{Outcome: o, ID: hex.EncodeToString(sum[:]), Digest: sum, Reason: reason}
}

func (d drawer) Merge(_ context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	live, file, err := d.both(spec.Name, records)
	r := store.Result{Records: spec.Rows, Before: rowsOf(live), Created: live == nil, Proof: store.ProofFull}
	if err != nil {
		return r, err
	}
	report := event(store.Differs, file, "another file is there")
	switch {
	case bytes.HasPrefix(file, []byte("bad")):
		report, r.Rejected = store.Event{Outcome: store.Rejected, ID: "file", Reason: "is no database", Record: file}, spec.Rows
	case bytes.Equal(live, file):
		r.Same, r.After = spec.Rows, r.Before
		return r, nil
	case live != nil:
		r.Differs, r.After = spec.Rows, r.Before
	default:
		report, r.Added, r.Same, r.After = event(store.Added, file, ""), spec.Rows, spec.Rows, spec.Rows
		err = os.WriteFile(d.path(spec.Name), file, 0o600)
	}
	return r, errors.Join(err, opts.Report(report))
}

func (d drawer) Compare(_ context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.CompareOptions) (store.Difference, error) {
	live, file, err := d.both(spec.Name, records)
	diff := store.Difference{Live: rowsOf(live), Bytes: int64(len(live))}
	switch {
	case err != nil:
	case bytes.HasPrefix(file, []byte("bad")):
		diff.Rejected = spec.Rows
		err = opts.Report(store.Event{Outcome: store.Rejected, ID: "file", Reason: "is no database", Record: file})
	case bytes.Equal(live, file):
		diff.Same = spec.Rows
	default:
		diff.Lost, diff.New = diff.Live, spec.Rows
	}
	return diff, err
}

func (d drawer) Stage(_ context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.StageOptions) (store.Staged, error) {
	file, err := gathered(records)
	return stagedFile{d, spec.Name, file, opts.Operation}, err
}

func (d drawer) Remove(_ context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], permit guard.Permit, opts store.RemoveOptions) (store.Removal, error) {
	live, file, err := d.both(spec.Name, records)
	if err == nil {
		err = permit.Covers(opts.Operation, d.locator(spec.Name))
	}
	switch {
	case err != nil:
		return store.Removal{}, err
	case live == nil:
		return store.Removal{Gone: spec.Rows}, opts.Report(event(store.Removed, file, "is not there"))
	case !bytes.Equal(live, file):
		return store.Removal{Kept: spec.Rows, Rows: rowsOf(live)}, opts.Report(event(store.Differs, file, "has changed"))
	}
	return store.Removal{Removed: spec.Rows}, os.Remove(d.path(spec.Name))
}

type stagedFile struct {
	d         drawer
	section   memory.Section
	file      []byte
	operation guard.Operation
}

func (stagedFile) Check(context.Context) error { return nil }
func (stagedFile) Close() error                { return nil }

func (s stagedFile) Commit(_ context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	if err := permit.Covers(s.operation, s.d.locator(s.section)); err != nil {
		return store.Committed{}, err
	}
	if safety != nil {
		live, kept, err := s.d.both(s.section, safety)
		if err == nil && !bytes.Equal(live, kept) {
			err = store.ErrMoved
		}
		if err != nil {
			return store.Committed{}, err
		}
	}
	return store.Committed{Rows: rowsOf(s.file)}, os.WriteFile(s.d.path(s.section), s.file, 0o600)
}

// The drawer as a store, for bundles of what lies in it.
func (d drawer) Open(context.Context, []memory.Section) (store.Session, error) { return d, nil }
func (drawer) Close() error                                                    { return nil }

func (d drawer) Sections(context.Context) ([]memory.SectionSpec, error) {
	live, err := d.live(appDB)
	return []memory.SectionSpec{{Name: appDB, Kind: memory.Opaque, Rows: rowsOf(live), Locator: d.locator(appDB)}}, err
}

func (d drawer) Read(_ context.Context, s memory.Section) (*store.Reading, error) {
	live, err := d.live(s)
	return store.NewReading(func(yield func(memory.Record, error) bool) {
		for block := range bytes.SplitAfterSeq(live, []byte("\n")) {
			if !yield(block, nil) {
				return
			}
		}
	}, func() memory.Capture { return memory.Capture{Held: rowsOf(live), Method: "test"} }), err
}

// cabinet is a memory that is one drawer.
type cabinet struct {
	drawer

	t *testing.T
}

func newCabinet(t *testing.T) *cabinet {
	t.Helper()
	dir := filepath.Join(t.TempDir(), ".neo-ai-data")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return &cabinet{drawer{dir}, t}
}

func (c *cabinet) at(name string) string { return filepath.Join(filepath.Dir(c.dir), name) }

func (c *cabinet) put(text string) {
	c.t.Helper()
	if err := os.WriteFile(c.path(appDB), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cabinet) remove() {
	c.t.Helper()
	if err := os.Remove(c.path(appDB)); err != nil {
		c.t.Fatal(err)
	}
}

// holds fails the test unless the file is that text; "" for no file.
func (c *cabinet) holds(want string) {
	c.t.Helper()
	live, err := c.live(appDB)
	if err != nil || string(live) != want || (live == nil) != (want == "") {
		c.t.Errorf("the drawer holds %q, %v, want %q", live, err, want)
	}
}

// bundle bundles what lies in the drawer now.
func (c *cabinet) bundle(reason bundle.Reason) *bundle.Bundle {
	c.t.Helper()
	r, err := backup.Run(c.t.Context(), backup.Options{
		Sources: []backup.Source{{Name: "drawer", Store: c.drawer, Sections: []memory.Section{appDB}, Kind: memory.Opaque}},
		Bundle:  bundle.Options{Root: c.at("backups"), Now: time.Now(), Tool: "keepsake test", Compress: true},
		Reason:  reason, MemoryID: memoryID,
		Sequence: func(_ context.Context, seen int64) (int64, error) { return seen + 1, nil },
		Progress: store.Quiet{}, Clock: time.Now,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.open(r.Path)
}

func (c *cabinet) open(path string) *bundle.Bundle {
	c.t.Helper()
	b, err := bundle.Open(path, bundle.Limits{})
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

func (c *cabinet) rules() guard.Rules {
	return guard.Rules{
		Environment: guard.ReadEnvironment(func(key string) (string, bool) { return "true", key == guard.EnvAllow }),
		Now:         time.Now, Audit: &bytes.Buffer{}, Ledger: guard.DirLedger{Dir: c.at("tokens")},
	}
}

func (c *cabinet) options(b *bundle.Bundle) restore.Options {
	return restore.Options{
		Kinds:  keeper.Kinds(),
		Bundle: b, Targets: []restore.Target{{Sections: []string{"state"}, Store: c.drawer}},
		Progress: store.Quiet{}, Clock: time.Now,
	}
}

// merge merges the bundle into the drawer.
func (c *cabinet) merge(b *bundle.Bundle) *restore.Receipt {
	c.t.Helper()
	plan, err := restore.Preflight(c.t.Context(), c.options(b))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.ran(restore.Run(c.t.Context(), plan, c.journal()))
}

func (c *cabinet) ran(r *restore.Receipt, err error) *restore.Receipt {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *cabinet) journal() string {
	return filepath.Join(c.at("restores"), time.Now().UTC().Format("20060102T150405.000000000"))
}

// replacing are the options of a replace.
func (c *cabinet) replacing(b *bundle.Bundle, op guard.Operation) restore.Options {
	opts := c.options(b)
	opts.Replace = &restore.Replace{
		Operation: op, Rules: c.rules(), Force: true,
		Safety: func(context.Context, restore.Saving) (*bundle.Bundle, error) {
			return c.bundle(bundle.ReasonPreRestore), nil
		},
	}
	return opts
}

// replace plans, confirms and carries out a replace.
func (c *cabinet) replace(opts restore.Options) *restore.Receipt {
	c.t.Helper()
	plan, err := restore.Preflight(c.t.Context(), opts)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := plan.Refusal(); err != nil {
		var refused *restore.RefusedError
		if !errors.As(err, &refused) || refused.Ground != restore.GroundGuard { // for there is no token yet
			c.t.Fatal(err)
		}
	}
	opts.Replace.PlanOnly = true
	plan, err = restore.Preflight(c.t.Context(), opts)
	if err != nil {
		c.t.Fatal(err)
	}
	token, _, err := opts.Replace.Rules.Issue(rand.Reader, plan.Agreement())
	if err != nil {
		c.t.Fatal(err)
	}
	plan.Confirm(token)
	return c.ran(restore.Run(c.t.Context(), plan, c.journal()))
}

// takeback takes a merge back.
func (c *cabinet) takeback(r *restore.Receipt, b *bundle.Bundle) (*restore.Receipt, error) {
	c.t.Helper()
	t, err := restore.PreflightTakeback(c.t.Context(), restore.TakebackOptions{
		Receipt: r, Bundle: b, Targets: c.options(b).Targets, Rules: c.rules(), PlanOnly: true, Progress: store.Quiet{}, Clock: time.Now,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := t.Plan().Refusal(); err != nil {
		return nil, err
	}
	token, _, err := c.rules().Issue(rand.Reader, t.Plan().Agreement())
	if err != nil {
		c.t.Fatal(err)
	}
	t.Plan().Confirm(token)
	return t.Run(c.t.Context(), c.journal())
}
