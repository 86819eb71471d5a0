package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"

	"keepsake/internal/memory"
)

// Records yields the rows of a section, or the blocks of an opaque one, of 1 MiB at
// the most. It can be ranged over again, and yields the same each time. The files are hashed once more on the way: when they
// are not what was sealed, or in a bundle without hashes what Verify saw, the
// sequence ends with ErrChanged after its last row at the latest. After a Verify no row
// comes that is not of a block, of 512 KiB, which is what Verify saw. Without one nothing
// may be committed before the end. Rows of a bundle that isn't ours come in canonical form: keys
// in order, null where metadata or document is left out.
// ErrNoSection when the bundle has no such section. Records does not judge rows:
// that is Verify's.
func (b *Bundle) Records(ctx context.Context, section memory.Section) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		seen := b.seen.Load()
		for _, s := range b.layoutOf(seen) {
			if s.spec.Name == section {
				b.yield(ctx, &s, seen, yield)
				return
			}
		}
		yield(nil, fmt.Errorf("read section %s: %w", section, ErrNoSection))
	}
}

func (b *Bundle) yield(ctx context.Context, s *sectionFiles, seen *sight, yield func(memory.Record, error) bool) {
	root, err := os.OpenRoot(b.path)
	if err != nil {
		yield(nil, fmt.Errorf("read section %s: %w", s.spec.Name, err))
		return
	}
	defer root.Close()
	if seen != nil {
		if err := b.unchanged(root, s, seen); err != nil {
			yield(nil, fmt.Errorf("read section %s: %w", s.spec.Name, err))
			return
		}
	}
	r := rowReader{bundle: b, root: root, section: s, seen: seen, yield: yield}
	for _, f := range s.files {
		more, err := r.file(ctx, f)
		if err != nil {
			yield(nil, fmt.Errorf("read section %s: %s: %w", s.spec.Name, f.path, err))
			return
		}
		if !more {
			return
		}
	}
}

// rowReader hands on the rows of a section's files.
type rowReader struct {
	bundle  *Bundle
	root    *os.Root
	section *sectionFiles
	seen    *sight
	yield   func(memory.Record, error) bool
	canon   canoniser
}

// file yields the rows of one file; more is false when nobody wants any.
func (r *rowReader) file(ctx context.Context, f payloadFile) (more bool, err error) {
	p, err := openPayload(r.root, f.path, f.compression, r.bundle.limits, true, r.bundle.blocks.look(f.path).expect)
	if err != nil {
		return false, err
	}
	defer p.close()
	if r.section.spec.Kind == memory.Opaque {
		return r.blocks(ctx, p, f)
	}
	for n := int64(1); ; n++ {
		line, err := p.line()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && f.meta == nil {
			line, err = r.canon.row(r.section.spec.Kind, line)
		}
		if err == nil && n%64 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return false, fmt.Errorf("line %s: %w", strconv.FormatInt(n, 10), err)
		}
		if line != nil && !r.yield(line, nil) {
			return false, nil
		}
	}
	if f.meta != nil && p.raw.sum() != f.meta.SHA256 || f.meta == nil && !r.seen.same(f.path, p.raw.sum()) {
		return false, ErrChanged
	}
	return true, nil
}
