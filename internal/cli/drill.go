package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/drill"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/graph"
)

// drilled is what --json says of a drill.
type drilled struct {
	// Seconds is the time that the restore took, its checks included.
	Seconds float64 `json:"seconds"`
	// To is the server that the vectors were restored to, "" for a file.
	To       string          `json:"to,omitempty"`
	Recall   *float64        `json:"recall"` // null without a server
	Sections []drill.Section `json:"sections"`
}

// drillOne restores a bundle into a temporary folder, its vectors with --to into
// scratch collections of a server, and takes both away again.
func (a *app) drillOne(ctx context.Context, m *memoryAt, b *bundle.Bundle, to string) (v verified, err error) {
	dir, err := os.MkdirTemp("", "keepsake-drill-")
	if err != nil {
		return v, fmt.Errorf("make folder for the drill: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := roomFor(dir, bundleBytes(b), "the drill", "TMPDIR names the folder for temporary files"); err != nil {
		return v, err
	}
	places, err := m.drillPlaces(b, dir)
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
		places = append([]drill.Place{s.place()}, places...)
	}
	began := a.Now().UTC()
	report, err := drill.Run(ctx, drill.Options{
		Bundle: b, Places: places, Dir: filepath.Join(dir, "restore"), Progress: a.progress(), Clock: a.Now,
	})
	if err != nil {
		return v, m.drillFailed(err)
	}
	v = verifiedBy(b, report, to)
	if to != "" && !v.OK { // it may be the server that failed, and a bundle that failed is never the latest
		return v, a.printDrill(v)
	}
	m.note(b, catalog.Verification{
		At: began, Level: catalog.Drill, OK: v.OK, Tool: tool(), Seconds: report.Seconds, Rows: v.Rows,
		Refusals: refusals(v.Findings), Recall: report.Recall,
	})
	return v, a.printDrill(v)
}

func (m *memoryAt) drillFailed(err error) error {
	var refused *restore.RefusedError
	switch {
	case errors.As(err, &refused):
		return m.refused(err)
	case errors.Is(err, bundle.ErrChanged):
		return fail(exitNotVerified, err, "the bundle changed while it was read: check the disk, then verify it")
	}
	return ifInterrupted(err, "what the drill had restored was taken away again")
}

func verifiedBy(b *bundle.Bundle, r *drill.Report, to string) verified {
	return verified{
		Bundle: b.Name(), Path: b.Path(), Level: string(catalog.Drill), OK: !r.Refused(),
		Rows: r.Rows, Bytes: bundleBytes(b), Findings: r.Findings,
		Drill: &drilled{Seconds: r.Seconds, To: to, Recall: r.Recall, Sections: r.Sections},
	}
}

// drillPlaces are a file of collections, a graph and a folder of files in dir.
func (m *memoryAt) drillPlaces(b *bundle.Bundle, dir string) ([]drill.Place, error) {
	names := map[memory.Section]string{}
	for _, spec := range vectorSpecs(b) {
		names[spec.Name] = string(spec.Name)
	}
	places := []drill.Place{
		{Sections: selectors(names), Exact: true, Store: collections.New(collections.Config{
			Path: filepath.Join(dir, "vectors.db"), Collections: names, Now: m.app.Now,
		})},
		{Sections: []string{string(memory.GraphSystem)}, Exact: true, Store: graph.New(graph.Config{
			Path: filepath.Join(dir, "graph.sqlite"), Now: m.app.Now,
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
		places = append(places, drill.Place{Sections: []string{string(spec.Name)}, Exact: true, Store: at})
	}
	return places, nil
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
func bundleBytes(b *bundle.Bundle) int64 { return payloadBytes(&catalog.Entry{Meta: b.Meta()}) }

func (a *app) printDrill(v verified) error {
	a.printFindings(v.Findings)
	word := "ok"
	if !v.OK {
		word = "DOES NOT VERIFY"
	}
	a.say("%s  %s rows, %s, restored in %.1f s: %s\n", v.Bundle, count(v.Rows), size(v.Bytes), v.Drill.Seconds, word)
	if a.flags.quiet || a.flags.asJSON || len(v.Drill.Sections) == 0 {
		return nil
	}
	t := &table{header: []string{"section", "rows", "compared by"}, right: map[int]bool{1: true, 3: true}, indent: "  "}
	if v.Drill.Recall != nil {
		t.header = append(t.header, "recall@10")
	}
	for _, s := range v.Drill.Sections {
		by := "digests"
		if s.Compared == 0 && s.Rows > 0 { // a server's vectors may differ in their last bits
			by = "reading back"
		}
		t.add([]string{string(s.Name), count(s.Rows), by, percent(s.Recall)}[:len(t.header)]...)
	}
	return t.write(a.Stdout)
}

func percent(share *float64) string {
	if share == nil {
		return ""
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100**share), ".0") + " %"
}
