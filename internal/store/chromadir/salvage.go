package chromadir

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"keepsake/internal/store/sqlitefile"
)

// errNotFinite says that a vector holds what is no number.
var errNotFinite = errors.New("its vector holds a number that is none")

// errRowLost says that there is a vector and no row.
var errRowLost = errors.New("the database has no row of its id")

// salvage yields whatever can be read: rows, whole or without vectors; then
// vectors whose rows are lost; then vectors whose ids are lost. It goes on after
// everything but an end of the context, and a full disk.
func (r *reader) salvage(ctx context.Context) (more bool, err error) {
	s := salvager{reader: r, came: newLabels()}
	for _, stage := range []func(context.Context) (bool, error){s.rows, s.listed, s.rowless, s.queued, s.unnamed} {
		more, err := stage(ctx)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if sqlitefile.NoRoom(err) {
			return false, err
		}
		if err != nil {
			s.problem(err)
		} else if !more {
			return false, nil
		}
	}
	return true, nil
}

type salvager struct {
	*reader
	came *labels // the ids that came, or are known to be lost
}

func (s *salvager) problem(err error) {
	s.tally.Problems = append(s.tally.Problems, words(err))
}

// once reports whether an id comes for the first time.
func (s *salvager) once(id []byte) bool { return !errors.Is(s.came.add(id, 0), errTwice) }

// rows yields the rows of the table.
func (s *salvager) rows(ctx context.Context) (more bool, err error) { return s.each(ctx, rowsQuery) }

// listed yields the rows that the table has lost and its index of ids names.
func (s *salvager) listed(ctx context.Context) (more bool, err error) { return s.each(ctx, listQuery) }

func (s *salvager) each(ctx context.Context, query string) (more bool, err error) {
	db := s.session.copy.db
	if db == nil {
		return true, nil
	}
	return db.eachRow(ctx, query, s.collection, func(r *row) bool {
		return !s.once(r.id) || s.row(ctx, r)
	})
}

// row yields what there is of one row.
func (s *salvager) row(ctx context.Context, row *row) (more bool) {
	lost := s.session.copy.db.attach(ctx, row)
	if lost != nil {
		row.metadata.reset()
	}
	bits, why := s.bits(ctx, row.id)
	if why != nil {
		if spare, ok := s.spare(row.id, row.seq); ok {
			bits, why = s.from(ctx, spare)
		}
	}
	if why == nil && !finite(bits) {
		why = errNotFinite
	}
	if why != nil {
		bits = nil
	}
	if why != nil && lost != nil {
		s.lose(row.id, errors.Join(why, lost))
		return true
	}
	more, err := s.emit(row.id, bits, row)
	switch {
	case err != nil:
		s.lose(row.id, err)
		return true
	case why != nil:
		s.tally.Vectorless++
		s.tally.lose(string(row.id), "vector", why)
	case lost != nil:
		s.tally.Documentless++
		s.tally.lose(string(row.id), "document", errors.New(words(lost)))
	default:
		s.tally.Whole++
	}
	return more
}

// lose notes a row of which nothing can be had.
func (s *salvager) lose(id []byte, why error) {
	s.tally.Unreadable++
	s.tally.lose(string(id), "row", why)
	s.unreadable = append(s.unreadable, string(id))
}

// rowless yields the vectors of the index whose rows are lost.
func (s *salvager) rowless(ctx context.Context) (more bool, err error) {
	for i := range s.index.ids.len() {
		id := s.index.ids.id(i)
		q := s.queue[string(id)]
		if q.gone || q.newer > 0 || !s.once(id) {
			continue // those of the queue come next
		}
		if !s.vectorOnly(ctx, id, errRowLost) || ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	return true, nil
}

// queued yields the vectors of the queue whose rows are lost.
func (s *salvager) queued(ctx context.Context) (more bool, err error) {
	for _, id := range slices.Sorted(maps.Keys(s.queue)) {
		if s.queue[id].newer == 0 || !s.once([]byte(id)) {
			continue
		}
		if !s.vectorOnly(ctx, []byte(id), errRowLost) || ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	return true, nil
}

// vectorOnly yields an id and its vector.
func (s *salvager) vectorOnly(ctx context.Context, id []byte, why error) (more bool) {
	bits, err := s.bits(ctx, id)
	if err == nil && !finite(bits) {
		err = errNotFinite
	}
	more = true
	if err == nil {
		more, err = s.emit(id, bits, nil)
	}
	if err != nil {
		s.lose(id, errors.Join(why, err))
		return true
	}
	s.tally.Documentless++
	s.tally.lose(string(id), "document", why)
	return more
}

// unnamed yields the vectors of the index whose ids are lost.
func (s *salvager) unnamed(ctx context.Context) (more bool, err error) {
	for _, e := range s.index.nameless() {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		id := fmt.Appendf(nil, "label-%d", e.label)
		bits, err := s.indexed(e)
		if err == nil && !finite(bits) {
			err = errNotFinite
		}
		more = true
		if err == nil {
			more, err = s.emit(id, bits, nil)
		}
		if err != nil {
			s.lose(id, err)
			continue
		}
		s.tally.Unnamed++
		s.tally.lose(string(id), "id", errNoName)
		if !more {
			return false, nil
		}
	}
	return true, nil
}
