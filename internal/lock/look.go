package lock

import (
	"context"
	"errors"
)

// Look reports whether Acquire would get the lock now, by its error: it waits as
// long, and leaves nothing behind, neither a lock file nor an owner's. A lock that
// was never made is free.
func Look(ctx context.Context, opts Options) error {
	l, err := opts.patiently(ctx, look)
	return errors.Join(err, l.Release())
}

// look takes no more than the kernel's lock of a file that is there.
func look(opts Options) (*Lock, []Owner, error) {
	l := &Lock{}
	if !absent(opts.Path) {
		kernel, err := tryKernel(opts.Path, opts.Mode)
		if err != nil {
			return nil, nil, err
		}
		if kernel == nil {
			all, err := readEntries(opts.Path)
			return nil, owners(inTheWay(all, opts.Mode)), err
		}
		l.kernel = kernel
	}
	held, _, err := sift(opts)
	if err != nil || len(held) > 0 {
		return nil, held, errors.Join(err, l.Release())
	}
	return l, nil, nil
}
