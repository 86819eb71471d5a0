package flat

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// batchBytes is how much one write appends, but for a line that is longer. An
// agent that appends too comes between two of them.
const batchBytes = 1 << 20

// extend appends the records that the live file lacks.
func (m *merger) extend(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	file, err := os.OpenFile(m.path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return unreachable(m.path, err)
	}
	a := &appender{merger: m, file: file}
	err = a.run(ctx, records)
	return errors.Join(err, a.close())
}

// appender appends to one file.
type appender struct {
	*merger
	file  *os.File
	live  *index
	batch []byte // whole lines
	// endTorn says that the torn line at the end is one of the records, and gets
	// its newline even when nothing else is appended.
	endTorn bool
}

func (a *appender) run(ctx context.Context, records iter.Seq2[memory.Record, error]) (err error) {
	if a.live, err = indexFile(ctx, a.file, a.keyed, true); err != nil {
		return a.failed("read", err)
	}
	a.result.Before = a.live.rows
	if err := a.each(ctx, records, true, a.one); err != nil {
		return err
	}
	if err := a.flush(); err != nil {
		return err
	}
	if err := a.file.Sync(); err != nil {
		return a.failed("append to", err)
	}
	return nil
}

// one appends a record unless it, or its key, is there.
func (a *appender) one(rec memory.Record) error {
	a.extended++
	id := a.live.identify(rec)
	if a.live.has(id) || a.live.hasKey(id) {
		if t := a.live.torn; a.live.isTorn && (id.line == t.line || id.key == t.key && id.key != hash{}) {
			a.endTorn = true
		}
		return nil
	}
	a.mine.Set(a.extended)
	a.mean(rec, int64(a.live.lines[id.line].had))
	a.batch = append(append(a.batch, rec...), '\n')
	if len(a.batch) < batchBytes {
		return nil
	}
	return a.flush()
}

// mean takes a line in that is about to be appended, where somebody wants to know.
func (m *merger) mean(line []byte, had int64) {
	if m.to == nil && m.opts.Intend == nil {
		return
	}
	digest := m.scanner.LineDigest(line)
	m.id = m.appendID(m.id[:0], line, digest)
	m.means.Add(m.id, digest, had)
}

// flush appends the batch with one write, and counts what of it is in the file
// even when that fails in the middle.
func (a *appender) flush() error {
	if len(a.batch) == 0 && !a.endTorn {
		return nil
	}
	torn, err := a.isTorn()
	if err != nil {
		return a.failed("read", err)
	}
	if a.endTorn = false; !torn && len(a.batch) == 0 {
		return nil
	}
	out := a.batch
	if torn {
		out = append([]byte{'\n'}, out...)
	}
	if err := a.means.Tell(a.opts.Intend); err != nil {
		return err
	}
	n, err := a.file.Write(out)
	if torn {
		n = max(0, n-1)
	}
	written := a.batch[:n]
	whole := written[:bytes.LastIndexByte(written, '\n')+1]
	a.batch = a.batch[:0]
	defer a.means.Reset()
	if err != nil {
		err = errors.Join(err, a.takeBack(written[len(whole):]))
		return errors.Join(a.failed("append to", err), a.added(whole))
	}
	return a.added(whole)
}

// takeBack removes the part of a line with which a write ended early, as on a
// full disk: an agent would go on behind it, and its line be lost with ours.
func (a *appender) takeBack(part []byte) error {
	info, err := a.file.Stat()
	if err != nil || len(part) == 0 {
		return err
	}
	end := make([]byte, len(part))
	start := info.Size() - int64(len(part))
	if _, err := a.file.ReadAt(end, start); err != nil || !bytes.Equal(end, part) {
		return err // an agent came behind it already
	}
	return a.file.Truncate(start)
}

// isTorn reports whether the file's last byte is no newline. It looks each time:
// an agent may have died in the middle of a line since.
func (a *appender) isTorn() (bool, error) {
	info, err := a.file.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	var last [1]byte
	_, err = a.file.ReadAt(last[:], info.Size()-1)
	return last[0] != '\n', err
}

// added counts and reports whole lines that were appended.
func (a *appender) added(whole []byte) error {
	a.result.Added += int64(bytes.Count(whole, []byte{'\n'}))
	if a.to == nil {
		return nil
	}
	for _, row := range a.means.Rows()[:bytes.Count(whole, []byte{'\n'})] {
		if err := a.to(store.Event{Outcome: store.Added, ID: string(row.ID), Digest: row.Digest}); err != nil {
			return err
		}
	}
	return nil
}

func (a *appender) close() error {
	if err := a.file.Close(); err != nil {
		return a.failed("close", err)
	}
	return nil
}
