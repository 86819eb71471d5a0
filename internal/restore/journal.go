package restore

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"keepsake/internal/atomicfile"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// journal is the folder of one run: plan.json before the first write, steps.jsonl of
// a replace, intents.jsonl of a merge, records.jsonl and unrestored.jsonl while it
// goes on, receipt.json at the end.
type journal struct {
	dir        string
	records    *jsonl
	unrestored *jsonl
	intents    *jsonl
	line       []byte
}

const recordsFile = "records.jsonl"

// recordLine is a line of records.jsonl.
type recordLine struct {
	Section memory.Section `json:"section"`
	ID      string         `json:"id"`
	Outcome store.Outcome  `json:"outcome"`
	Reason  string         `json:"reason,omitempty"`
	Digest  string         `json:"digest,omitempty"` // hex, of a row or opaque file that was added
}

type plannedSection struct {
	Section memory.Section `json:"section"`
	Kind    memory.Kind    `json:"kind,omitempty"`
	Rows    int64          `json:"rows"`
	Target  memory.Locator `json:"target"`
	Before  int64          `json:"rowsBefore"`
	// Of a replace:
	Class      guard.Class       `json:"class,omitempty"`
	Why        string            `json:"why,omitempty"`
	Difference *store.Difference `json:"difference,omitempty"`
	// Of a merge taken back: of the rows that go, those that may be in.
	Maybe int64 `json:"maybe,omitempty"`
	// Of a merge that was gone through: what would become of its records.
	Account *Account                `json:"account,omitempty"`
	Named   map[store.Outcome][]Row `json:"named,omitempty"`
}

// MarshalJSON gives the plan as it is printed and as it is written down.
func (p *Plan) MarshalJSON() ([]byte, error) {
	b := p.opts.Bundle
	sections := make([]plannedSection, 0, len(p.sections))
	for i, s := range p.sections {
		planned := plannedSection{
			Section: s.Spec.Name, Kind: s.Spec.Kind, Rows: s.Spec.Rows, Target: s.Survey.Locator, Before: s.Survey.Rows,
			Class: s.Class, Why: s.Why, Maybe: s.Maybe,
		}
		if p.opts.Replace != nil {
			planned.Difference = &s.Difference
		}
		if f := p.foreseen; f != nil {
			planned.Account, planned.Named = f.Sections[i].Account, f.Sections[i].Rows
		}
		sections = append(sections, planned)
	}
	plan := map[string]any{
		"version": 1, "mode": p.Mode(), "bundle": b.Name(), "bundlePath": b.Path(), "seal": seal(b),
		"sections": sections, "notRestored": p.left, "findings": p.Findings(), "refused": p.Refusal() != nil,
		"startedAt": p.opts.Clock().UTC(),
	}
	if p.opts.Replace != nil {
		plan["id"], plan["undo"], plan["fingerprint"] = p.id, p.undoes(), p.fingerprint
		plan["estimate"] = p.estimated
	}
	if p.opts.Group != "" {
		plan["group"] = p.opts.Group
	}
	if p.merged != nil {
		plan["undoes"], plan["cutShort"] = filepath.Base(p.merged.Dir), p.merged.CutShort
	}
	if f := p.foreseen; f != nil {
		plan["account"], plan["complete"], plan["headline"], plan["notices"] = f.Account, f.Complete, f.Headline, f.Notices
	}
	if len(p.opts.Request) > 0 {
		plan["request"] = p.opts.Request
	}
	return json.Marshal(plan)
}

// undoes reports whether the plan takes an earlier replace back.
func (p *Plan) undoes() bool { return p.opts.Replace != nil && p.opts.Replace.Operation == guard.Undo }

