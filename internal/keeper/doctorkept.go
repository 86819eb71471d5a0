package keeper

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/quantity"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// kept tells of what replaces have kept aside: it takes up room, and is what an undo
// puts back.
func (d *doctor) kept(ctx context.Context) {
	const name = "kept aside"
	var n int64
	var oldest time.Time
	add := func(when time.Time) {
		if n++; oldest.IsZero() || when.Before(oldest) {
			oldest = when
		}
	}
	for _, server := range d.chromas(everySection) {
		asides, err := server.Asides(ctx)
		if err != nil && !errors.Is(err, store.ErrUnreachable) { // that is said of the store
			d.say(Problem, name, nil, "%v", err)
		}
		for _, a := range asides {
			add(a.When)
		}
	}
	for _, r := range restore.Receipts(d.restores()) {
		for _, s := range r.Sections {
			if s.Replaced != nil && s.Replaced.Aside != nil && there(s.Replaced.Aside.Path) {
				add(r.StartedAt)
			}
		}
	}
	if n == 0 {
		d.fine(name, "nothing")
		return
	}
	d.say(Note, name, nil, "%s that were replaced, the oldest %s ago; retention.safety-days is %s",
		quantity.Plural(n, "part"), quantity.Age(d.now.Sub(oldest)), d.cfg.Retention.SafetyDays.String())
}

func there(path string) bool {
	if path == "" {
		return false
	}
	_, err := os.Lstat(filepath.Clean(path))
	return err == nil
}

// looksAtServer is how often a directory and its server are compared before they
// are said to differ: agents may write between two looks.
const looksAtServer = 3

// stale tells of a directory that is read, and is not what its server has open.
func (d *doctor) stale(ctx context.Context, part source) {
	served, err := d.kind(&part.Declared).Sources(d.opening(&part.Declared))
	if err != nil || len(served) == 0 {
		return
	}
	var why string
	for range looksAtServer {
		before, err := rowsOf(ctx, served[0])
		if err != nil {
			return // a server that is down changes nothing
		}
		specs, err := d.directory(ctx, part)
		if err != nil {
			return // said of the store
		}
		after, err := rowsOf(ctx, served[0])
		if err != nil {
			return
		}
		if why = apart(specs, before, after); why == "" {
			return
		}
	}
	d.say(Problem, part.title, do("stale-directory", part.Directory.V), "%s is not what its server has open: %s", d.relative(part.Directory.V), why)
}

// directory looks into the directory once more.
func (d *doctor) directory(ctx context.Context, part source) ([]memory.SectionSpec, error) {
	opened, err := d.reader(&part.Declared)
	if err != nil {
		return nil, err
	}
	return rowsOf(ctx, opened[0])
}

func rowsOf(ctx context.Context, o store.Opened) ([]memory.SectionSpec, error) {
	session, err := o.Store.Open(ctx, o.Sections)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	return session.Sections(ctx)
}

// apart says in what a directory differs from what its server said before and after,
// "" where it is between the two.
func apart(directory, before, after []memory.SectionSpec) string {
	for _, s := range after {
		is := func(o memory.SectionSpec) bool { return o.Name == s.Name }
		was, in := slices.IndexFunc(before, is), slices.IndexFunc(directory, is)
		switch {
		case was < 0 || s.Rows < 0 || before[was].Rows < 0:
		case in < 0:
			return "it has no " + string(s.Name)
		case directory[in].Collection != nil && s.Collection != nil && directory[in].Collection.ID != s.Collection.ID:
			return "its collection of " + string(s.Name) + " is another one"
		case directory[in].Rows < min(s.Rows, before[was].Rows), directory[in].Rows > max(s.Rows, before[was].Rows):
			return string(s.Name) + " has " + quantity.Plural(directory[in].Rows, "row") + " there, and " + quantity.Count(s.Rows) + " at the server"
		}
	}
	return ""
}
