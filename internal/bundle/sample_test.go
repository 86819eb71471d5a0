package bundle_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
)

const (
	sampleTime = "2026-11-22T22-41-33.610Z"
	sampleName = "backup-" + sampleTime
	memoryID   = "6f6c1c5e-8f2b-4a43-9a57-2f0d6a1f0c11"
	dimension  = 16
)

func at(tb testing.TB, ts string) time.Time {
	tb.Helper()
	when, err := bundle.ParseTimestamp(ts)
	if err != nil {
		tb.Fatal(err)
	}
	return when
}

// part is one section of a sample bundle. The rows of an opaque one are the blocks
// of its file.
type part struct {
	spec memory.SectionSpec
	rows []string
}

// held is how many rows its source counts.
func (p part) held() int {
	if p.spec.Kind == memory.Opaque {
		return int(p.spec.Rows)
	}
	return len(p.rows)
}

// The opaque sections of the sample, and what is in them.
const (
	appDB  memory.Section = "state/app.db"
	planMD memory.Section = "notes/2026/plan.md"
	dbText                = "SQLite format 3\x00\x10\x00\n\xff\n\nno line of this is any"
)

// vectorRows makes n rows of a vector section.
func vectorRows(prefix string, n int) []string {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	rows := make([]string, n)
	for i := range rows {
		var numbers []string
		for range dimension {
			numbers = append(numbers, fmt.Sprint(float32(r.NormFloat64())))
		}
		rows[i] = fmt.Sprintf(`{"id":"%s-%d","embedding":[%s],"metadata":{"n":%d,"text":"ünïcode 🔧"},"document":"row %d"}`,
			prefix, i, strings.Join(numbers, ","), i, i)
	}
	return rows
}

func graphRows(nodes, edges int) []string {
	var rows []string
	for i := range nodes {
		rows = append(rows, fmt.Sprintf(`{"type":"node","data":{"id":"n-%d","label":"System","properties":{"name":"node %d"}}}`, i, i))
	}
	for i := range edges {
		rows = append(rows, fmt.Sprintf(`{"type":"edge","data":{"id":"n-%d","source":"n-%d","target":"n-%d","type":"FITS","properties":{"weight":0.5}}}`, i, i%nodes, (i+1)%nodes))
	}
	return rows
}

// sampleParts has every kind of section, with a line that is no JSON among them.
func sampleParts() []part {
	vectors := func(name memory.Section, collection string, rows []string) part {
		return part{memory.SectionSpec{
			Name: name, Kind: memory.Vectors, Dimension: dimension, Distance: "cosine", Rows: int64(len(rows)),
			Collection: &memory.Collection{
				ID: "0d7e5b1e-0000-4000-8000-000000000000", Name: collection,
				Metadata: memory.RawJSON(`{"made_by":"a test <&>"}`), Schema: memory.RawJSON(`{"defaults":{"x":1.50}}`),
			},
			Locator: memory.Locator{Kind: memory.KindChroma, Address: "http://127.0.0.1:18000", Tenant: "default_tenant", Database: "default_database", Collection: collection},
		}, rows}
	}
	lines := func(name memory.Section, rows ...string) part {
		return part{memory.SectionSpec{Name: name, Kind: memory.Lines}, rows}
	}
	return []part{
		{memory.SectionSpec{Name: memory.Graph, Kind: memory.Elements}, graphRows(12, 8)},
		vectors(memory.Memories, "neo-agent-memory", vectorRows("mem", 20)),
		vectors(memory.Summaries, "neo-agent-sessions", vectorRows("summary", 5)),
		vectors(memory.KnowledgeBase, "neo-knowledge-base", vectorRows("kb", 30)),
		lines("concepts/nodes", `{"id":"saw","tier":1}`, `no JSON at all`, `{"id":"plane"}`),
		lines("concepts/edges", `{"source":"saw","target":"plane"}`),
		lines(memory.TrajectoryLog, `{"messages":[]}`, `{"messages":[1.0]}`),
		lines(memory.MailboxSentToCull, `any line: it is opaque`, `{"id":"m-1"}`),
		{memory.SectionSpec{
			Name: appDB, Kind: memory.Opaque, Rows: 12, Locator: memory.Locator{Kind: memory.KindSQLite, Path: "/data/app.db"},
		}, []string{dbText}},
		{memory.SectionSpec{
			Name: planMD, Kind: memory.Opaque, Rows: 1, Locator: memory.Locator{Kind: memory.KindFiles, Path: "/data/notes/2026/plan.md"},
		}, []string{"# plan\nno newline at its end"}},
		lines("notes/log", `{"n":1}`, `{"n":2}`),
	}
}

