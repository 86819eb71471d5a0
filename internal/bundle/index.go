package bundle

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync/atomic"

	"keepsake/internal/index"
	"keepsake/internal/memory"
)

// ErrNoIndex says that a bundle has no index of a section: it was made before there
// were any.
var ErrNoIndex = errors.New("has no index")

// scratch returns the folder for what doesn't fit the memory; "" is the system's, for
// a bundle that is only tried.
func (w *Writer) scratch() string {
	if w.opts.Discard {
		return ""
	}
	return w.partial.dir
}

// writeIndex writes the index of a section that was just written. Its entries were
// made of the rows as they went into the file, which parses and digests each of them
// once; that the file holds these rows and no others is what reading back proves.
func (w *Writer) writeIndex(s *Section, b *index.Builder) error {
	p := IndexPath(s.Spec.Name)
	if b.Entries() == 0 || errors.Join(checkPath(p), w.indexes.free(s.Spec.Name, []string{p})) != nil {
		return nil // where another's index lies in its way, the section goes without
	}
	if err := w.mkdirs(path.Dir(p)); err != nil {
		return err
	}
	handle, err := w.fsys.Create(w.path(p), filePerm)
	if err != nil {
		return err
	}
	var failed atomic.Pointer[error]
	out := newHashedFile(handle, func(err error) { failed.CompareAndSwap(nil, &err) })
	payload, err := digestOf(s.File.SHA256)
	if err == nil {
		err = b.Write(s.keeping(out, b), payload)
	}
	err = errors.Join(err, out.finish(err == nil))
	if failed := failed.Load(); failed != nil { // a failed sync is told once only
		err = errors.Join(err, *failed)
	}
	if err != nil {
		return errors.Join(err, w.remove(p))
	}
	s.Index = &FileMeta{Path: p, Kind: IndexFile, Bytes: out.bytes, Rows: b.Entries(), SHA256: out.sum()}
	s.indexCheck = checkOf(&out.check)
	return w.indexes.take(s.Spec.Name, []string{p})
}

func digestOf(sum string) (d index.Digest, err error) {
	_, err = hex.Decode(d[:], []byte(sum))
	return d, err
}

// OpenIndex is the index of a section, to be read once. Close it.
type OpenIndex struct {
	*index.Reader

	close func() error
}

// Close closes the file.
func (o *OpenIndex) Close() error { return o.close() }

// mostKept is how many entries are kept in memory where nothing is written: 32 MiB.
const mostKept = 1 << 20

// keeping returns a writer of an index, which keeps it as well where it is only tried.
func (s *Section) keeping(out io.Writer, b *index.Builder) io.Writer {
	if !s.writer.opts.Discard || b.Entries() > mostKept {
		return out
	}
	s.kept = &bytes.Buffer{}
	return io.MultiWriter(out, s.kept)
}

// OpenIndex opens the index of a section that was just written; it is there until the
// next one is. ErrNoIndex when it has none.
func (s *Section) OpenIndex() (*OpenIndex, error) {
	if s.kept != nil {
		r, err := index.NewReader(bytes.NewReader(s.kept.Bytes()))
		return &OpenIndex{r, func() error { return nil }}, err
	}
	if s.Index == nil {
		return madeUp(s.Spec, &s.File, s.Rows)
	}
	if s.writer.opts.Discard {
		return nil, ErrNoIndex
	}
	root, err := os.OpenRoot(s.writer.partial.dir)
	if err != nil {
		return nil, err
	}
	return openIndex(root, s.Index, &s.File)
}

// OpenIndex opens the index of a section. ErrNoIndex when the bundle has none, and
// index.ErrFormat or ErrChanged, now or at its end, when it has a damaged one or that
// of another payload.
func (b *Bundle) OpenIndex(section memory.Section) (*OpenIndex, error) {
	s, file, err := b.sealed(section)
	if err != nil {
		return nil, fmt.Errorf("open index of %s: %w", section, err)
	}
	in, err := b.indexOf(s, file)
	if err != nil {
		return nil, fmt.Errorf("open index of %s: %w", section, err)
	}
	return in, nil
}

func (b *Bundle) indexOf(s *SectionMeta, file *FileMeta) (*OpenIndex, error) {
	meta := b.indexFile(s.Name)
	if meta == nil && (s.Kind == memory.Opaque || s.Rows == 0) {
		return madeUp(s.Spec(), file, s.Rows)
	}
	if meta == nil {
		return nil, ErrNoIndex
	}
	root, err := os.OpenRoot(b.path)
	if err != nil {
		return nil, err
	}
	return openIndex(root, meta, file)
}

