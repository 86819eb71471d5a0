package bundle

import (
	"errors"
	"fmt"

	"keepsake/internal/memory"
)

// UnitMeta is what a backup says of a unit, or of a source of several, as a whole: that
// it lost more than it should. It is there also where no section of it is left. One
// that nothing is said of has none.
type UnitMeta struct {
	// Unit names the unit, or the subsystem of a source whose collections are units
	// each.
	Unit memory.Unit `json:"unit"`
	// Before counts what the last good bundle had, Lost what of that is gone, both in
	// What: "files", "rows", "lines".
	Before  int64  `json:"before"`
	Lost    int64  `json:"lost"`
	What    string `json:"what"`
	Against string `json:"against"` // that bundle's name
	// Suspect says that nobody has answered for the loss; Accepted that the operator
	// has, and Restore which restore of ours explains it.
	Suspect  bool   `json:"suspect"`
	Accepted bool   `json:"accepted,omitempty"`
	Restore  string `json:"restore,omitempty"`
}

// String says the loss: "lost 41 of 41 files since backup-…".
func (u *UnitMeta) String() string {
	return fmt.Sprintf("lost %d of %d %s since %s", u.Lost, u.Before, u.What, u.Against)
}

// UnitNamed returns what the block says of a unit, nil when nothing.
func (k *Keepsake) UnitNamed(unit memory.Unit) *UnitMeta {
	for i := range k.Units {
		if k.Units[i].Unit == unit {
			return &k.Units[i]
		}
	}
	return nil
}

// validateUnits refuses what can't be said of a unit.
func (k *Keepsake) validateUnits() error {
	seen := map[memory.Unit]bool{}
	for i := range k.Units {
		u := &k.Units[i]
		if err := u.validate(); err != nil {
			return fmt.Errorf("unit %q: %w", u.Unit, err)
		}
		if seen[u.Unit] {
			return fmt.Errorf("unit %q is named twice", u.Unit)
		}
		seen[u.Unit] = true
		if u.Suspect && k.Status == Complete {
			return fmt.Errorf("unit %s is suspect; the bundle cannot be complete", u.Unit)
		}
	}
	return nil
}

// checkUnit refuses what can't be the name of a unit.
func checkUnit(unit memory.Unit) error {
	name := memory.Section(unit)
	switch {
	case !name.Subsystem().Valid():
		return errors.New("is no unit's name")
	case name.Name() != "":
		return checkSection(name)
	case string(name) != string(name.Subsystem()):
		return errors.New("is no unit's name")
	}
	return nil
}

// validateNamed refuses lists of what is no unit.
func (k *Keepsake) validateNamed() error {
	for _, list := range []struct {
		name  string
		units []memory.Unit
	}{{"matched", k.Matched}, {"ended", k.Ended}} {
		for _, unit := range list.units {
			if err := checkUnit(unit); err != nil {
				return fmt.Errorf("%s names %q, which %w", list.name, unit, err)
			}
		}
	}
	return nil
}

func (u *UnitMeta) validate() error {
	if err := checkUnit(u.Unit); err != nil {
		return err
	}
	switch {
	case u.Lost < 0 || u.Before < u.Lost:
		return fmt.Errorf("lost %d of %d", u.Lost, u.Before)
	case u.Suspect && u.Accepted:
		return errors.New("is suspect and accepted")
	case u.Suspect && u.Against == "":
		return errors.New("is suspect, and nothing says against what")
	}
	return nil
}
