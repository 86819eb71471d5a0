package flat

import (
	"bytes"
	"context"
	"io"
	"iter"
	"os"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// Compare implements store.Replacer. Lines of a log are lost or new, as often as
// one side has them more often than the other; a line of a keyed file is changed
// when the records have another line of its key. Newest is that of the last line
// of a log, if that has a "timestamp".
func (f *Files) Compare(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.CompareOptions) (store.Difference, error) {
	source, path, info, err := f.where(spec.Name)
	if err != nil {
		return store.Difference{}, err
	}
	c := &comparison{
		teller: teller{path: path, keyed: source.Keyed, to: opts.Report},
		live:   newIndex(source.Keyed), keys: map[hash]struct{}{},
	}
	if info == nil {
		return c.diff, c.records(ctx, records)
	}
	file, err := os.Open(path)
	if err != nil {
		return store.Difference{}, unreachable(path, err)
	}
	defer file.Close()
	return c.diff, c.file(ctx, file, records)
}

// comparison holds the live lines that no record has taken yet, and the keys of
// the records.
type comparison struct {
	teller
	live *index
	keys map[hash]struct{}
	diff store.Difference
}

func (c *comparison) file(ctx context.Context, file *os.File, records iter.Seq2[memory.Record, error]) (err error) {
	if c.live, err = indexFile(ctx, file, c.keyed, false); err != nil {
		return c.failed("read", err)
	}
	c.diff.Live, c.diff.Bytes = c.live.rows, c.live.bytes
	if err := c.records(ctx, records); err != nil {
		return err
	}
	var told error
	lines := newLines(file, c.live.bytes)
	err = lines.each(ctx, func(line []byte) error {
		told = c.line(line)
		return told
	})
	if told != nil {
		return told
	}
	if err != nil || lines.sum != c.live.sum {
		return c.changed(err)
	}
	if !c.keyed {
		c.diff.Newest, err = newest(file, c.live.bytes)
	}
	return err
}

// changed says that a file was not the same when it was read again.
func (t *teller) changed(err error) error {
	if err == nil {
		err = errRewritten
	}
	return t.failed("read", err)
}

// records takes from the live lines those that stay.
func (c *comparison) records(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = c.record(rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) record(rec memory.Record) error {
	if reason := unfit(rec); reason != "" {
		c.diff.Rejected++
		return c.report(store.Rejected, rec, reason)
	}
	id := c.live.identify(rec)
	if id.key != (hash{}) {
		c.keys[id.key] = struct{}{}
	}
	if c.live.take(id) || c.live.hasKey(id) {
		return nil
	}
	c.diff.New++
	return c.report(store.Missing, rec, "the line is not in the file")
}

// line counts a live line as what it would become.
func (c *comparison) line(line []byte) error {
	id := c.live.identify(line)
	if !c.live.take(id) {
		c.diff.Same++ // a record took it
		return nil
	}
	if _, found := c.keys[id.key]; found && id.key != (hash{}) {
		c.diff.Changed++
		return c.report(store.Differs, line, "another line of its key takes its place")
	}
	c.diff.Lost++
	return c.report(store.Lost, line, "no line like it takes its place")
}

// newest is the time under "timestamp" of the last whole line. Zero when there is
// none.
func newest(f io.ReaderAt, cut int64) (time.Time, error) {
	const most = 64 << 10 // a longer line is not worth the look
	tail := make([]byte, min(cut, most))
	if n, err := f.ReadAt(tail, cut-int64(len(tail))); n < len(tail) {
		return time.Time{}, err
	}
	line := bytes.TrimSuffix(tail, []byte{'\n'})
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	if record.Valid(line) != nil {
		return time.Time{}, nil
	}
	span, _ := record.Lookup(line, "timestamp")
	return record.Time(span.Of(line)), nil
}
