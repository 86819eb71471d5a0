package flat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
)

// Open looks at the files and keeps them open: what is renamed over or appended
// meanwhile is no part of the session.
func (f *Files) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	s := &session{files: f}
	for _, source := range f.config.Sources {
		if err := s.add(ctx, source, sections); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

type session struct {
	files    *Files
	opened   []*opened
	findings []memory.Finding
	closed   bool
}

var _ store.Inspector = (*session)(nil)

// opened is a file of a session; a refused one has no file.
type opened struct {
	entry
	file   *os.File
	extent extent
}

// add opens the files of a source.
func (s *session) add(ctx context.Context, source Source, wanted []memory.Section) error {
	found, findings, err := source.list(wanted)
	if err != nil {
		return err
	}
	s.findings = append(s.findings, findings...)
	for _, entry := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if entry.refused != nil {
			s.opened = append(s.opened, &opened{entry: entry, extent: extent{rows: -1}})
			continue
		}
		o := &opened{entry: entry}
		s.opened = append(s.opened, o)
		if err := s.look(o); err != nil {
			o.refused, o.extent.rows = beside.Bare(err), -1 // the others are not its prisoners
		}
	}
	return nil
}

// look opens a file and measures it.
func (s *session) look(o *opened) (err error) {
	if o.file, err = os.Open(o.path); err != nil {
		return err
	}
	if o.extent, err = look(o.file); err != nil {
		return err
	}
	return s.inspect(o)
}

// inspect notes a file without a byte, and a last line without its newline.
func (s *session) inspect(o *opened) error {
	finding := memory.Finding{Section: o.section, File: o.path}
	switch e := o.extent; {
	case e.cut+e.torn == 0:
		finding.Level, finding.Code, finding.Message = memory.Warning, "empty-file", "the file is empty"
	case e.torn > 0:
		whole, err := wholeJSON(o.file, e)
		if err != nil {
			return err
		}
		finding.Level, finding.Code = memory.Note, "torn-line"
		finding.Message = fmt.Sprintf("the last line has no newline: its %d bytes are left out", e.torn)
		if whole {
			finding.Level = memory.Warning
			finding.Hint = "it looks complete; end the file with a newline and it is taken"
		}
	default:
		return nil
	}
	s.findings = append(s.findings, finding)
	return nil
}

// wholeJSON reports whether the torn line is a JSON object: a file that was
// written without a newline at its end, rather than one in the middle of a write.
func wholeJSON(f *os.File, e extent) (bool, error) {
	const most = 1 << 20
	if e.torn > most {
		return false, nil
	}
	tail := make([]byte, e.torn)
	if n, err := f.ReadAt(tail, e.cut); n < len(tail) {
		return false, err
	}
	return len(tail) > 0 && tail[0] == '{' && json.Valid(tail), nil
}

// Sections lists the files in the order of the configuration, those of a folder
// by name.
func (s *session) Sections(context.Context) ([]memory.SectionSpec, error) {
	var specs []memory.SectionSpec
	for _, o := range s.opened {
		specs = append(specs, memory.SectionSpec{
			Name: o.section, Kind: memory.Lines, Rows: o.extent.rows, Locator: locator(o.path),
		})
	}
	return specs, nil
}

// Read starts reading a file, from its first byte to the last newline that it
// had when the session was opened.
func (s *session) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
	if s.closed {
		return nil, fmt.Errorf("read %s: session is closed", section)
	}
	for _, o := range s.opened {
		if o.section == section {
			if o.refused != nil {
				return nil, fmt.Errorf("read %s: %w: %w", o.path, store.ErrUnreadable, o.refused)
			}
			r := &reader{opened: o, now: s.files.config.Now}
			return store.NewReading(r.all(ctx), func() memory.Capture { return r.capture }), nil
		}
	}
	return nil, fmt.Errorf("read %s: %w", section, store.ErrAbsent)
}

// Findings says what stood out: empty folders and files, torn lines, what is no
// file.
func (s *session) Findings() []memory.Finding { return s.findings }

// Close closes the files.
func (s *session) Close() (err error) {
	if s.closed {
		return nil
	}
	s.closed = true
	for _, o := range s.opened {
		if o.file != nil {
			err = errors.Join(err, o.file.Close())
		}
	}
	return err
}
