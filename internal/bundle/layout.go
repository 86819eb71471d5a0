package bundle

import (
	"cmp"
	"slices"

	"keepsake/internal/memory"
)

// payloadFile is one file of a section.
type payloadFile struct {
	path        string
	compression Compression
	meta        *FileMeta // nil when no keepsake block names it
}

// sectionFiles is a section and the files that hold its records.
type sectionFiles struct {
	spec     memory.SectionSpec
	files    []payloadFile
	declared *SectionMeta // nil without a keepsake block
}

// Sections returns the sections that the bundle holds, in the order of its meta,
// or of the subsystems when there is no keepsake block. Rows is -1 where nothing
// says how many there are before they are read.
func (b *Bundle) Sections() []memory.SectionSpec {
	var all []memory.SectionSpec
	for _, s := range b.layoutOf(b.seen.Load()) {
		all = append(all, s.spec)
	}
	return all
}

// layoutOf says which files hold which section, as far as was seen.
func (b *Bundle) layoutOf(seen *sight) []sectionFiles {
	if seen == nil {
		return b.layout(nil)
	}
	return b.layout(seen.tree)
}

// layout says which files of a tree hold which section.
func (b *Bundle) layout(t *tree) []sectionFiles {
	if b.block() != nil {
		return b.namedLayout()
	}
	return b.foundLayout(t)
}

func (b *Bundle) namedLayout() []sectionFiles {
	files := make(map[string]*FileMeta)
	for i, f := range b.block().Files {
		files[f.Path] = &b.block().Files[i]
	}
	var all []sectionFiles
	for i := range b.block().Sections {
		s := &b.block().Sections[i]
		if s.Failed != "" {
			continue
		}
		section := sectionFiles{spec: s.Spec(), declared: s}
		for _, path := range mayLie(s.Name, s.Kind, b.meta.Timestamp) {
			if f := files[path]; f != nil && f.Kind == fileKind(s.Kind) {
				section.files = append(section.files, payloadFile{f.Path, f.compression(), f})
			}
		}
		all = append(all, section)
	}
	return all
}

func (b *Bundle) foundLayout(t *tree) []sectionFiles {
	var all []sectionFiles
	for _, name := range t.names() {
		section, kind, ok := knownPayload(name)
		if !ok {
			continue
		}
		_, c, _ := splitCompression(name)
		i := slices.IndexFunc(all, func(s sectionFiles) bool { return s.spec.Name == section })
		if i < 0 {
			i = len(all)
			spec := memory.SectionSpec{Name: section, Kind: kind, Rows: -1}
			all = append(all, sectionFiles{spec: spec})
		}
		all[i].files = append(all[i].files, payloadFile{name, c, nil})
	}
	slices.SortStableFunc(all, func(x, y sectionFiles) int {
		return cmp.Compare(order(x.spec.Name), order(y.spec.Name))
	})
	if b.meta != nil {
		declare(all, b.meta.Subsystems)
	}
	return all
}

func order(s memory.Section) int { return slices.Index(memory.Subsystems(), s.Subsystem()) }

// declare fills in what Neo.mjs's meta says of a section.
func declare(all []sectionFiles, counts Subsystems) {
	for i := range all {
		spec := &all[i].spec
		e := counts.export(spec.Name)
		if e == nil {
			continue
		}
		spec.Rows = e.Exported
		if e.Collection != "" {
			spec.Collection = &memory.Collection{Name: e.Collection}
		}
	}
}

// export returns what is declared of one section, or nil.
func (s Subsystems) export(name memory.Section) *Export {
	switch {
	case name == memory.KnowledgeBase && s.KB != nil && s.KB.Count != nil:
		return &Export{Expected: *s.KB.Count, Exported: *s.KB.Count}
	case name == memory.Memories && s.MC != nil:
		return s.MC.Memories
	case name == memory.Summaries && s.MC != nil:
		return s.MC.Summaries
	case name == memory.Graph && s.Graph != nil:
		return s.Graph.Graph
	}
	return nil
}

// counts returns what is declared of a subsystem, or nil.
func (s Subsystems) counts(sub memory.Subsystem) *Counts {
	switch sub {
	case memory.KB:
		return s.KB
	case memory.MC:
		return s.MC
	case memory.GraphSystem:
		return s.Graph
	case memory.Concepts:
		return s.Concepts
	case memory.Trajectories:
		return s.Trajectories
	case memory.Mailbox:
		return s.Mailbox
	}
	return nil
}
