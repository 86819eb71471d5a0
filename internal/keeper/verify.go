package keeper

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"keepsake/internal/catalog"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// Verified is what a verification of one bundle saw.
type Verified struct {
	Bundle   string           `json:"bundle"`
	Path     string           `json:"path"`
	Level    string           `json:"level"`
	OK       bool             `json:"ok"`
	Rows     int64            `json:"rows"`
	Bytes    int64            `json:"bytes"`
	Findings []memory.Finding `json:"findings"`
	// Lacks is what the bundle is known not to hold: OK says that it holds what it
	// was made with.
	Lacks []bundle.Lack `json:"lacks,omitempty"`
	// Drill is what a drill saw beside that.
	Drill *Drilled `json:"drill,omitempty"`
}

// Verify checks a bundle. At the level catalog.Drill it is restored into a temporary
// folder, its vectors into scratch collections of the server that to names, if any.
// What it came to goes on record beside a bundle of the backup root.
func (m *Memory) Verify(ctx context.Context, b *bundle.Bundle, level bundle.Level, to string) (Verified, error) {
	if level == catalog.Drill {
		return m.drill(ctx, b, to)
	}
	began := m.opts.Now()
	report, err := m.look(ctx, b, level, false)
	if err != nil {
		return Verified{}, err
	}
	v := Verified{
		Bundle: b.Name(), Path: b.Path(), Level: string(level), OK: !report.Refused(),
		Findings: report.Findings, Lacks: report.Lacks,
	}
	for _, s := range report.Sections {
		v.Rows += s.Rows
		v.Bytes += s.Bytes
	}
	harm := bundle.Harm(report.Findings) // a damaged index takes nothing from what a bundle is good for
	m.note(b, began, catalog.Verification{
		Level: level, OK: len(harm) == 0, Rows: v.Rows, Refusals: len(harm), Bad: b.Against(harm),
	})
	return v, nil
}

// look verifies a bundle, and shows how it gets on. A lenient look passes over its
// indexes.
func (m *Memory) look(ctx context.Context, b *bundle.Bundle, level bundle.Level, lenient bool) (*bundle.Report, error) {
	p := m.progress()
	p.Begin("check", memory.Section(b.Name()), -1)
	report, err := b.Verify(ctx, level, bundle.VerifyOptions{
		Hint: m.opts.Hint, IgnoreIndexes: lenient,
		Progress: func(_ memory.Section, rows, bytes int64) { p.Advance(rows, bytes) },
	})
	p.End()
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", b.Name(), err)
	}
	return report, nil
}

// unproven verifies the hashes of a bundle, and says why they are wrong, "" when they
// are not, and of which units; of none where it is the bundle as a whole.
func (m *Memory) unproven(ctx context.Context, e catalog.Entry, record bool) (string, []memory.Unit, error) {
	b, err := bundle.Open(e.Path, bundle.Limits{})
	if err != nil {
		return "", nil, err
	}
	began := m.opts.Now()
	report, err := m.look(ctx, b, bundle.Quick, true)
	if err != nil {
		return "", nil, err
	}
	i := slices.IndexFunc(report.Findings, func(f memory.Finding) bool { return f.Level == memory.Refusal })
	if i < 0 {
		return "", nil, nil
	}
	units := b.Against(report.Findings)
	if record {
		m.note(b, began, catalog.Verification{Level: bundle.Quick, Refusals: refusals(report.Findings), Bad: units})
	}
	return "does not verify: " + report.Findings[i].String(), units, nil
}

// note writes down what became of a verification that began then, beside a bundle of
// the backup root. A result that can't be written down is still one.
func (m *Memory) note(b *bundle.Bundle, began time.Time, v catalog.Verification) {
	if !m.shelves(b) {
		return
	}
	v.At, v.Tool, v.Seconds = began.UTC(), m.opts.Tool, cmp.Or(v.Seconds, m.opts.Now().Sub(began).Seconds())
	if err := catalog.UpdateNotes(m.Root(), b.Name(), func(n *catalog.Notes) { n.Add(v) }); err != nil {
		m.notify("the result is not on record: %v", err)
	}
}

func refusals(findings []memory.Finding) (n int) {
	for _, f := range findings {
		if f.Level == memory.Refusal {
			n++
		}
	}
	return n
}
