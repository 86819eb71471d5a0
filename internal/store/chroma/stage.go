package chroma

import (
	"context"
	"fmt"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// Stage fills a collection of its own, the shadow, with the records. It is made as
// Merge makes one, bears a mark and a journal of the plan, and is filled by adding
// what it lacks. A spec that does not describe the collection takes the
// description of the live one. A record that is refused is an error that names it.
func (s *Server) Stage(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.StageOptions) (store.Staged, error) {
	if opts.InPlace {
		return s.stageInPlace(ctx, spec, records, opts)
	}
	w, all, err := s.newSwap(ctx, spec, opts)
	if err == nil {
		w.records = &replay{records: records}
		err = w.stage(ctx, all)
	}
	if err = w.end("stage", err); err != nil {
		return nil, err
	}
	return w, nil
}

// stage goes on where the plan was: the new one may have its place already, or all
// may be done.
func (w *swap) stage(ctx context.Context, all roster) error {
	at := all.named(w.name)
	if at == nil {
		return w.fillShadow(ctx, all)
	}
	switch n := all.swap(w.name, w.opts.Plan, at.ID); {
	case n == nil:
		return w.fillShadow(ctx, all)
	case n.j.Phase == phaseDone:
		if err := w.records.read(); err != nil {
			return err
		}
		if w.records.fingerprint != n.j.Records {
			return w.fillShadow(ctx, all)
		}
		w.over = true
	}
	w.fresh, w.moved = at.ID, true
	return nil
}

// swap returns the journal by which a plan has put the collection of that id into
// its place, nil when it hasn't. One that has not ended comes first.
func (c roster) swap(name, plan, id string) (ended *noted) {
	for _, n := range c.of(name) {
		switch {
		case n.j.Plan != plan || n.j.New != id || n.j.Role == roleParked:
		case n.j.Phase == phaseBegun:
			return &n
		case n.j.Phase == phaseDone:
			ended = &n
		}
	}
	return ended
}

// fillShadow makes the shadow hold the records and nothing else.
func (w *swap) fillShadow(ctx context.Context, all roster) error {
	shadow, err := w.shadow(ctx, all)
	if err != nil {
		return err
	}
	w.fresh = shadow.ID
	if err := fits(shadow, w.spec); err != nil {
		return err
	}
	if err := w.fill(ctx, shadow); err != nil {
		return err
	}
	return w.rows.DeleteOthers(ctx)
}

// fill adds what the shadow lacks.
func (w *swap) fill(ctx context.Context, shadow *collection) error {
	var err error
	w.rows, err = rows.Fill(ctx, w.server.table(shadow, w.spec, w.can), w.records.hashed, true)
	return err
}

// shadow returns the plan's shadow, and makes it when it is not there.
func (w *swap) shadow(ctx context.Context, all roster) (*collection, error) {
	name := shadowName(w.name, w.opts.Plan)
	found := all.named(name)
	if found == nil {
		var err error
		if found, err = w.makeShadow(ctx, all, name); err != nil {
			return nil, err
		}
	}
	n, ok := found.noted()
	if !ok || n.j.Plan != w.opts.Plan || n.j.Name != w.name || n.j.Role != roleNew {
		return nil, &hinted{
			err:  fmt.Errorf("collection %s is in the way: it is not a shadow of this plan", name),
			hint: "look at it, and rename or remove it by hand",
		}
	}
	if n.j.ID == "" {
		err := w.claim(ctx, n)
		return found, err
	}
	return found, nil
}

// makeShadow makes an empty one.
func (w *swap) makeShadow(ctx context.Context, all roster, name string) (*collection, error) {
	spec := w.spec
	if spec.Collection == nil {
		w.likeLive(&spec, all)
	}
	j := journal{Plan: w.opts.Plan, Name: w.name, Role: roleNew, Phase: phaseFilling}
	return w.server.client.make(ctx, name, spec, notes{journal: j.text()})
}

// likeLive describes the shadow as the live one is, or the old one of the plan,
// where the bundle says nothing: its distance would be another else.
func (w *swap) likeLive(spec *memory.SectionSpec, all roster) {
	like := all.named(w.name)
	for _, n := range all.of(w.name) {
		if n.j.Plan == w.opts.Plan && n.j.Role == roleOld && n.j.Phase == phaseBegun {
			like = n.collection
		}
	}
	if like != nil {
		spec.Collection = like.exported()
	}
}

// claim marks a shadow that was made a moment ago, or just before a crash: only
// now its id is known. One that has rows was filled by somebody else.
func (w *swap) claim(ctx context.Context, n noted) error {
	rows, err := w.server.client.count(ctx, n.ID)
	if err == nil && rows > 0 {
		err = fmt.Errorf("collection %s has %d rows and bears no mark of its own", n.Name, rows)
	}
	if err != nil {
		return err
	}
	n.j.ID, n.j.New = n.ID, n.ID
	return w.note(ctx, n, guard.Mark{Kind: guard.MarkShadow})
}

// note writes a collection's mark and journal.
func (w *swap) note(ctx context.Context, n noted, m guard.Mark) error {
	metadata, err := w.notes(n, m).with(n.Metadata)
	if err != nil {
		return err
	}
	return w.server.client.annotate(ctx, n.ID, metadata)
}

// notes are a mark of the plan and the journal, on their collection.
func (w *swap) notes(n noted, m guard.Mark) notes {
	m.ID, m.Plan = n.ID, w.opts.Plan
	return notes{m.Encode(), n.j.text()}
}
