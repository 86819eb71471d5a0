package index_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"keepsake/internal/index"
	"keepsake/internal/memory"
)

// written returns the index of entries, held in memory as far as limit.
func written(t testing.TB, kind memory.Kind, limit int, entries ...index.Entry) []byte {
	t.Helper()
	b := index.NewBuilder(kind, index.Options{Dir: t.TempDir(), Entries: limit})
	for _, e := range entries {
		b.Add(e)
	}
	var out bytes.Buffer
	if err := errors.Join(b.Write(&out, payload("payload")), b.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func payload(text string) index.Digest { return sha256.Sum256([]byte(text)) }

// read reads an index to its end.
func read(data []byte) (all []index.Entry, err error) {
	r, err := index.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
}

// examples are the vectors of docs/format.md, one index of each kind.
func examples() map[memory.Kind][]index.Entry {
	digest := payload
	node, _ := index.Element(false, []byte("n-1"), digest("node"), nil)
	edge, _ := index.Element(true, []byte("n-1"), digest("edge"), nil)
	return map[memory.Kind][]index.Entry{
		memory.Vectors: {
			index.Vector([]byte("mem_1"), digest("content 1"), []byte{0, 0, 0, 63, 0, 0, 160, 191, 0, 0, 64, 64}),
			index.Vector([]byte("mem_2"), digest("content 2"), nil),
		},
		memory.Elements: {node, edge},
		memory.Lines:    {index.Line(digest("a")), index.Line(digest("b")), index.Line(digest("a")), index.Line(digest("a"))},
		memory.Opaque:   {index.File("notes/plan.md", digest("plan"))},
	}
}

// TestGolden: the bytes of an index are a promise.
func TestGolden(t *testing.T) {
	for kind, entries := range examples() {
		path := filepath.Join("testdata", string(kind)+".hex")
		got := hex.EncodeToString(written(t, kind, 0, entries...))
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if lines(got) != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", kind, lines(got), want)
		}
	}
}

// lines prints 32 bytes a line.
func lines(digits string) string {
	var b bytes.Buffer
	for ; digits != ""; digits = digits[2*index.EntrySize:] {
		b.WriteString(digits[:2*index.EntrySize] + "\n")
	}
	return b.String()
}

func TestReaderRefuses(t *testing.T) {
	good := written(t, memory.Vectors, 0, examples()[memory.Vectors]...)
	changed := func(change func([]byte)) []byte {
		b := bytes.Clone(good)
		change(b)
		return b
	}
	swapped := changed(func(b []byte) {
		copy(b[index.HeaderSize:], good[index.HeaderSize+index.EntrySize:])
		copy(b[index.HeaderSize+index.EntrySize:], good[index.HeaderSize:index.HeaderSize+index.EntrySize])
	})
	for name, data := range map[string][]byte{
		"Nothing": nil, "HalfAHeader": good[:40], "HalfAnEntry": good[:index.HeaderSize+20],
		"AnEntryTooFew": good[:len(good)-index.EntrySize], "AnEntryTooMany": append(bytes.Clone(good), good[index.HeaderSize:][:index.EntrySize]...),
		"AByteTooMany": append(bytes.Clone(good), 0), "Magic": changed(func(b []byte) { b[0]++ }), "Version": changed(func(b []byte) { b[8]++ }),
		"Kind": changed(func(b []byte) { b[12] = 9 }), "Reserved": changed(func(b []byte) { b[24] = 1 }),
		"Count": changed(func(b []byte) { b[23] = 255 }), "Order": swapped,
		"Twice": changed(func(b []byte) { copy(b[index.HeaderSize+index.EntrySize:], b[index.HeaderSize:]) }),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := read(data); !errors.Is(err, index.ErrFormat) {
				t.Errorf("got %v, want %v", err, index.ErrFormat)
			}
		})
	}
}

func TestBuilderRefusesOneKeyTwice(t *testing.T) {
	e := index.Vector([]byte("a"), payload("x"), nil)
	b := index.NewBuilder(memory.Vectors, index.Options{})
	b.Add(e)
	b.Add(e)
	if err := b.Write(io.Discard, payload("")); !errors.Is(err, index.ErrTwice) {
		t.Errorf("got %v, want %v", err, index.ErrTwice)
	}
}

func TestCompareRefusesOtherKinds(t *testing.T) {
	a, _ := index.NewReader(bytes.NewReader(written(t, memory.Vectors, 0)))
	b, _ := index.NewReader(bytes.NewReader(written(t, memory.Lines, 0)))
	if _, err := index.Compare(a, b, nil); !errors.Is(err, index.ErrKinds) {
		t.Errorf("got %v, want %v", err, index.ErrKinds)
	}
}

// TestAddAllocatesNothing: not per row.
func TestAddAllocatesNothing(t *testing.T) {
	b := index.NewBuilder(memory.Vectors, index.Options{})
	id, bits, content := []byte("mem_1"), make([]byte, 4096), payload("x")
	for range 2000 {
		b.Add(index.Vector(id, content, bits))
	}
	if got := testing.AllocsPerRun(1000, func() { b.Add(index.Vector(id, content, bits)) }); got >= 1 {
		t.Errorf("got %v allocations a row, want none", got)
	}
}

func FuzzReader(f *testing.F) {
	for kind, entries := range examples() {
		f.Add(written(f, kind, 0, entries...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := index.NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		entries, err := read(data)
		if err != nil {
			return
		}
		b := index.NewBuilder(r.Kind, index.Options{})
		for _, e := range entries {
			b.Add(e)
		}
		var out bytes.Buffer
		if err := b.Write(&out, r.Payload); err != nil || !bytes.Equal(out.Bytes(), data) {
			t.Errorf("what was read and written again is another one: %v", err)
		}
	})
}
