package collections

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Neighbour is a row near a vector.
type Neighbour struct {
	ID string
	// Distance is what Chroma calls so: the square of the Euclidean distance for
	// l2, 1 − the inner product for ip, 1 − the cosine for cosine. Source:
	// docs.trychroma.com, "Configure collections", hnsw:space.
	Distance float64
}

const nearestQuery = `SELECT id, embedding FROM records NOT INDEXED WHERE collection = ?`

// Nearest returns the k rows of a section that are nearest to vector, nearest
// first, equally near ones by id; fewer when there are fewer. It measures every
// row, in float64, so its answer is exact. A collection that doesn't know its
// distance is measured by l2, Chroma's default; a vector of zeros has cosine 0
// with all others.
//
// Errors: store.ErrAbsent when the section does not exist; a vector of another
// dimension, or with a number that isn't finite, or k < 1.
func (s *Store) Nearest(ctx context.Context, section memory.Section, vector []float32, k int) ([]Neighbour, error) {
	probes, err := s.measure(ctx, section, [][]float32{vector}, k)
	if err != nil {
		return nil, fmt.Errorf("find nearest in %s: %w", section, err)
	}
	return probes[0].best, nil
}

// Search implements store.Searcher: as Nearest does, in one pass over the rows.
func (s *Store) Search(ctx context.Context, section memory.Section, vectors [][]float32, k int) ([][]string, error) {
	probes, err := s.measure(ctx, section, vectors, k)
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", section, err)
	}
	found := make([][]string, len(probes))
	for i, p := range probes {
		for _, n := range p.best {
			found[i] = append(found[i], n.ID)
		}
	}
	return found, nil
}

// measure returns a probe for each vector that has seen every row.
func (s *Store) measure(ctx context.Context, section memory.Section, vectors [][]float32, k int) (probes []*probe, err error) {
	if k < 1 {
		return nil, fmt.Errorf("k is %d", k)
	}
	look, err := s.open(ctx, []memory.Section{section})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, look.Close()) }()
	e, ok := look.entries[section]
	if !ok {
		return nil, fmt.Errorf("%w in %s", store.ErrAbsent, s.config.Path)
	}
	for _, vector := range vectors {
		p, err := newProbe(vector, e, k)
		if err != nil {
			return nil, err
		}
		probes = append(probes, p)
	}
	if err := measureAll(ctx, look.file.conn, e, probes); err != nil {
		return nil, err
	}
	for _, p := range probes {
		p.cut()
	}
	return probes, nil
}

// probe measures rows against one vector and keeps the nearest.
type probe struct {
	entry  entry
	vector []float64
	norm   float64
	k      int
	// best holds the nearest k so far and, unsorted, what came since; it is cut
	// back to k whenever it is twice as long. What is farther than limit can't
	// be among them.
	best  []Neighbour
	limit float64
}

func newProbe(vector []float32, e entry, k int) (*probe, error) {
	if e.dimension != 0 && len(vector) != e.dimension {
		return nil, fmt.Errorf("the vector has dimension %d, the collection's have %d", len(vector), e.dimension)
	}
	k = min(k, max(1, int(e.rows)))
	p := &probe{entry: e, vector: make([]float64, len(vector)), k: k, limit: math.Inf(1)}
	var square float64
	for i, x := range vector {
		p.vector[i] = float64(x)
		square += float64(x) * float64(x)
	}
	if math.IsNaN(square) || math.IsInf(square, 0) {
		return nil, errors.New("the vector has a number that is not finite")
	}
	p.norm = math.Sqrt(square)
	return p, nil
}

// measureAll shows every row to every probe.
func measureAll(ctx context.Context, conn *sql.Conn, e entry, probes []*probe) error {
	rows, err := conn.QueryContext(context.WithoutCancel(ctx), nearestQuery, e.number)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnreadable, explain(err))
	}
	defer rows.Close()
	var id string
	var bits sql.RawBytes
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := rows.Scan(&id, &bits); err != nil {
			return fmt.Errorf("%w: %w", store.ErrUnreadable, explain(err))
		}
		for _, p := range probes {
			if len(bits) != 4*len(p.vector) || !finite(bits) {
				return fmt.Errorf("%w: the vector of row %q is damaged", store.ErrUnreadable, id)
			}
			p.add(Neighbour{id, p.distance(bits)})
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnreadable, explain(err))
	}
	return nil
}

func (p *probe) add(n Neighbour) {
	if n.Distance > p.limit {
		return
	}
	p.best = append(p.best, n)
	if len(p.best) >= 2*p.k {
		p.cut()
	}
}

// cut sorts what was kept and lets go of all but the nearest k.
func (p *probe) cut() {
	slices.SortFunc(p.best, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.ID, b.ID))
	})
	if len(p.best) >= p.k {
		p.best = p.best[:p.k]
		p.limit = p.best[p.k-1].Distance
	}
}

func (p *probe) distance(bits []byte) float64 {
	switch p.entry.distance {
	case "ip":
		product, _ := p.product(bits)
		return 1 - product
	case "cosine":
		product, square := p.product(bits)
		if length := p.norm * math.Sqrt(square); length > 0 {
			return 1 - product/length
		}
		return 1
	}
	var sum float64
	for i, x := range p.vector {
		d := x - float(bits, i)
		sum += d * d
	}
	return sum
}

// product returns the inner product with bits, and that of bits with itself.
func (p *probe) product(bits []byte) (product, square float64) {
	for i, x := range p.vector {
		y := float(bits, i)
		product += x * y
		square += y * y
	}
	return product, square
}
