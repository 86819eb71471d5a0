package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"

	"keepsake/internal/index"
	"keepsake/internal/memory"
)

// Section is what was written of one section.
type Section struct {
	Spec      memory.SectionSpec // as it was given
	Rows      int64
	Dimension int   // numbers in each embedding, 0 when there is none
	Salvaged  int64 // rows with a null embedding
	// SalvagedIDs are the ids of the first of them, memory.MostNamed at most.
	SalvagedIDs []string
	NotJSON     Ranges // lines that are no JSON object, kept as they were
	File        FileMeta
	// Index is the file of its index; nil where it has no records, or is opaque: of
	// that the meta says as much.
	Index *FileMeta
	// Withheld are the paths of secrets in the collection's description that
	// the bundle will not hold.
	Withheld []string

	check      check
	indexCheck check
	kept       *bytes.Buffer // its index, where nothing is written
	writer     *Writer
	collection *memory.Collection // without them
	ids        *idSet             // until the next section is written
}

// Meta returns the section as the meta describes it. Lineage is unknown until
// the caller says otherwise.
func (s *Section) Meta(capture memory.Capture) SectionMeta {
	capture.Salvaged, capture.SalvagedIDs = s.Salvaged, s.SalvagedIDs
	if capture.Unreadable == nil {
		capture.Unreadable = []string{}
	}
	return SectionMeta{
		Name: s.Spec.Name, Kind: s.Spec.Kind, Rows: s.Rows,
		Dimension: s.Dimension, Distance: s.Spec.Distance,
		Locator: redactLocator(s.Spec.Locator), Collection: s.collection, Withheld: s.Withheld,
		Capture: capture, Lineage: memory.Lineage{Collection: memory.CollectionUnknown}, NotJSON: s.NotJSON,
	}
}

// Write writes the records of one section into one file, durably. Each row is
// counted, hashed and judged on the way: one that a reader would refuse is a
// *WriteError. The blocks of an opaque section are hashed as they come, and its
// rows are those of spec until Count says otherwise. An error of records, or any
// other, leaves the bundle without that section, and the Writer ready for the next.
func (w *Writer) Write(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error]) (*Section, error) {
	s := &Section{Spec: spec, writer: w}
	if err := w.accept(s); err != nil {
		return nil, fmt.Errorf("write section %s: %w", spec.Name, err)
	}
	write := w.writeRows
	if spec.Kind == memory.Opaque {
		write = w.writeOpaque
	}
	if err := write(ctx, s, records); err != nil {
		return nil, errors.Join(fmt.Errorf("write section %s: %w", spec.Name, err), w.remove(s.File.Path))
	}
	if n := len(w.sections); n > 0 {
		w.sections[n-1].ids, w.sections[n-1].kept = nil, nil
	}
	w.sections = append(w.sections, s)
	return s, w.apart.take(spec.Name, w.mayLie(spec))
}

// writeRows writes a section of rows.
func (w *Writer) writeRows(ctx context.Context, s *Section, records iter.Seq2[memory.Record, error]) error {
	c := newChecker(s.Spec.Name, s.Spec.Kind, s.Spec.Dimension, true)
	c.index = index.NewBuilder(s.Spec.Kind, index.Options{Dir: w.scratch()})
	defer c.index.Close()
	compression := Plain
	if w.opts.Compress {
		compression = Zstd
	}
	err := w.write(ctx, s, c, compression, records)
	if err == nil {
		err = w.refuseDuplicates(ctx, s, c, records)
	}
	if err != nil {
		return err
	}
	s.Rows, s.Dimension, s.Salvaged = c.rows, c.dimension, c.salvaged
	s.SalvagedIDs = c.vectorless
	s.File.Rows, s.File.Records = c.rows, c.digests.sum()
	s.ids = &c.ids
	return w.writeIndex(s, c.index)
}

func (w *Writer) accept(s *Section) error {
	if w.ended() {
		return errors.New("bundle was published or aborted")
	}
	if err := checkSection(s.Spec.Name); err != nil {
		return err
	}
	if err := checkKind(s.Spec.Name, s.Spec.Kind); err != nil {
		return err
	}
	if reserved(s.Spec.Name.Subsystem()) {
		return errReserved
	}
	err := w.apart.free(s.Spec.Name, w.mayLie(s.Spec))
	if err != nil {
		return err
	}
	s.collection, s.Withheld, err = redactCollection(s.Spec.Collection)
	return err
}

