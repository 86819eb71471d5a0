package bundle

import (
	"strings"

	"keepsake/internal/memory"
)

// counts holds the rows that were seen against those that were declared.
func (v *verifier) counts(sections []SectionReport) {
	if v.bundle.block() == nil && v.bundle.meta != nil {
		v.declared(sections)
	}
	for _, sub := range []memory.Subsystem{memory.KB, memory.MC, memory.GraphSystem} {
		if rowsOf(sections, sub) == 0 {
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

// empty is loud about a subsystem without rows. With a meta that says so, it is
// what was there; without one, it is what happens when a backup goes wrong.
func (v *verifier) empty(sub memory.Subsystem) {
	f := memory.Finding{
		Level: memory.Warning, Code: CodeEmpty, File: string(sub), Message: "has no rows",
	}
	if v.bundle.meta == nil && !v.opts.AllowEmpty {
		f.Level = memory.Refusal
		f.Message = "has no rows, and nothing says that it had none"
		f.Hint = "--allow-empty takes it as it is"
	}
	v.findings.add(f)
}

// declared holds the counts of a meta that isn't ours against the files.
func (v *verifier) declared(sections []SectionReport) {
	said := v.bundle.meta.Subsystems
	for _, name := range []memory.Section{memory.KnowledgeBase, memory.Memories, memory.Summaries, memory.Graph} {
		if e := said.export(name); e != nil {
			v.compare("section "+string(name), rowsIn(sections, name), e.Exported)
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
			v.compare("integrity of "+string(i.Subsystem), rowsOf(sections, i.Subsystem), i.BundleCount)
		}
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
