package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/drill"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/graph"
)

// Drilled is what a drill saw.
type Drilled struct {
	// Seconds is the time that the restore took, its checks included.
	Seconds float64 `json:"seconds"`
	// To is the server that the vectors were restored to, "" for a file.
	To       string          `json:"to,omitempty"`
	Recall   *float64        `json:"recall"` // null without a server
	Sections []drill.Section `json:"sections"`
}

// drill restores a bundle into a temporary folder, its vectors with to into scratch
// collections of a server, and takes both away again.
func (m *Memory) drill(ctx context.Context, b *bundle.Bundle, to string) (v Verified, err error) {
	dir, err := os.MkdirTemp("", "keepsake-drill-")
	if err != nil {
		return v, fmt.Errorf("make folder for the drill: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := roomFor(dir, bundleBytes(b), "the drill", "no-room-for-drill"); err != nil {
		return v, err
	}
	targets, err := m.drillTargets(b, dir)
	if err != nil {
		return v, err
	}
	if to != "" {
		s, err := m.scratchAt(b, to)
		if err != nil {
			return v, err
		}
		defer func() { err = errors.Join(err, s.drop(context.WithoutCancel(ctx))) }()
		if err := s.make(ctx); err != nil {
			return v, err
		}
		targets = append([]drill.Target{s.target()}, targets...)
	}
	began := m.opts.Now()
	report, err := drill.Run(ctx, drill.Options{
		Hint: m.opts.Hint, Bundle: b, Targets: targets, Dir: filepath.Join(dir, "restore"), Progress: m.progress(), Clock: m.opts.Now,
	})
	if err != nil {
		return v, m.drillFailed(err)
	}
	v = verifiedBy(b, report, to)
	if to != "" && !v.OK { // it may be the server that failed, and a bundle that failed is never the latest
		return v, nil
	}
	m.note(b, began, catalog.Verification{
		Level: catalog.Drill, OK: v.OK, Seconds: report.Seconds, Rows: v.Rows,
		Refusals: refusals(v.Findings), Bad: b.Against(v.Findings), Recall: report.Recall,
	})
	return v, nil
}

func (m *Memory) drillFailed(err error) error {
	var refused *restore.RefusedError
	switch {
	case errors.As(err, &refused):
		return m.refused(err)
	case errors.Is(err, bundle.ErrChanged):
		return changed(err)
	}
	return interrupted(err, "drill-ended")
}

func verifiedBy(b *bundle.Bundle, r *drill.Report, to string) Verified {
	return Verified{
		Bundle: b.Name(), Path: b.Path(), Level: string(catalog.Drill), OK: !r.Refused(),
		Rows: r.Rows, Bytes: bundleBytes(b), Findings: r.Findings, Lacks: b.Lacks(),
		Drill: &Drilled{Seconds: r.Seconds, To: to, Recall: r.Recall, Sections: r.Sections},
	}
}

// drillTargets are a file of collections, a graph and a folder of files in dir.
func (m *Memory) drillTargets(b *bundle.Bundle, dir string) ([]drill.Target, error) {
	names := map[memory.Section]string{}
	for _, spec := range vectorSpecs(b) {
		names[spec.Name] = string(spec.Name)
	}
	targets := []drill.Target{
		{Sections: selectors(names), Exact: true, Store: collections.New(collections.Config{
			Path: filepath.Join(dir, "vectors.db"), Collections: names, Now: m.opts.Now,
		})},
		{Sections: []string{string(memory.GraphSystem)}, Exact: true, Store: graph.New(graph.Config{
			Path: filepath.Join(dir, "graph.sqlite"), Now: m.opts.Now,
		})},
	}
	for _, spec := range b.Sections() {
		if spec.Kind != memory.Lines && spec.Kind != memory.Opaque {
			continue
		}
		at, err := m.fileIn(filepath.Join(dir, string(spec.Name.Subsystem())), spec, func() (string, error) { return dir, nil })
		if err != nil {
			return nil, err
		}
		targets = append(targets, drill.Target{Sections: []string{string(spec.Name)}, Exact: true, Store: at})
	}
	return targets, nil
}

func vectorSpecs(b *bundle.Bundle) (out []memory.SectionSpec) {
	for _, spec := range b.Sections() {
		if spec.Kind == memory.Vectors {
			out = append(out, spec)
		}
	}
	return out
}

func selectors(names map[memory.Section]string) (out []string) {
	for s := range names {
		out = append(out, string(s))
	}
	return out
}

// bundleBytes is what the bundle's files take up, as its meta says; 0 without one.
func bundleBytes(b *bundle.Bundle) int64 { return PayloadBytes(&catalog.Entry{Meta: b.Meta()}) }
