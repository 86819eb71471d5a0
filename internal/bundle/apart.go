package bundle

import (
	"errors"
	"fmt"
	"path"

	"keepsake/internal/memory"
)

// mayLie lists the paths that a section's file can have: one for each compression,
// and one for an opaque section.
func mayLie(section memory.Section, kind memory.Kind, timestamp string) []string {
	if kind == memory.Opaque {
		return []string{PayloadPath(section, kind, timestamp, Plain)}
	}
	var all []string
	for _, c := range []Compression{Plain, Zstd, Gzip, Brotli} {
		all = append(all, PayloadPath(section, kind, timestamp, c))
	}
	return all
}

// apart keeps the files of sections apart, whatever their compression: no path may
// be another section's, or a folder above its.
type apart struct {
	sections       map[memory.Section]bool
	files, folders map[string]memory.Section
}

// free refuses paths where the file of another section can lie.
func (p *apart) free(section memory.Section, paths []string) error {
	if p.sections[section] {
		return errors.New("was written before")
	}
	for _, file := range paths {
		if other, ok := p.files[file]; ok {
			return fmt.Errorf("file %q may be that of section %q as well", file, other)
		}
		if other, ok := p.folders[file]; ok {
			return fmt.Errorf("file %q is a folder of section %q", file, other)
		}
		for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
			if other, ok := p.files[dir]; ok {
				return fmt.Errorf("its folder %q may be the file of section %q", dir, other)
			}
		}
	}
	return nil
}

// take is free, and gives the paths to the section.
func (p *apart) take(section memory.Section, paths []string) error {
	if err := p.free(section, paths); err != nil {
		return err
	}
	if p.sections == nil {
		p.sections = make(map[memory.Section]bool)
		p.files, p.folders = make(map[string]memory.Section), make(map[string]memory.Section)
	}
	p.sections[section] = true
	for _, file := range paths {
		p.files[file] = section
		for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
			p.folders[dir] = section
		}
	}
	return nil
}