// sealed returns a section of a bundle of ours, and its file.
func (b *Bundle) sealed(section memory.Section) (*SectionMeta, *FileMeta, error) {
	if !b.Sealed() {
		return nil, nil, ErrNoIndex
	}
	s, file := b.block().Section(section), b.byName().payloads[section]
	if s == nil || file == nil {
		return nil, nil, ErrNoSection
	}
	return s, file, nil
}

// indexFile returns the file of a section's index, nil when the bundle has none.
func (b *Bundle) indexFile(section memory.Section) *FileMeta {
	return b.byName().indexes[IndexPath(section)]
}

// named are files of a bundle of ours by what they are of: there may be many thousands.
type named struct {
	payloads map[memory.Section]*FileMeta
	indexes  map[string]*FileMeta // by path
}

func (b *Bundle) byName() *named {
	b.once.Do(func() {
		b.named = named{payloads: b.meta.Payloads(), indexes: map[string]*FileMeta{}}
		for _, f := range b.indexes() {
			b.named.indexes[f.Path] = f
		}
	})
	return &b.named
}

// madeUp returns the index of a section that needs no file for it: the meta says what
// would be in it.
func madeUp(spec memory.SectionSpec, file *FileMeta, rows int64) (*OpenIndex, error) {
	payload, err := digestOf(file.SHA256)
	if err != nil {
		return nil, err
	}
	b := index.NewBuilder(spec.Kind, index.Options{})
	if spec.Kind == memory.Opaque {
		b.Add(index.File(spec.Name, payload))
	} else if rows > 0 {
		return nil, ErrNoIndex
	}
	var out bytes.Buffer
	if err := b.Write(&out, payload); err != nil {
		return nil, err
	}
	r, err := index.NewReader(&out)
	return &OpenIndex{r, func() error { return nil }}, err
}

// openIndex opens an index below root, which it closes.
func openIndex(root *os.Root, meta, payload *FileMeta) (*OpenIndex, error) {
	file, size, err := openRegular(root, meta.Path)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	in := &unchanged{in: newHashedReader(file, size, false, nil), sum: meta.SHA256}
	open := &OpenIndex{close: func() error { return errors.Join(file.Close(), root.Close()) }}
	if open.Reader, err = index.NewReader(in); err == nil && hex.EncodeToString(open.Payload[:]) != payload.SHA256 {
		err = fmt.Errorf("%w: it is of another payload", index.ErrFormat)
	}
	if err != nil {
		return nil, errors.Join(err, open.Close())
	}
	return open, nil
}

// unchanged reads a file, and ends with ErrChanged when it is not what its hash says.
type unchanged struct {
	in  *hashedReader
	sum string
}

// Read implements io.Reader.
func (u *unchanged) Read(p []byte) (int, error) {
	n, err := u.in.Read(p)
	if errors.Is(err, io.EOF) && u.in.sum() != u.sum {
		err = ErrChanged
	}
	return n, err
}

// WriteIndex makes the index of a section from its payload, as a bundle of today has
// it, and writes it. dir is where entries are put that don't fit the memory.
func (b *Bundle) WriteIndex(ctx context.Context, section memory.Section, w io.Writer, dir string) error {
	s, file, err := b.sealed(section)
	if err != nil {
		return fmt.Errorf("index %s: %w", section, err)
	}
	c := newChecker(s.Name, s.Kind, s.Dimension, false)
	c.index = index.NewBuilder(s.Kind, index.Options{Dir: dir})
	defer c.index.Close()
	for row, err := range b.Records(ctx, section) {
		if err == nil {
			err = c.row(row)
		}
		if err != nil && !errors.Is(err, errNotJSON) && !errors.Is(err, errNodeLate) {
			return fmt.Errorf("index %s: %w", section, err)
		}
	}
	payload, err := digestOf(file.SHA256)
	if err == nil {
		err = c.index.Write(w, payload)
	}
	if err != nil {
		return fmt.Errorf("index %s: %w", section, err)
	}
	return nil
}

// ReadIndex reads what WriteIndex made of a section. ErrFormat of index where it is of
// another payload.
func (b *Bundle) ReadIndex(section memory.Section, in io.ReadCloser) (*OpenIndex, error) {
	_, file, err := b.sealed(section)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read index of %s: %w", section, err), in.Close())
	}
	r, err := index.NewReader(in)
	if err == nil && hex.EncodeToString(r.Payload[:]) != file.SHA256 {
		err = fmt.Errorf("%w: it is of another payload", index.ErrFormat)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read index of %s: %w", section, err), in.Close())
	}
	return &OpenIndex{r, in.Close}, nil
}
