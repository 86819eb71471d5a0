package restore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"syscall"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
	"keepsake/internal/store"
)

// Foreseeing is what it takes to go through a merge without writing.
type Foreseeing struct {
	// Temp makes, once, the folder for copies of what is merged into.
	Temp func() (string, error)
	// Room tells of the disk that a path is on; nil asks for none.
	Room func(path string) (Disk, error)

	taken map[string]int64 // of each disk, by the sections before
}

// Foresee goes through the merge as Run does, and changes nothing: the receipt says what
// would become of every record, and the error is the one that Run would end with. It has
// no folder. Without an error there is no receipt where a store can't say beforehand what
// it would do.
func (p *Plan) Foresee(ctx context.Context, with Foreseeing) (*Receipt, error) {
	if err := p.Refusal(); err != nil || !p.canForesee() {
		return nil, err
	}
	p.foreseeing = &with
	defer func() { p.foreseeing = nil }()
	r := newReceipt(p, "")
	r.Foreseen = true
	err := p.merge(ctx, nil, r)
	r.reckon(p)
	r.finish(p.opts.Clock(), err)
	r.foresay(p)
	p.foreseen = r
	return r, err
}

// Foreseen is what Foresee came to, nil where nobody asked.
func (p *Plan) Foreseen() *Receipt { return p.foreseen }

// canForesee reports whether all stores can, and names those that can't.
func (p *Plan) canForesee() bool {
	all := true
	for _, s := range p.sections {
		if _, ok := s.target.(store.Foreseer); !ok && len(p.apart[s.Spec.Name]) == 0 {
			all = false
			p.findings = append(p.findings, memory.Finding{
				Level: memory.Note, Code: "not-foreseen", Section: s.Spec.Name, Message: "its store can't say beforehand what would become of its records",
			})
		}
	}
	return all
}

var errNotForeseen = errors.New("its store can't foresee a merge")

// mergeInto merges a section, or goes through that.
func (p *Plan) mergeInto(ctx context.Context, s *Section, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	if p.foreseeing == nil {
		return s.target.Merge(ctx, s.Spec, records, opts)
	}
	target, ok := s.target.(store.Foreseer)
	if !ok {
		return store.Result{}, errNotForeseen
	}
	s.tally, opts.Intend = tally{}, nil // nothing is about to be sent
	r, err := target.Foresee(ctx, s.Spec, s.tally.of(s.Spec.Kind, records), store.ForeseeOptions{MergeOptions: opts, Temp: p.foreseeing.Temp})
	if err == nil {
		err = p.foreseeing.fits(s, r)
	}
	if err != nil { // how far it would come nobody knows
		r.Same, r.Added = max(0, r.Same-r.Added), 0
	}
	return r, err
}

// fits takes room on the disk of a section for what would be added, as far as disks are
// known. ENOSPC when there is none left.
func (f *Foreseeing) fits(s *Section, r store.Result) error {
	at, bytes := s.Survey.Locator, s.addedBytes(r)
	if f.Room == nil || at.Address != "" || at.Path == "" || bytes == 0 {
		return nil
	}
	disk, err := f.Room(at.Path)
	if err != nil {
		return fmt.Errorf("find out the room on the disk of %s: %w", at.Path, err)
	}
	if f.taken == nil {
		f.taken = map[string]int64{}
	}
	if f.taken[disk.ID] += bytes; f.taken[disk.ID] <= disk.Free {
		return nil
	}
	f.taken[disk.ID] -= bytes
	return fmt.Errorf("%s takes about %s, and %s are free on its disk: %w", at, quantity.Size(bytes), quantity.Size(disk.Free-f.taken[disk.ID]), syscall.ENOSPC)
}

// addedBytes is about what the rows that would be added take up.
func (s *Section) addedBytes(r store.Result) int64 {
	if r.Added == 0 || r.Records == 0 {
		return 0
	}
	share := func(n int64) int64 { return int64(float64(n) * float64(r.Added) / float64(r.Records)) }
	return Load{
		Costs: costsOf(s.target), Rows: r.Added, Bytes: share(s.tally.bytes), Text: share(s.tally.text),
		Documents: share(s.tally.documents), Dimension: s.Spec.Dimension,
	}.stagedBytes()
}

// foresay makes the sentences of what would be, as say makes those of what was.
func (r *Receipt) foresay(p *Plan) {
	a := *r.Account
	add := func(code string, section memory.Section, message string) {
		r.Notices = append(r.Notices, memory.Finding{Level: memory.Warning, Code: code, Section: section, Message: message, Hint: p.opts.Hint.Of(code)})
	}
	switch {
	case !r.Complete:
		r.Headline = fmt.Sprintf("%s of %s would be in: the restore would be incomplete.", quantity.Count(a.In()), quantity.Plural(a.Asked, "row"))
	case a.Asked == 0, a.Nothing():
		r.Headline = a.headline(r)
	default:
		r.Headline = "All would be in: " + a.classes() + "."
	}
	for _, s := range r.Sections {
		if s.Error != "" {
			add("section-not-restored", s.Section, s.Error)
		}
	}
	for _, c := range []struct {
		n             int64
		code, message string
	}{
		{a.Unaccounted(), "unaccounted", "would be unaccounted for"},
		{a.Missing, "missing", "could not be read back"},
		{a.Rejected, "rejected", "would not be taken by their store"},
		{a.NoTarget, "untaken", "would be without a target: " + strings.Join(r.untaken(), ", ")},
		{a.Differs, "differs", "in another version would be kept"},
	} {
		if c.n != 0 {
			add(c.code, "", quantity.Plural(c.n, "row")+" "+c.message)
		}
	}
	if len(a.Lacks) > 0 {
		add("lacking", "", "the bundle lacks "+bundle.Name(a.Lacks)+": that would not be in")
	}
}
