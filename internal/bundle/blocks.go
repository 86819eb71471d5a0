package bundle

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
	"sync"

	"keepsake/internal/memory"
)

// blockSums are what Verify saw of each payload, block by block, as it lies on disk: so
// what is read later is known to be it before it is handed on, and not at the end of the
// file alone. It takes 8 bytes for 512 KiB.
type blockSums struct {
	mu   sync.Mutex
	seed maphash.Seed
	sums map[string][]uint64 // by path
}

// look begins to look at the blocks of a file that is read from its start.
func (b *blockSums) look(path string) *sightOfBlocks {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sums == nil {
		b.seed, b.sums = maphash.MakeSeed(), map[string][]uint64{}
	}
	want, known := b.sums[path]
	return &sightOfBlocks{of: b, path: path, seed: b.seed, want: want, known: known}
}

// sightOfBlocks is one look at the blocks of a file.
type sightOfBlocks struct {
	of    *blockSums
	path  string
	seed  maphash.Seed
	seen  []uint64
	want  []uint64 // those that are still to come
	known bool
}

// note takes a block in.
func (s *sightOfBlocks) note(block []byte) error {
	if block == nil {
		return nil
	}
	s.seen = append(s.seen, maphash.Bytes(s.seed, block))
	return nil
}

// keep has what was noted be known of the file from now on.
func (s *sightOfBlocks) keep() {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.of.sums[s.path] = s.seen
}

// expect wants a block to be what was seen, where anything is known of the file; nil
// stands for its end.
func (s *sightOfBlocks) expect(block []byte) error {
	switch {
	case !s.known, block == nil && len(s.want) == 0:
		return nil
	case block == nil:
		return ErrChanged
	}
	if len(s.want) == 0 || maphash.Bytes(s.seed, block) != s.want[0] {
		return ErrChanged
	}
	s.want = s.want[1:]
	return nil
}

// Recheck reads the files of a section and returns ErrChanged when they are not what
// Verify saw, nil when they are, or it has seen none. It is as fast as the disk.
func (b *Bundle) Recheck(ctx context.Context, section memory.Section) error {
	root, err := os.OpenRoot(b.path)
	if err != nil {
		return fmt.Errorf("read section %s: %w", section, err)
	}
	defer root.Close()
	layout := b.layoutOf(b.seen.Load())
	i := slices.IndexFunc(layout, func(s sectionFiles) bool { return s.spec.Name == section })
	if i < 0 {
		return nil // the reader says so
	}
	for _, f := range layout[i].files {
		if err := b.sameBlocks(ctx, root, f.path); err != nil {
			return fmt.Errorf("read section %s: %s: %w", section, f.path, err)
		}
	}
	return nil
}

func (b *Bundle) sameBlocks(ctx context.Context, root *os.Root, path string) error {
	look := b.blocks.look(path)
	if !look.known {
		return nil
	}
	file, size, err := openRegular(root, path)
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, min(size+1, blockSize))
	for {
		n, err := io.ReadFull(file, buf)
		if n > 0 {
			if err := look.expect(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return look.expect(nil)
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}
