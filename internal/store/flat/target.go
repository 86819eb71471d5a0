package flat

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"unicode/utf8"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
)

// place finds the file of a section, which need not exist. A name that leads out
// of its folder, by itself or by a link, is refused.
func (s Source) place(section memory.Section) (path string, info fs.FileInfo, err error) {
	if path, err = s.file(section); err != nil {
		return "", nil, unreachable(s.Path, err)
	}
	resolved, info, err := store.Locate(path)
	if err != nil {
		return "", nil, unreachable(path, err)
	}
	if info != nil && !info.Mode().IsRegular() {
		return "", nil, unreachable(path, fmt.Errorf("it is no file but %s", beside.Kind(info.Mode())))
	}
	if s.folder() {
		dir, _, err := store.Locate(s.Path)
		if err != nil {
			return "", nil, unreachable(s.Path, err)
		}
		if !within(dir, resolved) {
			return "", nil, unreachable(path, fmt.Errorf("it is a link that leads out of its folder, to %s", resolved))
		}
	}
	return resolved, info, nil
}

// where finds the source that holds a section, and the section's file, as place does.
func (f *Files) where(section memory.Section) (source Source, path string, info fs.FileInfo, err error) {
	if source, err = f.source(section); err != nil {
		return source, "", nil, err
	}
	path, info, err = source.place(section)
	return source, path, info, err
}

// Survey counts the whole lines of a section's file.
func (f *Files) Survey(ctx context.Context, section memory.Section) (store.Survey, error) {
	_, path, info, err := f.where(section)
	if err != nil {
		return store.Survey{}, err
	}
	survey := store.Survey{Locator: locator(path), Exists: info != nil, Target: guard.NewTarget(ctx, guard.Files, locator(path), nil)}
	if info == nil {
		return survey, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return store.Survey{}, unreachable(path, err)
	}
	defer file.Close()
	seen, err := look(file)
	if err != nil {
		return store.Survey{}, unreachable(path, err)
	}
	survey.Rows = seen.rows
	return survey, nil
}

// Merge appends the lines that the file lacks, as whole lines and a batch with
// each write, for an agent may hold the file open for appending too. Of a log
// these are the lines that the records have more often than the file; of a keyed
// file the lines whose keys the file lacked when the merge began. A file that is
// absent is written beside its place and gets its name when it is complete and
// on disk.
func (f *Files) Merge(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	if opts.Proof == "" {
		opts.Proof = store.ProofFull
	}
	m := &merger{opts: opts, teller: teller{to: opts.Report}, result: store.Result{Proof: opts.Proof}}
	source, path, info, err := f.where(spec.Name)
	if err != nil {
		return m.result, err
	}
	m.path, m.keyed = path, source.Keyed
	return m.result, m.run(ctx, info != nil, records)
}

// merger is one merge under way.
type merger struct {
	teller
	opts   store.MergeOptions
	result store.Result
	// mine are the records that were appended, by their number among those that can
	// be lines: extended of the first pass, judged of the second.
	mine             store.Bits
	extended, judged int64
	means            store.Intents // lines that are about to be in
	id               []byte
}

func (m *merger) run(ctx context.Context, exists bool, records iter.Seq2[memory.Record, error]) error {
	if !exists {
		created, err := m.create(ctx, records)
		if err != nil {
			return err
		}
		exists = !created
	}
	if exists { // an agent may have made it in this moment
		if err := m.extend(ctx, records); err != nil {
			return err
		}
	}
	return m.prove(ctx, records)
}

// unfit says why a record can be no line of a file.
func unfit(rec memory.Record) string {
	switch {
	case bytes.IndexByte(rec, '\n') >= 0:
		return "a line with a line break in it"
	case !utf8.Valid(rec):
		return "invalid UTF-8"
	}
	return ""
}

// each ranges over the records that can be lines. It counts them all and reports
// the others when first is set, which it is in the first pass.
func (m *merger) each(ctx context.Context, records iter.Seq2[memory.Record, error], first bool, do func(memory.Record) error) error {
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		reason := unfit(rec)
		if first {
			m.result.Records++
		}
		switch {
		case reason == "":
			err = do(rec)
		case first:
			m.result.Rejected++
			err = m.report(store.Rejected, rec, reason)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
