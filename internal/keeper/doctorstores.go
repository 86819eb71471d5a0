package keeper

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"keepsake/internal/backup"
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

// stores reads a little of every section, by the way that a backup takes.
func (d *doctor) stores(ctx context.Context) {
	sources, err := d.sources()
	if err != nil {
		d.say(Problem, "stores", err, "%v", err)
		return
	}
	for _, s := range sources {
		d.store(ctx, s)
	}
}

func (d *doctor) store(ctx context.Context, source backup.Source) {
	session, err := source.Store.Open(ctx, source.Sections)
	if err != nil {
		err = d.explain(err)
		d.say(Problem, source.Name, notOfBackup(err), "%v", err)
		return
	}
	defer session.Close()
	specs, err := session.Sections(ctx)
	if err != nil {
		d.say(Problem, source.Name, err, "%v", err)
		return
	}
	for _, spec := range specs {
		d.present[spec.Name.Subsystem()] = true
		d.section(ctx, session, spec)
	}
	for _, section := range source.Sections {
		if !slices.ContainsFunc(specs, func(s memory.SectionSpec) bool { return s.Name == section }) {
			d.say(Problem, string(section), do("not-there"), "it is not there")
		}
	}
	d.findings(source.Name, session)
}

// notOfBackup is an error whose remedy isn't that of a backup, nil for others.
func notOfBackup(err error) error {
	var e *Error
	if errors.Is(err, store.ErrUnreachable) || errors.As(err, &e) && e.Ground == NoRoom {
		return err
	}
	return nil
}

// section reads its first page.
func (d *doctor) section(ctx context.Context, session store.Session, spec memory.SectionSpec) {
	name := string(spec.Name)
	if err := readSome(ctx, session, spec.Name); err != nil {
		d.say(Problem, name, do("unreadable-rows"), "%v", err)
		return
	}
	where := spec.Locator
	if where.Path != "" {
		where.Path = d.relative(where.Path)
	}
	if spec.Rows == 0 {
		d.say(Warning, name, do("no-rows"), "holds no rows, %s", where)
		return
	}
	rows := "rows that can't be counted"
	if spec.Rows >= 0 {
		rows = quantity.Plural(spec.Rows, "row")
	}
	d.fine(name, "%s, %s", rows, where)
}

func readSome(ctx context.Context, session store.Session, section memory.Section) error {
	reading, err := session.Read(ctx, section)
	if err != nil {
		return err
	}
	for _, err := range reading.All() {
		return err // one record is a page of its store
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

// plans looks for replaces and undos that have not ended.
func (d *doctor) plans(context.Context) {
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
	if len(pending) == 0 {
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
	}
}
