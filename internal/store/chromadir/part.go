package chromadir

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
)

// part is what a session knows of one section.
type part struct {
	*collection
	folder    string // the copy of its index
	index     *index
	queue     queued
	positions positions
	rows      int64   // rows that there are
	rescued   bool    // what can't be read is left out
	problems  []error // what could not be read, when it is rescued
}

// load reads the index and brings all up to the end of the queue.
func (p *part) load(ctx context.Context, from *snapshot) (err error) {
	if p.positions, err = from.db.positions(ctx, p.collection); err != nil {
		return err
	}
	if p.index, err = loadIndex(ctx, p.folder, p.distance()); err != nil {
		return err
	}
	if err := p.loadQueue(ctx, from); err != nil {
		return err
	}
	return from.db.replay(ctx, p.collection, p.positions.metadocs)
}

// space is the distance, "" where nothing tells l2 from ip.
func (p *part) space() string {
	if p.index != nil && p.index.guessed {
		if p.index.cosine {
			return "cosine"
		}
		return ""
	}
	return p.distance()
}

// loadQueue finds what goes before the index's vectors.
func (p *part) loadQueue(ctx context.Context, from *snapshot) (err error) {
	position := p.positions.vectors
	switch {
	case p.index.ids.len() == 0:
		position = 0 // nothing was saved, or it is lost: the queue has all that there is
	case position == 0:
		position = p.index.maxSeq
	}
	p.queue, err = from.db.loadQueue(ctx, p.collection, position, func(id string) bool {
		return p.index.ids.find([]byte(id)) >= 0
	})
	return err
}

// source is where the vector of a row is: at a position of the queue, or, where
// that is 0, in the index.
type source struct {
	seq     int64
	element element
	older   int64 // position in the queue of what the index may have less exactly
}

// source finds the vector of a row; the error says why there is none.
func (p *part) source(id []byte) (source, error) {
	q := p.queue[string(id)]
	switch {
	case q.newer > 0:
		return source{seq: q.newer}, nil
	case q.gone:
		return source{}, errDeleted
	}
	e, err := p.index.find(id)
	return source{element: e, older: q.older}, err
}

// spare finds a vector that the index has lost in what the queue still holds. seq
// is the position of the last operation on the row.
func (p *part) spare(id []byte, seq int64) (source, bool) {
	q := p.queue[string(id)]
	if q.gone || q.older == 0 || q.unsure && q.older != seq {
		return source{}, false
	}
	return source{seq: q.older}, true
}

// whole counts the rows, and fails unless each has its vector and each vector its
// row.
func (p *part) whole(ctx context.Context, db *database) error {
	seen := newNumbers(p.index.ids.len())
	var without []string
	_, err := db.eachRow(ctx, rowsQuery, p.collection, func(r *row) bool {
		p.rows++
		seen.add(p.index.ids.find(r.id))
		if _, err := p.source(r.id); err != nil && len(without) < 3 {
			without = append(without, fmt.Sprintf("row %q: %v", r.id, err))
		}
		return true
	})
	if err != nil {
		return err
	}
	if len(without) > 0 {
		return errors.Join(errors.New("rows have no vector: "+strings.Join(without, "; ")), errors.Join(p.index.problems...))
	}
	if id, n := p.rowless(seen); n > 0 {
		return fmt.Errorf("%d vectors have no row, as that of %q", n, id)
	}
	return nil
}

// rowless counts the vectors of the index whose id is not among those seen, and
// returns one of the ids.
func (p *part) rowless(seen numbers) (id []byte, n int64) {
	for i := range p.index.ids.len() {
		if seen.has(i) {
			continue
		}
		one := p.index.ids.id(i)
		if _, err := p.source(one); err == nil {
			id = one
			n++
		}
	}
	return id, n
}

// original returns the vector that the index was made from, where the queue still
// has it and it is the same but for rounding.
func original(fromIndex, fromQueue []byte) []byte {
	for i := range len(fromIndex) / 4 {
		a, b := float64(float32At(fromQueue, i)), float64(float32At(fromIndex, i))
		if math.Abs(a-b) > 1e-6*math.Abs(a) {
			return fromIndex
		}
	}
	return fromQueue
}

// numbers is a set of small numbers; negative ones are not kept.
type numbers []uint64

func newNumbers(n int) numbers { return make(numbers, n/64+1) }

func (s numbers) add(n int) {
	if n >= 0 {
		s[n/64] |= 1 << (n % 64)
	}
}

func (s numbers) has(n int) bool { return s[n/64]>>(n%64)&1 == 1 }
