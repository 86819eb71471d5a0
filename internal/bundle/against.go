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
	owners := b.owners()
	for _, f := range findings {
		if f.Level != memory.Refusal {
			continue
		}
		of := owners[string(f.Section)]
		if f.File != "" {
			of = owners[f.File]
		}
		if len(of) == 0 {
			return nil
		}
		for _, unit := range of {
			if !slices.Contains(units, unit) {
				units = append(units, unit)
			}
		}
	}
	return units
}

// owners are the units of each section, file and folder of the bundle, by its name.
func (b *Bundle) owners() map[string][]memory.Unit {
	owners := map[string][]memory.Unit{}
	if b.block() == nil {
		return owners
	}
	own := func(name string, unit memory.Unit) {
		if !slices.Contains(owners[name], unit) {
			owners[name] = append(owners[name], unit)
		}
	}
	payloads := b.meta.Payloads()
	for i := range b.block().Sections {
		s := &b.block().Sections[i]
		own(string(s.Name), s.Unit())
		own(string(s.Name.Subsystem()), s.Unit())
		if f := payloads[s.Name]; f != nil {
			own(f.Path, s.Unit())
		}
	}
	return owners
}
