package cli

import (
	"context"
	"errors"
	"os"
	"syscall"

	"keepsake/internal/config"
	"keepsake/internal/guard"
	"keepsake/internal/keeper"
	"keepsake/internal/restore"
	"keepsake/internal/store"
)

// The exit codes. They are a promise: docs/exit-codes.md.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDegraded    = 3
	exitNotVerified = 4
	exitMismatch    = 5
	exitNotEmpty    = 6
	exitGuard       = 7
	exitStore       = 8
	exitIncomplete  = 9
	exitNotFound    = 10
	exitLocked      = 11
	exitNoRoom      = 13
	exitBug         = 70
	exitInterrupt   = 130
	exitTerminate   = 143
)

// groundBug is the ground of what is our own fault.
const groundBug keeper.Ground = "bug"

// grounds are the exit codes of the grounds.
var grounds = map[keeper.Ground]int{
	keeper.Failed: exitFailed, keeper.Usage: exitUsage, keeper.Degraded: exitDegraded, keeper.NotVerified: exitNotVerified,
	keeper.Guard: exitGuard, keeper.Store: exitStore, keeper.Incomplete: exitIncomplete, keeper.NotFound: exitNotFound,
	keeper.Locked: exitLocked, keeper.NoRoom: exitNoRoom, groundBug: exitBug,
}

// refusals are the exit codes of what a restore refuses.
var refusals = map[restore.Ground]int{
	restore.GroundBundle: exitNotVerified, restore.GroundStore: exitStore,
	restore.GroundTopology: exitMismatch, restore.GroundDimension: exitMismatch,
	restore.GroundMemory: exitNotEmpty, restore.GroundNotEmpty: exitNotEmpty, restore.GroundShrink: exitNotEmpty,
	restore.GroundSwap: exitLocked, restore.GroundGuard: exitGuard, restore.GroundRoom: exitNoRoom,
}

// causes are the exit codes of errors for which nobody gave a ground.
var causes = []struct {
	is   error
	code int
}{
	{store.ErrUnfinished, exitLocked},
	{store.ErrUnreachable, exitStore},
	{store.ErrUnreadable, exitStore},
	{store.ErrUnwritable, exitStore},
	{store.ErrAbsent, exitStore},
}

// exitCode is the one place where an error becomes an exit code.
func exitCode(ctx context.Context, err error) int {
	var stop InterruptedError
	var refused *restore.RefusedError
	var forbidden *guard.RefusedError
	var bad *config.Error
	var lost *config.NoDataDirError
	g := groundOf(err)
	switch {
	case err == nil:
		return exitOK
	case errors.As(context.Cause(ctx), &stop) && errors.Is(err, context.Canceled):
		return stop.ExitCode()
	case g != "":
		return grounds[g]
	case errors.As(err, &refused):
		return refusals[refused.Ground]
	case errors.Is(err, syscall.ENOSPC):
		return exitNoRoom
	case errors.As(err, &forbidden):
		return exitGuard
	case errors.As(err, &bad):
		return exitUsage
	case errors.As(err, &lost):
		return exitNotFound
	}
	for _, c := range causes {
		if errors.Is(err, c.is) {
			return c.code
		}
	}
	return exitFailed
}

// groundOf is the ground that is said first, from the outside in.
func groundOf(err error) keeper.Ground {
	var e *keeper.Error
	var over *ended
	if errors.As(err, &over) {
		return over.ground
	}
	for errors.As(err, &e) && e.Ground == "" {
		err = e.Err
		e = nil
	}
	if e == nil {
		return ""
	}
	return e.Ground
}

// InterruptedError is the cause of a context that a signal cancelled.
type InterruptedError struct{ Signal os.Signal }

// Error names the signal.
func (i InterruptedError) Error() string { return "interrupted (" + i.Signal.String() + ")" }

// Is makes it a context.Canceled too, which it is wherever it is returned as the
// cause of one.
func (i InterruptedError) Is(target error) bool { return target == context.Canceled }

// ExitCode is 143 for SIGTERM and 130 for the rest.
func (i InterruptedError) ExitCode() int {
	if i.Signal == syscall.SIGTERM {
		return exitTerminate
	}
	return exitInterrupt
}

// ended is a result that was printed already and needs no words, only a code.
type ended struct{ ground keeper.Ground }

// Error implements error.
func (e *ended) Error() string { return "ended: " + string(e.ground) }

func end(g keeper.Ground) error {
	return &ended{g}
}

// fail is an error of the command line itself; its hint goes by code.
func fail(g keeper.Ground, code string, err error) error {
	return &keeper.Error{Ground: g, Code: code, Err: err}
}

func usage(err error) error { return fail(keeper.Usage, "usage", err) }
