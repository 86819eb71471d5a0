package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"keepsake/internal/config"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

func (d *doctor) dataFolder(context.Context) {
	const name = "data folder"
	dir := d.cfg.DataDir.V
	if dir == "" {
		d.say(Problem, name, do("no-data-folder"), "there is none to look at")
		return
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		d.say(Problem, name, do("no-data-folder"), "%s is not there", dir)
		return
	}
	d.fine(name, "%s", dir)
}

// stores reads every source, by the way that a backup takes, and compares what it
// holds with what the bundles say that it held.
func (d *doctor) stores(ctx context.Context) {
	for _, part := range d.parts() {
		opened, err := d.reader(&part.Declared)
		if err != nil {
			d.say(Problem, part.title, err, "%v", err)
			continue
		}
		d.source(ctx, part, opened)
	}
}

// source looks at the stores that a source is read from: one for each kind of file.
func (d *doctor) source(ctx context.Context, part source, opened []store.Opened) {
	whatever, all := looked{}, true
	for _, o := range opened {
		l, ok := d.store(ctx, part, o)
		whatever.add(l)
		all = all && ok && len(o.Sections) == 0
	}
	if all {
		d.tell(part, d.nameOf(part, whatever), whatever)
	}
}

// store looks at one. Sections that have a name beforehand are told of each; what was
// seen of the others is returned, and ok is false where the store can't be read.
func (d *doctor) store(ctx context.Context, part source, o store.Opened) (seen looked, ok bool) {
	session, err := o.Store.Open(ctx, o.Sections)
	if err != nil {
		err = d.explain(err)
		d.say(Problem, part.title, notOfBackup(err), "%v", err)
		return seen, false
	}
	defer session.Close()
	specs, err := session.Sections(ctx)
	if err != nil {
		d.say(Problem, part.title, err, "%v", err)
		return seen, false
	}
	until := d.opts.Now().Add(lookFor)
	for _, spec := range specs {
		d.present[spec.Name.Subsystem()] = true
		one := look(ctx, session, spec, until, d.opts.Now)
		if len(o.Sections) > 0 {
			d.tell(part, string(spec.Name), one)
		} else {
			seen.add(one)
		}
	}
	for _, section := range slices.Concat(o.Sections, o.Literal) {
		if !slices.ContainsFunc(specs, func(s memory.SectionSpec) bool { return s.Name == section }) {
			d.absent(section)
		}
	}
	if part.Way.V == config.WayDirectory && d.kind(&part.Declared).Server {
		d.stale(ctx, part)
	}
	d.findings(part.title, session)
	return seen, true
}

// nameOf is what a source is called that has whatever there is: where that is one
// section, as the section.
func (d *doctor) nameOf(part source, l looked) string {
	if len(l.names) == 1 {
		return string(l.names[0])
	}
	return part.title
}

// absent tells of a section that has to be there.
func (d *doctor) absent(section memory.Section) {
	had := d.had(section.Subsystem(), func(s memory.Section) bool { return s == section })
	if had.rows == 0 {
		d.say(Problem, string(section), do("not-there"), "it is not there")
		return
	}
	d.say(Problem, string(section), nil, "it is not there, and had %s in %s", quantity.Plural(had.rows, "row"), had.bundle)
	d.advise("far-less", had.bundle, string(section))
}

// tell says in one line what a source, or a section of it, looks like.
func (d *doctor) tell(part source, name string, l looked) {
	d.unread(name, l)
	sub := part.Name
	if len(part.Named) > 0 { // one store may serve two subsystems
		sub = memory.Section(name).Subsystem()
	}
	had := d.had(sub, func(s memory.Section) bool { return len(part.Named) == 0 || slices.Contains(l.names, s) })
	switch now := l.extent(had.files); {
	case d.lost(had, now):
		h := Warning
		if now == 0 {
			h = Problem
		}
		d.say(h, name, nil, "holds %s, and had %s in %s", l.text(now, had.files), l.text(had.extent(), had.files), had.bundle)
		d.advise("far-less", had.bundle, had.selector)
	case len(l.names) == 0 && !part.Preset:
		d.say(Warning, name, nil, "there is nothing in it: %s", part.Store.V)
		d.accept(config.AcceptNoRows)
	case len(l.names) > 0 && l.rows == 0 && !l.uncounted:
		d.say(Warning, name, do("no-rows"), "holds no rows, %s", d.where(part, l))
		d.accept(config.AcceptNoRows)
	case len(l.names) > 0 && l.failed == 0:
		d.fine(name, "%s, %s", l, d.where(part, l))
	}
}

