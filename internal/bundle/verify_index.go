package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"keepsake/internal/index"
	"keepsake/internal/memory"
)

// Harm returns the refusals among findings that speak against what a bundle holds: not
// those of an index, which holds nothing.
func Harm(findings []memory.Finding) []memory.Finding {
	var all []memory.Finding
	for _, f := range findings {
		if f.Level == memory.Refusal && !isIndex(f.File) {
			all = append(all, f)
		}
	}
	return all
}

// indexes returns the files of kind index.
func (b *Bundle) indexes() []*FileMeta {
	if b.block() == nil {
		return nil
	}
	var all []*FileMeta
	for i := range b.block().Files {
		if f := &b.block().Files[i]; f.Kind == IndexFile {
			all = append(all, f)
		}
	}
	return all
}

// badIndex reports an index that can't be relied on. What is lost with it is a
// comparison, no record: to a restore it is a warning.
func (v *verifier) badIndex(code, path, format string, args ...any) {
	if v.opts.IgnoreIndexes {
		v.findings.warn(CodeIndexIgnored, path, 0, "is an index that is not used: it "+format, args...)
		return
	}
	v.findings.refuse(code, path, 0, format, args...)
}

// indexName holds an index that lies there against the meta.
func (v *verifier) indexName(f *FileMeta, size int64, there bool) {
	switch {
	case !there:
		v.badIndex(CodeFileMissing, f.Path, "is missing")
	case size != f.Bytes:
		v.badIndex(CodeFileSize, f.Path, "has %d bytes, the meta says %d", size, f.Bytes)
	case !v.bundle.owned(f.Path):
		v.badIndex(CodeIndex, f.Path, "is an index of no section that is here")
	}
}

// owned reports whether the index of a section lies at the path.
func (b *Bundle) owned(path string) bool {
	for _, s := range b.block().Sections {
		if s.Failed == "" && s.Kind != memory.Opaque && IndexPath(s.Name) == path {
			return true
		}
	}
	return false
}

// indexHash hashes an index.
func (v *verifier) indexHash(ctx context.Context, f *FileMeta) error {
	if _, there := v.tree.files[f.Path]; !there {
		return nil // reported among the names
	}
	p, err := openPayload(v.root, f.Path, Plain, v.bundle.limits, false, nil)
	if err == nil {
		defer p.close()
		err = p.drain(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		v.badIndex(CodeReadFailed, f.Path, "can't be read: %v", err)
	case p.raw.sum() != f.SHA256:
		v.badIndex(CodeFileHash, f.Path, "has the SHA-256 %s, the meta says %s", p.raw.sum(), f.SHA256)
	}
	return nil
}

// indexed returns the file of the section's index, nil when its rows are not to be
// held against one.
func (s *sectionVerifier) indexed() *FileMeta {
	if s.level != Full || s.section.declared == nil {
		return nil
	}
	f := s.bundle.indexFile(s.section.spec.Name)
	if f == nil {
		return nil
	}
	if size, there := s.tree.files[f.Path]; !there || size != f.Bytes {
		return nil // reported among the names
	}
	return f
}

// compareIndex holds the index against one that is made of the rows: it must be the
// same to the byte. Of a payload that is refused nobody can say.
func (s *sectionVerifier) compareIndex() error {
	f := s.indexed()
	if f == nil || s.broken || s.spoiled {
		return nil
	}
	file, _, err := openRegular(s.root, f.Path)
	if err != nil {
		s.badIndex(CodeReadFailed, f.Path, "can't be read: %v", err)
		return nil
	}
	defer file.Close()
	switch err := s.matchIndex(file, f); {
	case errors.Is(err, errOtherIndex):
		s.badIndex(CodeIndex, f.Path, "doesn't say what the records are: %v", err)
	case errors.Is(err, index.ErrTwice): // ids that come twice are reported
	case err != nil:
		return fmt.Errorf("index %s: %w", s.section.spec.Name, err)
	}
	return nil
}

func (s *sectionVerifier) matchIndex(file *os.File, f *FileMeta) error {
	payload, err := digestOf(s.section.files[0].meta.SHA256)
	if err != nil {
		return err
	}
	if n := s.checker.index.Entries(); n != f.Rows {
		return fmt.Errorf("%w: there are %d records, the meta says %d entries", errOtherIndex, n, f.Rows)
	}
	same := &matching{with: file}
	if err := s.checker.index.Write(same, payload); err != nil {
		return err
	}
	if n, _ := file.Read(make([]byte, 1)); n > 0 {
		return fmt.Errorf("%w: it has more entries", errOtherIndex)
	}
	return nil
}

var errOtherIndex = errors.New("another index")

// matching takes only the bytes that a file has.
type matching struct {
	with io.Reader
	buf  []byte
}

// Write implements io.Writer.
func (m *matching) Write(p []byte) (int, error) {
	m.buf = append(m.buf[:0], p...)
	n, err := io.ReadFull(m.with, m.buf)
	switch {
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return 0, err
	case !bytes.Equal(p, m.buf[:n]):
		return 0, fmt.Errorf("%w: its entries are not what they make of them", errOtherIndex)
	}
	return n, nil
}
