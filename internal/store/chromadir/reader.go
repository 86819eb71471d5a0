package chromadir

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// reader yields the rows of one section as canonical lines.
type reader struct {
	session *Session
	section memory.Section
	*part

	yield   func(memory.Record, error) bool
	scanner record.Scanner
	vector  []byte
	single  batch     // of one row that is rescued
	tally   Recovered // what is rescued

	read       int64
	salvaged   int64
	unreadable []string
	ended      time.Time
}

func (r *reader) records(ctx context.Context) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		r.yield = yield
		all := r.walk
		if r.rescued {
			all = r.salvage
		}
		more, err := all(ctx)
		switch {
		case err == nil && more:
			r.ended = r.session.config.Now()
		case err == nil:
		case ctx.Err() != nil:
			yield(nil, fmt.Errorf("read %s: %w", r.section, context.Cause(ctx)))
		default:
			yield(nil, fmt.Errorf("read %s: %s: %w", r.section, r.session.path, explain(err)))
		}
	}
}

// walk yields all rows. More is false when the consumer stopped.
func (r *reader) walk(ctx context.Context) (more bool, err error) {
	rows, err := r.session.copy.db.rows(ctx, r.collection)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	p := newPipeline(func(b *batch) (more bool) { return r.fill(ctx, rows, b) })
	defer p.stop()
	for b := range p.spelled {
		for line := range b.each {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			r.read++
			if !r.yield(line, nil) {
				return false, nil
			}
		}
		if r.salvaged += b.salvaged; b.err != nil {
			return false, b.err
		}
		p.free <- b
	}
	return true, nil
}

// fill reads the next rows into a batch, and reports whether there may be more.
func (r *reader) fill(ctx context.Context, rows *rowReader, b *batch) (more bool) {
	for !b.full() {
		if b.err = ctx.Err(); b.err != nil {
			return false
		}
		row, err := rows.next()
		if b.err = err; err != nil || row == nil {
			return false
		}
		bits, err := r.bits(ctx, row.id)
		if err != nil {
			b.err = fmt.Errorf("row %q: %w", row.id, err)
			return false
		}
		b.add(row.id, bits, &row.metadata)
	}
	return true
}

// emit prints a row and yields it. Row is nil when there is but a vector.
func (r *reader) emit(id, bits []byte, row *row) (more bool, err error) {
	var none fields
	metadata := &none
	if row != nil {
		metadata = &row.metadata
	}
	r.single.reset()
	r.single.add(id, bits, metadata)
	if err := r.single.spell(&r.scanner); err != nil {
		return false, err
	}
	r.salvaged += r.single.salvaged
	r.read++
	return r.yield(r.single.lines, nil), nil
}

// bits reads the vector of a row.
func (r *reader) bits(ctx context.Context, id []byte) ([]byte, error) {
	from, err := r.source(id)
	if err != nil {
		return nil, err
	}
	return r.from(ctx, from)
}

// from reads a vector from where it is.
func (r *reader) from(ctx context.Context, from source) ([]byte, error) {
	db := r.session.copy.db
	if from.seq > 0 {
		return db.vectorAt(ctx, from.seq, r.dimension)
	}
	bits, err := r.indexed(from.element)
	if err != nil || !r.index.cosine || from.older == 0 {
		return bits, err
	}
	older, err := db.vectorAt(ctx, from.older, r.dimension)
	if err != nil {
		return nil, err
	}
	return original(bits, older), nil
}

// indexed reads the vector of an element.
func (r *reader) indexed(e element) ([]byte, error) {
	if n := r.index.level0.dimension(); n != r.dimension {
		return nil, fmt.Errorf("the index has %d numbers a vector, the collection %d", n, r.dimension)
	}
	if r.vector == nil {
		r.vector = make([]byte, 4*r.dimension)
	}
	return r.vector, r.index.vector(r.vector, e)
}

// finite reports whether bits, little-endian float32, hold no NaN and no
// infinity: those are the numbers whose exponent is all ones.
func finite(bits []byte) bool {
	const exponent = 0xff << 23
	for ; len(bits) >= 4; bits = bits[4:] {
		if binary.LittleEndian.Uint32(bits)&exponent == exponent {
			return false
		}
	}
	return true
}

// captured says what was seen. In a copy of one moment every row is held.
func (r *reader) captured() memory.Capture {
	unreadable := r.unreadable
	if unreadable == nil {
		unreadable = []string{}
	}
	return memory.Capture{
		StartedAt: r.session.started, EndedAt: r.ended,
		Before: r.rows, After: r.rows, Held: r.rows, Missing: max(0, r.rows-r.read-int64(len(unreadable))),
		Salvaged: r.salvaged, Documentless: r.tally.Documentless, Unnamed: r.tally.Unnamed, Damage: r.damage(),
		Unreadable: unreadable, Method: "directory",
	}
}

// damage says what is wrong with the files, of what is rescued: elsewhere that is
// an error, or has cost no row.
func (r *reader) damage() []string {
	if !r.rescued {
		return nil
	}
	all := append([]string(nil), r.tally.Problems...)
	for _, problem := range r.problems {
		all = append(all, words(problem))
	}
	return all
}