// unread tells of what can't be read.
func (d *doctor) unread(name string, l looked) {
	if l.failed > 0 {
		text := strings.Join(l.errors, "; ")
		if len(l.names) > 1 {
			text = fmt.Sprintf("%d of %d can't be read: %s", l.failed, len(l.names), text)
		}
		d.say(Problem, name, do("unreadable-rows"), "%s", text)
	}
	if l.vectorless > 0 {
		d.say(Problem, name, do("vectors-lost"), "the vector of %s can't be read, of %s that were looked at",
			quantity.Plural(l.vectorless, "row"), quantity.Count(l.read))
	}
	if l.missing > 0 {
		d.say(Problem, name, do("unreadable-rows"), "%s can't be read at all", quantity.Plural(l.missing, "row"))
	}
}

// where is the place of what was looked at.
func (d *doctor) where(part source, l looked) string {
	if len(l.names) > 1 {
		ref := part.Store.V
		if ref.Path != "" {
			ref.Path = d.relative(ref.Path)
		}
		return ref.String()
	}
	at := l.locator
	if at.Path != "" {
		at.Path = d.relative(at.Path)
	}
	return at.String()
}

// notOfBackup is an error whose remedy isn't that of a backup, nil for others.
func notOfBackup(err error) error {
	var e *Error
	if errors.Is(err, store.ErrUnreachable) || errors.As(err, &e) && e.Ground == NoRoom {
		return err
	}
	return nil
}

// findings passes on what the store has to say: late rows, torn lines.
func (d *doctor) findings(name string, session store.Session) {
	inspector, ok := session.(store.Inspector)
	if !ok {
		return
	}
	for _, f := range inspector.Findings() {
		h := Warning
		if f.Level == memory.Note {
			h = Note
		}
		if f.Section != "" {
			name = string(f.Section)
		}
		f.Section = ""
		d.checks = append(d.checks, Check{Name: name, Health: h, Message: f.String(), Hint: f.Hint, Err: do(f.Code)})
	}
}

// plans looks for replaces and undos that have not ended, and for merges that were
// killed.
func (d *doctor) plans(ctx context.Context) {
	const name = "unfinished plans"
	pending, err := restore.FindUnfinished(d.restores())
	if err != nil {
		d.say(Problem, name, nil, "%v", err)
		return
	}
	for _, u := range pending {
		d.say(Problem, name, do("unfinished-plan"), "plan %s of %s has not ended: what is there now may be neither the old nor the new",
			u.Plan, u.StartedAt.UTC().Format(time.RFC3339))
	}
	for _, r := range d.cutShort(ctx) {
		d.say(Warning, name, do("cut-short", filepath.Base(r.Dir)), "%s", cutShort(r))
	}
	if n := len(d.checks); n == 0 || d.checks[n-1].Name != name {
		d.fine(name, "none")
	}
}

// legacy looks for what is left out on purpose and is still written to.
func (d *doctor) legacy(context.Context) {
	for _, l := range d.Legacy() {
		h, what := Note, "is never backed up"
		if l.Written {
			h, what = Warning, "is never backed up, and was written to since the last bundle"
		}
		d.checks = append(d.checks, Check{
			Name: "legacy file", Health: h, Message: d.relative(l.Path) + " " + what, Hint: "it is " + l.Reason,
		})
		d.accept(config.AcceptLegacyFile)
	}
}
