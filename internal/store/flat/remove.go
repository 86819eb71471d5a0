package flat

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Remove implements store.Replacer. Of a log it takes away as many equal lines as
// records has, the last ones; of a keyed file the lines that say the same as the
// record of their key. The file is written anew without them, beside its place,
// and takes it as Commit does; a torn last line stays. store.ErrMoved when an
// agent writes all the while; nothing was removed then.
func (f *Files) Remove(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], permit guard.Permit, opts store.RemoveOptions) (store.Removal, error) {
	source, path, _, err := f.where(spec.Name)
	if err != nil {
		return store.Removal{}, err
	}
	r := &remover{teller: teller{path: path, keyed: source.Keyed, to: opts.Report}, files: f, leave: opts.Leave}
	r.covers = func() error { return permit.Covers(opts.Operation, locator(path)) }
	if err := r.covers(); err != nil {
		return store.Removal{}, r.failed("remove lines of", err)
	}
	live, err := openOld(path)
	if err != nil {
		return store.Removal{}, unreachable(path, err)
	}
	err = errors.Join(r.run(ctx, live, records), live.close())
	return r.result, err
}

// remover is one removal. live holds, of each line, how many stay.
type remover struct {
	teller
	files  *Files
	covers func() error
	leave  func([32]byte) int64
	live   *index
	drop   int64
	result store.Removal
}

func (r *remover) run(ctx context.Context, o *old, records iter.Seq2[memory.Record, error]) (err error) {
	r.live = newIndex(r.keyed)
	if o != nil {
		if r.live, err = indexLines(ctx, newLines(o.file, o.cut), r.keyed); err != nil {
			return r.failed("read", err)
		}
	}
	r.result.Rows = r.live.rows
	if err := r.choose(ctx, records); err != nil || r.drop == 0 {
		return err
	}
	if err := r.rewrite(ctx, o); err != nil {
		return r.failed("remove lines of", err)
	}
	return nil
}

// choose finds out what becomes of each record.
func (r *remover) choose(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = r.one(rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *remover) one(rec memory.Record) error {
	id := r.live.identify(rec)
	switch {
	case !r.stays(rec, id) && r.live.take(id):
		r.drop++
		return nil
	case r.live.hasKey(id):
		r.result.Kept++
		return r.report(store.Differs, rec, "the live line of its key is another, and stays")
	}
	r.result.Gone++
	return r.report(store.Removed, rec, "the line is not in the file any more")
}

// stays reports whether all lines that are equal to a record have to stay.
func (r *remover) stays(rec memory.Record, id identity) bool {
	if r.leave == nil {
		return false
	}
	return int64(r.live.lines[id.line].left) <= r.leave(r.scanner.LineDigest(rec))
}

// rewrite writes the lines that stay beside the file and puts them in its place.
func (r *remover) rewrite(ctx context.Context, o *old) (err error) {
	b := newFresh(r.files.config.FS, r.path, rand.Text()[:8])
	defer func() { err = errors.Join(err, b.Discard()) }()
	if err := b.Create(o.info); err != nil {
		return err
	}
	if err := r.copyLines(ctx, o, b); err != nil {
		return err
	}
	if err := r.replace(ctx, o, b); err != nil {
		return err
	}
	r.result.Removed, r.result.Rows = r.drop, b.rows
	if err := b.Settle(); err != nil {
		return err
	}
	rows, err := o.late(r.path)
	r.result.Rows += rows
	return err
}

// copyLines copies the lines that stay: the first ones of those that are equal.
func (r *remover) copyLines(ctx context.Context, o *old, b *fresh) error {
	lines := newLines(o.file, o.cut)
	err := lines.each(ctx, func(line []byte) error {
		if !r.live.take(r.live.identify(line)) {
			return nil
		}
		return b.line(line)
	})
	if err == nil && (lines.n != o.rows || lines.sum != r.live.sum) {
		err = moved(errRewritten.Error())
	}
	return err
}

// replace gives the new file the name once it has all that agents have appended
// to the old one.
func (r *remover) replace(ctx context.Context, o *old, b *fresh) error {
	const tries = 10
	for range tries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := o.catchUp(b); err != nil {
			return err
		}
		if !unchanged(r.path, o.info) {
			continue
		}
		if err := b.Close(); err != nil {
			return err
		}
		if err := r.covers(); err != nil {
			return err
		}
		return b.take(o)
	}
	return moved("an agent is writing to it")
}

// catchUp copies what has been appended since the last look.
func (o *old) catchUp(b *fresh) (err error) {
	before := o.info
	if o.info, err = o.file.Stat(); err != nil {
		return err
	}
	if o.info.Size() < o.taken {
		return moved("it was cut")
	}
	if o.info.Size() != before.Size() || !o.info.ModTime().Equal(before.ModTime()) {
		now, err := measure(o.file, 0, o.cut)
		if err != nil {
			return err
		}
		if now.sum != o.sum {
			return moved(errRewritten.Error())
		}
	}
	if err := b.copy(io.NewSectionReader(o.file, o.taken, o.info.Size()-o.taken)); err != nil {
		return err
	}
	o.taken = o.info.Size()
	return b.Sync()
}