func openJournal(dir string, p *Plan) (*journal, error) {
	if err := atomicfile.MkdirAll(atomicfile.System{}, dir, 0o700); err != nil {
		return nil, fmt.Errorf("make journal: %w", err)
	}
	if r := p.opts.Replace; r == nil || r.resumed == nil { // a plan that is gone on with is there
		if err := p.write(filepath.Join(dir, planFile)); err != nil {
			return nil, err
		}
	}
	return &journal{
		dir:        dir,
		records:    &jsonl{path: filepath.Join(dir, recordsFile)},
		unrestored: &jsonl{path: filepath.Join(dir, "unrestored.jsonl")},
		intents:    &jsonl{path: filepath.Join(dir, intentsFile)},
	}, nil
}

func (p *Plan) write(path string) error {
	plan, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("marshal plan: %w", err)
	}
	if err := atomicfile.WriteFile(path, append(plan, '\n'), 0o600); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

// event writes one row's outcome down, and a row that the target won't take whole. A
// nil journal writes nothing.
func (j *journal) event(s *SectionReceipt, e store.Event) error {
	s.sample(e)
	if j == nil {
		return nil
	}
	line := recordLine{Section: s.Section, ID: e.ID, Outcome: e.Outcome, Reason: e.Reason}
	if e.Outcome == store.Added {
		line.Digest = hex.EncodeToString(e.Digest[:])
	}
	raw, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("marshal event: %w", err)
	}
	if err := j.records.append(raw); err != nil {
		return err
	}
	if e.Outcome != store.Rejected || e.Record == nil || s.Kind == memory.Opaque { // a block is nothing by itself
		return nil
	}
	raw, err = json.Marshal(struct {
		Section memory.Section `json:"section"`
		Record  any            `json:"record"`
	}{s.Section, embeddable(e.Record)})
	if err != nil {
		return fmt.Errorf("marshal record: %w", err)
	}
	return j.unrestored.append(raw)
}

// embeddable is the record as JSON where it is JSON, else as a string.
func embeddable(r memory.Record) any {
	if json.Valid(r) {
		return json.RawMessage(r)
	}
	return string(r)
}

func (j *journal) sync() error {
	if j == nil {
		return nil
	}
	return errors.Join(j.records.sync(), j.unrestored.sync())
}

// ended makes what was reported of a section durable, and what it makes of that which
// was intended: of an error it is not known.
func (j *journal) ended(s *SectionReceipt, err error) error {
	if err != nil {
		s.Maybe = s.doubt()
	}
	if serr := j.sync(); serr != nil || err != nil {
		return serr
	}
	return j.settle(s)
}

func (j *journal) seal(r *Receipt) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("marshal receipt: %w", err)
	}
	if err := atomicfile.WriteFile(filepath.Join(j.dir, receiptFile), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("write receipt: %w", err)
	}
	return nil
}

func (j *journal) close() {
	_ = errors.Join(j.records.close(), j.unrestored.close(), j.intents.close())
}

// jsonl is a file of lines that exists once the first line is written. Lines of an
// earlier run stay.
type jsonl struct {
	path string
	file *os.File
	w    *bufio.Writer
	made bool // its name may not be on disk yet
}

func (l *jsonl) append(line []byte) error {
	if l.file == nil {
		if err := l.open(); err != nil {
			return fmt.Errorf("open %s: %w", filepath.Base(l.path), err)
		}
	}
	if _, err := l.w.Write(line); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(l.path), err)
	}
	return l.w.WriteByte('\n')
}

func (l *jsonl) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := endTornLine(f); err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.w, l.made = f, bufio.NewWriterSize(f, 1<<16), true
	return nil
}

// flush hands all lines to the system, which keeps them when the process dies.
func (l *jsonl) flush() error {
	if l.file == nil {
		return nil
	}
	if err := l.w.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(l.path), err)
	}
	return nil
}

func (l *jsonl) sync() error {
	if l.file == nil {
		return nil
	}
	if err := l.flush(); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(l.path), err)
	}
	if !l.made {
		return nil
	}
	l.made = false
	return atomicfile.SyncDir(filepath.Dir(l.path))
}

func (l *jsonl) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
