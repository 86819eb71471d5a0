package cli_test

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
)

// TestT12 takes what a real Chroma can hold, at its edges, through a backup and
// a restore into another database: every record digest is the same afterwards.
func TestT12(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	rows := edgeRows(t)
	spec := memory.SectionSpec{
		Name: memory.Memories, Kind: memory.Vectors, Dimension: len(floatClasses()), Rows: int64(len(rows)),
		Collection: &memory.Collection{Name: "neo-agent-memory", Metadata: memory.RawJSON(`{"hnsw:space":"l2"}`)},
	}
	result, err := a.target(spec.Name).Merge(t.Context(), spec, sequence(rows), store.MergeOptions{})
	if err != nil || !result.Complete() || result.Same != int64(len(rows)) {
		t.Fatalf("fill: got %+v, %v, want %d rows the same", result, err, len(rows))
	}
	a.remember(memory.Graph, memory.KnowledgeBase, sample.ConceptNodes)
	empty := sample.Sections()[2]
	empty.Rows, empty.Dimension = 0, 0
	if _, err := a.target(empty.Name).Merge(t.Context(), empty, sequence(nil), store.MergeOptions{}); err != nil {
		t.Fatal(err)
	}
	nested := []memory.Record{memory.Record(`{"type":"node","data":{"id":"deep","label":"X","properties":{"a":{"b":[1,1.5,-0,1e300,{"c":[[],{},null,"\u00fc"]}]},"userId":"u"}}}`)}
	if _, err := a.target(memory.Graph).Merge(t.Context(), memory.SectionSpec{Name: memory.Graph, Kind: memory.Elements}, sequence(nested), store.MergeOptions{}); err != nil {
		t.Fatal(err)
	}
	before := a.digests()
	if got := len(before[memory.Memories]); got != len(rows) {
		t.Fatalf("got %d digests of %d rows: two rows are alike", got, len(rows))
	}
	a.must(0, "backup")
	a.must(0, "verify", "latest")
	a.forget()
	a.must(0, "restore", "latest")
	sameDigests(t, a.digests(), before)
}

// floatClasses is one embedding with a number of every class of float32.
func floatClasses() []float32 {
	return []float32{
		0, float32(math.Copysign(0, -1)), 1, -1, math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, // denormal
		math.Float32frombits(0x007fffff), math.Float32frombits(0x00800000), // the largest denormal, the smallest normal
		math.Nextafter32(1, 2), math.Nextafter32(1, 0), 1.0 / 3, 16777216, 16777217, 0.1,
	}
}

func edgeRows(t *testing.T) []memory.Record {
	t.Helper()
	var bits []byte
	for _, f := range floatClasses() {
		bits = binary.LittleEndian.AppendUint32(bits, math.Float32bits(f))
	}
	text := func(s string) *string { return &s }
	cases := []struct {
		id       string
		metadata string
		document *string
	}{
		{"null document", `{"k":1}`, nil},
		{"empty document", `{"k":1}`, text("")},
		{"ten megabytes", `{"k":1}`, text(strings.Repeat("ünïcode \"quoted\" \\ and a tab\t", 10<<20/31))},
		{"no metadata", `null`, text("x")},
		{"ünïcode 🔧 \"quoted\" \\ /slashed", `{"schlüssel 🔧":"wert \n 🔧"}`, text("日本語, עברית, \u0000 and \u007f")},
		{strings.Repeat("long ", 60), `{"k":true}`, text("x")},
		{"numbers", `{"int":9223372036854775807,"min":-9223372036854775808,"float":1.5,"one":1.0,"tiny":5e-324,"big":1.7976931348623157e308}`, nil},
		{"arrays", `{"ints":[1,2,3],"strings":["a","ü"],"floats":[0.5,2.5],"bools":[true,false]}`, nil},
	}
	var s record.Scanner
	var rows []memory.Record
	for _, c := range cases {
		row, err := s.AppendVector(nil, c.id, bits, []byte(c.metadata), c.document)
		if err != nil {
			t.Fatalf("%s: %v", c.id, err)
		}
		rows = append(rows, row)
	}
	return rows
}

func sequence(rows []memory.Record) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// TestT12_ManyRows takes 200,000 rows through a bundle: they are all there, and
// what is held in memory for them is bounded by a few dozen bytes a row.
func TestT12_ManyRows(t *testing.T) {
	const n, dim, bound = 200_000, 4, 64 << 20
	a := bare(t)
	vectors := func(name string) *collections.Store {
		return collections.New(collections.Config{Path: filepath.Join(a.home, name), Collections: collectionNames()})
	}
	spec := memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors, Dimension: dim, Rows: n, Collection: &memory.Collection{Name: "neo-agent-memory"}}
	if _, err := vectors("one.sqlite3").Merge(t.Context(), spec, sample.Records(memory.Memories, n, dim, 1), store.MergeOptions{Proof: store.ProofIDs}); err != nil {
		t.Fatal(err)
	}
	a.env["NEO_CHROMA_UNIFIED"] = "true"
	a.env["KEEPSAKE_KB_CHROMA"] = "collections:" + filepath.Join(a.home, "one.sqlite3")
	heap := watchHeap(t)
	a.must(0, "backup", "--only", "mc/memory")
	a.env["KEEPSAKE_KB_CHROMA"] = "collections:" + filepath.Join(a.home, "two.sqlite3")
	a.must(0, "restore", "latest")
	if got := heap(); got > bound {
		t.Errorf("the heap grew by %d MiB, want %d at most", got>>20, bound>>20)
	}
	if got, want := a.collected(vectors("two.sqlite3")), a.collected(vectors("one.sqlite3")); !slices.Equal(got, want) {
		t.Errorf("%d rows came back, and not those that went in: %d", len(got), len(want))
	}
}

// collected returns the record digests of a store's memories, sorted.
func (a *agent) collected(s *collections.Store) []string {
	a.t.Helper()
	session, err := s.Open(a.t.Context(), []memory.Section{memory.Memories})
	if err != nil {
		a.t.Fatal(err)
	}
	defer session.Close()
	reading, err := session.Read(a.t.Context(), memory.Memories)
	if err != nil {
		a.t.Fatal(err)
	}
	var out []string
	var scanner record.Scanner
	for r, err := range reading.All() {
		if err != nil {
			a.t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%x", digest(a.t, &scanner, memory.Vectors, r)))
	}
	slices.Sort(out)
	return out
}

// watchHeap samples the heap until the function that it returns is called,
// which says how much it grew at most.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	base := inUse()
	var most atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if now := inUse(); now > base {
					most.Store(max(most.Load(), now-base))
				}
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-done
		return most.Load()
	}
}
