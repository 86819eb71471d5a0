package chromadir

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// source is where the vector of a row is.
type source struct {
	seq     int64   // position in the queue, 0 for the index
	element element // of the index
	older   int64   // position in the queue of what the index may have less exactly
}

// source finds the vector of a row; false when there is none.
func (p *part) source(id []byte) (source, bool) {
	q := p.queue.rows[string(id)]
	if q.newer > 0 {
		return source{seq: q.newer}, true
	}
	if q.gone {
		return source{}, false
	}
	e, ok := p.index.find(id)
	return source{element: e, older: q.older}, ok
}

// whole counts the rows and fails unless each has its vector.
func (p *part) whole(ctx context.Context, db *database) error {
	rows, err := db.query(ctx, rowsQuery, p.metadocs)
	if err != nil {
		return err
	}
	defer rows.Close()
	var number int64
	var id []byte
	var without []string
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := rows.Scan(&number, &id); err != nil {
			return err
		}
		p.rows++
		if _, ok := p.source(id); !ok {
			without = append(without, string(id))
		}
	}
	if err := rows.Err(); err != nil || len(without) == 0 {
		return err
	}
	few := without[:min(3, len(without))]
	return errors.Join(fmt.Errorf("%d of %d rows have no vector, as %q", len(without), p.rows, strings.Join(few, `", "`)),
		errors.Join(p.index.problems...))
}

// reader yields the rows of one section as canonical lines.
type reader struct {
	session *Session
	section memory.Section
	*part

	scanner  record.Scanner
	vector   []byte
	metadata []byte
	line     []byte

	read     int64
	salvaged int64
	ended    time.Time
}

func (r *reader) records(ctx context.Context) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		more, err := r.walk(ctx, yield)
		switch {
		case err == nil && more:
			r.ended = r.session.config.Now()
		case err == nil:
		case ctx.Err() != nil:
			yield(nil, fmt.Errorf("read %s: %w", r.section, context.Cause(ctx)))
		default:
			yield(nil, fmt.Errorf("read %s: %s: %w: %w", r.section, r.session.path, store.ErrUnreadable, explain(err)))
		}
	}
}

// walk yields all rows. More is false when the consumer stopped.
func (r *reader) walk(ctx context.Context, yield func(memory.Record, error) bool) (more bool, err error) {
	rows, err := r.session.copy.db.rows(ctx, r.collection)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		row, err := rows.next()
		if err != nil {
			return false, err
		}
		if row == nil {
			return true, nil
		}
		if err := r.print(ctx, row); err != nil {
			return false, fmt.Errorf("row %q: %w", row.id, err)
		}
		r.read++
		if !yield(r.line, nil) {
			return false, nil
		}
	}
}

// print writes a row into line. A vector with a number that is no number can't
// be had from a server either: the row goes without.
func (r *reader) print(ctx context.Context, row *row) error {
	bits, err := r.bits(ctx, row.id)
	if err != nil {
		return err
	}
	if !finite(bits) {
		bits = nil
		r.salvaged++
	}
	r.metadata = row.metadata.appendTo(r.metadata[:0], visible)
	r.line, err = r.scanner.AppendVector(r.line[:0], string(row.id), bits, r.metadata, row.document())
	return err
}

// bits reads the vector of a row.
func (r *reader) bits(ctx context.Context, id []byte) ([]byte, error) {
	from, ok := r.source(id)
	if !ok {
		return nil, errors.New("it has no vector")
	}
	if from.seq > 0 {
		return r.session.copy.db.vectorAt(ctx, from.seq, r.dimension)
	}
	if n := r.index.level0.dimension(); n != r.dimension {
		return nil, fmt.Errorf("the index has %d numbers a vector, the collection %d", n, r.dimension)
	}
	if r.vector == nil {
		r.vector = make([]byte, 4*r.dimension)
	}
	if err := r.index.vector(r.vector, from.element); err != nil {
		return nil, err
	}
	if r.index.cosine && from.older > 0 {
		return r.original(ctx, from.older)
	}
	return r.vector, nil
}

// original returns the vector that the index was made from, where the queue still
// has it and it is the same but for rounding.
func (r *reader) original(ctx context.Context, seq int64) ([]byte, error) {
	bits, err := r.session.copy.db.vectorAt(ctx, seq, r.dimension)
	if err != nil {
		return nil, err
	}
	for i := range r.dimension {
		a, b := float64(float32At(bits, i)), float64(float32At(r.vector, i))
		if math.Abs(a-b) > 1e-6*math.Abs(a) {
			return r.vector, nil
		}
	}
	return bits, nil
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
	return memory.Capture{
		StartedAt: r.session.started, EndedAt: r.ended,
		Before: r.rows, After: r.rows, Held: r.rows, Missing: max(0, r.rows-r.read),
		Salvaged: r.salvaged, Unreadable: []string{}, Method: "directory",
	}
}
