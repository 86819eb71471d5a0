package bundle_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/memory"
)

const neoPath = "testdata/neo-13.1.0/backup-2026-11-22T23-14-40.692Z"

// A bundle that Neo.mjs 13.1.0 wrote.
func TestNeoBundle(t *testing.T) {
	before := bundletest.State(t, neoPath)
	b := open(t, neoPath)
	if b.Sealed() {
		t.Error("is called sealed")
	}
	m := b.Meta()
	if m.Topology == nil || !m.Topology.Unified || m.NeoVersion != "13.1.0" || m.GitSHA != "" {
		t.Errorf("meta is %+v", m)
	}
	want := memory.Coords{Host: "localhost", Port: 18250, Path: "/srv/agent/.neo-ai-data/chroma/unified"}
	if m.Topology.KB != want || m.Topology.MC != want {
		t.Errorf("coordinates are %+v, want %+v twice", m.Topology, want)
	}
	for _, level := range []bundle.Level{bundle.Quick, bundle.Full} {
		report, err := b.Verify(context.Background(), level, bundle.VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if report.Refused() || len(codes(report.Findings, memory.Warning)) > 0 {
			t.Errorf("%s: findings are %v", level, report.Findings)
		}
		var got []string
		for _, s := range report.Sections {
			got = append(got, fmt.Sprintf("%s %s %d", s.Name, s.Kind, s.Rows))
			if s.Kind == memory.Vectors && level == bundle.Full && s.Dimension != 16 {
				t.Errorf("%s has dimension %d, want 16", s.Name, s.Dimension)
			}
		}
		if want := []string{
			"kb/knowledge-base vectors 40", "mc/memory vectors 60", "mc/summaries vectors 8", "graph/graph graph 113",
			"concepts/edges lines 3", "concepts/nodes lines 4", "trajectories/trajectories lines 2", "mailbox/sent-to-cull lines 2",
		}; !slices.Equal(got, want) {
			t.Errorf("%s: sections are %v, want %v", level, got, want)
		}
	}
	if got := bundletest.State(t, neoPath); got != before {
		t.Error("reading changed the bundle")
	}
}

func TestNeoSections(t *testing.T) {
	var got []string
	for _, s := range open(t, neoPath).Sections() {
		name := ""
		if s.Collection != nil {
			name = s.Collection.Name
		}
		got = append(got, fmt.Sprintf("%s %d %s", s.Name, s.Rows, name))
	}
	if want := []string{
		"kb/knowledge-base 40 ", "mc/memory 60 neo-agent-memory", "mc/summaries 8 neo-agent-sessions", "graph/graph 113 ",
		"concepts/edges -1 ", "concepts/nodes -1 ", "trajectories/trajectories -1 ", "mailbox/sent-to-cull -1 ",
	}; !slices.Equal(got, want) {
		t.Errorf("sections are\n%q\nwant\n%q", got, want)
	}
}

// Its rows come in canonical form, equal in value, with the embedding's own bytes.
func TestNeoRows(t *testing.T) {
	b := open(t, neoPath)
	for section, file := range map[memory.Section]string{
		memory.KnowledgeBase: "kb/knowledge-base-backup-2026-11-22T23-14-40.738Z.jsonl",
		memory.Memories:      "mc/memory-backup-2026-11-22T23-14-40.769Z.jsonl",
		memory.Graph:         "graph/graph-backup-2026-11-22T23-14-40.797Z.jsonl",
		"concepts/nodes":     "concepts/nodes.jsonl",
	} {
		data, err := os.ReadFile(filepath.Join(neoPath, file))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		rows := collect(t, b, section)
		if len(rows) != len(lines) {
			t.Fatalf("%s: %d rows, want %d", section, len(rows), len(lines))
		}
		for i, row := range rows {
			if !sameJSON(t, row, lines[i]) {
				t.Errorf("%s: row %d is\n%s\nwant\n%s", section, i+1, row, lines[i])
			}
			if section == memory.KnowledgeBase {
				if keys := metadataKeys(t, row); !slices.IsSorted(keys) {
					t.Errorf("row %d: metadata keys are %v", i+1, keys)
				}
				start := strings.Index(lines[i], `"embedding":`)
				end := strings.Index(lines[i], `]`)
				if !strings.Contains(row, lines[i][start:end]) {
					t.Errorf("row %d: the embedding was printed anew", i+1)
				}
			}
		}
	}
}

// Rows whose keys are in another order, or left out, come in canonical form.
func TestRowsOfOthersAreMadeCanonical(t *testing.T) {
	b := broke(t, copyOf(t, neoPath))
	name := "mc/summaries-backup-2026-11-22T23-14-40.789Z.jsonl"
	first := `{"document":"d","metadata":{"b":1,"a":[1, 2]},"embedding":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15, 1.50e0],"id":"x"}`
	second := `{"id":"y","embedding":null}`
	lines := strings.Split(string(b.Read(name)), "\n")
	b.Write(name, []byte(strings.Join(append([]string{first, second}, lines[2:]...), "\n")))
	if report := verify(t, b.Path, bundle.Full); report.Refused() || report.Sections[2].Salvaged != 1 {
		t.Fatalf("findings are %v", report.Findings)
	}
	got := collect(t, open(t, b.Path), memory.Summaries)
	if want := `{"id":"x","embedding":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,1.50e0],"metadata":{"a":[1,2],"b":1},"document":"d"}`; got[0] != want {
		t.Errorf("row is\n%s\nwant\n%s", got[0], want)
	}
	if want := `{"id":"y","embedding":null,"metadata":null,"document":null}`; got[1] != want {
		t.Errorf("row is\n%s\nwant\n%s", got[1], want)
	}
}

// A bundle of Neo.mjs has counts; they are held against the files.
func TestNeoBundlesMadeWrong(t *testing.T) {
	memories := "mc/memory-backup-2026-11-22T23-14-40.769Z.jsonl"
	second := "mc/memory-backup-2026-11-22T23-14-41.000Z.jsonl"
	kb := "kb/knowledge-base-backup-2026-11-22T23-14-40.738Z.jsonl"
	all := []string{"rows-differ bundle-meta.json", "rows-differ bundle-meta.json", "rows-differ bundle-meta.json"}
	for _, c := range []struct {
		name string
		do   func(*broken)
		want []string
	}{
		// The incident of a month of bundles: the meta says thousands, the file is empty.
		{"IncidentA/EmptyFile", func(b *broken) { b.Write(memories, nil) }, all},
		{"FileGone", func(b *broken) { b.Remove(memories) }, all},
		{"RowGone", func(b *broken) {
			data := b.Read(memories)
			b.Write(memories, data[bytes.IndexByte(data, '\n')+1:])
		}, all},
		{"IDInTwoFiles", func(b *broken) {
			data := b.Read(memories)
			b.Write(second, data[:bytes.IndexByte(data, '\n')+1])
		}, append([]string{"id-twice " + second + ":1"}, all...)},
		{"ConceptGone", func(b *broken) { b.Remove("concepts/edges.jsonl") }, []string{"file-missing concepts"}},
		{"LineNoJSON", func(b *broken) {
			b.Write("concepts/nodes.jsonl", append(b.Read("concepts/nodes.jsonl"), "{\"id\":\"torn"...))
		}, []string{"line-not-json concepts/nodes.jsonl:5"}},
		{"FolderGone", func(b *broken) { b.Remove("kb") }, append([]string{"folder-missing kb"}, all...)},
		{"BadRowInTheMiddle", func(b *broken) {
			lines := strings.Split(string(b.Read(kb)), "\n")
			lines[19] = `{"id":"x","embedding":[1,2]}`
			b.Write(kb, []byte(strings.Join(lines, "\n")))
		}, []string{"row-invalid " + kb + ":20"}},
		// Counts that agree with the files, and own up to rows that were lost.
		{"ExpectedMore", func(b *broken) { b.Replace(bundle.MetaFile, `"expected": 60`, `"expected": 61`) }, []string{"incomplete bundle-meta.json"}},
		{"IntegrityFail", func(b *broken) { b.Replace(bundle.MetaFile, `"status": "pass"`, `"status": "fail"`) }, []string{"incomplete bundle-meta.json"}},
		{"SourceHadMore", func(b *broken) { b.Replace(bundle.MetaFile, `"sourceCount": 40`, `"sourceCount": 400`) }, []string{"incomplete bundle-meta.json"}},
		{"SourceGrew", func(b *broken) { b.Replace(bundle.MetaFile, `"sourceCount": 40`, `"sourceCount": 39`) }, []string{}},
		{"IncidentA/OwnsUp", func(b *broken) {
			b.Write(memories, nil)
			b.Write(bundle.MetaFile, []byte(`{"bundleVersion":1,"subsystems":{"kb":{"count":40},"mc":{"count":8,"memories":{"expected":18835,"exported":0}},"graph":{"count":113}}}`))
		}, []string{"incomplete bundle-meta.json"}},

		// A meta that says nothing excuses nothing.
		{"SaysNothing/NoRows", func(b *broken) { b.Write(bundle.MetaFile, []byte(`{}`)); b.Write(kb, nil) }, []string{"empty kb"}},
		{"SaysNothing/NoFile", func(b *broken) { b.Write(bundle.MetaFile, []byte(`{"bundleVersion":1}`)); b.Remove(kb) }, []string{"empty kb"}},
		{"SaysNothing/Null", func(b *broken) {
			b.Write(bundle.MetaFile, []byte(`{"subsystems":{"kb":{"count":null},"mc":null},"integrity":null}`))
			b.Write(kb, nil)
		}, []string{"empty kb"}},
		{"SaysNothing/OfOneThatIsEmpty", func(b *broken) {
			b.Write(bundle.MetaFile, []byte(`{"subsystems":{"mc":{"count":68}}}`))
			b.Write(kb, nil)
		}, []string{"empty kb"}},
		{"SaysEmpty/Count", func(b *broken) {
			b.Write(bundle.MetaFile, []byte(`{"subsystems":{"kb":{"count":0}}}`))
			b.Write(kb, nil)
		}, []string{}},
		{"SaysEmpty/Integrity", func(b *broken) {
			b.Write(bundle.MetaFile, []byte(`{"integrity":[{"subsystem":"kb","status":"empty","sourceCount":0,"bundleCount":0}]}`))
			b.Write(kb, nil)
		}, []string{}},
		{"SaysEmpty/Skipped", func(b *broken) {
			b.Write(bundle.MetaFile, []byte(`{"integrity":[{"subsystem":"kb","status":"skipped"}]}`))
			b.Remove(kb)
		}, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := broke(t, copyOf(t, neoPath))
			c.do(b)
			before := bundletest.State(t, b.Path)
			report := verify(t, b.Path, bundle.Full)
			if got := codes(report.Findings, memory.Refusal); !slices.Equal(got, c.want) {
				t.Errorf("refusals are %v, want %v\n%v", got, c.want, report.Findings)
			}
			if got := bundletest.State(t, b.Path); got != before {
				t.Error("looking at the bundle changed it")
			}
		})
	}
}

