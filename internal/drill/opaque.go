package drill

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// compareFile holds the file of an opaque section against the bundle's, byte for
// byte, where the target gives every bit back.
func (s *sectionDrill) compareFile(ctx context.Context) error {
	if !s.target.Exact {
		return nil
	}
	want, size, err := sumOf(s.phase("sample", s.opts.Bundle.Records(ctx, s.spec.Name)))
	if err != nil {
		return err
	}
	session, err := s.target.Store.Open(ctx, []memory.Section{s.spec.Name})
	if err != nil {
		return err
	}
	defer session.Close()
	reading, err := session.Read(ctx, s.spec.Name)
	switch {
	case errors.Is(err, store.ErrAbsent) && size == 0:
		return nil // a store need not make what holds nothing
	case errors.Is(err, store.ErrAbsent):
		s.find(memory.Refusal, CodeMissing, "the file of the bundle, of %d bytes, is not there", size)
		return nil
	case err != nil:
		return err
	}
	got, restored, err := sumOf(s.phase("compare", reading.All()))
	if err != nil {
		return err
	}
	s.out.Compared = s.out.Rows
	if got != want {
		s.find(memory.Refusal, CodeMissing, "the file did not come back as it was: it has %d bytes with SHA-256 %x, the bundle's has %d with %x",
			restored, got, size, want)
	}
	return nil
}

// sumOf hashes the blocks of a file.
func sumOf(blocks iter.Seq2[memory.Record, error]) (sum [sha256.Size]byte, size int64, err error) {
	hash := sha256.New()
	for block, err := range blocks {
		if err != nil {
			return sum, size, err
		}
		hash.Write(block)
		size += int64(len(block))
	}
	return [sha256.Size]byte(hash.Sum(nil)), size, nil
}
