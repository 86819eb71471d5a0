package graph

import (
	"context"
	"errors"
	"iter"
	"path/filepath"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// Foresee implements store.Foreseer: it merges into a copy, whose triggers and
// constraints are those of the graph, and takes the graph's write lock for a moment
// where something would be added.
func (g *Graph) Foresee(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.ForeseeOptions) (result store.Result, err error) {
	result.Proof = store.ProofFull
	if err := g.mine(spec.Name); err != nil {
		return result, err
	}
	path, found, err := locate(g.config.Path)
	if err == nil {
		err = store.Writable(filepath.Dir(path))
	}
	if err != nil {
		return result, explain("open", g.config.Path, store.ErrUnreachable, err)
	}
	dir, remove, err := opts.Folder()
	if err != nil {
		return result, staging(err)
	}
	defer func() { err = errors.Join(err, remove()) }()
	twin := New(g.config)
	twin.config.Path = filepath.Join(dir, "copy")
	var live *sqlitefile.Live
	if found {
		if live, err = g.copyTo(ctx, path, twin.config.Path); err != nil {
			return result, explain("copy", path, store.ErrUnreachable, err)
		}
		defer func() { err = errors.Join(err, live.Close()) }()
	}
	if result, err = twin.Merge(ctx, spec, records, opts.MergeOptions); err != nil || !found || result.Added == 0 {
		return result, err
	}
	if err := live.Lock(ctx, lockTries*g.config.BusyTimeout); err != nil {
		return result, explain("write", path, store.ErrUnreachable, err)
	}
	return result, nil
}

// copyTo copies the database, and leaves it open.
func (g *Graph) copyTo(ctx context.Context, path, to string) (*sqlitefile.Live, error) {
	live, err := sqlitefile.OpenLive(ctx, path, g.config.BusyTimeout)
	if err != nil {
		return nil, err
	}
	if err := live.CopyTo(ctx, to); err != nil {
		return nil, errors.Join(err, live.Close())
	}
	return live, nil
}

var _ store.Foreseer = (*Graph)(nil)
