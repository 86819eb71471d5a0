package bundle

import (
	"slices"
	"strings"

	"keepsake/internal/memory"
)

// counts holds the rows that were seen against those that were declared.
func (v *verifier) counts(sections []SectionReport) {
	if v.bundle.block() == nil && v.bundle.meta != nil {
		v.declared(sections)
	}
	for _, sub := range []memory.Subsystem{memory.KB, memory.MC, memory.GraphSystem} {
		if rowsOf(sections, sub) == 0 && !v.bundle.without(sub) {
			v.empty(sub)
		}
	}
}

func rowsOf(sections []SectionReport, sub memory.Subsystem) (rows int64) {
	for _, s := range sections {
		if s.Name.Subsystem() == sub {
			rows += s.Rows
		}
	}
	return rows
}

// empty is loud about a subsystem without rows. With a meta that has a word on
// it, which is held against the rows elsewhere, it is what was there; else it is
// what happens when a backup goes wrong.
func (v *verifier) empty(sub memory.Subsystem) {
	f := memory.Finding{
		Level: memory.Warning, Code: CodeEmpty, File: string(sub), Message: "has no rows",
	}
	if !v.bundle.declares(sub) && !v.opts.AllowEmpty {
		f.Level = memory.Refusal
		f.Message = "has no rows, and nothing says that it had none"
		f.Hint = v.opts.Hint.Of("allow-empty")
	}
	v.findings.add(f)
}

// without reports whether a bundle of ours says that a subsystem was no part of it.
func (b *Bundle) without(sub memory.Subsystem) bool {
	k := b.block()
	return k != nil && !slices.ContainsFunc(k.Sections, func(s SectionMeta) bool { return s.Name.Subsystem() == sub })
}

// declares reports whether the meta says how many rows a subsystem has.
func (b *Bundle) declares(sub memory.Subsystem) bool {
	if b.block() != nil {
		return true // what it doesn't name wasn't backed up
	}
	if b.meta == nil {
		return false
	}
	c := b.meta.Subsystems.counts(sub)
	return c != nil && c.Count != nil ||
		slices.ContainsFunc(b.meta.Integrity, func(i Integrity) bool { return i.Subsystem == sub })
}

// declared holds the counts of a meta that isn't ours against the files.
func (v *verifier) declared(sections []SectionReport) {
	said := v.bundle.meta.Subsystems
	for _, name := range []memory.Section{memory.KnowledgeBase, memory.Memories, memory.Summaries, memory.Graph} {
		if e := said.export(name); e != nil {
			what := "section " + string(name)
			v.compare(what, rowsIn(sections, name), e.Exported)
			v.whole(what, e.Expected <= e.Exported, e.Expected, e.Exported)
		}
	}
	for _, sub := range memory.Subsystems() {
		c := said.counts(sub)
		if c == nil {
			continue
		}
		if c.Count != nil {
			v.compare(string(sub), rowsOf(sections, sub), *c.Count)
		}
		if c.Copied != nil {
			v.compareFiles(sub, *c.Copied)
		}
	}
	for _, i := range v.bundle.meta.Integrity {
		if i.Status != Skipped {
			what := "integrity of " + string(i.Subsystem)
			v.compare(what, rowsOf(sections, i.Subsystem), i.BundleCount)
			v.whole(what, i.Status != Fail && i.SourceCount <= i.BundleCount, i.SourceCount, i.BundleCount)
		}
	}
}

// whole refuses what by its own meta lacks rows of its source. More rows than
// expected are growth.
func (v *verifier) whole(what string, whole bool, source, bundle int64) {
	if !whole {
		v.findings.refuse(CodeIncomplete, MetaFile, 0,
			"%s: the meta says that the backup was not whole: the source had %d rows, %d were exported", what, source, bundle)
	}
}

func rowsIn(sections []SectionReport, name memory.Section) int64 {
	for _, s := range sections {
		if s.Name == name {
			return s.Rows
		}
	}
	return 0
}

func (v *verifier) compare(what string, got, want int64) {
	if got != want {
		v.findings.refuse(CodeRows, MetaFile, 0, "%s: the meta says %d rows, the bundle holds %d", what, want, got)
	}
}

func (v *verifier) compareFiles(sub memory.Subsystem, want int64) {
	var got int64
	for name := range v.tree.files {
		if strings.HasPrefix(name, string(sub)+"/") && !isForeign(name) {
			got++
		}
	}
	if got != want {
		v.findings.refuse(CodeFileMissing, string(sub), 0, "the meta says %d files, the bundle holds %d", want, got)
	}
}
