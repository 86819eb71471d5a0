package bundle_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A writer that discards counts and hashes what another writes, and leaves nothing,
// not even a root that was not there.
func TestDiscard(t *testing.T) {
	var meta *bundle.Meta
	for _, compress := range []bool{false, true} {
		for _, parts := range [][]part{sampleParts(), bloated()} {
			opts := options(t, t.TempDir())
			opts.Compress = compress
			files := func() (path string, files []bundle.FileMeta) {
				path, err := write(opts, parts, func(m *bundle.Meta) { meta = m })
				if err != nil {
					t.Fatal(err)
				}
				return path, meta.Keepsake.Files
			}
			_, want := files()
			opts.Root, opts.Discard = filepath.Join(t.TempDir(), "not", "there"), true
			path, got := files()
			for i := range want {
				if got[i].SHA256 = want[i].SHA256; !reflect.DeepEqual(got[i], want[i]) { // of one that is written again it isn't known
					t.Errorf("got %+v, want %+v", got[i], want[i])
				}
			}
			if want := filepath.Join(opts.Root, "backup-"+bundle.FormatTimestamp(opts.Now)); path != want {
				t.Errorf("got path %s, want %s", path, want)
			}
			if _, err := os.Lstat(filepath.Dir(opts.Root)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the root was made: %v", err)
			}
		}
	}
}

// bloated is a section that zstd shrinks further than a reader follows.
func bloated() []part {
	rows := slices.Repeat([]string{`{"x":"` + strings.Repeat("y", 1<<20) + `"}`}, 40)
	return []part{{spec: memory.SectionSpec{Name: "concepts/nodes", Kind: memory.Lines}, rows: rows}}
}

// A row that a reader would refuse is refused by the writer, and the other way
// round, at the same row.
func TestWriterRefusesWhatTheReaderRefuses(t *testing.T) {
	numbers := strings.TrimSuffix(strings.Repeat("1,", dimension), ",")
	vector := func(s string) string { return strings.ReplaceAll(s, "[…]", "["+numbers+"]") }
	for _, c := range []struct {
		name    string
		section memory.Section
		kind    memory.Kind
		row     string
	}{
		{"NoJSON", memory.Memories, memory.Vectors, `{`},
		{"NoObject", memory.Memories, memory.Vectors, `"x"`},
		{"Blank", memory.Memories, memory.Vectors, ``},
		{"UnknownKey", memory.Memories, memory.Vectors, vector(`{"id":"a","embedding":[…],"metadata":null,"document":null,"x":1}`)},
		{"KeyTwice", memory.Memories, memory.Vectors, vector(`{"id":"a","id":"b","embedding":[…],"metadata":null,"document":null}`)},
		{"MetadataKeyTwice", memory.Memories, memory.Vectors, vector(`{"id":"a","embedding":[…],"metadata":{"k":1,"\u006b":2},"document":null}`)},
		{"MetadataTooLarge", memory.Memories, memory.Vectors, vector(`{"id":"a","embedding":[…],"metadata":{"k":1e999},"document":null}`)},
		{"NotUTF8", memory.Memories, memory.Vectors, "{\"id\":\"\xff\",\"embedding\":null,\"metadata\":null,\"document\":null}"},
		{"IDEmpty", memory.Memories, memory.Vectors, vector(`{"id":"","embedding":[…],"metadata":null,"document":null}`)},
		{"IDTwice", memory.Memories, memory.Vectors, vector(`{"id":"mem-0","embedding":[…],"metadata":null,"document":null}`)},
		{"IDTwiceEscaped", memory.Memories, memory.Vectors, vector(`{"id":"mem-\u0030","embedding":[…],"metadata":null,"document":null}`)},
		{"OtherDimension", memory.Memories, memory.Vectors, `{"id":"a","embedding":[1],"metadata":null,"document":null}`},
		{"NoDimension", memory.Memories, memory.Vectors, `{"id":"a","embedding":[],"metadata":null,"document":null}`},
		{"NotFinite", memory.Memories, memory.Vectors, `{"id":"a","embedding":[` + strings.Replace(numbers, "1", "3.5e38", 1) + `],"metadata":null,"document":null}`},
		{"GraphNoType", memory.Graph, memory.Elements, `{"data":{"id":"a"}}`},
		{"GraphNoID", memory.Graph, memory.Elements, `{"type":"node","data":{}}`},
		{"GraphNodeTwice", memory.Graph, memory.Elements, `{"type":"node","data":{"id":"n-0"}}`},
		{"GraphEdgeTwice", memory.Graph, memory.Elements, `{"type":"edge","data":{"id":"n-0","source":"a","target":"b","type":"T"}}`},
		{"NotCanonical", memory.Memories, memory.Vectors, vector(`{"id":"a","embedding":[…],"document":null,"metadata":null}`)},
		{"LineNotUTF8", "concepts/nodes", memory.Lines, "{\"a\":\"\xc3\"}"},
		{"MailboxNotUTF8", memory.MailboxSentToCull, memory.Lines, "\x80"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parts := sampleParts()
			i := slices.IndexFunc(parts, func(p part) bool { return p.spec.Name == c.section })
			parts = parts[i : i+1]
			good := parts[0].rows
			if c.name == "GraphNodeTwice" { // where a node may stand
				good = good[:12]
			}
			parts[0].rows = append(slices.Clone(good), c.row)
			opts := options(t, t.TempDir())
			_, err := write(opts, parts, nil)
			var refused *bundle.WriteError
			if !errors.As(err, &refused) || refused.Section != c.section || refused.Row != int64(len(parts[0].rows)) {
				t.Errorf("error is %v, want a WriteError for row %d of %s", err, len(parts[0].rows), c.section)
			}
			if got := bundletest.Names(t, opts.Root); len(got) != 0 {
				t.Errorf("root holds %v", got)
			}
			trying := opts
			trying.Discard = true
			var foreseen *bundle.WriteError
			if _, err := write(trying, parts, nil); !errors.As(err, &foreseen) || foreseen.Error() != refused.Error() {
				t.Errorf("error of one that discards is %v, want %v", err, refused)
			}
			parts[0].rows = good
			path, err := write(opts, parts, nil)
			if err != nil {
				t.Fatal(err)
			}
			b := broke(t, path)
			file := payload(c.section)
			b.Write(file, append(b.Read(file), c.row+"\n"...))
			b.forge(func(k *bundle.Keepsake) { k.Files[0].Rows++; k.Sections[0].Rows++ })
			got := codes(verify(t, path, bundle.Full).Findings, memory.Refusal)
			want := fmt.Sprintf("%s:%d", file, len(good)+1)
			if !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, want) }) {
				t.Errorf("reader's refusals are %v, want one at %s", got, want)
			}
		})
	}
}

