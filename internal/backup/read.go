package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// readAll writes every wanted section into w. One that can't be read whole is no
// reason to leave the others unread: where a degraded bundle is allowed they are in
// it, and else all that can't be read is told at once.
func (r *run) readAll(ctx context.Context, w *bundle.Writer) ([]bundle.SectionMeta, error) {
	var sections []bundle.SectionMeta
	var failed []error
	for _, want := range r.wanted {
		s, err := r.read(ctx, w, want)
		r.takeFindings(want.session)
		switch {
		case err == nil:
			sections = append(sections, *s)
		case ctx.Err() != nil || noRoom(err):
			return nil, fmt.Errorf("%w: %w", ErrIncomplete, err)
		case !r.opts.AllowDegraded:
			failed = append(failed, err)
		default:
			r.receipt.lost(want.spec.Name, err)
			sections = append(sections, bundle.FailedSection(want.spec, memory.Capture{}, err))
		}
	}
	if len(failed) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrIncomplete, errors.Join(failed...))
	}
	return sections, nil
}

// read writes one section and judges what was captured.
func (r *run) read(ctx context.Context, w *bundle.Writer, want wanted) (*bundle.SectionMeta, error) {
	name := want.spec.Name
	reading, err := want.session.Read(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	r.opts.Progress.Begin("read", name, want.spec.Rows)
	written, err := w.Write(ctx, want.spec, store.MeteredSection(want.spec, r.again(ctx, want, reading), r.opts.Progress))
	r.opts.Progress.End()
	if err != nil {
		return nil, fmt.Errorf("back up %s: %w", name, err)
	}
	capture, err := reading.Capture()
	if err != nil {
		return nil, fmt.Errorf("back up %s: %w", name, err)
	}
	written.Count(capture.Held) // of an opaque section: nobody else can
	meta, err := r.judge(want, written, capture)
	if err != nil {
		return nil, err
	}
	out := &r.receipt.Sections[len(r.receipt.Sections)-1]
	if out.Since, err = r.since(ctx, written); err != nil {
		return nil, fmt.Errorf("compare %s with the bundle before: %w", name, err)
	}
	meta.Since = out.Since
	if err := r.compare(ctx, want, written, out); err != nil {
		return nil, err
	}
	meta.Lineage = *out.Lineage
	return meta, nil
}

// again yields the records of a reading; each further time those of a new one, for a
// writer that has no file to look them up in.
func (r *run) again(ctx context.Context, want wanted, reading *store.Reading) iter.Seq2[memory.Record, error] {
	first := true
	return func(yield func(memory.Record, error) bool) {
		if !first {
			var err error
			if reading, err = want.session.Read(ctx, want.spec.Name); err != nil {
				yield(nil, err)
				return
			}
		}
		first = false
		reading.All()(yield)
	}
}

// judge says whether a section is whole. Growth never fails it; a row that was
// there throughout and isn't in the file does.
func (r *run) judge(want wanted, written *bundle.Section, c memory.Capture) (*bundle.SectionMeta, error) {
	name := want.spec.Name
	c.Salvaged, c.SalvagedIDs = written.Salvaged, written.SalvagedIDs
	for _, path := range written.Withheld {
		r.receipt.warn("withheld", name, "%s looks like a secret of the collection's and is not in the bundle", path)
	}
	out := SectionReceipt{
		Section: name, Status: bundle.Pass, Rows: written.Rows, Bytes: written.File.Bytes,
		Dimension: written.Dimension, File: written.File.Path, Locator: want.spec.Locator, Capture: &c,
	}
	if err := r.shortfall(&out, written, c); err != nil {
		return nil, err
	}
	if c.Why != "" {
		from := map[string]string{"http": "from the server", "directory": "from the directory"}
		r.receipt.note("read-from", name, "read %s: %s", cmp.Or(from[c.Method], "by "+c.Method), c.Why)
	}
	if c.Unsettled > 0 {
		r.receipt.warn("unsettled", name, "%d rows changed whenever they were read: their vector may be newer than their metadata", c.Unsettled)
	}
	if written.Rows == 0 && out.Status == bundle.Pass {
		out.Status = bundle.Empty
		r.receipt.warn("empty-source", name, "the source is there and has no rows: %s", want.spec.Locator)
	}
	r.receipt.Sections = append(r.receipt.Sections, out)
	meta := written.Meta(c)
	return &meta, nil
}

// shortfall says what a section lacks, in its receipt. It is an error where nothing
// but a whole one is wanted.
func (r *run) shortfall(out *SectionReceipt, written *bundle.Section, c memory.Capture) error {
	lacks := func(code, why string) {
		out.Reason = strings.TrimPrefix(out.Reason+"; "+why, "; ")
		r.receipt.warn(code, out.Section, "%s", why)
	}
	if lost := c.Missing + int64(len(c.Unreadable)); lost > 0 || written.Rows < c.Held-lost {
		out.Status = bundle.Fail
		why := fmt.Sprintf("%d of %d rows that were there throughout were read", written.Rows-c.Added, c.Held)
		if !r.opts.AllowDegraded {
			return fmt.Errorf("back up %s: %w: %s", out.Section, ErrParity, why)
		}
		lacks("rows-missing", why)
	}
	if c.Salvaged > 0 {
		why := fmt.Sprintf("%d rows are without their vector, which could not be read: %s", c.Salvaged, bundle.FewOf(c.SalvagedIDs, c.Salvaged))
		if r.opts.Whole {
			return fmt.Errorf("back up %s: %w: %s", out.Section, store.ErrUnreadable, why)
		}
		lacks("salvaged", why)
	}
	if why := damage(c); why != "" {
		lacks("damaged", why)
	}
	return nil
}

// damage says in words what a rescue could not read.
func damage(c memory.Capture) string {
	var all []string
	if c.Documentless > 0 {
		all = append(all, fmt.Sprintf("%d rows are a vector and an id, and nothing else of them could be read", c.Documentless))
	}
	if c.Unnamed > 0 {
		all = append(all, fmt.Sprintf("%d rows are a vector whose id is lost", c.Unnamed))
	}
	return strings.Join(append(all, c.Damage...), "; ")
}
