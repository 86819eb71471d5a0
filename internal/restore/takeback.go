package restore

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// TakebackOptions say which merge to take back. There is no safety bundle: a row
// is removed only while it is exactly what the merge put in, and that is in the
// merge's bundle, which is verified first.
type TakebackOptions struct {
	Receipt *Receipt
	// Bundle is the one that was merged.
	Bundle  *bundle.Bundle
	Targets []Target
	Rules   guard.Rules
	Token   guard.Token
	// PlanOnly: as of Replace.
	PlanOnly bool
	Progress store.Progress
	Clock    func() time.Time
}

// Takeback is the plan of taking a merge back.
type Takeback struct {
	opts  TakebackOptions
	plan  *Plan
	added map[memory.Section]map[record.Digest]int
}

// PreflightTakeback verifies the bundle, looks at every target, and writes
// nothing.
func PreflightTakeback(ctx context.Context, opts TakebackOptions) (*Takeback, error) {
	added, err := addedRows(opts.Receipt)
	if err != nil {
		return nil, err
	}
	t := &Takeback{opts: opts, added: added}
	o := Options{
		Bundle: opts.Bundle, Targets: opts.Targets, Progress: opts.Progress, Clock: opts.Clock, AllowEmpty: true,
		Replace: &Replace{Operation: guard.Undo, Rules: opts.Rules, Token: opts.Token, PlanOnly: opts.PlanOnly, AllowUnsealed: true},
	}
	for section := range added {
		o.Only = append(o.Only, string(section))
	}
	t.plan = &Plan{opts: o, refusals: map[Ground][]memory.Finding{}}
	return t, t.look(ctx)
}

func (t *Takeback) look(ctx context.Context) error {
	p := t.plan
	if err := p.verify(ctx); err != nil {
		return err
	}
	if err := p.identify(ctx); err != nil {
		return err
	}
	if seal := t.opts.Receipt.Seal; seal != "" && seal != p.fingerprint {
		p.refuse(GroundBundle, "another-bundle", "", "it is not the bundle that was merged", "")
	}
	if len(p.refusals[GroundBundle]) > 0 {
		return nil
	}
	p.choose()
	if err := p.survey(ctx); err != nil {
		return err
	}
	for i := range p.sections {
		s := &p.sections[i]
		s.Difference.Lost, s.Difference.Live = t.lost(*s), s.Survey.Rows
	}
	p.checkGuard(ctx)
	return nil
}

// lost counts the rows of a section that go.
func (t *Takeback) lost(s Section) (rows int64) {
	if s.Spec.Kind == memory.Opaque {
		if digest, ok := fileDigest(t.opts.Bundle, s.Spec.Name); !ok || t.added[s.Spec.Name][digest] == 0 {
			t.plan.refuse(GroundBundle, "another-bundle", s.Spec.Name, "the file that was put in is not the one that the bundle holds", "")
		}
		return s.Spec.Rows
	}
	for _, n := range t.added[s.Spec.Name] {
		rows += int64(n)
	}
	return rows
}

// Plan returns what will be done: Lost of each section are the rows that go,
// unless they have changed.
func (t *Takeback) Plan() *Plan { return t.plan }

// Run takes the rows out. dir is as of Run.
func (t *Takeback) Run(ctx context.Context, dir string) (*Receipt, error) {
	if err := t.plan.Refusal(); err != nil {
		return nil, err
	}
	j, err := openJournal(dir, t.plan)
	if err != nil {
		return nil, err
	}
	defer j.close()
	r := newReceipt(t.plan, dir)
	r.Mode, r.Undoes = ModeMerge, filepath.Base(t.opts.Receipt.Dir)
	err = t.removeAll(ctx, j, r)
	if err == nil {
		err = t.opts.Rules.Finish(t.plan.id)
	}
	r.finish(t.opts.Clock(), err)
	return r, errors.Join(err, j.seal(r))
}

