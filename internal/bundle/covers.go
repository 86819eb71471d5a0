package bundle

import (
	"fmt"
	"slices"

	"keepsake/internal/memory"
)

// validateCovers refuses what can't be the names of subsystems.
func (k *Keepsake) validateCovers() error {
	for i, sub := range k.Covers {
		if !sub.Valid() {
			return fmt.Errorf("covers %q, which is no subsystem", sub)
		}
		if slices.Contains(k.Covers[:i], sub) {
			return fmt.Errorf("covers %q twice", sub)
		}
	}
	return nil
}

// Covered reports whether all that a subsystem had is in the bundle, or failed. A
// bundle that doesn't say covers those that it has sections of.
func (k *Keepsake) Covered(sub memory.Subsystem) bool {
	if k.Covers != nil {
		return slices.Contains(k.Covers, sub)
	}
	return slices.ContainsFunc(k.Sections, func(s SectionMeta) bool { return s.Name.Subsystem() == sub })
}
