package chromadir

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Listed is a collection of a directory.
type Listed struct {
	Name, ID string
	Rows     int64 // as the tables have them
	// Foreign says why it is never a source: it is the rest of a swap. "" when it
	// may be one.
	Foreign string
}

// List lists the collections of the tenant's database, by name. It copies the
// database, and no index. Its errors are those of Open.
func (d *Dir) List(ctx context.Context) ([]Listed, error) {
	path, err := d.locate()
	if err != nil {
		return nil, err
	}
	var listed []Listed
	s, err := d.settle(ctx, func() (*Session, error) {
		s := &Session{config: d.config, path: path}
		listed = nil
		err := s.list(ctx, &listed)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return s, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list Chroma directory %s: %w", path, err)
	}
	return listed, s.Close()
}

func (s *Session) list(ctx context.Context, listed *[]Listed) (err error) {
	if s.copy, err = s.config.newSnapshot(); err != nil {
		return err
	}
	if err := s.copy.takeDatabase(ctx, &s.config, s.path); err != nil {
		return err
	}
	db := s.copy.db
	found, err := db.collections(ctx, s.config.Tenant, s.config.Database)
	if err != nil {
		return err
	}
	for _, c := range found {
		if err := db.complete(ctx, c); err != nil {
			return err
		}
		one := Listed{Name: c.name, ID: c.id, Foreign: c.foreign(true)}
		row := db.QueryRowContext(ctx, `SELECT count(*) FROM embeddings WHERE segment_id = ?`, c.metadocs)
		if err := row.Scan(&one.Rows); err != nil {
			return err
		}
		*listed = append(*listed, one)
	}
	return nil
}

// IDs yields the ids of a section, in the order of its rows, to compare them with
// those that a server lists. An id is valid until the next.
func (s *Session) IDs(ctx context.Context, section memory.Section) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		p := s.parts[section]
		if p == nil || s.copy.db == nil {
			yield(nil, fmt.Errorf("list ids of %s: %w", section, store.ErrAbsent))
			return
		}
		_, err := s.copy.db.eachRow(ctx, rowsQuery, p.collection, func(r *row) bool { return yield(r.id, nil) })
		if err != nil {
			yield(nil, fmt.Errorf("list ids of %s: %w", section, explain(err)))
		}
	}
}