func records(rows []string) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for _, row := range rows {
			if !yield(memory.Record(row), nil) {
				return
			}
		}
	}
}

func options(tb testing.TB, root string) bundle.Options {
	tb.Helper()
	return bundle.Options{
		Root: root, Now: at(tb, sampleTime), Tool: "keepsake test",
		Owner: lock.Owner{PID: os.Getpid(), Host: "host", BootID: "boot"},
	}
}

func capture(rows int) memory.Capture {
	n := int64(rows)
	return memory.Capture{Before: n, After: n, Held: n, Method: "files"}
}

func sampleMeta(sections []bundle.SectionMeta) *bundle.Meta {
	coords := memory.Coords{Host: "localhost", Port: 18000, Tenant: "default_tenant", Database: "default_database"}
	other := coords
	other.Port = 18001
	return &bundle.Meta{
		CompletedAt: time.Date(2026, 11, 22, 22, 41, 40, 0, time.UTC),
		Topology:    &memory.Topology{KB: coords, MC: other},
		NeoVersion:  "13.1.0",
		Keepsake: &bundle.Keepsake{
			MemoryID: memoryID, Reason: bundle.ReasonBackup, Sequence: 17, Status: bundle.Complete, Sections: sections,
		},
	}
}

// metaOf writes the parts, and describes them.
func metaOf(tb testing.TB, w *bundle.Writer, parts ...part) *bundle.Meta {
	tb.Helper()
	var sections []bundle.SectionMeta
	for _, p := range parts {
		s, err := w.Write(context.Background(), p.spec, records(p.rows))
		if err != nil {
			tb.Fatal(err)
		}
		sections = append(sections, s.Meta(capture(p.held())))
	}
	return sampleMeta(sections)
}

// write writes the parts as one bundle, and returns what came of each step.
func write(opts bundle.Options, parts []part, adapt func(*bundle.Meta)) (path string, err error) {
	ctx := context.Background()
	w, err := bundle.Create(ctx, opts)
	if err != nil {
		return "", err
	}
	defer w.Abort()
	var sections []bundle.SectionMeta
	for _, p := range parts {
		s, err := w.Write(ctx, p.spec, records(p.rows))
		if err != nil {
			return "", err
		}
		sections = append(sections, s.Meta(capture(p.held())))
	}
	meta := sampleMeta(sections)
	if adapt != nil {
		adapt(meta)
	}
	return w.Publish(ctx, meta)
}

// sample publishes the sample bundle in a root of its own.
func sample(tb testing.TB) string {
	tb.Helper()
	path, err := write(options(tb, tb.TempDir()), sampleParts(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// copyOf copies a bundle into a root of its own, faster than it is written.
func copyOf(tb testing.TB, path string) string {
	tb.Helper()
	to := filepath.Join(tb.TempDir(), filepath.Base(path))
	if err := os.CopyFS(to, os.DirFS(path)); err != nil {
		tb.Fatal(err)
	}
	return to
}

func open(tb testing.TB, path string) *bundle.Bundle {
	tb.Helper()
	b, err := bundle.Open(path, bundle.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func verify(tb testing.TB, path string, level bundle.Level) *bundle.Report {
	tb.Helper()
	report, err := open(tb, path).Verify(context.Background(), level, bundle.VerifyOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

// collect returns copies of a section's rows.
func collect(tb testing.TB, b *bundle.Bundle, section memory.Section) []string {
	tb.Helper()
	var rows []string
	for row, err := range b.Records(context.Background(), section) {
		if err != nil {
			tb.Fatal(err)
		}
		rows = append(rows, string(row))
	}
	return rows
}

// codes returns the findings of a level as "code file:line", sorted.
func codes(findings []memory.Finding, level memory.Level) []string {
	all := []string{}
	for _, f := range findings {
		if f.Level == level {
			text := f.Code + " " + f.File
			if f.Line > 0 {
				text += fmt.Sprintf(":%d", f.Line)
			}
			all = append(all, strings.TrimSpace(text))
		}
	}
	slices.Sort(all)
	return all
}

// partialIn returns the one partial of a backup root.
func partialIn(tb testing.TB, root string) string {
	tb.Helper()
	found, err := filepath.Glob(filepath.Join(root, bundle.PartialPrefix+"*"))
	if err != nil || len(found) != 1 {
		tb.Fatalf("partials are %v, %v, want one", found, err)
	}
	return found[0]
}
