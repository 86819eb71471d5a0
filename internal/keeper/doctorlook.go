package keeper

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/quantity"
	"keepsake/internal/store"
)

// lookFor is how long the rows of one source are looked at: a backup reads all of
// them, and says all of this too.
const lookFor = 10 * time.Second

// looked is what was seen of a source, or of a section of it.
type looked struct {
	names      []memory.Section
	files      int64 // sections that hold something
	rows       int64 // as the first look counted them
	uncounted  bool  // some of them
	read       int64 // rows that were looked at
	vectorless int64 // of them
	missing    int64 // rows that can't be read at all
	failed     int   // sections that can't be read
	errors     []string
	locator    memory.Locator // of the first
	opaque     bool           // files that are kept whole are among them
}

// errorsShown is how many errors of one source are told in words.
const errorsShown = 3

// look reads a section until that moment.
func look(ctx context.Context, session store.Session, spec memory.SectionSpec, until time.Time, now func() time.Time) looked {
	l := looked{
		names: []memory.Section{spec.Name}, rows: max(spec.Rows, 0), uncounted: spec.Rows < 0,
		locator: spec.Locator, opaque: spec.Kind == memory.Opaque,
	}
	if spec.Rows != 0 {
		l.files = 1
	}
	if err := l.section(ctx, session, spec, func() bool { return now().After(until) }); err != nil {
		l.failed, l.errors = 1, []string{err.Error()}
	}
	return l
}

// add joins what was seen of another section.
func (l *looked) add(o looked) {
	if len(l.names) == 0 {
		l.locator = o.locator
	}
	l.names = append(l.names, o.names...)
	l.files += o.files
	l.rows += o.rows
	l.uncounted = l.uncounted || o.uncounted
	l.read += o.read
	l.vectorless += o.vectorless
	l.missing += o.missing
	l.failed += o.failed
	l.errors = append(l.errors, o.errors[:min(len(o.errors), errorsShown-min(errorsShown, len(l.errors)))]...)
	l.opaque = l.opaque || o.opaque
}

// section reads one, its first row at the least.
func (l *looked) section(ctx context.Context, session store.Session, spec memory.SectionSpec, late func() bool) error {
	reading, err := session.Read(ctx, spec.Name)
	if err != nil {
		return err
	}
	n := 0
	for rec, err := range reading.All() {
		if err != nil {
			return err
		}
		if spec.Kind != memory.Opaque {
			l.read++
		}
		if spec.Kind == memory.Vectors && vectorless(rec) {
			l.vectorless++
		}
		if n++; n%256 == 1 && late() {
			return nil
		}
	}
	capture, err := reading.Capture()
	l.missing += capture.Missing + int64(len(capture.Unreadable))
	return err
}

// vectorless reports whether a canonical row has no vector: its embedding comes
// before all that could look like one.
func vectorless(rec memory.Record) bool {
	_, embedding, _ := bytes.Cut(rec, []byte(`"embedding":`))
	return bytes.HasPrefix(embedding, []byte("null"))
}

// extent is how much there is: files where those are counted, else rows.
func (l looked) extent(files bool) int64 {
	if files {
		return l.files
	}
	if l.uncounted {
		return -1
	}
	return l.rows
}

// text is an extent in words.
func (l looked) text(n int64, files bool) string {
	if files {
		return quantity.Plural(n, "file")
	}
	return quantity.Plural(n, "row")
}

// String says how much there is.
func (l looked) String() string {
	rows := "rows that can't be counted"
	if !l.uncounted {
		rows = quantity.Plural(l.rows, "row")
	}
	if len(l.names) > 1 {
		what := "section"
		if l.opaque || l.locator.Kind == memory.KindFiles {
			what = "file"
		}
		rows = fmt.Sprintf("%s with %s", quantity.Plural(int64(len(l.names)), what), rows)
	}
	return rows
}
