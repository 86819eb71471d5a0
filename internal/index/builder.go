package index

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"keepsake/internal/memory"
)

// Options tune a Builder.
type Options struct {
	// Dir is where entries are put that don't fit the memory, "" the system's folder
	// for such files. Nothing stays there.
	Dir string
	// Entries are how many of them are held in memory, 0 stands for 65,536 (2 MiB).
	Entries int
}

const defaultEntries = 64 << 10

// Builder makes an index of entries that come in any order. It holds no more of them
// than Options says; the others are sorted and wait in a file. Close it.
type Builder struct {
	kind  memory.Kind
	opts  Options
	run   []Entry
	spill spill
	count int64
	err   error // of the spill, told by WriteTo
	// again are the lines that came before. They are known when all are sorted.
	again *Builder
}

// NewBuilder returns a Builder for records of a kind.
func NewBuilder(kind memory.Kind, opts Options) *Builder {
	if opts.Entries <= 0 {
		opts.Entries = defaultEntries
	}
	return &Builder{kind: kind, opts: opts, spill: spill{dir: opts.Dir}}
}

// Add adds a record. A failure to keep it is told by Write.
func (b *Builder) Add(e Entry) {
	if b.err != nil {
		return
	}
	if len(b.run) >= b.opts.Entries {
		sorted(b.run)
		if b.err = b.spill.add(b.run); b.err != nil {
			return
		}
		b.run = b.run[:0]
	}
	b.grow()
	b.run = append(b.run, e)
	b.count++
}

// grow doubles the run, up to what may be held: append would go beyond.
func (b *Builder) grow() {
	const first = 64
	if len(b.run) == cap(b.run) {
		bigger := make([]Entry, len(b.run), min(max(first, 2*cap(b.run)), b.opts.Entries))
		copy(bigger, b.run)
		b.run = bigger
	}
}

// Entries returns how many records were added.
func (b *Builder) Entries() int64 { return b.count }

// Write writes the index of what was added. payload is the SHA-256 of the file that
// holds the records. ErrTwice where two have one key, unless they are lines. It can
// be called again.
func (b *Builder) Write(w io.Writer, payload Digest) error {
	if b.err != nil {
		return b.err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	head := Header{Kind: b.kind, Entries: b.count, Payload: payload}.encode()
	if _, err := out.Write(head[:]); err != nil {
		return err
	}
	in, err := b.all()
	if err != nil {
		return err
	}
	var last, e Entry // outside of the loop: they are allocated
	for n := 0; ; n++ {
		if e, err = in.Next(); errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err == nil && n > 0 && compareKeys(&last, &e) == 0 {
			err = fmt.Errorf("%w: %x", ErrTwice, e.Key())
		}
		if err == nil {
			_, err = out.Write(e[:])
		}
		if err != nil {
			return err
		}
		last = e
	}
}

// all returns the entries in order.
func (b *Builder) all() (source, error) {
	sorted(b.run)
	if b.kind != memory.Lines {
		return b.merged()
	}
	if err := b.number(); err != nil {
		return nil, err
	}
	firsts, err := b.merged()
	if err != nil {
		return nil, err
	}
	repeats, err := b.again.all()
	if err != nil {
		return nil, err
	}
	return merge([]source{&distinct{in: firsts}, repeats})
}

// number gives the lines that came before a key of their own, once.
func (b *Builder) number() error {
	if b.again != nil {
		return nil
	}
	in, err := b.merged()
	if err != nil {
		return err
	}
	again := NewBuilder("", b.opts) // of no kind that is numbered
	var first Entry
	for n := uint64(0); ; n++ {
		e, err := in.Next()
		if errors.Is(err, io.EOF) {
			b.again = again
			return again.err
		}
		if err != nil {
			return errors.Join(err, again.Close())
		}
		if n > 0 && compareKeys(&first, &e) == 0 {
			again.Add(repeated(e, n))
		} else {
			first, n = e, 0
		}
	}
}

// merged returns the entries as they were added, in order.
func (b *Builder) merged() (source, error) {
	return merge(append(b.spill.runs(), &held{b.run}))
}

// Close lets go of what is in memory and on disk. It is harmless twice.
func (b *Builder) Close() error {
	b.run = nil
	err := b.spill.close()
	if b.again != nil {
		err = errors.Join(err, b.again.Close())
	}
	return err
}

// sorted puts entries in order, by all of their bytes: so an index follows from its
// records, whatever order they came in.
func sorted(run []Entry) {
	slices.SortFunc(run, func(a, b Entry) int { return compareEntries(&a, &b) })
}

// held are entries in memory.
type held struct{ left []Entry }

// Next implements source.
func (h *held) Next() (e Entry, err error) {
	if len(h.left) == 0 {
		return e, io.EOF
	}
	e, h.left = h.left[0], h.left[1:]
	return e, nil
}

// distinct leaves out entries whose key has just been.
type distinct struct {
	in   source
	last Entry
	any  bool
}

// Next implements source.
func (d *distinct) Next() (Entry, error) {
	for {
		e, err := d.in.Next()
		if err != nil || !d.any || compareKeys(&d.last, &e) != 0 {
			d.last, d.any = e, true
			return e, err
		}
	}
}
