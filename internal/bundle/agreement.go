package bundle

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"keepsake/internal/memory"
)

// agree says where a meta with a keepsake block contradicts itself. Others read
// the counts beside the block, and must not be told of rows that aren't there.
func (m *Meta) agree() error {
	k := m.Keepsake
	if len(k.Sections) == 0 && !slices.ContainsFunc(k.Units, func(u UnitMeta) bool { return u.Suspect }) {
		return errors.New("names no section: a bundle of nothing is no backup")
	}
	if err := k.honest(); err != nil {
		return err
	}
	if !reflect.DeepEqual(m.Subsystems, Count(k.Sections, k.Files)) {
		return errors.New("subsystems do not count what the sections and files say")
	}
	if !slices.Equal(known(m.Integrity), Parity(k.Sections)) {
		return errors.New("integrity does not follow from the sections")
	}
	return nil
}

// known leaves out subsystems that a later version may add: Parity has no word
// on them.
func known(all []Integrity) []Integrity {
	return slices.DeleteFunc(slices.Clone(all), func(i Integrity) bool {
		return !slices.Contains(memory.Subsystems(), i.Subsystem)
	})
}

// honest refuses to call a bundle complete that isn't.
func (k *Keepsake) honest() error {
	if k.Status != Complete {
		return nil
	}
	for i := range k.Sections {
		s := &k.Sections[i]
		if s.short() || !s.Capture.Complete() {
			return fmt.Errorf("section %s lacks rows or vectors; the bundle cannot be complete", s.Name)
		}
		if s.Lineage.Suspect {
			return fmt.Errorf("section %s is suspect; the bundle cannot be complete", s.Name)
		}
	}
	return nil
}

// describes reports whether a section of the meta is the one that was written.
func (s *SectionMeta) describes(w *Section) bool {
	return s.Kind == w.Spec.Kind && s.Rows == w.Rows && s.Dimension == w.Dimension && s.Failed == "" &&
		s.Capture.Salvaged == w.Salvaged && slices.Equal(s.NotJSON, w.NotJSON)
}