// Several files of one kind are one section.
func TestSeveralFilesAreOneSection(t *testing.T) {
	b := broke(t, copyOf(t, neoPath))
	name := "mc/memory-backup-2026-11-22T23-14-40.769Z.jsonl"
	data := b.Read(name)
	whole := collect(t, open(t, b.Path), memory.Memories)
	lines := bytes.SplitAfter(data, []byte("\n"))
	b.Write(name, bytes.Join(lines[:25], nil))
	b.Write("mc/memory-backup-2026-11-22T23-14-41.000Z.jsonl", bytes.Join(lines[25:], nil))
	report := verify(t, b.Path, bundle.Full)
	if report.Refused() || report.Sections[1].Rows != 60 || len(report.Sections[1].Files) != 2 {
		t.Errorf("%+v, findings %v", report.Sections[1], report.Findings)
	}
	if got := collect(t, open(t, b.Path), memory.Memories); !slices.Equal(got, whole) {
		t.Errorf("%d rows, want %d", len(got), len(whole))
	}
}

// What keepsake doesn't know is named as not restored; what a copy or an editor
// leaves behind is a warning.
func TestNeoWarnings(t *testing.T) {
	b := broke(t, copyOf(t, neoPath))
	b.Write("mc/temporal-summary-backup-2026-11-22T23-14-40.900Z.jsonl", []byte("{}\n"))
	if err := os.Mkdir(b.File("ledgers"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.Write("ledgers/x.jsonl", []byte("{}\n"))
	b.Write("trajectories/trajectories.jsonl", append(b.Read("trajectories/trajectories.jsonl"), "\n"...))
	report := verify(t, b.Path, bundle.Full)
	want := []string{"line-blank trajectories/trajectories.jsonl:3", "not-restored ledgers/x.jsonl", "not-restored mc/temporal-summary-backup-2026-11-22T23-14-40.900Z.jsonl"}
	if got := codes(report.Findings, memory.Warning); !slices.Equal(got, want) || report.Refused() {
		t.Errorf("warnings are %v, want %v\n%v", got, want, report.Findings)
	}
	if got := collect(t, open(t, b.Path), memory.TrajectoryLog); len(got) != 2 {
		t.Errorf("the blank line is handed on: %q", got)
	}
}

// An older bundle without a meta: a loud warning, every other check, and rows in
// kb, mc and graph.
func TestNoMeta(t *testing.T) {
	b := broke(t, copyOf(t, neoPath))
	b.Remove(bundle.MetaFile)
	report := verify(t, b.Path, bundle.Full)
	if got, want := codes(report.Findings, memory.Warning), []string{"no-meta"}; !slices.Equal(got, want) || report.Refused() || report.Sealed {
		t.Errorf("findings are %v, want %v", report.Findings, want)
	}
	if o := open(t, b.Path); o.Meta() != nil {
		t.Errorf("meta %v", o.Meta())
	}
	if got := len(collect(t, open(t, b.Path), memory.Memories)); got != 60 {
		t.Errorf("%d memories, want 60", got)
	}
	for _, sub := range []string{"kb", "mc", "graph"} {
		t.Run("EmptyBesideAMetaThatSaysNothing/"+sub, func(t *testing.T) {
			b := broke(t, copyOf(t, b.Path))
			b.Write(bundle.MetaFile, []byte(`{}`))
			b.Remove(sub)
			if err := os.Mkdir(b.File(sub), 0o700); err != nil {
				t.Fatal(err)
			}
			report, err := open(t, b.Path).Verify(context.Background(), bundle.Full, bundle.VerifyOptions{AllowEmpty: true})
			if err != nil || report.Refused() || !slices.Contains(codes(report.Findings, memory.Warning), "empty "+sub) {
				t.Errorf("with AllowEmpty: %v, %v", report.Findings, err)
			}
		})
		t.Run("Empty/"+sub, func(t *testing.T) {
			b := broke(t, copyOf(t, b.Path))
			b.Remove(sub)
			if err := os.Mkdir(b.File(sub), 0o700); err != nil {
				t.Fatal(err)
			}
			if got, want := codes(verify(t, b.Path, bundle.Full).Findings, memory.Refusal), []string{"empty " + sub}; !slices.Equal(got, want) {
				t.Errorf("refusals are %v, want %v", got, want)
			}
			report, err := open(t, b.Path).Verify(context.Background(), bundle.Full, bundle.VerifyOptions{AllowEmpty: true})
			if err != nil || report.Refused() || !slices.Contains(codes(report.Findings, memory.Warning), "empty "+sub) {
				t.Errorf("with AllowEmpty: %v, %v", report.Findings, err)
			}
		})
	}
	t.Run("FolderMissing", func(t *testing.T) {
		b := broke(t, copyOf(t, b.Path))
		b.Remove("concepts")
		if got, want := codes(verify(t, b.Path, bundle.Full).Findings, memory.Refusal), []string{"folder-missing concepts"}; !slices.Equal(got, want) {
			t.Errorf("refusals are %v, want %v", got, want)
		}
	})
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

// metadataKeys returns the keys of a row's metadata in their order.
func metadataKeys(t *testing.T, row string) []string {
	t.Helper()
	_, rest, _ := strings.Cut(row, `"metadata":`)
	dec := json.NewDecoder(strings.NewReader(rest))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, fmt.Sprint(key))
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}