func (t *Takeback) removeAll(ctx context.Context, j *journal, r *Receipt) error {
	// A row that something refers to goes after what refers to it.
	for i := len(t.plan.sections) - 1; i >= 0; i-- {
		s, out := t.plan.sections[i], &r.Sections[i]
		out.State = StateFailed
		if err := t.remove(ctx, s, out, j); err != nil {
			return fmt.Errorf("take %s back: %w", s.Spec.Name, err)
		}
		out.State = StateDone
	}
	return j.sync()
}

func (t *Takeback) remove(ctx context.Context, s Section, out *SectionReceipt, j *journal) error {
	target, err := s.replacer()
	if err != nil {
		return err
	}
	permit, err := t.opts.Rules.AssertDestructiveTargetAllowed(ctx, t.plan.request(s))
	if err != nil {
		return err
	}
	t.opts.Progress.Begin("take back", s.Spec.Name, s.Difference.Lost)
	defer t.opts.Progress.End()
	records := t.opts.Bundle.Records(ctx, s.Spec.Name)
	if s.Spec.Kind != memory.Opaque { // of which all was added, or nothing
		records = onlyAdded(records, s.Spec.Kind, t.added[s.Spec.Name])
	}
	done, err := target.Remove(ctx, s.Spec, store.MeteredSection(s.Spec, records, t.opts.Progress), permit, store.RemoveOptions{
		Operation: guard.Undo,
		Report:    func(e store.Event) error { return j.event(out, e) },
	})
	out.TakenBack = &done
	out.Before, out.After = s.Survey.Rows, done.Rows
	return err
}

// addedRows reads which rows a merge added: how often, by digest, for lines may
// be equal. Of an opaque section it is one, the file.
func addedRows(r *Receipt) (map[memory.Section]map[record.Digest]int, error) {
	f, err := os.Open(filepath.Join(r.Dir, recordsFile))
	if err != nil {
		return nil, fmt.Errorf("read what was added: %w", err)
	}
	defer f.Close()
	added := map[memory.Section]map[record.Digest]int{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var e recordLine
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("read what was added: line %d: %w", n, err)
		}
		if e.Outcome != store.Added {
			continue
		}
		digest, err := hex.DecodeString(e.Digest)
		if err != nil || len(digest) != len(record.Digest{}) {
			return nil, fmt.Errorf("read what was added: line %d: no digest", n)
		}
		if added[e.Section] == nil {
			added[e.Section] = map[record.Digest]int{}
		}
		added[e.Section][record.Digest(digest)]++
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read what was added: %w", err)
	}
	return added, nil
}

// onlyAdded passes on the records that a merge added. It may be ranged over again.
func onlyAdded(records iter.Seq2[memory.Record, error], kind memory.Kind, added map[record.Digest]int) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		var scanner record.Scanner
		given := map[record.Digest]int{}
		for rec, err := range records {
			if err != nil {
				yield(nil, err)
				return
			}
			digest, err := digestOf(&scanner, kind, rec)
			if err != nil {
				yield(nil, err)
				return
			}
			if given[digest] >= added[digest] {
				continue
			}
			given[digest]++
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// fileDigest is the digest of an opaque section: the SHA-256 of its file, which the
// bundle was sealed with.
func fileDigest(b *bundle.Bundle, section memory.Section) (record.Digest, bool) {
	meta := b.Meta()
	if meta == nil || meta.Keepsake == nil {
		return record.Digest{}, false
	}
	for _, f := range meta.Keepsake.Files {
		if f.Kind == bundle.OpaqueFile && f.Path == bundle.PayloadPath(section, memory.Opaque, "", bundle.Plain) {
			sum, err := hex.DecodeString(f.SHA256)
			return record.Digest(sum), err == nil
		}
	}
	return record.Digest{}, false
}

func digestOf(scanner *record.Scanner, kind memory.Kind, rec memory.Record) (record.Digest, error) {
	if kind != memory.Vectors {
		return scanner.LineDigest(rec), nil
	}
	v, err := scanner.Vector(rec)
	if err != nil {
		return record.Digest{}, err
	}
	return scanner.VectorDigest(rec, v)
}