// Where nobody said which dimension a section has, its first vector does; one
// without numbers says nothing.
func TestDimensionIsTheFirstVectors(t *testing.T) {
	spec := memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors}
	row := func(id, embedding string) string {
		return `{"id":"` + id + `","embedding":` + embedding + `,"metadata":null,"document":null}`
	}
	for _, c := range []struct {
		name string
		rows []string
		bad  int64 // the row that is refused
	}{
		{"NoNumbers", []string{row("a", "[]")}, 1},
		{"NoNumbersLater", []string{row("a", "[1]"), row("b", "[]")}, 2},
		{"AfterASalvaged", []string{row("a", "null"), row("b", "[1,2]"), row("c", "[1]")}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := write(options(t, t.TempDir()), []part{{spec, c.rows}}, nil)
			var refused *bundle.WriteError
			if !errors.As(err, &refused) || refused.Row != c.bad {
				t.Errorf("error is %v, want a WriteError for row %d", err, c.bad)
			}
		})
	}
	path, err := write(options(t, t.TempDir()), []part{{spec, []string{row("a", "[1,2]"), row("b", "[3,4]")}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Sections()[0].Dimension; got != 2 {
		t.Errorf("dimension is %d, want 2", got)
	}
}

// A reader may meet a node behind an edge; a writer makes no such bundle.
func TestNodeAfterEdge(t *testing.T) {
	rows := graphRows(2, 1)
	_, err := write(options(t, t.TempDir()), []part{{memory.SectionSpec{Name: memory.Graph, Kind: memory.Elements}, []string{rows[0], rows[2], rows[1]}}}, nil)
	var refused *bundle.WriteError
	if !errors.As(err, &refused) || refused.Row != 3 {
		t.Errorf("error is %v, want a WriteError for row 3", err)
	}
}

// Only the writer can be given a row that is no line.
func TestRowWithNewline(t *testing.T) {
	parts := []part{{memory.SectionSpec{Name: memory.TrajectoryLog, Kind: memory.Lines}, []string{`{}`, "{\n}"}}}
	_, err := write(options(t, t.TempDir()), parts, nil)
	var refused *bundle.WriteError
	if !errors.As(err, &refused) || refused.Row != 2 {
		t.Errorf("error is %v, want a WriteError for row 2", err)
	}
}

// A section that fails leaves no trace, and the next one can be written.
func TestFailedSectionIsLeftOut(t *testing.T) {
	ctx := context.Background()
	opts := options(t, t.TempDir())
	w, err := bundle.Create(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	cause := errors.New("the server went away")
	spec := sampleParts()[1].spec
	_, err = w.Write(ctx, spec, func(yield func(memory.Record, error) bool) {
		_ = yield(memory.Record(vectorRows("mem", 1)[0]), nil) && yield(nil, cause)
	})
	if !errors.Is(err, cause) {
		t.Errorf("error is %v, want %v", err, cause)
	}
	var refused *bundle.WriteError
	if errors.As(err, &refused) {
		t.Error("what the source said is taken for a refused row")
	}
	if got := bundletest.Names(t, filepath.Join(partialIn(t, opts.Root), "mc")); len(got) != 0 {
		t.Errorf("mc holds %v", got)
	}
	p := sampleParts()[0]
	s, err := w.Write(ctx, p.spec, records(p.rows))
	if err != nil {
		t.Fatal(err)
	}
	meta := sampleMeta([]bundle.SectionMeta{s.Meta(capture(len(p.rows))), bundle.FailedSection(spec, memory.Capture{Before: 5}, cause)})
	if _, err := w.Publish(ctx, meta); err == nil {
		t.Fatal("published as complete though a section failed")
	}
	meta.Keepsake.Status = bundle.Degraded
	path, err := w.Publish(ctx, meta)
	if err != nil {
		t.Fatal(err)
	}
	report := verify(t, path, bundle.Full)
	if report.Refused() || !slices.Contains(codes(report.Findings, memory.Warning), "section-failed") {
		t.Errorf("findings are %v", report.Findings)
	}
	b := open(t, path)
	if got := b.Sections(); len(got) != 1 || got[0].Name != memory.Graph {
		t.Errorf("sections are %v, want the graph alone", got)
	}
	if _, err := drain(b, memory.Memories); !errors.Is(err, bundle.ErrNoSection) {
		t.Errorf("reading what failed: %v, want ErrNoSection", err)
	}
	if got := b.Meta().Integrity[1]; got.Status != bundle.Fail {
		t.Errorf("integrity of mc is %v, want fail", got)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	opts := options(t, t.TempDir())
	w, err := bundle.Create(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	_, err = w.Write(ctx, sampleParts()[1].spec, func(yield func(memory.Record, error) bool) {
		for _, row := range vectorRows("mem", 100) {
			if n++; n == 50 {
				cancel()
			}
			if !yield(memory.Record(row), nil) {
				return
			}
		}
	})
	if !errors.Is(err, context.Canceled) || n != 50 {
		t.Errorf("error is %v after %d rows, want Canceled at the 50th", err, n)
	}
	if _, err := w.Publish(ctx, metaOf(t, w, sampleParts()[0])); !errors.Is(err, context.Canceled) {
		t.Errorf("Publish: %v, want Canceled", err)
	}
	for range 2 {
		if err := w.Abort(); err != nil {
			t.Error(err)
		}
	}
	if got := bundletest.Names(t, opts.Root); len(got) != 0 {
		t.Errorf("root holds %v", got)
	}
	if _, err := bundle.Create(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("Create: %v, want Canceled", err)
	}
	if _, err := open(t, sample(t)).Verify(ctx, bundle.Full, bundle.VerifyOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: %v, want Canceled", err)
	}
}

// What a caller can get wrong is refused, and nothing is published.
func TestWriterMisuse(t *testing.T) {
	ctx := context.Background()
	graph := sampleParts()[0]
	for _, c := range []struct {
		name string
		do   func(*testing.T, *bundle.Writer) error
	}{
		{"Nothing", func(_ *testing.T, w *bundle.Writer) error {
			_, err := w.Publish(ctx, sampleMeta(nil))
			return err
		}},
		{"SectionTwice", func(t *testing.T, w *bundle.Writer) error {
			if _, err := w.Write(ctx, graph.spec, records(graph.rows)); err != nil {
				t.Fatal(err)
			}
			_, err := w.Write(ctx, graph.spec, records(graph.rows))
			return err
		}},
		{"TwoSectionsOneFile", func(t *testing.T, w *bundle.Writer) error {
			if _, err := w.Write(ctx, memory.SectionSpec{Name: "other/x", Kind: memory.Elements}, records(graph.rows)); err != nil {
				t.Fatal(err)
			}
			_, err := w.Write(ctx, memory.SectionSpec{Name: "other/x-backup-" + sampleTime, Kind: memory.Lines}, records(nil))
			return err
		}},
		{"KindOfNoRowsInKB", func(_ *testing.T, w *bundle.Writer) error {
			_, err := w.Write(ctx, memory.SectionSpec{Name: "kb/x", Kind: memory.Opaque}, records(nil))
			return err
		}},
		{"KindOfAnotherFolder", func(_ *testing.T, w *bundle.Writer) error {
			_, err := w.Write(ctx, memory.SectionSpec{Name: "mc/x", Kind: memory.Lines}, records(nil))
			return err
		}},
		{"NameLeavesTheBundle", func(_ *testing.T, w *bundle.Writer) error {
			_, err := w.Write(ctx, memory.SectionSpec{Name: "concepts/../../x", Kind: memory.Lines}, records(nil))
			return err
		}},
		{"NameWithoutFolder", func(_ *testing.T, w *bundle.Writer) error {
			_, err := w.Write(ctx, memory.SectionSpec{Name: "concepts", Kind: memory.Lines}, records(nil))
			return err
		}},
		{"NameWithNewline", func(_ *testing.T, w *bundle.Writer) error {
			_, err := w.Write(ctx, memory.SectionSpec{Name: "concepts/a\nb", Kind: memory.Lines}, records(nil))
			return err
		}},
		{"NoMemory", func(t *testing.T, w *bundle.Writer) error {
			meta := metaOf(t, w, graph)
			meta.Keepsake.MemoryID = ""
			_, err := w.Publish(ctx, meta)
			return err
		}},
		{"UnknownReason", func(t *testing.T, w *bundle.Writer) error {
			meta := metaOf(t, w, graph)
			meta.Keepsake.Reason = "because"
			_, err := w.Publish(ctx, meta)
			return err
		}},
		{"SectionNotDescribed", func(t *testing.T, w *bundle.Writer) error {
			if _, err := w.Write(ctx, graph.spec, records(graph.rows)); err != nil {
				t.Fatal(err)
			}
			_, err := w.Publish(ctx, sampleMeta(nil))
			return err
		}},
		{"SectionNotWritten", func(_ *testing.T, w *bundle.Writer) error {
			_, err := w.Publish(ctx, sampleMeta([]bundle.SectionMeta{{Name: memory.Graph, Kind: memory.Elements}}))
			return err
		}},
		{"FewerThanHeld", func(t *testing.T, w *bundle.Writer) error {
			s, err := w.Write(ctx, graph.spec, records(graph.rows))
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Publish(ctx, sampleMeta([]bundle.SectionMeta{s.Meta(capture(len(graph.rows) + 1))}))
			return err
		}},
		{"Salvaged", func(t *testing.T, w *bundle.Writer) error {
			s, err := w.Write(ctx, memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors}, records([]string{`{"id":"a","embedding":null,"metadata":null,"document":null}`}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Publish(ctx, sampleMeta([]bundle.SectionMeta{s.Meta(capture(1))}))
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := options(t, t.TempDir())
			w, err := bundle.Create(ctx, opts)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.do(t, w); err == nil {
				t.Error("not refused")
			}
			if err := w.Abort(); err != nil {
				t.Error(err)
			}
			if got := bundletest.Names(t, opts.Root); len(got) != 0 {
				t.Errorf("root holds %v", got)
			}
		})
	}
}

// Two bundles of one millisecond: the first stands as it is.
func TestNameTaken(t *testing.T) {
	ctx := context.Background()
	opts := options(t, t.TempDir())
	late, err := bundle.Create(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	path, err := write(opts, sampleParts()[:1], nil)
	if err != nil {
		t.Fatal(err)
	}
	before := bundletest.State(t, path)
	if _, err := late.Publish(ctx, metaOf(t, late, sampleParts()[0])); !errors.Is(err, bundle.ErrExists) {
		t.Errorf("Publish: %v, want ErrExists", err)
	}
	if err := late.Abort(); err != nil {
		t.Error(err)
	}
	if _, err := bundle.Create(ctx, opts); !errors.Is(err, bundle.ErrExists) {
		t.Errorf("Create: %v, want ErrExists", err)
	}
	if got := bundletest.State(t, path); got != before {
		t.Error("the first bundle was changed")
	}
	if got := bundletest.Names(t, opts.Root); !slices.Equal(got, []string{sampleName}) {
		t.Errorf("root holds %v", got)
	}
}

// A payload that shrinks further than a reader follows is written plain.
func TestCompressionThatGoesTooFar(t *testing.T) {
	rows := slices.Repeat([]string{"the same line again"}, 100_000)
	opts := options(t, t.TempDir())
	opts.Compress = true
	parts := []part{{memory.SectionSpec{Name: memory.MailboxSentToCull, Kind: memory.Lines}, rows}}
	path, err := write(opts, parts, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := open(t, path).Meta().Keepsake.Files[0].Path, "mailbox/sent-to-cull.jsonl"; got != want {
		t.Errorf("file is %s, want %s", got, want)
	}
	if report := verify(t, path, bundle.Full); report.Refused() {
		t.Errorf("refused: %v", report.Findings)
	}
	if got := collect(t, open(t, path), memory.MailboxSentToCull); !slices.Equal(got, rows) {
		t.Errorf("%d rows came back, want %d", len(got), len(rows))
	}
}

// Rows longer than a block, and than all blocks together.
func TestLongRows(t *testing.T) {
	for _, compress := range []bool{false, true} {
		var rows []string
		for i, n := range []int{1, 512<<10 - 1, 512 << 10, 512<<10 + 1, 3 << 20, 0, 5} {
			rows = append(rows, fmt.Sprintf("%d ", i)+strings.Repeat(string(rune('a'+i)), n))
		}
		opts := options(t, t.TempDir())
		opts.Compress = compress
		path, err := write(opts, []part{{memory.SectionSpec{Name: memory.MailboxSentToCull, Kind: memory.Lines}, rows}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if report := verify(t, path, bundle.Full); report.Refused() {
			t.Errorf("compress %t: refused: %v", compress, report.Findings)
		}
		if got := collect(t, open(t, path), memory.MailboxSentToCull); !slices.Equal(got, rows) {
			t.Errorf("compress %t: rows differ", compress)
		}
	}
}

// Nothing is allocated per row, and what is kept of a row fits in 64 bytes.
func TestMemoryPerRow(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100,000 rows")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	const few, many = 20_000, 100_000
	rowsOf := func(n int, peak *uint64) func(func(memory.Record, error) bool) {
		return func(yield func(memory.Record, error) bool) {
			var row []byte
			for i := range n {
				row = strconv.AppendInt(append(row[:0], `{"id":"mem_`...), int64(i), 10)
				row = append(row, `","embedding":[0.5,1.5],"metadata":null,"document":null}`...)
				if !yield(row, nil) {
					return
				}
			}
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			*peak = m.HeapAlloc
		}
	}
	measure := func(n int) (heap, allocs uint64) {
		w, err := bundle.Create(context.Background(), options(t, t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := w.Write(context.Background(), memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors}, rowsOf(n, &heap)); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return heap, after.Mallocs - before.Mallocs
	}
	heapFew, _ := measure(few)
	heapMany, allocs := measure(many)
	if perRow := float64(heapMany-heapFew) / (many - few); heapMany < heapFew || perRow > 64 {
		t.Errorf("a row keeps %.1f bytes (%d at %d rows, %d at %d), want 64 at the most", perRow, heapFew, few, heapMany, many)
	}
	if perRow := float64(allocs) / many; perRow > 0.05 {
		t.Errorf("%.2f allocations a row", perRow)
	}
}
