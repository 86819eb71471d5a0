package index_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"keepsake/internal/index"
	"keepsake/internal/memory"
)

// row is a row of vectors as a model has it.
type row struct{ content, vector int }

func drawRows(t *rapid.T, name string) map[int]row {
	return rapid.MapOfN(rapid.IntRange(0, 40), rapid.Custom(func(t *rapid.T) row {
		return row{rapid.IntRange(0, 2).Draw(t, "content"), rapid.IntRange(0, 2).Draw(t, "vector")}
	}), 0, 40).Draw(t, name)
}

// TestCompareModel: two indexes tell what two maps tell, however little memory there
// was to sort them in.
func TestCompareModel(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		before, now := drawRows(t, "before"), drawRows(t, "now")
		want := index.Difference{Before: int64(len(before)), Now: int64(len(now))}
		for id, was := range before {
			is, there := now[id]
			switch {
			case !there:
				want.Removed++
			case is.content != was.content:
				want.Changed++
			case is != was:
				want.Moved++
			}
		}
		for id := range now {
			if _, there := before[id]; !there {
				want.Added++
			}
		}
		limit := rapid.IntRange(1, 50).Draw(t, "limit")
		told := index.Difference{Before: want.Before, Now: want.Now}
		got, err := index.Compare(open(t, dir, before, limit), open(t, dir, now, limit), func(c index.Change, _ *index.Entry) error {
			*map[index.Change]*int64{index.Added: &told.Added, index.Removed: &told.Removed, index.Changed: &told.Changed, index.Moved: &told.Moved}[c]++
			return nil
		})
		if err != nil || got != want || told != want {
			t.Errorf("got %+v, told %+v, %v, want %+v", got, told, err, want)
		}
	})
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// drawn is what rapid.T and testing.T have in common.
type drawn interface {
	Helper()
	Fatal(args ...any)
}

func open(t drawn, dir string, rows map[int]row, limit int) *index.Reader {
	t.Helper()
	b := index.NewBuilder(memory.Vectors, index.Options{Dir: dir, Entries: limit})
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		b.Add(index.Vector(fmt.Append(nil, id), payload(fmt.Sprint(rows[id].content)), []byte{byte(rows[id].vector)}))
	}
	return opened(t, b)
}

func opened(t drawn, b *index.Builder) *index.Reader {
	t.Helper()
	var out bytes.Buffer
	if err := b.Write(&out, payload("")); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := index.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLinesModel: lines are a bag: what comes three times and then twice lost one.
func TestLinesModel(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []int { return rapid.SliceOfN(rapid.IntRange(0, 6), 0, 60).Draw(t, name) }
		before, now := draw("before"), draw("now")
		want := index.Difference{Before: int64(len(before)), Now: int64(len(now))}
		for line := range 7 {
			more := count(now, line) - count(before, line)
			want.Added += max(more, 0)
			want.Removed += max(-more, 0)
		}
		limit := rapid.IntRange(1, 50).Draw(t, "limit")
		bag := func(all []int) *index.Reader {
			b := index.NewBuilder(memory.Lines, index.Options{Dir: dir, Entries: limit})
			for _, line := range all {
				b.Add(index.Line(payload(fmt.Sprint(line))))
			}
			return opened(t, b)
		}
		got, err := index.Compare(bag(before), bag(now), nil)
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func count(all []int, line int) (n int64) {
	for _, l := range all {
		if l == line {
			n++
		}
	}
	return n
}

// TestOrderIsNothing: an index follows from its records, not from their order or from
// the memory there was.
func TestOrderIsNothing(t *testing.T) {
	var all []index.Entry
	for i := range 500 {
		all = append(all, index.Line(payload(fmt.Sprint(i/3))))
	}
	want := written(t, memory.Lines, 0, all...)
	slices.Reverse(all)
	for _, limit := range []int{1, 7, 100, 499, 500, 501} {
		if got := written(t, memory.Lines, limit, all...); !bytes.Equal(got, want) {
			t.Errorf("%d entries in memory: another index", limit)
		}
	}
}
