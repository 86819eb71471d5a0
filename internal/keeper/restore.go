package keeper

import (
	"context"
	"errors"

	"keepsake/internal/bundle"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
	"keepsake/internal/store/graph"
)

// Restore is what a restore is asked for.
type Restore struct {
	Request

	// Name is a path, a name or "latest"; without it, At is the time, of RFC 3339,
	// that the newest bundle is wanted of which isn't younger.
	Name, At string
	Mode     restore.Mode
	Proof    store.Proof
	// Strict makes a row that lives in another version, and was kept, an incomplete
	// restore.
	Strict bool
	// DryRun and PlanOnly look and change nothing; PlanOnly is for a token.
	DryRun, PlanOnly bool
	Consent
}

// Consent is how a replace may be agreed to.
type Consent struct {
	// Token is that of a plan, "" when there is none.
	Token string
	// Asks says that a person is there to be asked. Where one has to be, Change.Asks.
	Asks bool
}

func (r Restore) looks() bool { return r.DryRun || r.PlanOnly }

// Restore looks into a restore. The caller closes the change.
func (m *Memory) Restore(ctx context.Context, r Restore) (*Change, error) {
	if !r.looks() {
		root := lock.Shared
		if r.Mode == restore.ModeReplace { // a safety bundle is made
			root = lock.Exclusive
		}
		if err := m.lockToWrite(ctx, root); err != nil {
			return nil, err
		}
	}
	if r.DryRun {
		if err := m.lookBeforeRestore(ctx, r.Mode); err != nil {
			return nil, err
		}
	}
	m.tellCutShort(ctx)
	b, err := m.toRestore(ctx, r.Name, r.At, !r.looks())
	if err != nil {
		return nil, interrupted(err, "unwritten")
	}
	if err := m.checkSelection(r, sectionNames(b)); err != nil {
		return nil, err
	}
	if r.Mode == restore.ModeReplace {
		return m.replace(ctx, b, r)
	}
	if err := m.blocked(); err != nil {
		return nil, err
	}
	opts, err := m.restoreOptions(b, r)
	if err != nil {
		return nil, err
	}
	return m.newChange(ctx, &Change{m: m, opts: opts, strict: r.Strict})
}

// lockToWrite keeps others from the bundles and the memory.
func (m *Memory) lockToWrite(ctx context.Context, root lock.Mode) error {
	return errors.Join(m.lockRoot(ctx, root), m.lockTarget(ctx, lock.Exclusive))
}

// restoreOptions says where a bundle's sections go.
func (m *Memory) restoreOptions(b *bundle.Bundle, r Restore) (restore.Options, error) {
	targets, err := m.targets(b, r.As, r.To)
	if err != nil {
		return restore.Options{}, err
	}
	id, err := m.identity()
	if err != nil {
		return restore.Options{}, err
	}
	r.Bundle = b.Path()
	opts := restore.Options{
		Kinds: m.kinds(), Hint: m.opts.Hint,
		Bundle: b, Targets: targets, Only: r.Only, Proof: r.Proof,
		Topology: m.cfg.Topology(), MemoryID: id.MemoryID, Own: id.Takes(), Maybe: id.MaybeSameAs, Memory: m.subsystems(), Silent: m.silent(),
		ForceTopology: r.ForceTopology, ForceMemory: r.ForceMemory, AllowEmpty: r.AllowEmpty,
		Request:  r.Request.encode(),
		Progress: m.progress(), Clock: m.opts.Now,
	}
	if len(r.FilterLabels)+len(r.FilterEdgeTypes) > 0 {
		opts.Filters = map[memory.Section]restore.Filter{memory.Graph: graph.Filter(r.FilterLabels, r.FilterEdgeTypes, &m.dropped)}
	}
	return opts, nil
}

// silent are the parts that a preset brings and that may be absent: those whose
// sections are known beforehand, and are no collections.
func (m *Memory) silent() (all []memory.Subsystem) {
	for _, d := range m.cfg.Declared {
		if d.Preset && len(d.Named) > 0 && !m.kind(&d).CanHold(memory.Vectors) {
			all = append(all, d.Name)
		}
	}
	return all
}
