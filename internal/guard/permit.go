package guard

import (
	"errors"
	"fmt"

	"keepsake/internal/memory"
)

// Permit is leave for one operation on one target. Only the guard makes one.
// The zero Permit covers nothing.
type Permit struct {
	operation Operation
	target    Target
	class     Class
}

// Class returns the class of the target, "" for the zero Permit.
func (p Permit) Class() Class { return p.class }

// Covers is called at the write, as close to it as can be, with the locator of
// the survey. It returns ErrNotPermitted for another operation or locator, and
// looks at a path once more: ErrTargetMoved when device, inode or link count are
// no longer those that were decided on. A server's collection is held by its id,
// which Chroma never gives twice: who writes by id can't hit another.
func (p Permit) Covers(op Operation, l memory.Locator) error {
	if p.class == "" {
		return fmt.Errorf("%w: there is no permit", ErrNotPermitted)
	}
	if p.operation != op || p.target.locator != l {
		return fmt.Errorf("%w: it is for %s of %s", ErrNotPermitted, p.operation, p.target)
	}
	if p.target.isServer() || p.target.isMemory() {
		return nil
	}
	now, err := resolve(l.Path)
	if err != nil || now != p.target.location {
		return errors.Join(fmt.Errorf("%w: %s", ErrTargetMoved, p.target), err)
	}
	return nil
}
