package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"keepsake/internal/memory"
)

// fileKind is the kind of the file that holds a section.
func fileKind(kind memory.Kind) FileKind {
	if kind == memory.Opaque {
		return OpaqueFile
	}
	return RecordsFile
}

// compression returns how the file lies on disk. An opaque file is what it is,
// whatever its name ends in.
func (f *FileMeta) compression() Compression {
	if f.Kind != RecordsFile {
		return Plain
	}
	_, c, _ := splitCompression(f.Path)
	return c
}

// writeOpaque writes the blocks of a file as they come.
func (w *Writer) writeOpaque(ctx context.Context, s *Section, records iter.Seq2[memory.Record, error]) error {
	out, err := w.open(s, Plain)
	if err != nil {
		return err
	}
	for block, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			err = fmt.Errorf("read byte %d: %w", out.content+1, err)
		} else {
			err = out.append(block)
		}
		if err != nil {
			out.abort()
			return err
		}
	}
	if err := s.finish(out); err != nil {
		return err
	}
	s.Count(s.Spec.Rows)
	return ctx.Err()
}

// Count says how many rows the source counts in an opaque section; of any other
// Write has counted them. A file without a byte has none, whatever is said.
func (s *Section) Count(rows int64) {
	if s.Spec.Kind != memory.Opaque {
		return
	}
	if s.File.Bytes == 0 {
		rows = 0
	}
	s.Rows = max(rows, 0)
	s.File.Rows = s.Rows
}

// blocks yields an opaque file as it lies there.
func (r *rowReader) blocks(ctx context.Context, p *payload, f payloadFile) (more bool, err error) {
	for {
		block, err := p.raw.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return false, err
		}
		if !r.yield(block, nil) {
			return false, nil
		}
	}
	if p.raw.sum() != f.meta.SHA256 {
		return false, ErrChanged
	}
	return true, nil
}

// sectionless returns the files that no section of the layout is kept in, and that are
// no indexes: opaque ones, and those that only a later version knows.
func (b *Bundle) sectionless(layout []sectionFiles) []*FileMeta {
	if b.block() == nil {
		return nil
	}
	named := make(map[string]bool)
	for _, s := range layout {
		for _, f := range s.files {
			named[f.path] = true
		}
	}
	var all []*FileMeta
	for i := range b.block().Files {
		if f := &b.block().Files[i]; f.Kind != IndexFile && !named[f.Path] {
			all = append(all, f)
		}
	}
	return all
}

// opaqueFile hashes the file of an opaque section. Its rows are those of the meta:
// only the source can count them.
func (s *sectionVerifier) opaqueFile(ctx context.Context) error {
	for _, f := range s.section.files {
		if _, there := s.tree.files[f.path]; !there {
			continue // reported among the names
		}
		size, err := s.opaque(ctx, f.meta)
		if err != nil {
			return err
		}
		s.report.Files = append(s.report.Files, f.path)
		s.report.Rows, s.report.Bytes = f.meta.Rows, size
		s.progress(f.meta.Rows, size)
	}
	return nil
}

// opaque hashes a file that is no stream of records, and returns its size.
func (v *verifier) opaque(ctx context.Context, f *FileMeta) (size int64, err error) {
	if _, there := v.tree.files[f.Path]; !there {
		return 0, nil
	}
	if !f.Kind.known() {
		v.findings.add(memory.Finding{
			Level: memory.Note, Code: CodePassedBy, File: f.Path,
			Message: fmt.Sprintf("is of kind %q, which only a newer version knows; no section needs it", f.Kind),
		})
	}
	look := v.bundle.blocks.look(f.Path)
	p, err := openPayload(v.root, f.Path, Plain, v.bundle.limits, false, look.note)
	if err == nil {
		defer p.close()
		err = p.drain(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil:
		v.findings.refuse(CodeReadFailed, f.Path, 0, "%v", err)
		return 0, nil
	case p.raw.sum() != f.SHA256:
		v.findings.refuse(CodeFileHash, f.Path, 0, "SHA-256 is %s, the meta says %s", p.raw.sum(), f.SHA256)
	}
	look.keep()
	return p.raw.bytes, nil
}
