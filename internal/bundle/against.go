package bundle

import (
	"slices"

	"keepsake/internal/memory"
)

// Payloads returns the files that hold the sections of a meta of ours; a section that
// failed has none.
func (m *Meta) Payloads() map[memory.Section]*FileMeta {
	files := make(map[string]*FileMeta, len(m.Keepsake.Files))
	for i := range m.Keepsake.Files {
		files[m.Keepsake.Files[i].Path] = &m.Keepsake.Files[i]
	}
	held := make(map[memory.Section]*FileMeta, len(m.Keepsake.Sections))
	for i := range m.Keepsake.Sections {
		s := &m.Keepsake.Sections[i]
		for _, path := range mayLie(s.Name, s.Kind, m.Timestamp) {
			if f := files[path]; f != nil && f.Kind == fileKind(s.Kind) {
				held[s.Name] = f
			}
		}
	}
	return held
}

// Against returns the units that the refusals among the findings are of. It is nil
// where there is none, and where one is of no section: that speaks against the whole
// bundle.
func (b *Bundle) Against(findings []memory.Finding) []memory.Unit {
	var units []memory.Unit
	owners := b.Owners()
	for _, f := range findings {
		if f.Level != memory.Refusal {
			continue
		}
		of := owners.Of(f)
		if len(of) == 0 {
			return nil
		}
		for _, s := range of {
			if !slices.Contains(units, s.Unit()) {
				units = append(units, s.Unit())
			}
		}
	}
	return units
}

// Owners are the sections that have a name, a file or a folder of a bundle.
type Owners map[string][]*SectionMeta

// Of returns the sections that a finding is of; none where it is of the whole bundle.
func (o Owners) Of(f memory.Finding) []*SectionMeta {
	if f.File != "" {
		return o[f.File]
	}
	return o[string(f.Section)]
}

// Owners returns whose the sections, files and folders of the bundle are; without a
// block of ours nobody's.
func (b *Bundle) Owners() Owners {
	if b.block() == nil {
		return nil
	}
	own := Owners{}
	payloads := b.meta.Payloads()
	for i := range b.block().Sections {
		s := &b.block().Sections[i]
		own[string(s.Name)] = append(own[string(s.Name)], s)
		if sub := string(s.Name.Subsystem()); sub != string(s.Name) {
			own[sub] = append(own[sub], s)
		}
		if f := payloads[s.Name]; f != nil {
			own[f.Path] = append(own[f.Path], s)
		}
	}
	return own
}
