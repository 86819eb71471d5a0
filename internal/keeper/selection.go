package keeper

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// checkOnly refuses selectors that mean nothing: neither a part of what the memory is
// made of, nor one of the sections that are there beside it. What is meant and isn't
// there is not refused here.
func checkOnly(only []string, sources []backup.Source, beside []memory.Section) error {
	var unknown []string
	for _, selector := range only {
		held := func(s memory.Section) bool { return s.Matches(selector) }
		means := func(src backup.Source) bool { return canMean(src, selector) }
		if !slices.ContainsFunc(sources, means) && !slices.ContainsFunc(beside, held) {
			unknown = append(unknown, selector)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return fail(Usage, "only", fmt.Errorf("there is no source or section of that name; there are %s", strings.Join(names(sources, beside), ", ")), strings.Join(unknown, ","))
}

// canMean reports whether a selector selects a source, or a section that can be in it.
func canMean(src backup.Source, selector string) bool {
	if slices.ContainsFunc(src.Sections, func(s memory.Section) bool { return s.Matches(selector) }) {
		return true
	}
	sub := memory.Section(selector).Subsystem()
	fixed := len(src.Sections) > 0 && slices.Contains(memory.Subsystems(), sub)
	return sub == src.Subsystem && !fixed && selector != string(sub)+"/"
}

// names are the subsystems of sources and sections, each once.
func names(sources []backup.Source, beside []memory.Section) (all []string) {
	add := func(sub memory.Subsystem) {
		if sub != "" && !slices.Contains(all, string(sub)) {
			all = append(all, string(sub))
		}
	}
	for _, src := range sources {
		add(src.Subsystem)
		for _, s := range src.Sections {
			add(s.Subsystem())
		}
	}
	for _, s := range beside {
		add(s.Subsystem())
	}
	return all
}

// checkAccepted refuses the name of a source whose sections have names of their own:
// they are accepted one by one. Files are one whole, and whatever else is there.
func (m *Memory) checkAccepted(sections []memory.Section) error {
	for _, s := range sections {
		for _, d := range m.cfg.Declared {
			if string(s) == string(d.Name) && len(d.Named) > 0 && !m.kind(&d).CanHold(memory.Lines) {
				return fail(Usage, "accept-lineage", errors.New("want a section of it, like mc/memory"), string(s))
			}
		}
	}
	return nil
}

// checkSelection refuses a restore that names what neither the memory nor a bundle of
// these sections has, and another place for what is none of them.
func (m *Memory) checkSelection(r Restore, known []memory.Section) error {
	sources, err := m.sources()
	if err != nil {
		return err
	}
	if err := checkOnly(r.Only, sources, known); err != nil {
		return err
	}
	for code, places := range map[string]map[memory.Section]string{"to": r.To, "as": r.As} {
		for section := range places {
			if !slices.Contains(known, section) {
				return fail(Usage, code, errors.New("the bundle has no such section"), string(section))
			}
		}
	}
	return nil
}

// sectionNames are those of all sections that a bundle speaks of.
func sectionNames(b *bundle.Bundle) (all []memory.Section) {
	for _, spec := range b.Sections() {
		all = append(all, spec.Name)
	}
	if meta := b.Meta(); meta != nil && meta.Keepsake != nil {
		for i := range meta.Keepsake.Sections {
			all = append(all, meta.Keepsake.Sections[i].Name)
		}
	}
	return all
}
