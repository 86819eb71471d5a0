package collections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// Foresee implements store.Foreseer: it merges into a copy of the file, and takes the
// file's write lock for a moment where something would be added.
func (s *Store) Foresee(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.ForeseeOptions) (result store.Result, err error) {
	result.Proof = store.ProofFull
	path, err := checkOurs(ctx, s.config.Path, s.config.BusyTimeout)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return result, err
	}
	if absent {
		path = s.config.Path
	}
	if err := store.Writable(filepath.Dir(path)); err != nil {
		return result, unreachable(ctx, s.config.Path, err)
	}
	dir, remove, err := opts.Folder()
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	twin := New(s.config)
	twin.config.Path = filepath.Join(dir, "copy")
	if absent {
		return twin.Merge(ctx, spec, records, opts.MergeOptions)
	}
	live, err := sqlitefile.OpenLive(ctx, path, s.config.BusyTimeout)
	if err != nil {
		return result, unreachable(ctx, path, err)
	}
	defer func() { err = errors.Join(err, live.Close()) }()
	if err := live.CopyTo(ctx, twin.config.Path); err != nil {
		return result, unreachable(ctx, path, err)
	}
	if result, err = twin.Merge(ctx, spec, records, opts.MergeOptions); err != nil || result.Added == 0 {
		return result, err
	}
	if err := live.Lock(ctx, s.config.BusyTimeout); err != nil {
		return result, fmt.Errorf("merge %s: %w", spec.Name, explain(err))
	}
	return result, nil
}

var _ store.Foreseer = (*Store)(nil)
