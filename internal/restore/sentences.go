package restore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
	"keepsake/internal/store"
)

// say makes the sentences of a receipt: one that says how it ended, and what the
// operator must know beside it. They come from the account, and from nothing else that
// counts rows.
func (r *Receipt) say(p *Plan) {
	a, hint := *r.Account, p.opts.Hint
	r.Headline = a.headline(r)
	add := func(level memory.Level, code, message string) {
		r.Notices = append(r.Notices, memory.Finding{Level: level, Code: code, Message: message, Hint: hint.Of(code)})
	}
	for _, s := range r.Sections {
		if s.Error != "" {
			r.Notices = append(r.Notices, s.notice(hint))
		}
	}
	for _, c := range []struct {
		n             int64
		code, message string
	}{
		{a.Unaccounted(), "unaccounted", "unaccounted for: nobody has come to them, or can say what became of them"},
		{a.Missing, "missing", "not in: each is named in " + recordsFile},
		{a.Rejected, "rejected", "not taken by their store: they are in unrestored.jsonl, whole"},
		{a.NoTarget, "untaken", "without a target: " + strings.Join(r.untaken(), ", ")},
	} {
		if c.n != 0 {
			add(memory.Warning, c.code, are(c.n)+" "+c.message)
		}
	}
	if len(a.Lacks) > 0 {
		add(memory.Warning, "lacking", "the bundle lacks "+bundle.Name(a.Lacks)+": that is not in")
	}
	if a.Differs > 0 {
		add(memory.Warning, "differs", live(a.Differs)+" in another version and "+was(a.Differs)+" kept")
	}
	if a.Removed > 0 {
		add(memory.Note, "removed", quantity.Plural(a.Removed, "row")+" "+was(a.Removed)+" in, and removed by others meanwhile")
	}
	if never := p.neverCovered(); len(never) > 0 {
		add(memory.Note, "never-covered", "the bundle never covered "+strings.Join(never, ", ")+": it was made of a part of the memory")
	}
}

// notice says why a section was not restored. Of a bundle that changed in the meantime
// it says what had gone in: that was what had been checked.
func (s *SectionReceipt) notice(hint memory.Hints) memory.Finding {
	f := memory.Finding{Level: memory.Warning, Code: "section-not-restored", Section: s.Section, Message: s.Error}
	if !errors.Is(s.err, bundle.ErrChanged) {
		return f
	}
	f.Code, f.Hint = "section-changed", hint.Of("section-changed")
	if s.Added == 0 {
		f.Message += ": nothing of it went in"
		return f
	}
	f.Code, f.Hint = "section-changed-in", hint.Of("section-changed-in")
	f.Message += ": " + quantity.Plural(s.Added, "row") + " of it had gone in, as they were checked; each is named in " + recordsFile
	return f
}

// headline says how it ended.
func (a Account) headline(r *Receipt) string {
	read := "Every row was read back and compared: "
	if r.proof == store.ProofIDs {
		read = "Every row was read back by its id only: "
	}
	switch {
	case !r.Complete:
		more := ""
		if _, maybe := r.Doubt(); maybe > 0 {
			more = fmt.Sprintf(", and up to %s more may be", quantity.Count(maybe))
		}
		return fmt.Sprintf("%s of %s are in%s: the restore is incomplete.", quantity.Count(a.In()), quantity.Plural(a.Asked, "row"), more)
	case a.Asked == 0:
		return "Nothing to do: there is no row in what was asked for."
	case a.Nothing():
		return "Nothing to do: every row was in already."
	case a.Differs+a.Removed == 0:
		return read + "all are in."
	}
	return read + a.classes() + "."
}

// classes counts the records of each class that has any.
func (a Account) classes() string {
	var parts []string
	for _, c := range []struct {
		n    int64
		what string
	}{
		{a.Added, "added"}, {a.Same, "in already"}, {a.Differs, "in another version, which was kept"}, {a.Removed, "removed meanwhile"},
	} {
		if c.n > 0 {
			parts = append(parts, quantity.Count(c.n)+" "+c.what)
		}
	}
	return strings.Join(parts, ", ")
}

// untaken names what nothing takes.
func (r *Receipt) untaken() []string {
	names := append([]string(nil), r.Left...)
	for _, s := range r.Sections {
		if s.State == StateRefused {
			names = append(names, string(s.Section))
		}
	}
	return names
}

// neverCovered names the parts of the configured memory that the bundle was never to
// hold. Where a part was asked for, or something is put back, it is not missed. Parts
// that may be absent don't show whether they were to be in it: others do.
func (p *Plan) neverCovered() (names []string) {
	meta := p.opts.Bundle.Meta()
	if meta == nil || meta.Keepsake == nil || len(p.opts.Only) > 0 || p.undoes() {
		return nil
	}
	narrow := false
	for _, sub := range p.opts.Memory {
		of := func(s bundle.SectionMeta) bool { return s.Name.Subsystem() == sub }
		if meta.Keepsake.Covered(sub) || slices.ContainsFunc(meta.Keepsake.Sections, of) {
			continue
		}
		names = append(names, string(sub))
		narrow = narrow || !slices.Contains(p.opts.Silent, sub)
	}
	if !narrow {
		return nil
	}
	return names
}

func are(n int64) string {
	if n == 1 {
		return "1 row is"
	}
	return quantity.Plural(n, "row") + " are"
}

func live(n int64) string {
	if n == 1 {
		return "1 row lives"
	}
	return quantity.Plural(n, "row") + " live"
}

func was(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
