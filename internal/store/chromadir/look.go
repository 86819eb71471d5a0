package chromadir

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// settle looks until nothing changed under the look.
func (d *Dir) settle(ctx context.Context, look func() (*Session, error)) (*Session, error) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for try := 1; ; try++ {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		s, err := look()
		switch {
		case err == nil:
			return s, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case try == d.config.Tries || !errors.Is(err, errMoving):
			return nil, explain(err)
		}
		pause.Reset(time.Duration(try) * 20 * time.Millisecond)
	}
}

// look copies and loads once. errMoving when the directory changed meanwhile.
func (d *Dir) look(ctx context.Context, path string, sections []memory.Section) (*Session, error) {
	s := &Session{
		config: d.config, path: path, started: d.config.Now(),
		parts: map[memory.Section]*part{}, refused: map[memory.Section]error{},
	}
	before, err := printIndexes(path)
	if err != nil {
		return nil, err
	}
	if s.copy, err = d.config.newSnapshot(); err != nil {
		return nil, err
	}
	err = s.copy.takeDatabase(ctx, &d.config, path)
	if err == nil {
		err = s.find(ctx, sections)
	}
	if err == nil {
		err = s.copyIndexes(before)
	}
	if err == nil {
		err = s.load(ctx, before)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// copyIndexes copies the indexes of the parts, which must be then as they were
// before. One that can't be read is its section's affair.
func (s *Session) copyIndexes(before map[string]string) error {
	damaged := map[memory.Section]error{}
	for section, p := range s.parts {
		var damage, err error
		if p.folder, damage, err = s.copy.copyIndex(s.path, p.vectors); err != nil {
			return err
		}
		if damage != nil {
			damaged[section] = fmt.Errorf("collection %q: %w", p.name, damage)
		}
	}
	after, err := printIndexes(s.path)
	if err != nil {
		return err
	}
	for _, p := range s.parts {
		if before[p.vectors] != after[p.vectors] {
			return errMoving
		}
	}
	for section, err := range damaged {
		s.refuse(section, err)
	}
	return nil
}

// refuse takes a section that can't be read out of the parts.
func (s *Session) refuse(section memory.Section, err error) {
	if p := s.parts[section]; p != nil {
		_ = p.index.close() // nothing was written through it
		delete(s.parts, section)
	}
	s.refused[section] = &openError{s.path, explain(err)}
}

// blame says whether what looks like damage is a save that had begun before the
// look and went on after it.
func (s *Session) blame(ctx context.Context, before map[string]string, err error) error {
	const longest = 300 * time.Millisecond // that a busy machine lets a server wait in the middle of a save
	if ended := store.Pause(ctx, longest); ended != nil {
		return err
	}
	if after, failed := printIndexes(s.path); failed == nil && !maps.Equal(before, after) {
		return errors.Join(errMoving, err)
	}
	return err
}

// load reads the indexes and the queue, and makes sure of the rows.
func (s *Session) load(ctx context.Context, before map[string]string) error {
	for _, section := range slices.Sorted(maps.Keys(s.parts)) {
		p := s.parts[section]
		err := p.load(ctx, s.copy)
		if err == nil {
			err = p.whole(ctx, s.copy.db)
		}
		if err != nil {
			err = s.blame(ctx, before, fmt.Errorf("collection %q: %w", p.name, err))
			if ctx.Err() != nil || errors.Is(err, errMoving) || sqlitefile.NoRoom(err) {
				return err
			}
			s.refuse(section, err)
			continue
		}
		for _, problem := range p.index.problems {
			s.findings = append(s.findings, memory.Finding{
				Level: memory.Warning, Code: "index-damaged", Section: section, File: filepath.Join(s.path, p.vectors),
				Message: problem.Error() + "; no row needs what is lost",
				Hint:    "a server may refuse to load this index; restore the section, or rebuild the collection",
			})
		}
	}
	return nil
}
