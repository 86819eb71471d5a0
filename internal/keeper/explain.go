package keeper

import (
	"context"
	"errors"

	"keepsake/internal/backup"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// explained are the errors of stores and engines that have a ground, and a code that
// says what the operator can do.
var explained = []struct {
	is     error
	ground Ground
	code   string
}{
	{store.ErrUnfinished, Locked, "unfinished"},
	{backup.ErrNothing, Store, "nothing"},
	{store.ErrUnreachable, Store, "unreachable"},
	{backup.ErrEmptied, Store, "emptied-anew"},
	{store.ErrAbsent, Store, "absent"},
	{store.ErrUnreadable, Store, "unreadable"},
	{store.ErrUnwritable, Store, "unwritable"},
	{backup.ErrNothingToAccept, Usage, "nothing-to-accept"},
	{backup.ErrParity, Failed, "parity"},
}

// explain gives an error of a store its ground.
func (m *Memory) explain(err error) error {
	var directory interface{ Damaged() string }
	if errors.As(err, &directory) && directory.Damaged() != "" {
		return fail(Store, "damaged-directory", err, directory.Damaged())
	}
	for _, e := range explained {
		if !errors.Is(err, e.is) {
			continue
		}
		if e.code == "unreachable" && m.misplaced() {
			return fail(e.ground, "misplaced", err)
		}
		return fail(e.ground, e.code, err)
	}
	return err
}

// interrupted says of the error of an interrupted run what it left.
func interrupted(err error, left string) error {
	if errors.Is(err, context.Canceled) {
		return fail("", left, err)
	}
	return err
}

// changed says that a bundle is not what it was when it was looked at.
func changed(err error) error { return fail(NotVerified, "bundle-changed", err) }

// refused gives a preflight's refusal what the operator can do about it.
func (m *Memory) refused(err error) error {
	var r *restore.RefusedError
	if errors.As(err, &r) && r.Ground == restore.GroundStore && m.misplaced() {
		return fail("", "misplaced", err)
	}
	return err
}

// missedServer reports whether sections were refused since MC's collections are on
// KB's server.
func (m *Memory) missedServer(r *restore.Receipt) bool {
	var refused *restore.RefusedError
	return errors.As(r.Failed(), &refused) && refused.Ground == restore.GroundStore && m.misplaced()
}
