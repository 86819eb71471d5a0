package bundle

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"keepsake/internal/memory"
)

// Publish makes a bundle of what was written and returns its path. meta says
// what only the caller knows: CompletedAt (Options.Now when zero), Topology,
// NeoVersion, GitSHA, and of Keepsake the memory, reason, sequence, parent,
// status, tags and sections (Section.Meta of each that was written, and those
// that failed). The rest is filled in.
//
// Every file is read back and compared first. Then meta and SHA256SUMS are
// written, files and folders synced, the directory renamed without replacing,
// and the backup root synced. After an error nothing is published, with one
// exception that the error names: the last sync failed, and the rename could not
// be taken back either. Call Abort then.
func (w *Writer) Publish(ctx context.Context, meta *Meta) (string, error) {
	if w.ended() {
		return "", errors.New("publish bundle: it was published or aborted")
	}
	if err := w.complete(meta); err != nil {
		return "", fmt.Errorf("publish bundle: %w", err)
	}
	if w.opts.Discard {
		w.over = true
		return w.goal(), nil
	}
	if err := w.readBack(ctx); err != nil {
		return "", fmt.Errorf("publish bundle: read back: %w", err)
	}
	if err := w.writeMeta(meta); err != nil {
		return "", fmt.Errorf("publish bundle: %w", err)
	}
	if err := w.syncFolders(); err != nil {
		return "", fmt.Errorf("publish bundle: sync folders: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("publish bundle: %w", err)
	}
	if err := w.rename(); err != nil {
		return "", fmt.Errorf("publish bundle: %w", err)
	}
	w.partial.dir = ""
	return w.goal(), nil
}

// complete fills in the meta, and refuses one that contradicts what was written.
func (w *Writer) complete(m *Meta) error {
	k := m.Keepsake
	if k == nil || k.MemoryID == "" {
		return errors.New("meta names no memory")
	}
	m.BundleVersion, m.Timestamp = 1, w.timestamp
	if m.CompletedAt.IsZero() {
		m.CompletedAt = w.opts.Now
	}
	k.Format, k.Files = formatVersion, []FileMeta{}
	if k.Tool == "" {
		k.Tool = w.opts.Tool
	}
	if k.Sections == nil {
		k.Sections = []SectionMeta{}
	}
	for _, s := range w.sections {
		k.Files = append(k.Files, s.File)
		said := k.Section(s.Spec.Name)
		if said == nil || !said.describes(s) {
			return fmt.Errorf("meta does not describe section %s as it was written", s.Spec.Name)
		}
	}
	for _, s := range w.sections {
		if s.Index != nil {
			k.Files = append(k.Files, *s.Index)
		}
	}
	m.Subsystems = Count(k.Sections, k.Files)
	m.Integrity = Parity(k.Sections)
	if err := m.validate(); err != nil {
		return fmt.Errorf("check meta: %w", err)
	}
	return nil
}

// readBack compares what lies on the disk with what was written: names, bytes,
// rows and hashes.
func (w *Writer) readBack(ctx context.Context) error {
	root, err := os.OpenRoot(w.partial.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	t, err := scan(root, Limits{}.orDefaults())
	if err != nil {
		return err
	}
	if err := w.compareNames(t); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for _, s := range w.sections {
		group.Go(func() error {
			if err := readBack(ctx, root, s.File, s.check); err != nil {
				return fmt.Errorf("%s: %w", s.File.Path, err)
			}
			if s.Index == nil {
				return nil
			}
			if err := readBack(ctx, root, *s.Index, s.indexCheck); err != nil {
				return fmt.Errorf("%s: %w", s.Index.Path, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (w *Writer) compareNames(t *tree) error {
	want := map[string]bool{ownerFile: true}
	for _, s := range w.sections {
		want[s.File.Path] = true
		if s.Index != nil {
			want[s.Index.Path] = true
		}
	}
	for _, name := range t.names() {
		if !want[name] {
			return fmt.Errorf("%s: nobody wrote it here", name)
		}
		delete(want, name)
	}
	for name := range want {
		return fmt.Errorf("%s: is gone", name)
	}
	if len(t.findings) > 0 {
		return errors.New(t.findings[0].String())
	}
	return nil
}

func (w *Writer) writeMeta(m *Meta) error {
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := writeSmall(w.fsys, filepath.Join(w.partial.dir, MetaFile), data); err != nil {
		return err
	}
	return writeSmall(w.fsys, filepath.Join(w.partial.dir, SumsFile), []byte(sums(data, m.Keepsake.Files)))
}

// syncFolders makes every name in the partial durable, the deepest first.
func (w *Writer) syncFolders() error {
	dirs := make(map[string]bool)
	err := filepath.WalkDir(w.partial.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs[path] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	all := slices.Sorted(maps.Keys(dirs))
	slices.Reverse(all)
	for _, dir := range all {
		if err := w.fsys.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// rename gives the bundle its name. The owner file goes first, since a published
// bundle holds nothing that its meta doesn't name.
func (w *Writer) rename() error {
	if err := w.partial.release(); err != nil {
		return err
	}
	if err := w.fsys.RemoveAll(filepath.Join(w.partial.dir, ownerFile)); err != nil {
		return err
	}
	if err := w.fsys.SyncDir(w.partial.dir); err != nil {
		return err
	}
	err := w.fsys.RenameNoReplace(w.partial.dir, w.goal())
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, w.Name())
	}
	if err != nil {
		return err
	}
	if err := w.fsys.SyncDir(w.opts.Root); err != nil {
		return w.takeBack(err)
	}
	return nil
}

// takeBack undoes a rename that may not survive a crash.
func (w *Writer) takeBack(cause error) error {
	err := w.fsys.RenameNoReplace(w.goal(), w.partial.dir)
	if err == nil {
		return cause
	}
	w.partial.dir = "" // what stands there is whole, and not ours to remove any more
	return errors.Join(fmt.Errorf("%s stands, but may not survive a crash: %w", w.Name(), cause), err)
}

// FailedSection describes a section that was asked for and could not be read. One of
// which no bundle can have the name gets another, and its own is said with the cause.
func FailedSection(spec memory.SectionSpec, capture memory.Capture, cause error) SectionMeta {
	why, _ := cutUserInfo(cause.Error())
	if err := checkSection(spec.Name); err != nil && spec.Name.Subsystem().Valid() {
		why = fmt.Sprintf("%q: %s", spec.Name.Name(), why)
		sum := sha256.Sum256([]byte(spec.Name))
		spec.Name = memory.Section(fmt.Sprintf("%s/unfit-%x", spec.Name.Subsystem(), sum[:6]))
	}
	s := Section{Spec: spec}
	m := s.Meta(capture)
	m.Failed = why
	return m
}
