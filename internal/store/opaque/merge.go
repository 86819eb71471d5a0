package opaque

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
)

// Merge puts the file where there is none. One that is there stays: it is the
// same, or differs with all its rows. One event is reported for the file, whose
// digest is the SHA-256 of its bytes.
func (f *Files) Merge(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	if opts.Proof == "" {
		opts.Proof = store.ProofFull
	}
	m := &merger{files: f, opts: opts, rows: max(spec.Rows, 0), result: store.Result{Proof: opts.Proof}}
	at, err := f.where(spec.Name)
	if err != nil {
		return m.result, err
	}
	m.spot = at
	if err := at.finished(""); err != nil {
		return m.result, fmt.Errorf("merge into %s: %w", at.path, err)
	}
	m.result.Records = m.rows
	return m.result, m.run(ctx, records)
}

// merger is one merge under way.
type merger struct {
	spot
	files  *Files
	opts   store.MergeOptions
	rows   int64
	result store.Result
}

func (m *merger) run(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if m.info == nil {
		err := m.create(ctx, records)
		if !errors.Is(err, fs.ErrExist) {
			return err
		} // an agent made it in this moment
	}
	want, err := digestRecords(ctx, records, m.source.SQLite)
	if err != nil {
		return err
	}
	live, err := m.files.content(ctx, m.spot)
	if err != nil {
		return err
	}
	m.result.Before, m.result.After = live.rows, live.rows
	if live.sum == want {
		m.result.Same = m.rows
		return nil
	}
	m.result.Differs = m.rows
	return m.report(store.Differs, "the live file was kept", want)
}

// create writes the file beside its place and gives it the name.
func (m *merger) create(ctx context.Context, records iter.Seq2[memory.Record, error]) (err error) {
	if err := m.clear(); err != nil {
		return err
	}
	fresh := beside.New(m.files.config.FS, m.path, rand.Text()[:8])
	defer func() { err = errors.Join(err, fresh.Discard()) }()
	want, err := write(ctx, fresh, m.spot, nil, records)
	if err != nil {
		return fmt.Errorf("create %s: %w", m.path, beside.Bare(err))
	}
	if err := prove(ctx, fresh.Temp, m.source.SQLite, want, m.rows); err != nil {
		return fmt.Errorf("create %s: %w", m.path, err)
	}
	if err := m.mean([sha256.Size]byte(fresh.Sum.Sum(nil))); err != nil {
		return err
	}
	if err := m.clear(); err != nil { // once more, as near to the rename as can be
		return err
	}
	if err := fresh.Anew(); err != nil {
		return fmt.Errorf("create %s: %w", m.path, beside.Bare(err))
	}
	m.result.Created, m.result.Added, m.result.After = true, m.rows, m.rows
	if err := fresh.Settle(); err != nil {
		return fmt.Errorf("create %s: %w", m.path, err)
	}
	if err := m.report(store.Added, "", [sha256.Size]byte(fresh.Sum.Sum(nil))); err != nil {
		return err
	}
	return m.readBack(ctx, want)
}

// readBack proves that what has the name now is what was written.
func (m *merger) readBack(ctx context.Context, want [sha256.Size]byte) error {
	got, err := m.files.content(ctx, m.spot)
	if err != nil {
		return fmt.Errorf("read back %s: %w", m.path, err)
	}
	m.result.After = got.rows
	if got.sum == want {
		m.result.Same = m.rows
		return nil
	}
	m.result.Missing, m.result.Unkept = m.rows, m.rows
	return m.report(store.Missing, "what reads back is not what was written", want)
}

// mean says that the file is about to have its name.
func (m *merger) mean(sum [sha256.Size]byte) error {
	var file store.Intents
	file.Add(hex.AppendEncode(nil, sum[:]), sum, 0)
	return file.Tell(m.opts.Intend)
}

func (m *merger) report(outcome store.Outcome, reason string, sum [sha256.Size]byte) error {
	if m.opts.Report == nil {
		return nil
	}
	event := store.Event{Outcome: outcome, ID: hex.EncodeToString(sum[:]), Reason: reason}
	if outcome == store.Added {
		event.Digest = sum
	}
	return m.opts.Report(event)
}

// write writes the records into a fresh file, which is on disk then.
func write(ctx context.Context, fresh *beside.File, at spot, like fs.FileInfo, records iter.Seq2[memory.Record, error]) (sum [sha256.Size]byte, err error) {
	if err := fresh.Create(like); err != nil {
		return sum, err
	}
	d := newDigest(at.source.SQLite)
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			_, err = fresh.Write(rec)
		}
		if err != nil {
			return sum, err
		}
		_, _ = d.Write(rec) // a hash takes all
	}
	return d.sum(), errors.Join(fresh.Sync(), fresh.Close())
}

// prove reads a file of ours back. store.ErrStaged when it is another than was
// written, or a damaged database, or one of other rows than were said. A database
// that is put down as a file like any other is not looked into.
func prove(ctx context.Context, path string, sqlite bool, want [sha256.Size]byte, rows int64) error {
	got, size, err := digestFile(ctx, path, sqlite)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrStaged, err)
	}
	if got != want {
		return fmt.Errorf("%w: other bytes were read back than were written", store.ErrStaged)
	}
	if !sqlite || size == 0 {
		return nil
	}
	found, err := inspectCopy(ctx, path)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrStaged, err)
	}
	if found != rows {
		return fmt.Errorf("%w: it has %d rows, and was said to have %d", store.ErrStaged, found, rows)
	}
	return nil
}
