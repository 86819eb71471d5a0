package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// open finds the bundle that a person named: a path, a name in the backup root, or
// "latest". Of that no file is read: who looks inside, or verifies, does it next.
func (a *app) open(m *memoryAt, name string) (*bundle.Bundle, error) {
	if name == "latest" {
		return a.openLatest(m, nil)
	}
	return a.openNamed(m, name)
}

// openToRestore finds the bundle to restore from: as open, or the newest that is
// not younger than at. What it chooses by itself has the hashes that it should have.
func (a *app) openToRestore(ctx context.Context, m *memoryAt, name, at string, record bool) (*bundle.Bundle, error) {
	prove := func(e catalog.Entry) (string, error) { return a.unproven(ctx, m, e, record) }
	switch {
	case at != "":
		return a.openAt(m, at, prove)
	case name == "latest":
		return a.openLatest(m, prove)
	}
	return a.openNamed(m, name)
}

// prover says why a bundle doesn't verify, "" when it does.
type prover func(catalog.Entry) (why string, err error)

// unproven verifies the hashes of a bundle. That they are wrong goes on record,
// where anything may be written.
func (a *app) unproven(ctx context.Context, m *memoryAt, e catalog.Entry, record bool) (string, error) {
	b, err := bundle.Open(e.Path, bundle.Limits{})
	if err != nil {
		return "", err
	}
	p, began := a.progress(), a.Now()
	p.Begin("check", memory.Section(b.Name()), -1)
	report, err := b.Verify(ctx, bundle.Quick, bundle.VerifyOptions{
		Progress: func(_ memory.Section, rows, bytes int64) { p.Advance(rows, bytes) },
	})
	p.End()
	if err != nil {
		return "", fmt.Errorf("verify %s: %w", b.Name(), err)
	}
	i := slices.IndexFunc(report.Findings, func(f memory.Finding) bool { return f.Level == memory.Refusal })
	if i < 0 {
		return "", nil
	}
	if record {
		m.note(b, catalog.Verification{
			At: began.UTC(), Level: bundle.Quick, OK: false, Tool: tool(),
			Seconds: a.Now().Sub(began).Seconds(), Refusals: refusals(report.Findings),
		})
	}
	return "does not verify: " + report.Findings[i].String(), nil
}

func (a *app) openNamed(m *memoryAt, name string) (*bundle.Bundle, error) {
	path := name
	if !strings.ContainsAny(name, `/\`) {
		if _, err := bundle.ParseName(name); err == nil {
			path = filepath.Join(m.root(), name)
		}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(a.Dir, path)
	}
	b, err := bundle.Open(path, bundle.Limits{})
	if errors.Is(err, bundle.ErrNotFound) || errors.Is(err, bundle.ErrNotBundle) {
		return nil, fail(exitNotFound, err, "keepsake list shows the bundles in "+m.root())
	}
	return b, err
}

func (a *app) catalog(m *memoryAt) (*catalog.Catalog, error) {
	if m.root() == "" {
		return nil, fail(exitNotFound, errors.New("there is no backup root"), "--backup-root or --data-dir names one")
	}
	c, err := catalog.List(m.root())
	if errors.Is(err, bundle.ErrNotFound) {
		return nil, fail(exitNotFound, fmt.Errorf("there is no backup root %s", m.root()),
			"keepsake backup makes it; --backup-root names another")
	}
	return c, err
}

// latestFlags are those of every command that takes a BUNDLE.
func (a *app) latestFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&a.flags.skipUnreadable, "skip-unreadable", false, `"latest": go on past a newer bundle that can't be read`)
}

func (a *app) openLatest(m *memoryAt, prove prover) (*bundle.Bundle, error) {
	return a.choose(m, "no good bundle", catalog.Wanted{Except: map[string]string{}}, prove)
}

func (a *app) openAt(m *memoryAt, at string, prove prover) (*bundle.Bundle, error) {
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return nil, usage(fmt.Errorf("--at %q is no time of the form 2026-11-20T00:00:00Z", at))
	}
	return a.choose(m, "no good bundle from "+at+" or before", catalog.Wanted{NotAfter: when, Except: map[string]string{}}, prove)
}

// choose opens the newest good bundle that is wanted, and says which newer ones it
// passed over. It doesn't guess past one that it can't read, unless it was told to.
// With prove, which says why a bundle doesn't verify, it walks back past those too.
func (a *app) choose(m *memoryAt, none string, wanted catalog.Wanted, prove prover) (*bundle.Bundle, error) {
	c, err := a.catalog(m)
	if err != nil {
		return nil, err
	}
	id, err := m.memoryID()
	if err != nil {
		return nil, err
	}
	if id == "" && severalMemories(c) {
		return nil, fail(exitNotFound, fmt.Errorf("%s holds bundles of more than one memory, and this one has no id yet", m.root()),
			"name the bundle: keepsake list --json shows whose each is")
	}
	wanted.Memory, wanted.SkipUnreadable = id, a.flags.skipUnreadable
	entry, passed, err := c.Latest(wanted)
	for err == nil && prove != nil {
		why, failed := prove(entry)
		if failed != nil || why == "" {
			err = failed
			break
		}
		wanted.Except[entry.Name] = why
		entry, passed, err = c.Latest(wanted)
	}
	for _, p := range passed {
		a.warn("passed over %s: %s", p.Entry.Name, p.Why)
	}
	if errors.Is(err, bundle.ErrNotFound) {
		return nil, fail(exitNotFound, fmt.Errorf("there is %s in %s", none, m.root()),
			"keepsake list shows what there is; a bundle can be named by its path")
	}
	if errors.Is(err, catalog.ErrUnreadable) {
		return nil, fail(exitNotVerified, fmt.Errorf("choose bundle: %w", err),
			"--skip-unreadable takes "+entry.Name+", the newest that is good; a bundle can be named as well")
	}
	if err != nil {
		return nil, err
	}
	a.log.Info("chose bundle", "name", entry.Name)
	return bundle.Open(entry.Path, bundle.Limits{})
}

func severalMemories(c *catalog.Catalog) bool {
	seen := map[string]bool{}
	for _, e := range c.Bundles {
		if e.Meta != nil && e.Meta.Keepsake != nil {
			seen[e.Meta.Keepsake.MemoryID] = true
		}
	}
	return len(seen) > 1
}

// bundles opens those that were named, or all of the backup root.
func (a *app) bundles(m *memoryAt, names []string, all bool) ([]*bundle.Bundle, error) {
	if all {
		c, err := a.catalog(m)
		if err != nil {
			return nil, err
		}
		for _, e := range c.Bundles {
			names = append(names, e.Path)
		}
	}
	var out []*bundle.Bundle
	for _, name := range names {
		b, err := a.open(m, name)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}
