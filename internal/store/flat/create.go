package flat

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"keepsake/internal/atomicfile"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// create makes the file with all the records. Created is false, with no error,
// when an agent made the file meanwhile: its lines must not be replaced.
func (m *merger) create(ctx context.Context, records iter.Seq2[memory.Record, error]) (created bool, err error) {
	dir, base := filepath.Split(m.path)
	if err := atomicfile.MkdirAll(atomicfile.System{}, filepath.Clean(dir), 0o755); err != nil {
		return false, m.failed("create", err)
	}
	temp := filepath.Join(dir, "."+base+"."+rand.Text()[:8]+".tmp")
	file, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return false, m.failed("create", err)
	}
	defer func() { _ = os.Remove(temp) }() // not there any more once it has its name
	defer file.Close()
	rows, err := m.write(ctx, file, records)
	if err != nil {
		return false, err
	}
	if err := m.meanAll(file, rows); err != nil {
		return false, err
	}
	err = atomicfile.RenameNoReplace(temp, m.path)
	if errors.Is(err, fs.ErrExist) {
		m.result = store.Result{Proof: m.result.Proof}
		return false, nil
	}
	if err != nil {
		return false, m.failed("create", err)
	}
	m.result.Created, m.result.Added = true, rows
	if err := atomicfile.SyncDir(filepath.Clean(dir)); err != nil {
		return true, m.failed("create", err)
	}
	return true, m.reportAll(file)
}

// write writes the records as lines and makes them durable.
func (m *merger) write(ctx context.Context, file *os.File, records iter.Seq2[memory.Record, error]) (rows int64, err error) {
	w := bufio.NewWriterSize(file, 256<<10)
	err = m.each(ctx, records, true, func(rec memory.Record) error {
		rows++
		_, _ = w.Write(rec) // a writer keeps its first error
		return w.WriteByte('\n')
	})
	if err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, m.failed("create", err)
	}
	if err := file.Sync(); err != nil {
		return 0, m.failed("create", err)
	}
	return rows, nil
}

// meanAll says which lines the new file has, before it gets its name.
func (m *merger) meanAll(file *os.File, rows int64) error {
	const some = 4096
	if m.opts.Intend == nil {
		return nil
	}
	n := 0
	err := m.eachOf(file, rows, func(line []byte) error {
		m.mean(line, 0)
		if n++; n%some > 0 {
			return nil
		}
		defer m.means.Reset()
		return m.means.Tell(m.opts.Intend)
	})
	if err == nil {
		err = m.means.Tell(m.opts.Intend)
	}
	m.means.Reset()
	return err
}

// reportAll reports every line of the new file as added, now that it is there.
func (m *merger) reportAll(file *os.File) error {
	if m.to == nil {
		return nil
	}
	return m.eachOf(file, m.result.Added, func(line []byte) error { return m.report(store.Added, line, "") })
}

// eachOf passes the first lines of the new file on, so many.
func (m *merger) eachOf(file *os.File, rows int64, do func(line []byte) error) error {
	info, err := file.Stat()
	if err != nil {
		return m.failed("read", err)
	}
	lines := newLines(file, info.Size())
	for range rows {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil // cut by another; the proof will say so
		}
		if err != nil {
			return m.failed("read", err)
		}
		if err := do(line); err != nil {
			return err
		}
	}
	return nil
}