// write fills the section's file; a payload that shrinks too far for a reader is
// written again, plain.
func (w *Writer) write(ctx context.Context, s *Section, c *checker, compression Compression, records iter.Seq2[memory.Record, error]) error {
	out, err := w.open(s, compression)
	if err != nil {
		return err
	}
	if err := fill(ctx, s, c, out, records); err != nil {
		out.abort()
		return err
	}
	if err := s.finish(out); err != nil {
		return err
	}
	limits := Limits{}.orDefaults()
	switch {
	case compression == Plain || out.content <= limits.expanded(s.File.Bytes):
		return nil
	case w.opts.Discard: // how large it would be is known
		s.File.Path, s.File.Bytes = PayloadPath(s.Spec.Name, s.Spec.Kind, w.timestamp, Plain), out.content
		return nil
	}
	return w.inflate(ctx, s)
}

// open makes the section's file, and the folders above it.
func (w *Writer) open(s *Section, c Compression) (*stream, error) {
	s.File = FileMeta{Path: PayloadPath(s.Spec.Name, s.Spec.Kind, w.timestamp, c), Kind: fileKind(s.Spec.Kind)}
	if err := w.mkdirs(path.Dir(s.File.Path)); err != nil {
		return nil, err
	}
	handle, err := w.fsys.Create(w.path(s.File.Path), filePerm)
	if err != nil {
		return nil, err
	}
	return newStream(handle, c)
}

func (w *Writer) mayLie(spec memory.SectionSpec) []string {
	return mayLie(spec.Name, spec.Kind, w.timestamp)
}

func (w *Writer) path(p string) string {
	if w.opts.Discard {
		return filepath.Join(w.goal(), filepath.FromSlash(p))
	}
	return filepath.Join(w.partial.dir, filepath.FromSlash(p))
}

func (w *Writer) mkdirs(dir string) error {
	if w.opts.Discard {
		return nil
	}
	if _, err := os.Lstat(w.path(dir)); err == nil {
		return nil
	}
	if err := w.mkdirs(path.Dir(dir)); err != nil {
		return err
	}
	return w.fsys.Mkdir(w.path(dir), dirPerm)
}

func (s *Section) finish(out *stream) error {
	err := out.finish()
	s.File.Bytes, s.File.SHA256, s.check = out.file.bytes, out.file.sum(), checkOf(&out.file.check)
	return err
}

// fill writes every record, and judges it.
func fill(ctx context.Context, s *Section, c *checker, out *stream, records iter.Seq2[memory.Record, error]) error {
	for row, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read row %d: %w", c.rows+1, err)
		}
		if bytes.IndexByte(row, '\n') >= 0 {
			return &WriteError{s.Spec.Name, c.rows + 1, errors.New("holds a newline")}
		}
		switch err := c.row(row); {
		case errors.Is(err, errNotJSON):
			s.NotJSON = s.NotJSON.add(c.rows)
		case err != nil:
			return &WriteError{s.Spec.Name, c.rows, err}
		}
		if err := out.line(row); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// refuseDuplicates reads the file once more when ids may have come twice; the
// records themselves where there is no file.
func (w *Writer) refuseDuplicates(ctx context.Context, s *Section, c *checker, records iter.Seq2[memory.Record, error]) error {
	suspects := c.ids.suspects()
	if suspects == nil {
		return nil
	}
	t := &twice{checker: c, suspects: suspects}
	again := func(n int64, line []byte) error {
		if err := t.row(line); err != nil {
			return &WriteError{s.Spec.Name, n, err}
		}
		return nil
	}
	if w.opts.Discard {
		return eachRecord(ctx, records, again)
	}
	return w.eachLine(ctx, s, again)
}

func (w *Writer) eachLine(ctx context.Context, s *Section, do func(n int64, line []byte) error) error {
	root, err := os.OpenRoot(w.partial.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return eachLine(ctx, root, payloadFile{path: s.File.Path, compression: s.File.compression()}, ownLimits(), do)
}

// ownLimits are those for a file that we have just written.
func ownLimits() Limits {
	l := Limits{}.orDefaults()
	l.Ratio = 1 << 20
	return l
}

// inflate writes a compressed payload again, plain.
func (w *Writer) inflate(ctx context.Context, s *Section) error {
	compressed := *s
	out, err := w.open(s, Plain)
	if err != nil {
		return err
	}
	err = w.eachLine(ctx, &compressed, func(_ int64, line []byte) error { return out.line(line) })
	if err != nil {
		out.abort()
	} else {
		err = s.finish(out)
	}
	return errors.Join(err, w.remove(compressed.File.Path))
}

// remove takes a payload away.
func (w *Writer) remove(p string) error {
	if p == "" {
		return nil
	}
	if err := w.fsys.RemoveAll(w.path(p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", p, err)
	}
	return nil
}
