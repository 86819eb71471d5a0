package rows_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// table is a collection in memory, in the order in which its rows came, whose
// faults a test chooses.
type table struct {
	limits rows.Limits

	mu      sync.Mutex
	ids     []string
	lines   map[string]string
	sent    []int // rows of each batch
	deleted int

	send  func(id string) error                  // of each row, before it is in
	put   func(id, line string) (string, bool)   // what becomes of a row that is sent
	fetch func(ids []string, ask rows.Ask) error // before a page comes
	list  func(nth int) error                    // before a listing
	lists int
}

func newTable(lines ...memory.Record) *table {
	t := &table{lines: map[string]string{}, limits: rows.Limits{
		BatchRows: 10, BatchBytes: 1 << 20, Sending: 2, FirstRows: 4, PageRows: 20, PageBytes: 1 << 20, Fetching: 2,
	}}
	for _, line := range lines {
		t.add(idOf(line), string(line))
	}
	return t
}

func (t *table) add(id, line string) {
	if _, lives := t.lines[id]; !lives {
		t.ids = append(t.ids, id)
		t.lines[id] = line
	}
}

func (t *table) remove(id string) {
	delete(t.lines, id)
	t.ids = slices.DeleteFunc(t.ids, func(other string) bool { return other == id })
}

// state is all that the table holds.
func (t *table) state() string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(t.lines)) {
		fmt.Fprintln(&b, t.lines[id])
	}
	return b.String()
}

func (t *table) Limits() rows.Limits { return t.limits }

func (t *table) List(_ context.Context, begin func(rows, size int64), each func(id []byte) error) (int64, error) {
	t.lists++
	if t.list != nil {
		if err := t.list(t.lists); err != nil {
			return 0, err
		}
	}
	begin(int64(len(t.ids)), -1)
	for _, id := range t.ids {
		if err := each([]byte(id)); err != nil {
			return 0, err
		}
	}
	return int64(len(t.ids)), nil
}

func (t *table) Unfit(dimension, fixed int) string {
	if dimension < 0 || fixed > 0 && dimension != fixed {
		return fmt.Sprintf("it has %d numbers", dimension)
	}
	return ""
}

func (t *table) Delete(_ context.Context, ids *rows.IDs, which []uint32) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, i := range which {
		t.remove(string(ids.At(int(i))))
	}
	t.deleted += len(which)
	return int64(len(which)), nil
}

func (t *table) NewBatch() rows.Batch { return &batch{table: t} }
func (t *table) NewPage() rows.Page {
	return &page{table: t, lines: rows.Lines{SameMetadata: rows.SameJSON}}
}

type batch struct {
	table *table
	lines []string
	size  int64
}

func (b *batch) Append(line []byte, _ *record.Vector) (bool, error) {
	b.table.mu.Lock()
	defer b.table.mu.Unlock()
	b.size += int64(len(line))
	if _, lives := b.table.lines[idOf(line)]; lives && b.table.limits.Unlisted {
		return false, nil
	}
	b.lines = append(b.lines, string(line))
	return true, nil
}

func (b *batch) Size() int64 { return b.size }
func (b *batch) Reset()      { b.lines, b.size = nil, 0 }

func (b *batch) Send(_ context.Context, lo, hi int) error {
	t := b.table
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range b.lines[lo:hi] {
		if t.send != nil {
			if err := t.send(idOf([]byte(line))); err != nil {
				return err
			}
		}
	}
	t.sent = append(t.sent, hi-lo)
	for _, line := range b.lines[lo:hi] {
		id, in := idOf([]byte(line)), true
		if t.put != nil {
			line, in = t.put(id, line)
		}
		if in {
			t.add(id, line)
		}
	}
	return nil
}

type page struct {
	table *table
	rows  []uint32
	came  []string
	lines rows.Lines
}

func (p *page) Fetch(_ context.Context, ids *rows.IDs, ask rows.Ask) error {
	t := p.table
	t.mu.Lock()
	defer t.mu.Unlock()
	p.rows, p.came = nil, nil
	var names []string
	for _, i := range ask.Rows {
		names = append(names, string(ids.At(int(i))))
	}
	if t.fetch != nil {
		if err := t.fetch(names, ask); err != nil {
			return err
		}
	}
	for n, i := range ask.Rows {
		line, lives := t.lines[names[n]]
		if !lives {
			continue
		}
		if ask.Bare {
			line = strings.Replace(line, `"embedding":[1.0,2.0]`, `"embedding":null`, 1)
		}
		p.rows, p.came = append(p.rows, i), append(p.came, line)
	}
	return nil
}

func (p *page) Rows() []uint32 { return p.rows }
func (p *page) Bytes() int64   { return int64(len(strings.Join(p.came, ""))) }
func (p *page) Trim()          {}
func (p *page) Same(n int, rec []byte) (rows.Verdict, error) {
	return p.lines.Same([]byte(p.came[n]), rec), nil
}

func idOf(line []byte) string {
	var scanner record.Scanner
	id, err := rows.AppendID(nil, line, &scanner)
	if err != nil {
		panic(err)
	}
	return string(id)
}

// some returns n rows whose documents say so.
func some(n int, says string) []memory.Record {
	var lines []memory.Record
	for i := range n {
		lines = append(lines, fmt.Appendf(nil, `{"id":"row-%03d","embedding":[1.0,2.0],"metadata":null,"document":%q}`, i, says))
	}
	return lines
}

// sequence yields rows through one buffer that it overwrites.
func sequence(lines []memory.Record) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		var buffer []byte
		for _, line := range lines {
			buffer = append(buffer[:0], line...)
			ok := yield(buffer, nil)
			copy(buffer, bytes.Repeat([]byte("!"), len(buffer)))
			if !ok {
				return
			}
		}
	}
}

var errBroken = errors.New("the bundle broke")

// broken is a sequence that ends with an error.
func broken(lines []memory.Record) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for rec, err := range sequence(lines) {
			if !yield(rec, err) {
				return
			}
		}
		yield(nil, errBroken)
	}
}

// heard is what was reported, by outcome: ids, each with its reason.
type heard map[store.Outcome][]string

func (h heard) hear(e store.Event) error {
	h[e.Outcome] = append(h[e.Outcome], strings.TrimSuffix(e.ID+": "+e.Reason, ": "))
	return nil
}

func merge(t *testing.T, into *table, lines []memory.Record) (store.Result, heard) {
	t.Helper()
	h, result := heard{}, store.Result{Proof: store.ProofFull}
	if err := rows.Merge(t.Context(), into, sequence(lines), store.MergeOptions{Report: h.hear}, &result); err != nil {
		t.Fatalf("merge: %v", err)
	}
	if n := result.Same + result.Differs + result.Removed + result.Missing + result.Rejected; n != result.Records {
		t.Errorf("got %+v: %d outcomes, want one for each record", result, n)
	}
	return result, h
}
