package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

func (d *doctor) dataFolder(context.Context) {
	const name = "data folder"
	dir := d.cfg.DataDir.V
	if dir == "" {
		d.say(healthProblem, name, "--data-dir names the memory's folder", "there is none to look at")
		return
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		d.say(healthProblem, name, "--data-dir names the memory's folder", "%s is not there", dir)
		return
	}
	d.say(healthOK, name, "", "%s", dir)
}

// stores reads a little of every section, by the way that a backup takes.
func (d *doctor) stores(ctx context.Context) {
	sources, err := d.sources()
	if err != nil {
		d.say(healthProblem, "stores", hintOf(err), "%v", err)
		return
	}
	for _, s := range sources {
		d.store(ctx, s)
	}
}

func (d *doctor) store(ctx context.Context, source backup.Source) {
	session, err := source.Store.Open(ctx, source.Sections)
	if err != nil {
		err = d.explainStores(err)
		d.say(healthProblem, source.Name, doctorHint(err), "%v", err)
		return
	}
	defer session.Close()
	specs, err := session.Sections(ctx)
	if err != nil {
		d.say(healthProblem, source.Name, hintOf(err), "%v", err)
		return
	}
	for _, spec := range specs {
		d.present[spec.Name.Subsystem()] = true
		d.section(ctx, session, spec)
	}
	for _, section := range source.Sections {
		if !slices.ContainsFunc(specs, func(s memory.SectionSpec) bool { return s.Name == section }) {
			d.say(healthProblem, string(section), "is this its store? keepsake config show prints where each value comes from",
				"it is not there")
		}
	}
	d.findings(source.Name, session)
}

// doctorHint is what a person can do, where that isn't a flag of backup.
func doctorHint(err error) string {
	var f *failure
	if errors.Is(err, store.ErrUnreachable) || errors.As(err, &f) && f.code == exitNoRoom {
		return hintOf(err)
	}
	return ""
}

// section reads its first page.
func (d *doctor) section(ctx context.Context, session store.Session, spec memory.SectionSpec) {
	name := string(spec.Name)
	if err := readSome(ctx, session, spec.Name); err != nil {
		d.say(healthProblem, name, "a backup would fail: see docs/runbook.md, and the server's log", "%v", err)
		return
	}
	where := spec.Locator
	if where.Path != "" {
		where.Path = d.app.relative(where.Path)
	}
	if spec.Rows == 0 {
		d.say(healthWarning, name, "if it should hold something, look for it before the next backup", "holds no rows, %s", where)
		return
	}
	rows := "rows that can't be counted"
	if spec.Rows >= 0 {
		rows = plural(spec.Rows, "row")
	}
	d.say(healthOK, name, "", "%s, %s", rows, where)
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
		h := healthWarning
		if f.Level == memory.Note {
			h = healthNote
		}
		if f.Section != "" {
			name = string(f.Section)
		}
		f.Section = ""
		d.say(h, name, f.Hint, "%s", f)
	}
}

// plans looks for replaces and undos that have not ended.
func (d *doctor) plans(context.Context) {
	const name = "unfinished plans"
	pending, err := restore.FindUnfinished(d.restores())
	if err != nil {
		d.say(healthProblem, name, "", "%v", err)
		return
	}
	for _, u := range pending {
		d.say(healthProblem, name, "keepsake restore --resume finishes it", "plan %s of %s has not ended: what is there now may be neither the old nor the new",
			u.Plan, u.StartedAt.UTC().Format(time.RFC3339))
	}
	if len(pending) == 0 {
		d.say(healthOK, name, "", "none")
	}
}

// legacy looks for what is left out on purpose and is still written to.
func (d *doctor) legacy(context.Context) {
	last := lastBundle(d.root())
	for _, e := range d.cfg.Excluded() {
		written, ok := lastWrite(e.Path)
		if !ok {
			continue
		}
		h, what := healthNote, "is never backed up"
		if !last.IsZero() && written.After(last) {
			h, what = healthWarning, "is never backed up, and was written to since the last bundle"
		}
		d.say(h, "legacy file", fmt.Sprintf("it is %s", e.Reason), "%s %s", d.app.relative(e.Path), what)
	}
}
